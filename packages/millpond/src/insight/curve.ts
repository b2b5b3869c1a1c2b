// The miss-ratio curve: how often reads would miss with other cache sizes and TTLs, from a sample of the keys.
//
// SHARDS with a fixed number of keys (Waldspurger, Park, Garthwaite, Ahmad, "Efficient MRC Construction with SHARDS",
// FAST '15): a key is watched if its hash is below a threshold, which is lowered whenever there are too many; distances
// among them are scaled up, and each read is weighted by the keys that it represents. What follows for all reads:
// `tally.ts`.
//
// TTLs: each key records, for each cache of the grid, when it would have been loaded there, since a small cache that
// loads more often holds fresher values. Expired entries take no room ("TTLs Matter", Sultan et al., EuroSys '24); a
// key is assumed to occupy room for as long as it would live from its last use: then entries used after a key that is
// still alive are never removed too early, which would be a larger error than removing them too late.
//
// The caches of the grid use LRU. `shadows.ts` simulates other policies.

import { mixed } from '../core/key-hash.ts'
import { HashDirectory } from '../memory/policies/hash-directory.ts'
import { Recency } from './recency.ts'
import { ALL, GROUPS, groupOf } from './sample.ts'
import { type Estimate, emptyTally, missesPerRead, type Tally } from './tally.ts'

/** A hypothetical cache: its size (entries or bytes), and its TTLs as a multiple of the actual ones. */
export interface Scenario {
  /** Its limit, in the unit of the weights given to `read`: entries, or bytes. */
  readonly size: number
  /** Its TTLs as a multiple of the actual ones; `Infinity`: until eviction or invalidation. */
  readonly ttlScale: number
}

/** The result of a read in the actual cache: `lost` is a miss that no size avoids. */
export type Outcome = 'hit' | 'miss' | 'lost'

/** Three times as many as in SHARDS: users will meet the worst error. */
const MOST_KEYS = 24_576
const STORED = 1
/** A miss was reported, and no value since. */
const MISSED = 2
/** Reads between two searches for expired keys. */
const SWEEP_EVERY = 512
/** Times are stored in 32 bits, relative to an origin: after 24 days the curve is reset. */
const LONGEST_MS = 2 ** 31

/**
 * Misses per read of hypothetical caches, from at most `most` keys (default 24,576; some 4 MB with 26 scenarios). For
 * traffic of your own: call it for each read and each stored value, and then `estimate`.
 * @example
 * const curve = new Curve([{ size: 1000, ttlScale: 1 }, { size: 2000, ttlScale: 1 }], 0)
 * curve.read(hashOf(key, 0), 1, Date.now(), 'miss')
 * curve.stored(hashOf(key, 0), 1, Date.now(), 60_000)
 * const { value, error } = curve.estimate(1) // misses per read of 2,000 entries, and its standard error
 */
export class Curve {
  /** What is simulated, in the order of the constructor: `estimate` takes their indexes. */
  readonly scenarios: readonly Scenario[]
  /** The counts so far; `turn` replaces it. */
  tally: Tally
  readonly #sizes: Float64Array
  /** Each size once, ascending, and where that of each scenario is among them. */
  readonly #limits: Float64Array
  readonly #limitOf: Uint16Array
  /** By limit, the weight that a cache of it would need to still hold the key that is read. */
  readonly #needed: Float64Array
  readonly #scales: Float64Array
  /** The actual scenario; a `hit` of a key that was not watched before tells about it and larger ones. */
  readonly #actual: number
  readonly #most: number
  readonly #directory: HashDirectory
  readonly #recency: Recency
  readonly #weights: Float64Array
  readonly #ttls: Float64Array
  readonly #usedAt: Uint32Array
  readonly #state: Uint8Array
  /** A row for each key: when it was last loaded in each scenario, milliseconds since `#beganAt`. */
  readonly #loads: Uint32Array
  #threshold = ALL
  #beganAt = Number.NaN
  #now = 0
  #sinceSweep = 0

  /** `actual`: the index of the actual scenario. `share`: the largest share of keys that is watched, above 0. */
  constructor(scenarios: readonly Scenario[], actual: number, most = MOST_KEYS, share = 1) {
    this.#threshold = share * ALL
    this.scenarios = scenarios
    this.#sizes = Float64Array.from(scenarios, ({ size }) => size)
    this.#limits = Float64Array.from(new Set(this.#sizes)).sort()
    this.#limitOf = Uint16Array.from(this.#sizes, (size) => this.#limits.indexOf(size))
    this.#needed = new Float64Array(this.#limits.length)
    this.#scales = Float64Array.from(scenarios, ({ ttlScale }) => ttlScale)
    this.#actual = actual
    this.#most = most
    this.#directory = new HashDirectory(most)
    this.#recency = new Recency(most, this.#limits.length)
    this.#weights = new Float64Array(most)
    this.#ttls = new Float64Array(most)
    this.#usedAt = new Uint32Array(most)
    this.#state = new Uint8Array(most)
    this.#loads = new Uint32Array(most * scenarios.length)
    this.tally = emptyTally(scenarios.length)
  }

