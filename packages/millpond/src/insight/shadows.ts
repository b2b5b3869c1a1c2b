// Shadow caches: small caches without values that each use another policy, on the same sample of the reads.
//
// Waldspurger, Saemundsson, Ahmad, Park, "Cache Modeling and Optimization using Miniature Simulations" (USENIX ATC
// 2017): a cache scaled down with the share of keys that it sees has the miss ratio of the whole one. Results are
// differences of two shadows, since both saw the same reads.
import {
  check,
  checkOptions,
  fn,
  listOf,
  oneOf,
  options as optionsOf,
  required,
  type Shape,
  whole,
} from '../core/checks.ts'
import type { Eviction, EvictionFactory } from '../core/contracts.ts'
import { mixed } from '../core/key-hash.ts'
import { HashDirectory } from '../memory/policies/hash-directory.ts'
import { ALL, GROUPS, groupOf } from './sample.ts'
import { emptyTally, SURE, type Tally } from './tally.ts'

/** The least and the most entries of a shadow, and its share of the cache within those limits. */
const LEAST = 512
const MOST = 8192
const SCALE = 0.1
/**
 * The standard error of a difference that comes from scaling alone: measured on public traces (`npm run
 * bench:insight`).
 */
export const OF_SCALE = 0.004
/** After this many reads per entry, a shadow counts even if it is not full. */
const WARM_AFTER = 16

/** A hypothetical cache. */
export interface ShadowOf {
  /** Its eviction policy, as from `policyByName`. */
  readonly policy: EvictionFactory
  /** Its size, as a multiple of the whole cache's. */
  readonly scale: number
}

export interface ShadowsOptions {
  /** The sizes and policies that are simulated. */
  readonly shadows: readonly ShadowOf[]
  /** The limit of the whole cache, in `unit`. */
  readonly capacity: number
  /** The unit of the limit. */
  readonly unit: 'entries' | 'bytes'
  /** The approximate number of entries of the whole cache when it is full. */
  readonly entries: number
  /** The largest share of keys that shadows see, above 0 to 1. Default 1. */
  readonly share?: number | undefined
  /** The least entries of a shadow, up to 8,192. Default 512. */
  readonly least?: number | undefined
}

const amount = check(
  (value): value is number => typeof value === 'number' && value > 0 && value < Number.POSITIVE_INFINITY,
  'a number above 0',
)
const SHADOW: Shape<ShadowOf> = {
  policy: required(fn("a policy, such as policyByName('lru')")),
  scale: required(amount),
}
const OPTIONS: Shape<ShadowsOptions> = {
  shadows: required(listOf(optionsOf(SHADOW), 'a list of shadows')),
  capacity: required(amount),
  unit: required(oneOf('entries', 'bytes')),
  entries: required(amount),
  share: check(
    (value): value is number => typeof value === 'number' && value > 0 && value <= 1,
    'a number above 0 and up to 1',
  ),
  least: whole(1, MOST),
}

/**
 * Shadows of 512 to 8,192 entries, scaled. For traffic of your own: call it for reads and stored values, and compare
 * two with `missesPerRead`.
 */
export class Shadows {
  /** A candidate for each of `shadows`. */
  tally: Tally
  /** Keys whose mixed hash is below this are seen by the shadows. */
  readonly threshold: number
  readonly #shadows: readonly Shadow[]
  readonly #warmAfter: number
  #looked = 0

