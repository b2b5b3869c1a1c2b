// What a namespace notes of its own work: what it counted, how long things took, what left memory and why.
import { CAUSE_OF_REASON } from '../core/causes.ts'
import type { Reason } from '../core/contracts.ts'
import { hashOf } from '../core/key-hash.ts'
import { createHistogram, type Histogram } from '../observe/index.ts'
import { Counters } from './counters.ts'
import { LineHistory } from './line-history.ts'
import type { Removals } from './removals.ts'

/** Where durations are recorded. */
export interface Latency {
  readonly get: Histogram
  readonly set: Histogram
  readonly load: Histogram
}

export class Watch {
  readonly counters = new Counters()
  readonly latency: Latency = { get: createHistogram(), set: createHistogram(), load: createHistogram() }
  /** The ledger's last lines. */
  readonly history = new LineHistory()
  /** Of the whole cache, over all its namespaces. */
  readonly removals: Removals
  /** The last `clear`: when this process saw it, and its receipt. */
  cleared: { readonly at: number; readonly receipt: string } | undefined
  readonly #seed: number

  constructor(namespace: string, removals: Removals) {
    this.removals = removals
    this.#seed = hashOf(namespace, 0)
  }

  hash(key: string): number {
    return hashOf(key, this.#seed)
  }

  /** An entry has left memory, or was refused there. */
  left(key: string, reason: Reason, at: number, createdAt: number, freshUntil: number): void {
    const { left } = this.counters
    left[reason] = (left[reason] ?? 0) + 1
    this.removals.note(this.hash(key), CAUSE_OF_REASON[reason], at, freshUntil, at - createdAt < freshUntil - at)
  }

  /** Runs a step whose removals belong to an invalidation. */
  because<T>(receipt: string | undefined, step: () => T): T {
    this.removals.receipt = receipt
    try {
      return step()
    } finally {
      this.removals.receipt = undefined
    }
  }
}
