// How often readers get outdated values: now and then a key that was read is reloaded and compared.
import { check, checkOptions, clock as clockCheck, duration, fn, type Shape } from '../core/checks.ts'
import { systemClock } from '../core/clock.ts'
import type { Clock } from '../core/contracts.ts'
import { type Duration, parseDuration } from '../core/duration.ts'
import { MillpondError, show } from '../core/errors.ts'
import { decodeKey, type Key } from '../core/key.ts'
import type { Recorder } from '../core/recorder.ts'
import { hashValue } from '../core/value-hash.ts'
import type { Collector } from '../observe/index.ts'
import { INSIGHT_METRICS } from './definitions.ts'
import { Loadable, type Sources } from './predict/loadable.ts'
import { shareOf } from './share.ts'
import type { Range } from './sizing.ts'

/** What is needed of a cache: `createCache` creates one. */
export interface FreshnessCache extends Sources {
  /** Its name, for the report. */
  info(): { readonly name: string }
  /** Tells the recorder of each read; the returned function ends that. */
  record(recorder: Recorder): () => void
  /** Opens the namespace of a key that is checked. */
  namespace(name: string): FreshnessSpace
}

/** A namespace whose keys are reloaded. */
export interface FreshnessSpace {
  /** The value that readers get. `quiet`: a read that is not counted. */
  get(key: Key, options: { readonly quiet: boolean }): Promise<unknown>
  /** Loads the key with its registered loader, and stores the value. Rejects with the loader's error. */
  refresh(key: Key): Promise<unknown>
}

export interface FreshnessOptions {
  /**
   * The least time between checks, from a second on: a check is one load, or two if the first differs. Default `'10s'`.
   */
  readonly every?: Duration | undefined
  /**
   * The share of reads that may be answered with an outdated value: below 1, and at least 0.004, the least that 1,024
   * checks can confirm. Default 0.01.
   */
  readonly objective?: number | undefined
  /**
   * Selects what is compared, such as an ETag: a timestamp in the value does not make it stale. Default: the whole
   * value.
   */
  readonly select?: ((value: unknown, key: Key) => unknown) | undefined
  /** Default: the system clock. */
  readonly clock?: Clock | undefined
}

/** Over the last 1,024 reads that were checked. */
export interface FreshnessReport {
  /** The name of the cache. */
  readonly cache: string
  /** The share of reads that may be stale: the option `objective`. */
  readonly objective: number
  /** Reads with a result among these, at most 1,024. */
  readonly checked: number
  /** Those whose value differed from the source's. */
  readonly stale: number
  /** The share of stale reads, with its 95 % interval. Absent before the first check. */
  readonly share?: Range
  /** `unknown`: the objective is within the interval. */
  readonly state: 'met' | 'missed' | 'unknown'
  /** Since it started. */
  readonly counts: FreshnessCounts
}

/** Checks by their result. */
export interface FreshnessCounts {
  /** The value was the same as the source's. */
  readonly fresh: number
  /** The value was another than the source's. */
  readonly stale: number
  /** The loader failed. */
  readonly failed: number
  /** The key was written, or something was invalidated, during the check, so it has no result. */
  readonly unsettled: number
  /** Two consecutive loads differ as well, so the value cannot be compared: see `select`. */
  readonly volatile: number
}

export interface Freshness {
  /** The result so far. */
  report(): FreshnessReport
  /** For a registry: `monitor.registry.collect(freshness.collector)`. */
  readonly collector: Collector
  /** Stops it. */
  close(): void
}

