// Whether a region's stores are read and written: a record beside its ledger, which all of its processes poll.
import type { Clock, RegionState, Stored } from '../../core/contracts.ts'
import type { Deadlines } from '../../wrap/deadlines.ts'
import type { Region } from './options.ts'

/** The key of the record: no storage key of a namespace begins like this. */
export const STATE_KEY = '~region-standing'
const STATES: readonly RegionState[] = ['serving', 'drained', 'filling']
/** Time limit of a region's stores. */
const ANSWER_MS = 1000
/** It is not an entry of a namespace, and no ledger judges it. */
const AS_OF = { epoch: 'standing', seq: 0 }

/** Anything that is not a record of ours counts as serving. */
export function readState(stored: Stored | undefined): RegionState {
  const text = stored === undefined ? '' : Buffer.from(stored.body).toString()
  return STATES.find((one) => one === text) ?? 'serving'
}

/** @throws MillpondError `TIER_FAILED` where the region does not answer. */
export async function askState({ ledgerTier, name }: Region, deadlines: Deadlines): Promise<RegionState> {
  const [stored] = await deadlines.hold(ledgerTier.read([STATE_KEY]), ANSWER_MS, () => `edge: the region ${name}`)
  return readState(stored)
}

/** @throws MillpondError `TIER_FAILED` where the region does not answer. */
export async function putState({ ledgerTier, name }: Region, state: RegionState, deadlines: Deadlines): Promise<void> {
  const item = { key: STATE_KEY, asOf: AS_OF, expiresAt: Number.POSITIVE_INFINITY, body: Buffer.from(state) }
  const writing = state === 'serving' ? ledgerTier.drop([STATE_KEY]) : ledgerTier.write([item])
  await deadlines.hold<unknown>(writing, ANSWER_MS, () => `edge: the region ${name}`)
}

/** The own region's state, as this process last read it. */
export class OwnRegionState {
  readonly #own: Region
  readonly #clock: Clock
  readonly #deadlines: Deadlines
  readonly #everyMs: number
  #state: RegionState = 'serving'
  #puts = 0
  #cancel = (): void => {}
  #isClosed = false
  #first: Promise<void> | undefined

  constructor(own: Region, clock: Clock, deadlines: Deadlines, everyMs: number) {
    this.#own = own
    this.#clock = clock
    this.#deadlines = deadlines
    this.#everyMs = everyMs
  }

  get current(): RegionState {
    return this.#state
  }

  /** Resolves once the state has been read for the first time. */
  ready(): Promise<void> {
    this.#first ??= this.#look()
    return this.#first
  }

  async put(state: RegionState): Promise<void> {
    await putState(this.#own, state, this.#deadlines)
    this.#puts++
    this.#state = state
  }

  /** Reads the state; it stays unchanged while the store does not answer. */
  async ask(): Promise<void> {
    const puts = this.#puts
    const state = await askState(this.#own, this.#deadlines).catch(() => this.#state)
    // A state set meanwhile is newer than this answer.
    if (puts === this.#puts) this.#state = state
  }

  close(): void {
    this.#isClosed = true
    this.#cancel()
  }

  async #look(): Promise<void> {
    await this.ask()
    if (this.#isClosed) return
    this.#cancel = this.#clock.after(this.#everyMs, () => void this.#look())
  }
}
