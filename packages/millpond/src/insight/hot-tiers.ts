// The keys that are read most recently and most often, tier by tier, from sampled reads.
import type { Clock } from '../core/contracts.ts'
import { FadingKeys, type HotKey } from '../observe/index.ts'

/** One in this many reads is sampled for the hottest keys. */
export const HOT_EVERY = 64

/**
 * The distance to the next sampled read: 1 to 127, `HOT_EVERY` on average. With a fixed distance, keys that are read in
 * rotation would always yield the same samples.
 */
export class Gaps {
  #state = 0x9e3779b9

  /** Xorshift (George Marsaglia, 2003). */
  next(): number {
    let state = this.#state
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    this.#state = state
    return 1 + ((state >>> 8) % (2 * HOT_EVERY - 1))
  }
}

const MOST_TIERS = 4
const KEYS = 1024
/** Longer keys are truncated to this length. */
const LONGEST = 512

/** The most notes that wait. More within one turn of the event loop are dropped: they stand for some 30,000 reads. */
const PLACES = 512
const HALF = PLACES / 2

/**
 * A sampled read is noted at once, and counted in a later turn: counting takes a microsecond or two, by which one read
 * in 64 would be delayed.
 */
export class HotTiers {
  readonly #tiers = new Map<string, FadingKeys>()
  #waiting = 0
  readonly #tierOf: string[] = new Array<string>(PLACES).fill('')
  readonly #keyOf: string[] = new Array<string>(PLACES).fill('')
  readonly #spaceOf: string[] = new Array<string>(PLACES).fill('')
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** `true`: it is time to count. */
  note(tier: string, key: string, namespace: string): boolean {
    const at = this.#waiting
    if (at === PLACES) return false
    this.#tierOf[at] = tier
    this.#keyOf[at] = key.length > LONGEST ? `${key.slice(0, LONGEST)}…` : key
    this.#spaceOf[at] = namespace
    this.#waiting = at + 1
    return this.#waiting === HALF
  }

  /** Counts the waiting notes. */
  catchUp(): void {
    if (this.#waiting === 0) return
    for (let at = 0; at < this.#waiting; at++) {
      this.#count(this.#tierOf[at] as string, this.#keyOf[at] as string, this.#spaceOf[at] as string)
      this.#keyOf[at] = ''
    }
    this.#waiting = 0
  }

  #count(tier: string, told: string, namespace: string): void {
    let keys = this.#tiers.get(tier)
    if (keys === undefined) {
      if (this.#tiers.size === MOST_TIERS) return
      keys = new FadingKeys(KEYS, this.#clock)
      this.#tiers.set(tier, keys)
    }
    keys.add(namespace === 'default' ? told : `${namespace} ${told}`, HOT_EVERY)
  }

  /** Hottest first, weighted by recency. */
  top(limit: number): { readonly tier: string; readonly keys: readonly HotKey[] }[] {
    this.catchUp()
    return [...this.#tiers].map(([tier, keys]) => ({ tier, keys: keys.top(limit) }))
  }
}
