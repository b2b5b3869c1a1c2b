// What a namespace records about its work: counters, durations, what was removed from memory and why.
import { CAUSE_OF_REASON } from '../core/causes.ts'
import type { Clock, MemoryStore, RemovalReason } from '../core/contracts.ts'
import { hashOf } from '../core/key-hash.ts'
import { PROBE } from '../core/probe.ts'
import { ReadLog } from '../core/read-log.ts'
import { batchedOf, type Heard, portOf, type Recorder, readerOf } from '../core/recorder.ts'
import { createHistogram, type Histogram } from '../observe/index.ts'
import { Counters } from './counters.ts'
import { InvalidationNotes } from './invalidation-notes.ts'
import { LineHistory } from './line-history.ts'
import { RemovalHistory } from './removal-history.ts'

/** Where durations are recorded. */
export interface Latency {
  readonly get: Histogram
  readonly set: Histogram
  readonly load: Histogram
}

/** What all namespaces of a cache record together. */
export class CacheWatch {
  readonly removals = new RemovalHistory()
  readonly notes = new InvalidationNotes()
  /** Lookups in memory, sampled. */
  readonly hitTime = createHistogram()
  readonly #spaces = new Set<Watch>()
  #recorders: readonly Recorder[] = []
  readonly #store: MemoryStore | undefined
  readonly #clock: Clock
  readonly #warn: (message: string, error: unknown) => void
  #heard: Pick<Watch, 'recorder' | 'each' | 'log'> = { recorder: undefined, each: undefined, log: undefined }

  constructor(store: MemoryStore | undefined, clock: Clock, warn: (message: string, error: unknown) => void) {
    this.#store = store
    this.#clock = clock
    this.#warn = warn
  }

  open(namespace: string): Watch {
    const watch = new Watch(namespace, this)
    this.#spaces.add(watch)
    this.#tell(watch)
    return watch
  }

  close(watch: Watch): void {
    this.#spaces.delete(watch)
  }

  /** Returns a function that removes the recorder. */
  record(recorder: Recorder): () => void {
    this.#attach((known) => [...known, recorder])
    return () => this.#letGo(recorder)
  }

  #letGo(recorder: Recorder): void {
    this.#attach((known) => known.filter((one) => one !== recorder))
  }

  /**
   * Buffered reads belong to the recorders of the time they were noted; one of these may be removed because of what it
   * does with them.
   */
  #attach(change: (known: readonly Recorder[]) => readonly Recorder[]): void {
    this.#heard.log?.flush()
    for (const recorder of this.#recorders) setFlush(recorder, nothing)
    const recorders = change(this.#recorders)
    this.#recorders = recorders
    const heard: Heard = {
      failed: (recorder, error) => this.#failed(recorder, error),
      flush: () => log?.flush(),
    }
    const readers = recorders.flatMap((recorder) => {
      const batched = batchedOf(recorder)
      return batched === undefined ? [] : [readerOf(recorder, batched, heard)]
    })
    const log =
      readers.length === 0 || this.#store === undefined ? undefined : new ReadLog(this.#clock, this.#store, readers)
    const each = recorders.filter((recorder) => batchedOf(recorder) === undefined)
    this.#heard = { recorder: portOf(recorders, heard), each: portOf(each, heard), log }
    for (const recorder of recorders) setFlush(recorder, heard.flush)
    this.#store?.keepHashes(recorders.length > 0)
    if (this.#store !== undefined) this.#store.noted = log
    for (const watch of this.#spaces) this.#tell(watch)
  }

  #tell(watch: Watch): void {
    if (!watch.isProbe) Object.assign(watch, this.#heard)
  }

  #failed(failed: Recorder, error: unknown): void {
    if (!this.#recorders.includes(failed)) return
    this.#letGo(failed)
    this.#warn('a recorder failed and is no longer called', error)
  }
}

const nothing = (): void => {}

function setFlush(recorder: Recorder, flush: () => void): void {
  const batched = batchedOf(recorder)
  if (batched !== undefined) batched.flush = flush
}

/** One memory hit in 1,024 is timed and stands for the others: the one whose number has these bits set. */
export const EACH_TIMED = 1023

export class Watch {
  readonly counters = new Counters()
  readonly latency: Latency = { get: createHistogram(), set: createHistogram(), load: createHistogram() }
  /** The ledger's last lines. */
  readonly history = new LineHistory()
  /** The part shared with the other namespaces. */
  readonly ofCache: CacheWatch
  readonly removals: RemovalHistory
  /** The last `clear`: when this process saw it, and its receipt. */
  cleared: { readonly at: number; readonly receipt: string } | undefined
  /** Undefined while nothing is recorded. */
  recorder: Required<Recorder> | undefined
  /** The recorders that receive each memory read at once. */
  each: Required<Recorder> | undefined
  /** For recorders that receive reads in batches. */
  log: ReadLog | undefined
  /** Not a caller's traffic. */
  readonly isProbe: boolean
  readonly hitTime: Histogram
  readonly #seed: number
  /** Number of hits whose time has been recorded, and the duration of the last one measured. */
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

  /** Records how long a hit took, in milliseconds; the hits since the last one count as equal. */
  timeHit(ms: number): void {
    this.#hitMs = ms
    this.catchUp()
  }

  /** Records the time of all hits so far, except those within calls that are timed as a whole. */
  catchUp(): void {
    const { memoryHits, hitsInCalls } = this.counters
    const hits = memoryHits - hitsInCalls - this.#timed
    if (hits <= 0) return
    this.#timed += hits
    this.latency.get.record(this.#hitMs, hits)
    this.hitTime.record(this.#hitMs, hits)
  }

  /** An entry was removed from memory, or not admitted. */
  removed(key: string, reason: RemovalReason, at: number, createdAt: number, freshUntil: number): void {
    const { left } = this.counters
    left[reason] = (left[reason] ?? 0) + 1
    this.counters.gone++
    this.removals.note(this.hash(key), CAUSE_OF_REASON[reason], at, freshUntil, at - createdAt < freshUntil - at)
  }

  /** Runs a step whose removals belong to an invalidation. `detail`: the tag or pattern, if it is one. */
  because<T>(receipt: string | undefined, step: () => T, detail?: string): T {
    this.removals.receipt = receipt
    this.removals.detail = detail
    try {
      return step()
    } finally {
      this.removals.receipt = undefined
      this.removals.detail = undefined
    }
  }
}
