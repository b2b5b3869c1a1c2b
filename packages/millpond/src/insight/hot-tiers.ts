// The keys that are read most of late, tier by tier, from the reads that stand for all.
import type { Clock } from '../core/contracts.ts'
import { HotKeys } from '../observe/index.ts'

/** One read of so many counts for the hottest keys. */
export const HOT_EVERY = 64

/** After this time a read counts half: what was hot yesterday is not hot today. */
const HOT_HALF_LIFE_MS = 15 * 60_000
/** What is counted weighs more the later it is, instead of all that was counted before weighing less; after so many half-lives all of it is made small again. */
const MOST_HALVES = 32

/** How far it is to the next of these: 1 to 127, `HOT_EVERY` in the mean. At a fixed distance, keys that are read in turn would always be the same ones. */
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

/** What is read is kept at once, and counted in a later turn: that takes a microsecond or two, which one read in 64 would wait for. */
export class HotTiers {
  readonly #tiers = new Map<string, HotKeys>()
  #waiting = 0
  readonly #tierOf: string[] = new Array<string>(PLACES).fill('')
  readonly #keyOf: string[] = new Array<string>(PLACES).fill('')
  readonly #spaceOf: string[] = new Array<string>(PLACES).fill('')
  readonly #clock: Clock
  /** What is counted now weighs 1 more for each half-life since then, as a power of two. */
  #origin: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#origin = clock.now()
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
    const weight = this.#weight()
    for (let at = 0; at < this.#waiting; at++) {
      this.#count(this.#tierOf[at] as string, this.#keyOf[at] as string, this.#spaceOf[at] as string, weight)
      this.#keyOf[at] = ''
    }
    this.#waiting = 0
  }

  #count(tier: string, told: string, namespace: string, weight: number): void {
    let keys = this.#tiers.get(tier)
    if (keys === undefined) {
      if (this.#tiers.size === MOST_TIERS) return
      keys = new HotKeys(KEYS)
      this.#tiers.set(tier, keys)
    }
    keys.add(namespace === 'default' ? told : `${namespace} ${told}`, HOT_EVERY * weight)
  }

  /** How much more a read of now weighs than one at the origin: forward decay (Cormode, Shkapenyuk, Srivastava, Xu, ICDE 2009). Time that goes backwards stands still. */
  #weight(): number {
    const halves = Math.max(0, (this.#clock.now() - this.#origin) / HOT_HALF_LIFE_MS)
    if (halves < MOST_HALVES) return 2 ** halves
    for (const keys of this.#tiers.values()) keys.scale(2 ** -halves)
    this.#origin = this.#clock.now()
    return 1
  }

  /** Hottest first; counts are estimates, in which older reads count less. A key that has faded is not among them. */
  top(limit: number): { readonly tier: string; readonly keys: ReturnType<HotKeys['top']> }[] {
    this.catchUp()
    const weight = this.#weight()
    return [...this.#tiers].map(([tier, hot]) => {
      const keys = hot.top(limit).map(({ key, count, error }) => ({ key, count: count / weight, error: error / weight }))
      const alive = keys.filter(({ count }) => count >= 1)
      return { tier, keys: alive.map(({ key, count, error }) => ({ key, count: Math.round(count), error: Math.round(error) })) }
    })
  }
}