const LEAST_MS = 1000
const KEPT = 1024
/** Without any stale reads among 1,024, the interval ends at 0.0037: a smaller objective could never be met. */
const LEAST_OBJECTIVE = 0.004
const OPTIONS: Shape<FreshnessOptions> = {
  every: duration,
  objective: check(
    (value): value is number => typeof value === 'number' && value >= LEAST_OBJECTIVE && value < 1,
    `a share of at least ${LEAST_OBJECTIVE}, of which ${KEPT} checks can tell that it is met, and below 1`,
  ),
  select: fn('a function that returns what of a value is compared'),
  clock: clockCheck,
}
const CACHE = check(
  (value): value is FreshnessCache =>
    typeof value === 'object' &&
    value !== null &&
    ['info', 'record', 'namespace'].every((name) => typeof Reflect.get(value, name) === 'function') &&
    Array.isArray(Reflect.get(value, 'sources')),
  'a cache, as createCache makes it',
)

/**
 * Checks reads of a cache against its source from now on: one of the reads since the last check is drawn at random, its
 * key is reloaded by its registered loader, and the values are compared. Reads of keys without a registered loader are
 * not checked. The loaded value is stored, as by `refresh`.
 * @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`
 * @example
 * const freshness = watchFreshness(cache, { objective: 0.005 })
 * const { state, share } = freshness.report()
 */
export function watchFreshness(cache: FreshnessCache, options: FreshnessOptions = {}): Freshness {
  CACHE(cache, 'watchFreshness')
  const { everyMs, objective } = freshnessSettings(options, 'watchFreshness')
  const { select = (value) => value, clock = systemClock() } = options
  return new Checks(cache, { everyMs, objective, select, clock })
}

/** Checks the options. @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID` */
export function freshnessSettings(
  options: FreshnessOptions,
  at: string,
): { readonly everyMs: number; readonly objective: number } {
  checkOptions<FreshnessOptions>(options, OPTIONS, at)
  const { every = '10s', objective = 0.01 } = options
  const everyMs = parseDuration(every, `${at}.every`)
  if (!(everyMs >= LEAST_MS && everyMs < Number.POSITIVE_INFINITY))
    throw new MillpondError('OPTION_INVALID', `${at}.every: ${show(every)} is not allowed: give '1s' or longer`)
  return { everyMs, objective }
}

/**
 * Evaluates the checks of one process, or of several added up: the share of stale reads with its 95 % interval, absent
 * before the first check, and whether the objective is met.
 * @param stale how many of those that were `checked`
 */
export function judgeFreshness(
  checked: number,
  stale: number,
  objective: number,
): Pick<FreshnessReport, 'share' | 'state'> {
  if (checked === 0) return { state: 'unknown' }
  const share = shareOf(stale, checked)
  return { share, state: share.low > objective ? 'missed' : share.high <= objective ? 'met' : 'unknown' }
}

interface Settings {
  readonly objective: number
  readonly everyMs: number
  readonly select: (value: unknown, key: Key) => unknown
  readonly clock: Clock
}

class Checks implements Freshness, Required<Pick<Recorder, 'hit' | 'set' | 'invalidate'>> {
  readonly collector: Collector = (emit) => emitFreshness(emit, this.report())
  readonly #cache: FreshnessCache
  readonly #name: string
  readonly #everyMs: number
  readonly #objective: number
  readonly #select: Settings['select']
  readonly #clock: Clock
  readonly #loadable: Loadable
  readonly #outcomes = new Uint8Array(KEPT)
  readonly #counts = { fresh: 0, stale: 0, failed: 0, unsettled: 0, volatile: 0 }
  #seen = 0
  /** The number of the read to be drawn next, unless a check comes before. */
  #next = 1
  #random = 0x9e3779b9
  #drawn: { readonly hash: number; readonly key: string; readonly namespace: string } | undefined
  /** The hash of the key being checked, and whether it was disturbed. */
  #own: number | undefined
  #isDisturbed = false
  #stopTimer: (() => void) | undefined
  #stopRecording: (() => void) | undefined

  constructor(cache: FreshnessCache, { everyMs, objective, select, clock }: Settings) {
    this.#cache = cache
    this.#name = cache.info().name
    this.#everyMs = everyMs
    this.#objective = objective
    this.#select = select
    this.#clock = clock
    this.#loadable = new Loadable(cache)
    this.#stopRecording = cache.record(this)
    this.#wait()
  }

