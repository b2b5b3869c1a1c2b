// Chooses TTLs from the results of reloads: decision 0053.
import type { AdaptiveTtl, ChosenTtl, LoadedValue } from '../../core/adaptive-ttl.ts'
import { keyPattern } from '../../observe/key-pattern.ts'
import { Hazard } from './hazard.ts'
import { KnownKeys } from './known-keys.ts'
import { type Bounds, bestTtl, Price } from './price.ts'

/** The most patterns with a table of their own; later ones share one. */
const MOST_PATTERNS = 16
/** The largest ratio of a TTL to the previous one of its key. */
const GROWTH = 2
/** The weight of a new observation, for a key and for all keys. */
const STEP = 0.4
const STEP_OF_ALL = 0.01

export interface EstimatorOptions {
  readonly bounds: Bounds
  /** The share of reads that may be stale. */
  readonly staleness: number
  readonly by: 'changes' | 'frequency'
}

export class TtlEstimator implements AdaptiveTtl {
  readonly #options: EstimatorOptions
  readonly #price: Price
  readonly #keys = new KnownKeys()
  readonly #hazards = new Map<string, Hazard>()
  readonly #others: Hazard
  /** Over all keys, the mean time from a value's expiry to the next request. */
  #meanWait: number
  /** For the last load: whether the value had changed. */
  hasChanged: boolean | undefined

  constructor(options: EstimatorOptions) {
    this.#options = options
    this.#price = new Price(options.staleness, options.bounds)
    this.#others = new Hazard(options.bounds.baseMs)
    this.#meanWait = options.bounds.baseMs
  }

  next({ namespace, key, hash, valueHash, now }: LoadedValue): number {
    // Kept, such a time would make every later duration of this key and the means over all keys unknown, too.
    if (!Number.isFinite(now)) {
      this.hasChanged = undefined
      return this.#options.bounds.baseMs
    }
    const hazard = this.#hazardOf(namespace, key)
    const known = this.#keys.find(hash)
    const place = known < 0 ? this.#keys.take(hash, valueHash, now) : known
    if (known >= 0) this.#learn(hazard, place, valueHash, now)
    else this.hasChanged = undefined
    return this.#choose(
      hazard,
      place,
      now,
      known < 0 ? this.#options.bounds.baseMs : (this.#keys.ttls[place] as number),
    )
  }

  explain(hash: number): ChosenTtl | undefined {
    const place = this.#keys.find(hash)
    if (place < 0) return undefined
    const { ttls, waits, scales, rates } = this.#keys
    const ttlMs = ttls[place] as number
    const wait = (waits[place] as number) || this.#meanWait
    const scale = scales[place] as number
    const read = `read about every ${told(wait)}`
    if (this.#options.by === 'frequency') return { ttlMs, why: `${told(ttlMs)}: ${read}` }
    const changes = scale === 0 ? 'no change has been seen yet' : `it changed about every ${told(scale)}`
    const expected = `${told(1 / (rates[place] as number))} to the next change are expected`
    if (this.#price.value === undefined)
      return { ttlMs, why: `${told(ttlMs)}: too few reloads so far to choose another one` }
    return {
      ttlMs,
      why: `${told(ttlMs)}: ${changes}, ${expected}; ${read}; ${this.#options.staleness * 100} % of reads may be stale`,
    }
  }

  #hazardOf(namespace: string, key: string): Hazard {
    const name = `${namespace}\u0000${keyPattern(key)}`
    const known = this.#hazards.get(name)
    if (known !== undefined) return known
    if (this.#hazards.size === MOST_PATTERNS) return this.#others
    const hazard = new Hazard(this.#options.bounds.baseMs)
    this.#hazards.set(name, hazard)
    return hazard
  }

  /** Learns from the reload of a known key. */
  #learn(hazard: Hazard, place: number, valueHash: number, now: number): void {
    const { values, loadedAt, ttls, changedAt, scales, waits, rates } = this.#keys
    const before = loadedAt[place] as number
    const elapsed = now - before
    this.hasChanged = values[place] !== valueHash
    values[place] = valueHash
    loadedAt[place] = now
    // After a clock was set back, durations are unknown.
    if (elapsed <= 0) return
    const ttl = ttls[place] as number
    hazard.note(before - (changedAt[place] as number), scales[place] as number, elapsed, this.hasChanged)
    // Loaded before its expiry, it was invalidated, evicted or refreshed ahead: then the wait for the next request is
    // unknown.
    if (elapsed >= ttl) {
      waits[place] = nearer(waits[place] as number, Math.max(1, elapsed - ttl), STEP)
      this.#meanWait = nearer(this.#meanWait, waits[place] as number, STEP_OF_ALL)
    }
    const reads = Math.min(ttl, elapsed) / ((waits[place] as number) || this.#meanWait)
    if ((rates[place] as number) > 0)
      this.#price.judge(reads, rates[place] as number, Math.min(ttl, elapsed), elapsed, this.hasChanged)
    if (!this.hasChanged) return
    const changed = now - elapsed / 2
    const gap = Math.max(1, changed - (changedAt[place] as number))
    scales[place] = scales[place] === 0 ? gap : Math.sqrt((scales[place] as number) * gap)
    changedAt[place] = changed
  }

  #choose(hazard: Hazard, place: number, now: number, before: number): number {
    const { changedAt, scales, waits, rates, ttls } = this.#keys
    const { minMs, baseMs, maxMs } = this.#options.bounds
    const reads = 1 / ((waits[place] as number) || this.#meanWait)
    const changes = hazard.rate(now - (changedAt[place] as number), scales[place] as number)
    rates[place] = changes
    this.#price.note(reads, changes)
    const price = this.#price.value
    const wished =
      this.#options.by === 'frequency'
        ? baseMs * Math.sqrt(reads * baseMs)
        : price === undefined
          ? baseMs
          : Math.min(bestTtl(reads, changes, price), before * GROWTH)
    const ttl = Math.round(Math.max(minMs, Math.min(maxMs, wished)))
    ttls[place] = ttl
    return ttl
  }
}

const nearer = (known: number, seen: number, step: number): number =>
  known === 0 ? seen : known + step * (seen - known)

function told(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 120_000) return `${Math.round(ms / 1000)} s`
  return ms < 7_200_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 3_600_000)} h`
}
