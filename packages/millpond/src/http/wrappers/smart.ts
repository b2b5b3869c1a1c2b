// A TTL that adapts to how often the result really changes: the estimator of millpond/insight, for one function.
import { hashOf } from '../../core/key-hash.ts'
import { hashValue } from '../../core/value-hash.ts'
import { TtlEstimator } from '../../insight/ttl/estimator.ts'
import type { Bounds } from '../../insight/ttl/price.ts'

/** One load, as passed to `monitor`. */
export interface SmartLoad {
  readonly key: string
  /** `undefined` at the first load of this process. */
  readonly hasChanged: boolean | undefined
  readonly ttlMs: number
}

/** Share of reads that may be stale. */
const STALENESS = 0.01

export class SmartTtl {
  readonly #estimator: TtlEstimator
  readonly #monitor: ((load: SmartLoad) => void) | undefined

  constructor(bounds: Bounds, monitor: ((load: SmartLoad) => void) | undefined) {
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
    this.#monitor?.({ key, hasChanged: this.#estimator.hasChanged, ttlMs })
    return ttlMs
  }
}
