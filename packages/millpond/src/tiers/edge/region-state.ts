// Whether a region's stores are read and written: a record beside its ledger, which all of its processes poll.
import type { Clock, RegionState, Stored } from '../../core/contracts.ts'
import type { Deadlines } from '../../wrap/deadlines.ts'
import type { Region } from './options.ts'

/** The key of the record: no storage key of a namespace begins like this. */
export const STANDING_KEY = '~region-standing'
const STANDINGS: readonly RegionState[] = ['serving', 'drained', 'filling']
/** Time limit of a region's stores. */
const ANSWER_MS = 1000
/** It is not an entry of a namespace, and no ledger judges it. */
const AS_OF = { epoch: 'standing', seq: 0 }

/** Anything that is not a record of ours counts as serving. */
export function readState(stored: Stored | undefined): RegionState {
  const text = stored === undefined ? '' : Buffer.from(stored.body).toString()
  return STANDINGS.find((one) => one === text) ?? 'serving'
}

/** @throws MillpondError `TIER_FAILED` where the region does not answer. */
export async function askState({ ledgerTier, name }: Region, deadlines: Deadlines): Promise<RegionState> {
  const [stored] = await deadlines.hold(ledgerTier.read([STANDING_KEY]), ANSWER_MS, () => `edge: the region ${name}`)
  return readState(stored)
}

/** @throws MillpondError `TIER_FAILED` where the region does not answer. */
export async function putState(
  { ledgerTier, name }: Region,
  standing: RegionState,
  deadlines: Deadlines,
): Promise<void> {
  const item = { key: STANDING_KEY, asOf: AS_OF, expiresAt: Number.POSITIVE_INFINITY, body: Buffer.from(standing) }
  const writing = standing === 'serving' ? ledgerTier.drop([STANDING_KEY]) : ledgerTier.write([item])
  await deadlines.hold<unknown>(writing, ANSWER_MS, () => `edge: the region ${name}`)
}

/** The own region's state, as this process last read it. */
export class OwnRegionState {
  readonly #own: Region
  readonly #clock: Clock
  readonly #deadlines: Deadlines
  readonly #everyMs: number
  #standing: RegionState = 'serving'
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
    return this.#standing
  }

  /** Resolves once the state has been read for the first time. */
  ready(): Promise<void> {
    this.#first ??= this.#look()
    return this.#first
  }

  async put(standing: RegionState): Promise<void> {
    await putState(this.#own, standing, this.#deadlines)
    this.#puts++
    this.#standing = standing
  }

  /** Reads the state; it stays unchanged while the store does not answer. */
  async ask(): Promise<void> {
    const puts = this.#puts
    const standing = await askState(this.#own, this.#deadlines).catch(() => this.#standing)
    // A state set meanwhile is newer than this answer.
    if (puts === this.#puts) this.#standing = standing
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
