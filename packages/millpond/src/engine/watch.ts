// What a namespace notes of its own work: what it counted, how long things took, what left memory and why.
import { CAUSE_OF_REASON } from '../core/causes.ts'
import type { Reason } from '../core/contracts.ts'
import { hashOf } from '../core/key-hash.ts'
import { PROBE } from '../core/probe.ts'
import { portOf, type Recorder, type RecorderPort } from '../core/recorder.ts'
import { createHistogram, type Histogram } from '../observe/index.ts'
import { Counters } from './counters.ts'
import { LineHistory } from './line-history.ts'
import { Removals } from './removals.ts'

/** Where durations are recorded. */
export interface Latency {
  readonly get: Histogram
  readonly set: Histogram
  readonly load: Histogram
}

/** What all namespaces of a cache note together. */
export class CacheWatch {
  readonly removals = new Removals()
  /** Look-ups in memory, from a sample. */
  readonly hitTime = createHistogram()
  readonly #spaces = new Set<Watch>()
  #recorders: readonly Recorder[] = []
  readonly #keepHashes: (isKept: boolean) => void
  readonly #warn: (message: string, error: unknown) => void

  constructor(keepHashes: (isKept: boolean) => void, warn: (message: string, error: unknown) => void) {
    this.#keepHashes = keepHashes
    this.#warn = warn
  }

  open(namespace: string): Watch {
    const watch = new Watch(namespace, this)
    this.#spaces.add(watch)
    watch.recorder = watch.isProbe ? undefined : this.#port()
    return watch
  }

  close(watch: Watch): void {
    this.#spaces.delete(watch)
  }

  /** Returns how to let go of the recorder. */
  record(recorder: Recorder): () => void {
    const recorders = [...this.#recorders, recorder]
    this.#attach(recorders)
    return () => this.#attach(this.#recorders.filter((known) => known !== recorder))
  }

  #attach(recorders: readonly Recorder[]): void {
    this.#recorders = recorders
    this.#keepHashes(recorders.length > 0)
    const port = this.#port()
    for (const watch of this.#spaces) if (!watch.isProbe) watch.recorder = port
  }

  #port(): RecorderPort | undefined {
    return portOf(this.#recorders, (failed, error) => {
      if (!this.#recorders.includes(failed)) return
      this.#attach(this.#recorders.filter((known) => known !== failed))
      this.#warn('a recorder failed, and is no longer told', error)
    })
  }
}

/** One hit in memory of 1,024 is timed, and stands for the others: that whose number has these bits at 1. */
export const EACH_TIMED = 1023

export class Watch {
  readonly counters = new Counters()
  readonly latency: Latency = { get: createHistogram(), set: createHistogram(), load: createHistogram() }
  /** The ledger's last lines. */
  readonly history = new LineHistory()
  /** What is noted together with the other namespaces. */
  readonly ofCache: CacheWatch
  readonly removals: Removals
  /** The last `clear`: when this process saw it, and its receipt. */
  cleared: { readonly at: number; readonly receipt: string } | undefined
  /** Undefined while nobody records. */
  recorder: RecorderPort | undefined
  /** Nobody's traffic. */
  readonly isProbe: boolean
  readonly hitTime: Histogram
  readonly #seed: number
  /** Hits whose time has been recorded, and how long the last one that was measured took. */
  #timed = 0
  #hitMs = 0

  constructor(namespace: string, ofCache: CacheWatch) {
    this.ofCache = ofCache
    this.isProbe = namespace === PROBE
    this.removals = ofCache.removals
    this.hitTime = ofCache.hitTime
    this.#seed = hashOf(namespace, 0)
  }

  hash(key: string): number {
    return hashOf(key, this.#seed)
  }

  /** How long a hit took, in milliseconds; those since the last one are taken to be its like. */
  timeHit(ms: number): void {
    this.#hitMs = ms
    this.catchUp()
  }

  /** Records the time of all hits so far, but of those that are part of calls that are timed as a whole. */
  catchUp(): void {
    const { memoryHits, hitsInCalls } = this.counters
    const hits = memoryHits - hitsInCalls - this.#timed
    if (hits <= 0) return
    this.#timed += hits
    this.latency.get.record(this.#hitMs, hits)
    this.hitTime.record(this.#hitMs, hits)
  }

  /** An entry has left memory, or was refused there. */
  left(key: string, reason: Reason, at: number, createdAt: number, freshUntil: number): void {
    const { left } = this.counters
    left[reason] = (left[reason] ?? 0) + 1
    this.counters.gone++
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
