// Whether a region's stores are read and written: a record beside its ledger, which all of its processes look at again
// and again.
import type { Clock, RegionState, Stored } from '../../core/contracts.ts'
import type { Deadlines } from '../../wrap/deadlines.ts'
import type { Region } from './options.ts'

/** Where a region keeps it: no storage key of a namespace begins so. */
export const STANDING_KEY = '~region-standing'
const STANDINGS: readonly RegionState[] = ['serving', 'drained', 'filling']
/** The longest that a region's stores may take. */
const ANSWER_MS = 1000
/** It is no entry of a namespace, and no ledger judges it. */
const AS_OF = { epoch: 'standing', seq: 0 }

/** What is no record of ours stands in nobody's way. */
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

/** How the own region stands, as this process has last heard. */
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

  /** Once it has been asked for the first time. */
  ready(): Promise<void> {
    this.#first ??= this.#look()
    return this.#first
  }

  async put(standing: RegionState): Promise<void> {
    await putState(this.#own, standing, this.#deadlines)
    this.#puts++
    this.#standing = standing
  }

  /** While the store is away it stands as it stood. */
  async ask(): Promise<void> {
    const puts = this.#puts
    const standing = await askState(this.#own, this.#deadlines).catch(() => this.#standing)
    // What was put meanwhile is newer than this answer.
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
