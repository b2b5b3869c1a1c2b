// One process's part in an experiment: its arms differ from when it is told so, and the results for their keys are
// counted by buckets.
import type { MissCause } from '../../core/causes.ts'
import type { ArmSettings, Division } from '../../core/division.ts'
import { parseDuration } from '../../core/duration.ts'
import type { Listener } from '../../core/events.ts'
import { hashOf, mixed } from '../../core/key-hash.ts'
import type { Recorder } from '../../core/recorder.ts'
import { namespaceOf } from '../../core/tenant.ts'
import { bucketOf, drawArms, seedOf } from './assignment.ts'
import { type Counts, noCounts, type Sums } from './counts.ts'
import type { Plan } from './plan.ts'
import { type Covers, coversOf } from './select.ts'
import { StaleReads } from './stale-reads.ts'

/** What an experiment needs of a cache: `createCache` creates one. */
export interface DividedCache {
  /** Gives each key the settings of an arm, until the returned function is called; one division at a time. */
  divide(division: Division): () => void
  /** Tells a recorder of all reads and loads, until the returned function is called. */
  record(recorder: Recorder): () => void
  /** Calls the listener for each load that fails, until the returned function is called. */
  on<E extends 'loadError'>(event: E, listener: Listener<E>): () => void
}

/**
 * `before`: all keys are treated alike, and counted. `settling`: the arms differ, and nothing is counted. `measuring`:
 * the arms differ, and are counted.
 */
export type Phase = 'before' | 'settling' | 'measuring'

const PLACES = 65_536
/** Beyond this, keys collide in a place too often to be counted. */
const MOST_KEYS = PLACES / 2
/** The least share of an arm's TTL that jitter may leave. */
const OF_TTL = 0.75

/** Counts all reads of a cache rather than a sample, until it is closed. */
export class KeyTrial {
  /** What was counted so far. It grows; closing keeps it. */
  readonly counts: Counts
  #phase: Phase = 'before'
  readonly #plan: Plan
  readonly #cache: DividedCache
  readonly #arms: Uint8Array
  readonly #seed: number
  readonly #covers: Covers | undefined
  readonly #ttls: readonly (number | undefined)[]
  readonly #stale = new StaleReads()
  readonly #met = new Uint8Array(PLACES)
  #keys = 0
  #sums: Sums | undefined
  #undivide: (() => void) | undefined
  readonly #stops: readonly (() => void)[]

