// A TTL that adapts to how often the result really changes: the estimator of millpond/insight, for one function.
import { hashOf } from '../../core/key-hash.ts'
import { hashValue } from '../../core/value-hash.ts'
import { TtlEstimator } from '../../insight/ttl/estimator.ts'
import type { Bounds } from '../../insight/ttl/price.ts'

/** One load, as passed to `monitor`. */
export interface SmartLoad {
  /** The key of the call. */
  readonly key: string
  /** `undefined` at the first load of this process. */
  readonly hasChanged: boolean | undefined
  /** The chosen TTL in milliseconds. */
  readonly ttlMs: number
}

/** What `smartCache({ monitor: true })` keeps: `wrapped.report()`. */
export interface SmartReport {
  /** Loads of all functions wrapped so. */
  readonly loads: number
  /** Of these, those that could be compared with the load before them. */
  readonly compared: number
  /** Of these, those that found the result changed. */
  readonly changed: number
  /** The chosen TTLs in milliseconds; absent before the first load. */
  readonly minTtlMs?: number
  /** Their mean, in milliseconds. */
  readonly avgTtlMs?: number
  /** The longest of them, in milliseconds. */
  readonly maxTtlMs?: number
}

/** Share of reads that may be stale. */
const STALENESS = 0.01

export class SmartTtl {
  readonly #estimator: TtlEstimator
  readonly #monitor: (load: SmartLoad) => void

  constructor(bounds: Bounds, monitor: (load: SmartLoad) => void) {
    this.#estimator = new TtlEstimator({ bounds, staleness: STALENESS, by: 'changes' })
    this.#monitor = monitor
  }

  /** The TTL of a result that was just loaded. */
  next(key: string, result: unknown): number {
    const ttlMs = this.#estimator.next({
      namespace: '',
      key: '',
      hash: hashOf(key, 0),
      valueHash: hashValue(result),
      now: Date.now(),
    })
    this.#monitor({ key, hasChanged: this.#estimator.hasChanged, ttlMs })
    return ttlMs
  }
}

/** Counts the loads of one wrapper, over all functions that it wraps. */
export class SmartCounts {
  #loads = 0
  #compared = 0
  #changed = 0
  #ttlMs = 0
  #minTtlMs = Number.POSITIVE_INFINITY
  #maxTtlMs = 0

  readonly note = ({ hasChanged, ttlMs }: SmartLoad): void => {
    this.#loads++
    if (hasChanged !== undefined) this.#compared++
    if (hasChanged === true) this.#changed++
    this.#ttlMs += ttlMs
    this.#minTtlMs = Math.min(this.#minTtlMs, ttlMs)
    this.#maxTtlMs = Math.max(this.#maxTtlMs, ttlMs)
  }

  report(): SmartReport {
    const counts = { loads: this.#loads, compared: this.#compared, changed: this.#changed }
    if (this.#loads === 0) return counts
    return { ...counts, minTtlMs: this.#minTtlMs, avgTtlMs: this.#ttlMs / this.#loads, maxTtlMs: this.#maxTtlMs }
  }
}
