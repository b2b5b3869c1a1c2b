// The keys that are read most of late, tier by tier, from the reads that stand for all.
import type { Clock } from '../core/contracts.ts'
import { FadingKeys, type HotKey } from '../observe/index.ts'

/** One read of so many counts for the hottest keys. */
export const HOT_EVERY = 64

/**
 * How far it is to the next of these: 1 to 127, `HOT_EVERY` in the mean. At a fixed distance, keys that are read in
 * turn would always be the same ones.
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
/** Of a longer key, so much is told. */
const LONGEST = 512

/** Notes that wait at most. More, in one turn of the event loop, are dropped: they stand for some 30,000 reads. */
const PLACES = 512
const HALF = PLACES / 2

/**
 * What is read is kept at once, and counted in a later turn: that takes a microsecond or two, which one read in 64
 * would wait for.
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

  /** Counts what waits. */
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

  /** Hottest first, of late. */
  top(limit: number): { readonly tier: string; readonly keys: readonly HotKey[] }[] {
    this.catchUp()
    return [...this.#tiers].map(([tier, keys]) => ({ tier, keys: keys.top(limit) }))
  }
}
