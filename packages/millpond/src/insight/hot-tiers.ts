// The keys that are read most, tier by tier, from the reads that stand for all.
import { HotKeys } from '../observe/index.ts'

/** One read of so many counts for the hottest keys. */
export const HOT_EVERY = 64

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
      keys = new HotKeys(KEYS)
      this.#tiers.set(tier, keys)
    }
    keys.add(namespace === 'default' ? told : `${namespace} ${told}`, HOT_EVERY)
  }

  /** Hottest first; counts are estimates. */
  top(limit: number): { readonly tier: string; readonly keys: ReturnType<HotKeys['top']> }[] {
    this.catchUp()
    return [...this.#tiers].map(([tier, keys]) => ({ tier, keys: keys.top(limit) }))
  }
}