  hit(hash: number, _bytes: number, key: string, namespace: string): void {
    if (++this.#seen < this.#next || hash === this.#own) return
    this.#drawn = { hash, key, namespace }
    // Reservoir sampling: the distance to the next read that replaces the current one (Li, ACM TOMS 1994, for a
    // reservoir of one).
    this.#next = Math.floor(this.#seen / this.#draw()) + 1
  }

  set(hash: number): void {
    if (hash === this.#own) this.#isDisturbed = true
  }

  invalidate(): void {
    this.#isDisturbed = true
  }

  report(): FreshnessReport {
    const checked = Math.min(KEPT, this.#counts.fresh + this.#counts.stale)
    const stale = this.#outcomes.reduce((sum, outcome) => sum + outcome, 0)
    return {
      cache: this.#name,
      objective: this.#objective,
      checked,
      stale,
      counts: { ...this.#counts },
      ...judgeFreshness(checked, stale, this.#objective),
    }
  }

  close(): void {
    this.#stopRecording?.()
    this.#stopRecording = undefined
    this.#stopTimer?.()
    this.#stopTimer = undefined
  }

  get #isClosed(): boolean {
    return this.#stopRecording === undefined
  }

  #wait(): void {
    this.#stopTimer = this.#clock.after(this.#everyMs, () => {
      void this.#check().then(() => {
        if (!this.#isClosed) this.#wait()
      })
    })
  }

  async #check(): Promise<void> {
    const drawn = this.#drawn
    this.#drawn = undefined
    this.#seen = 0
    this.#next = 1
    if (drawn === undefined) return
    this.#loadable.look()
    if (!this.#loadable.has(drawn.namespace, drawn.key)) return
    this.#own = drawn.hash
    this.#isDisturbed = false
    try {
      const space = this.#cache.namespace(drawn.namespace)
      const key = decodeKey(drawn.key)
      const held = await space.get(key, { quiet: true })
      // Removed meanwhile, so readers no longer get it.
      if (held !== undefined && !this.#isClosed) await this.#compare(space, key, held)
    } catch {
      this.#counts.failed++
    }
    this.#own = undefined
  }

  async #compare(space: FreshnessSpace, key: Key, held: unknown): Promise<void> {
    const counts = this.#counts
    const hashOf = (value: unknown): number => hashValue(this.#select(value, key))
    const before = hashOf(held)
    const now = hashOf(await space.refresh(key))
    if (this.#isClosed) return
    // A source that never returns the same value twice has no fresh values to compare.
    const isVolatile = now !== before && !this.#isDisturbed && now !== hashOf(await space.refresh(key))
    if (this.#isDisturbed) counts.unsettled++
    else if (isVolatile) counts.volatile++
    else {
      this.#outcomes[(counts.fresh + counts.stale) % KEPT] = now === before ? 0 : 1
      counts[now === before ? 'fresh' : 'stale']++
    }
  }

  /** Above 0, below 1: xorshift (George Marsaglia, 2003). */
  #draw(): number {
    let state = this.#random
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    this.#random = state
    return ((state >>> 0) + 0.5) / 2 ** 32
  }
}

/** For a collector. */
export function emitFreshness(
  emit: Parameters<Collector>[0],
  { cache, share, objective, counts }: FreshnessReport,
): void {
  for (const [result, count] of Object.entries(counts)) emit(INSIGHT_METRICS.freshnessChecks, { cache, result }, count)
  emit(INSIGHT_METRICS.staleReadObjective, { cache }, objective)
  if (share === undefined) return
  emit(INSIGHT_METRICS.staleReadRatio, { cache }, share.value)
  emit(INSIGHT_METRICS.staleReadRatioLow, { cache }, share.low)
  emit(INSIGHT_METRICS.staleReadRatioHigh, { cache }, share.high)
}