  /** The share of keys that is watched. */
  get rate(): number {
    return this.#threshold / ALL
  }

  /** Keys whose mixed hash is below it are watched. */
  get threshold(): number {
    return this.#threshold
  }

  /** Keys watched. */
  get keys(): number {
    return this.#directory.size
  }

  /** Whether a key with this mixed hash is watched. */
  watches(mix: number): boolean {
    return mix < this.#threshold
  }

  /** Reads of keys that are not watched, and how many of them missed. */
  skip(reads: number, missed: number): void {
    this.tally.reads += reads
    this.tally.missed += missed
  }

  /**
   * A read of any key, watched or not. `wasHit`: in the actual cache, if that is not the one to which `outcome` refers.
   */
  read(hash: number, weight: number, now: number, outcome: Outcome, wasHit = outcome === 'hit'): void {
    const { tally } = this
    tally.reads++
    if (!wasHit) tally.missed++
    const mix = mixed(hash)
    if (mix >= this.#threshold) return
    const time = this.#tick(now)
    const known = this.#directory.find(hash)
    const id = known >= 0 ? known : this.#insert(hash, mix)
    if (id < 0) return
    const standsFor = ALL / this.#threshold
    const group = groupOf(mix)
    tally.looked++
    tally.sampled[group] = (tally.sampled[group] as number) + standsFor
    if (!wasHit) tally.sampledMissed[group] = (tally.sampledMissed[group] as number) + standsFor
    const before = this.#state[id] as number
    if (known < 0) this.#readFirst(id, group, standsFor, time, outcome)
    // Nothing was stored after the last miss, so there is nothing to find, whatever the size.
    else if (outcome === 'lost' || (outcome === 'miss' && (before & STORED) === 0))
      this.#miss(id, group, standsFor, time)
    else this.#readKnown(id, group, standsFor, time, weight)
    this.#weights[id] = weight > 0 ? weight : (this.#weights[id] as number) || 1
    // What nothing has been stored for takes no room.
    this.#use(id, time, outcome === 'hit' || (outcome === 'miss' && (before & STORED) !== 0))
    this.#state[id] = outcome === 'hit' ? STORED : MISSED
  }

  #use(id: number, time: number, isStored: boolean): void {
    this.#usedAt[id] = time
    const weight = this.#weights[id] as number
    const band = this.#bandOf(weight)
    this.#recency.use(id, isStored && band < this.#limits.length ? weight : 0, band)
  }

  /** The least of the limits that it does not exceed: memory refuses larger entries, and evicts nothing for them. */
  #bandOf(weight: number): number {
    let band = 0
    while (band < this.#limits.length && weight > (this.#limits[band] as number)) band++
    return band
  }