  /** @throws MillpondError `OPTION_INVALID` for settings that the cache rejects */
  constructor(plan: Plan, cache: DividedCache) {
    this.#plan = plan
    this.#cache = cache
    this.#seed = seedOf(plan.name)
    this.#covers = coversOf(plan.name, plan.select)
    this.#arms = drawArms(
      plan.arms.map(({ share }) => share),
      this.#seed,
    )
    this.#ttls = plan.arms.map(({ settings: { ttl } }) => (ttl === undefined ? undefined : parseDuration(ttl, 'ttl')))
    this.counts = noCounts(plan.arms.length)
    this.#sums = this.counts.before
    // Tried at once, so that invalid settings are reported to the caller now rather than later.
    cache.divide(this.#division)()
    this.#stops = [
      cache.record({
        hit: (hash, _bytes, key, namespace) => this.#hit(hash, key, namespace),
        miss: (hash, cause, key, namespace) => this.#miss(hash, cause, key, namespace),
        load: (hash, ms, _bytes, valueHash, key, namespace, ttlMs) => {
          if (this.#isConcerned(hash, key, namespace)) this.#load(hash, ms, valueHash, ttlMs)
        },
        set: (hash) => this.#stale.forget(hash),
      }),
      cache.on('loadError', ({ key, namespace }) => this.#failed(key, namespace)),
    ]
  }

  /** The phase that `enter` was last called with; `before` at first. */
  get phase(): Phase {
    return this.#phase
  }

  /**
   * Begins a phase: from `settling` on, the arms differ.
   * @throws MillpondError `OPTION_INVALID` if the cache is divided already
   */
  enter(phase: Phase): void {
    if (phase !== 'before') this.#undivide ??= this.#cache.divide(this.#division)
    this.#phase = phase
    this.#sums = phase === 'settling' ? undefined : phase === 'before' ? this.counts.before : this.counts.measured
  }

  /** All keys are treated alike again. The counts are kept. */
  close(): void {
    this.#sums = undefined
    this.#undivide?.()
    this.#undivide = undefined
    for (const stop of this.#stops) stop()
  }

  get #division(): Division {
    const arms: readonly ArmSettings[] = this.#plan.arms.map(({ settings }) => settings)
    const covers = this.#covers
    const armOf: Division['armOf'] = (hash, key, namespace) =>
      covers === undefined || covers(hash, key, namespace) ? (this.#arms[bucketOf(hash, this.#seed)] as number) : -1
    return { armOf, arms, namespace: this.#plan.namespace }
  }

  #hit(hash: number, key: string, namespace: string): void {
    const sums = this.#sums
    if (sums === undefined || !this.#isRead(hash, key, namespace)) return
    this.#read(sums, hash)
    this.#stale.read(hash)
  }

  #miss(hash: number, cause: MissCause, key: string, namespace: string): void {
    if (cause.startsWith('invalidated_')) this.#stale.forget(hash)
    const sums = this.#sums
    if (sums === undefined || !this.#isRead(hash, key, namespace)) return
    count(sums.misses, this.#read(sums, hash), 1)
  }

  #load(hash: number, ms: number, valueHash: number, ttlMs: number): void {
    const stale = this.#stale.loaded(hash, valueHash)
    const sums = this.#sums
    if (sums === undefined) return
    const bucket = bucketOf(hash, this.#seed)
    count(sums.loads, bucket, 1)
    if (ms > this.#plan.slowMs) count(sums.slow, bucket, 1)
    if (stale > 0) count(sums.stale, bucket, stale)
    const wanted = this.#phase === 'before' ? undefined : this.#ttls[this.#arms[bucket] as number]
    if (wanted !== undefined && ttlMs > 0 && (ttlMs > wanted + 1 || ttlMs < wanted * OF_TTL))
      count(sums.foreign, bucket, 1)
  }

  #failed(key: string, namespace: string): void {
    const sums = this.#sums
    const hash = hashOf(key, hashOf(namespace, 0))
    if (sums === undefined || !this.#isConcerned(hash, key, namespace)) return
    count(sums.errors, bucketOf(hash, this.#seed), 1)
  }

  /** The bucket of the key that is read. */
  #read(sums: Sums, hash: number): number {
    const bucket = bucketOf(hash, this.#seed)
    count(sums.reads, bucket, 1)
    if (this.#phase === 'measuring' && this.#keys < MOST_KEYS) this.#meet(hash, bucket)
    return bucket
  }

  #meet(hash: number, bucket: number): void {
    const place = mixed(hash) & (PLACES - 1)
    if (this.#met[place] === 1) return
    this.#met[place] = 1
    this.#keys++
    count(this.counts.keys, this.#arms[bucket] as number, 1)
  }

  /** As `#isConcerned`, of a read: those of other keys are counted together. */
  #isRead(hash: number, key: string, namespace: string): boolean {
    if (this.#isConcerned(hash, key, namespace)) return true
    if (this.#phase === 'measuring') count(this.counts.outside, 0, 1)
    return false
  }

  #isConcerned(hash: number, key: string, namespace: string): boolean {
    const { namespace: wanted } = this.#plan
    const isThere = wanted === undefined || wanted === namespace || wanted === namespaceOf(namespace)
    return isThere && (this.#covers === undefined || this.#covers(hash, key, namespace))
  }
}

function count(values: Float64Array, at: number, more: number): void {
  values[at] = (values[at] as number) + more
}