  /** @throws MillpondError `OPTION_INVALID` */
  constructor(options: ShadowsOptions) {
    checkOptions<ShadowsOptions>(options, OPTIONS, 'Shadows')
    const { shadows, capacity, unit, entries, share = 1, least = LEAST } = options
    const most = Math.max(1, Math.min(MOST, Math.max(least, entries * SCALE), entries * share))
    const rate = Math.min(1, most / entries)
    this.threshold = rate * ALL
    this.#shadows = shadows.map(({ policy, scale }) => {
      // Room for more entries than expected: they may become smaller.
      const slots = Math.ceil(unit === 'entries' ? capacity * rate * scale : Math.min(2 * MOST, 2 * most * scale)) + 1
      return new Shadow(policy, capacity * rate * scale, unit, slots)
    })
    this.#warmAfter = WARM_AFTER * most
    this.tally = emptyTally(shadows.length)
  }

  /** Each has evicted entries, so that they can differ. */
  get isWarm(): boolean {
    return this.#looked >= this.#warmAfter || this.#shadows.every(({ isFull }) => isFull)
  }

  /** Entries have been evicted. */
  get isFull(): boolean {
    return this.#shadows.some(({ isFull }) => isFull)
  }

  /** Counts reads of keys that no shadow sees, and how many of them missed in the actual cache. */
  skip(reads: number, missed: number): void {
    if (!this.isWarm) return
    this.tally.reads += reads
    this.tally.missed += missed
  }

  /**
   * A read of any key. `isLost`: a miss that no policy avoids. A weight that is not finite, or below 0, is unknown: the
   * key keeps the weight it had, or gets 1.
   */
  read(hash: number, weight: number, now: number, isHit: boolean, isLost: boolean): void {
    const { tally, isWarm } = this
    const known = weight >= 0 && weight < Number.POSITIVE_INFINITY ? weight : undefined
    if (isWarm) this.skip(1, isHit ? 0 : 1)
    const mix = mixed(hash)
    if (mix >= this.threshold) return
    this.#looked++
    const standsFor = ALL / this.threshold
    const group = groupOf(mix)
    if (isWarm) {
      tally.looked++
      tally.sampled[group] = (tally.sampled[group] as number) + standsFor
      if (!isHit) tally.sampledMissed[group] = (tally.sampledMissed[group] as number) + standsFor
    }
    for (const [at, shadow] of this.#shadows.entries()) {
      if (isLost) shadow.drop(hash)
      if (shadow.ask(hash, known, now) || !isWarm) continue
      const cell = at * GROUPS + group
      tally.misses[cell] = (tally.misses[cell] as number) + standsFor
    }
  }

  /**
   * The value was stored after a miss (if it was held, it keeps its expiry), or written anew. `NaN`: the TTL is
   * unknown.
   */
  stored(hash: number, now: number, ttlMs: number, isNew: boolean): void {
    if (mixed(hash) >= this.threshold || Number.isNaN(ttlMs)) return
    for (const shadow of this.#shadows) shadow.stored(hash, now, ttlMs, isNew)
  }

  /** A shadow is told that a key will be read soon, as memory is by `prefetch`. */
  keep(at: number, hash: number): void {
    if (mixed(hash) < this.threshold) this.#shadows[at]?.keep(hash)
  }

  /** Half of the 95 % interval of a difference: the uncertainty of the sample, and that of scaling. */
  within(error: number): number {
    return SURE * Math.hypot(error, OF_SCALE)
  }

  /** Begins a new tally, and returns the one that has ended. */
  turn(): Tally {
    const ended = this.tally
    this.tally = emptyTally(this.#shadows.length)
    return ended
  }
}

class Shadow {
  isFull = false
  readonly #directory: HashDirectory
  readonly #policy: Eviction
  readonly #weights: Float64Array
  readonly #until: Float64Array
  /** Loaded by its last read: its TTL is reported next. */
  readonly #isNew: Uint8Array
  readonly #capacity: number
  #room: number

  constructor(factory: EvictionFactory, capacity: number, unit: 'entries' | 'bytes', slots: number) {
    this.#capacity = capacity
    this.#room = capacity
    this.#policy = factory({ capacity, unit })
    this.#directory = new HashDirectory(slots)
    this.#weights = new Float64Array(slots)
    this.#until = new Float64Array(slots)
    this.#isNew = new Uint8Array(slots)
    this.#policy.grow(slots, this.#directory.hashes)
  }

  /** Whether it held the key; if not, it does now. */
  ask(hash: number, weight: number | undefined, now: number): boolean {
    const id = this.#directory.find(hash)
    if (weight !== undefined && this.#isTooLarge(weight)) {
      if (id >= 0) this.#leave(id)
      return false
    }
    if (id >= 0 && now < (this.#until[id] as number)) {
      this.#hit(id)
      if (weight !== undefined) this.#weigh(id, weight)
      return true
    }
    if (id >= 0) this.#leave(id)
    while (this.#directory.size === this.#weights.length) this.#evict()
    const slot = this.#directory.insert(hash)
    this.#weights[slot] = weight ?? 1
    this.#until[slot] = Number.POSITIVE_INFINITY
    this.#isNew[slot] = 1
    this.#room -= weight ?? 1
    this.#policy.add(slot, hash, weight ?? 1, 0)
    while (this.#room < 0) this.#evict()
    return false
  }

  /** Memory refuses such an entry: to make room for it would evict all others, and then itself. */
  #isTooLarge(weight: number): boolean {
    return weight > this.#capacity && weight > 1
  }

  /** As `MemorySpace.keep`. */
  keep(hash: number): void {
    const id = this.#directory.find(hash)
    if (id < 0) return
    const { marks, markLimit = 0 } = this.#policy
    if (marks === undefined) this.#policy.hit(id)
    else if (((marks[id] as number) & markLimit) === 0) marks[id] = (marks[id] as number) + 1
  }

  #hit(id: number): void {
    const { marks, markLimit = 0 } = this.#policy
    const mark = marks?.[id]
    if (marks === undefined || mark === undefined || mark > markLimit) this.#policy.hit(id)
    else if (mark < markLimit) marks[id] = mark + 1
    this.#isNew[id] = 0
  }

  /** Its weight is known better now. */
  #weigh(id: number, weight: number): void {
    const before = this.#weights[id] as number
    if (weight === before) return
    this.#room += before - weight
    this.#weights[id] = weight
    while (this.#room < 0) this.#evict()
  }

  stored(hash: number, now: number, ttlMs: number, isNew: boolean): void {
    const id = this.#directory.find(hash)
    if (id < 0 || (!isNew && this.#isNew[id] === 0)) return
    this.#until[id] = now + ttlMs
    this.#isNew[id] = 0
  }

  drop(hash: number): void {
    const id = this.#directory.find(hash)
    if (id >= 0) this.#leave(id)
  }

  #leave(id: number): void {
    this.#policy.remove(id)
    this.#forget(id)
  }

  #evict(): void {
    this.isFull = true
    const id = this.#policy.victim()
    if (id >= 0) this.#forget(id)
  }

  #forget(id: number): void {
    this.#room += this.#weights[id] as number
    this.#directory.delete(id)
  }
}