  /**
   * The value was stored: after a miss as the missed value, otherwise as a new value in every scenario. `weight` 0 and
   * `ttlMs` `NaN`: unknown, keep the previous; `ttlMs` 0: it was not stored.
   */
  stored(hash: number, weight: number, now: number, ttlMs: number): void {
    const mix = mixed(hash)
    if (mix >= this.#threshold) return
    const time = this.#tick(now)
    const known = this.#directory.find(hash)
    // Neither read nor stored: there is nothing to watch.
    if (known < 0 && ttlMs <= 0) return
    const id = known >= 0 ? known : this.#insert(hash, mix)
    if (id < 0) return
    const state = this.#state[id] as number
    if (ttlMs <= 0) {
      this.#state[id] = 0
      this.#recency.discount(id)
      return
    }
    if (!Number.isNaN(ttlMs)) this.#ttls[id] = ttlMs
    this.#state[id] = STORED
    if (weight > 0) this.#weights[id] = weight
    else if (known < 0) this.#weights[id] = 1
    if ((state & MISSED) === 0) {
      this.#loadAll(id, time)
      this.#use(id, time, true)
      return
    }
    const stored = this.#weights[id] as number
    const band = this.#bandOf(stored)
    this.#recency.weigh(id, band < this.#limits.length ? stored : 0, band)
  }

  /**
   * Misses per read in a scenario, over the span of `tally`; with `other`, the difference from that one. The error
   * includes the variation between groups of keys, and the uncertainty of a distance among few sampled keys: a fraction
   * of 1 / sqrt(keys within it), propagated along the curve.
   */
  estimate(candidate: number, other?: number, tally: Tally = this.tally): Estimate {
    const { value, error } = missesPerRead(tally, candidate, other)
    const isOfSize = other === undefined || this.#sizes[candidate] !== this.#sizes[other]
    const blur = isOfSize
      ? Math.hypot(this.#blur(candidate, tally), other === undefined ? 0 : this.#blur(other, tally))
      : 0
    return { value, error: Math.hypot(error, blur) }
  }

  #blur(candidate: number, tally: Tally): number {
    const [below, above] = this.#beside(candidate)
    const size = this.#sizes[candidate] as number
    const span = Math.log((this.#sizes[above] as number) / (this.#sizes[below] as number))
    if (!(span > 0) || tally.reads === 0) return 0
    const slope = missesPerRead(tally, below, above).value / span
    const keysWithin = (size / this.#weightOfKey()) * this.rate
    return Math.abs(slope) * Math.sqrt((1 - this.rate) / Math.max(1, keysWithin))
  }

  /** The next smaller and the next larger size with the same TTL, or the size itself at an end. */
  #beside(candidate: number): readonly [number, number] {
    const size = this.#sizes[candidate] as number
    let below = candidate
    let above = candidate
    for (const [at, scenario] of this.scenarios.entries()) {
      if (scenario.ttlScale !== this.#scales[candidate]) continue
      if (scenario.size < size && (below === candidate || scenario.size > (this.#sizes[below] as number))) below = at
      if (scenario.size > size && (above === candidate || scenario.size < (this.#sizes[above] as number))) above = at
    }
    return [below, above]
  }

  #weightOfKey(): number {
    return this.keys === 0 ? 1 : this.#recency.total / this.keys || 1
  }

  /** Starts a new span; watched keys stay. Returns the previous one. */
  turn(): Tally {
    const ended = this.tally
    this.tally = emptyTally(this.scenarios.length)
    return ended
  }

  /** A clock that goes backwards is treated as stopped. */
  #tick(now: number): number {
    if (!(now - this.#beganAt < LONGEST_MS)) this.#begin(now)
    this.#now = Math.max(this.#now, now - this.#beganAt)
    if (++this.#sinceSweep >= SWEEP_EVERY) this.#sweep()
    return this.#now
  }

  #begin(now: number): void {
    this.#beganAt = now
    this.#now = 0
    for (let id = 0; id < this.#most; id++) this.#recency.remove(id)
    this.#directory.clear()
  }

  #sweep(): void {
    this.#sinceSweep = 0
    for (let id = 0; id < this.#most; id++) {
      const idle = this.#now - (this.#usedAt[id] as number)
      if (idle < (this.#ttls[id] as number)) continue
      if (this.#recency.isCounted(id)) this.#recency.discount(id)
    }
  }

  /**
   * The first observed read of a key, which may have been stored long before: a hit counts for the actual cache and
   * larger ones.
   */
  #readFirst(id: number, group: number, standsFor: number, time: number, outcome: Outcome): void {
    const least = outcome === 'hit' ? (this.#sizes[this.#actual] as number) : Number.POSITIVE_INFINITY
    for (let at = 0; at < this.#sizes.length; at++)
      if ((this.#sizes[at] as number) < least) this.#count(at, group, standsFor)
    this.#loadAll(id, time)
  }

  #readKnown(id: number, group: number, standsFor: number, time: number, weight: number): void {
    const width = this.#sizes.length
    const row = id * width
    const ttl = this.#ttls[id] as number
    this.#measure(id, standsFor, weight)
    for (let at = 0; at < width; at++) {
      const isHeld = (this.#sizes[at] as number) >= (this.#needed[this.#limitOf[at] as number] as number)
      if (isHeld && time - (this.#loads[row + at] as number) < ttl * (this.#scales[at] as number)) continue
      this.#count(at, group, standsFor)
      this.#loads[row + at] = time
    }
  }

  /** What was stored must still be there, and what is read now must not be refused. */
  #measure(id: number, standsFor: number, weight: number): void {
    const needed = this.#needed
    this.#recency.after(id, needed)
    const own = this.#weights[id] as number
    let used = 0
    for (let limit = 0; limit < needed.length; limit++) {
      used += needed[limit] as number
      needed[limit] = Math.max(used * standsFor + own, weight)
    }
  }

  #miss(id: number, group: number, standsFor: number, time: number): void {
    for (let at = 0; at < this.#sizes.length; at++) this.#count(at, group, standsFor)
    this.#loadAll(id, time)
  }

  #count(at: number, group: number, standsFor: number): void {
    const { misses } = this.tally
    misses[at * GROUPS + group] = (misses[at * GROUPS + group] as number) + standsFor
  }

  #loadAll(id: number, time: number): void {
    const row = id * this.#sizes.length
    this.#loads.fill(time, row, row + this.#sizes.length)
  }

  /** The new id; -1 if there was no room and the threshold has fallen below the key itself. */
  #insert(hash: number, mix: number): number {
    if (this.#directory.size === this.#most) this.#lower()
    if (mix >= this.#threshold) return -1
    const id = this.#directory.insert(hash)
    this.#state[id] = 0
    this.#weights[id] = 0
    this.#ttls[id] = Number.POSITIVE_INFINITY
    return id
  }

  /** Drops an eighth of the keys at a time: those with the highest hashes, as if they had never been watched. */
  #lower(): void {
    const { hashes } = this.#directory
    const mixes = Uint32Array.from(hashes, mixed).sort()
    this.lowerTo(mixes[Math.floor((mixes.length * 7) / 8)] as number)
  }

  /** Stops watching keys whose mixed hash is not below the threshold. */
  lowerTo(threshold: number): void {
    if (threshold >= this.#threshold) return
    this.#threshold = threshold
    for (let id = 0; id < this.#most; id++) {
      const hash = this.#directory.hashes[id] as number
      if (mixed(hash) < threshold || this.#directory.find(hash) !== id) continue
      this.#recency.remove(id)
      this.#directory.delete(id)
    }
  }
}
