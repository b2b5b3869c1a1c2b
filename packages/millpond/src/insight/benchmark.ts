// How fast a cache is here and now: gets and sets of skewed keys of its own, in turns, beside what else the process
// does.
import { check, checkOptions, type Shape, signal as signalCheck, whole, withMethods } from '../core/checks.ts'
import { type Duration, parseDuration } from '../core/duration.ts'
import { MillpondError, show } from '../core/errors.ts'
import { createHistogram, type Histogram } from '../observe/index.ts'
import { inProbe, type ProbedCache, type ProbedSpace } from './probe.ts'

export interface BenchmarkOptions {
  /** From 10 ms to 5 minutes, rests included. Default `'60s'`. */
  readonly duration?: Duration | undefined
  /** Ends after so many calls, where that is before its time is over. */
  readonly operations?: number | undefined
  /**
   * Different keys, up to 100,000; fewer where they would take more than a twentieth of memory, or 64 MiB: the answer
   * says how many. Default 1000.
   */
  readonly keys?: number | undefined
  /** Of each value, a text: 1 byte to 1 MiB. Default 256. */
  readonly valueBytes?: number | undefined
  /** Zipf's exponent of how often keys are asked for, 0 (all alike) to 5. Default 1. */
  readonly skew?: number | undefined
  /**
   * Of the time, the share that it works: it rests for the other, so that a busy process goes on serving. Above 0, at
   * most 1. Default 0.5.
   */
  readonly share?: number | undefined
  /** Ends it early: what was measured until then is told. */
  readonly signal?: AbortSignal | undefined
}

export interface BenchmarkTimes {
  readonly count: number
  readonly avgMs: number
  readonly p50Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
}

export interface BenchmarkResult {
  readonly cache: string
  readonly operations: number
  /** Spent working, rests left out. */
  readonly seconds: number
  /** While it worked; one call after the other. */
  readonly opsPerSecond: number
  /** Different keys that were asked for. */
  readonly keys: number
  readonly valueBytes: number
  /** Of the gets: the first of a key finds nothing. */
  readonly hitRate: number
  readonly get: BenchmarkTimes
  /** One call of ten. */
  readonly set: BenchmarkTimes
}

/** What is asked of a cache: `createCache` makes one. */
export interface BenchmarkedCache extends ProbedCache<BenchmarkedSpace> {
  info(): {
    readonly name: string
    readonly memory: { readonly maxEntries?: number; readonly maxBytes?: number } | undefined
  }
}

/** The namespace that it works in. */
export interface BenchmarkedSpace extends ProbedSpace {
  get(key: string): Promise<unknown>
  set(key: string, value: unknown, options: { readonly ttl: '1m' }): Promise<unknown>
}

const LONGEST_MS = 300_000
const duration = (value: unknown, at: string): Duration => {
  const ms = parseDuration(value, at)
  if (ms >= 10 && ms <= LONGEST_MS) return value as Duration
  throw new MillpondError('OPTION_INVALID', `${at}: ${show(value)} is not allowed: give 10 ms to 5 minutes`)
}
const OPTIONS: Shape<BenchmarkOptions> = {
  duration,
  operations: whole(1),
  keys: whole(1, 100_000),
  valueBytes: whole(1, 1_048_576),
  skew: check(
    (value): value is number => typeof value === 'number' && value >= 0 && value <= 5,
    'a number from 0 to 5',
  ),
  share: check(
    (value): value is number => typeof value === 'number' && value > 0 && value <= 1,
    'a share above 0 and up to 1',
  ),
  signal: signalCheck,
}

/** One in so many calls is a set. */
const SET_EVERY = 10
/** Worked in one go: nobody else's turn waits longer for it. */
const TURN_MS = 5
/** Of memory, the part that its keys may take: they push out what is there. */
const MEMORY_PART = 20
const MOST_BYTES = 64 * 1024 * 1024
const benchmarked = withMethods<BenchmarkedCache>('a cache, such as createCache()', 'namespace', 'info')
/** What an entry takes beside its value, about. */
const ENTRY_BYTES = 200

/**
 * Times gets and sets, one of ten a set, in a namespace of its own, which is erased afterwards. Entries of others are
 * not touched, but that memory may push out some for the twentieth of it that this takes. One at a time for each cache.
 * @throws MillpondError `OPTION_INVALID`, also for values that memory has no room for; and what `set` throws
 * @example
 * const { opsPerSecond, get } = await benchmark(cache, { duration: '10s' })
 * console.log(opsPerSecond, get.p99Ms)
 */
export async function benchmark(cache: BenchmarkedCache, options: BenchmarkOptions = {}): Promise<BenchmarkResult> {
  benchmarked(cache, 'benchmark')
  checkOptions<BenchmarkOptions>(options, OPTIONS, 'benchmark')
  const { valueBytes = 256, skew = 1, signal } = options
  const keys = keysOf(cache, options.keys ?? 1000, valueBytes)
  const next = zipf(keys, skew)
  const value = 'x'.repeat(valueBytes)
  const { name } = cache.info()
  return inProbe(cache, async (space) => {
    const times = { get: createHistogram(), set: createHistogram() }
    let [operations, hits] = [0, 0]
    const one = async (began: number): Promise<void> => {
      const key = `bench:${next()}`
      const isSet = operations++ % SET_EVERY === 0
      if (isSet) await space.set(key, value, { ttl: '1m' })
      else if ((await space.get(key)) !== undefined) hits++
      times[isSet ? 'set' : 'get'].record(performance.now() - began)
    }
    const workedMs = await inTurns(
      options,
      () => operations >= (options.operations ?? Number.POSITIVE_INFINITY) || signal?.aborted === true,
      one,
    )
    const seconds = workedMs / 1000
    return {
      cache: name,
      operations,
      seconds,
      opsPerSecond: seconds === 0 ? 0 : operations / seconds,
      keys,
      valueBytes,
      hitRate: hits / Math.max(1, times.get.count),
      get: timesOf(times.get),
      set: timesOf(times.set),
    }
  })
}

/** Works and rests by turns until the time is over. Returns how long it worked, in milliseconds. */
async function inTurns(
  { duration = '60s', share = 0.5 }: BenchmarkOptions,
  isOver: () => boolean,
  work: (now: number) => Promise<void>,
): Promise<number> {
  const began = performance.now()
  const until = began + parseDuration(duration, 'benchmark.duration')
  let worked = 0
  let turn = began
  for (let now = began; now < until && !isOver(); now = performance.now()) {
    if (now - turn >= TURN_MS) {
      worked += now - turn
      const rest = (now - turn) * (1 / share - 1)
      await new Promise<void>((resolve) =>
        rest < 1 ? setImmediate(resolve) : setTimeout(resolve, Math.min(rest, until - now)),
      )
      turn = performance.now()
      continue
    }
    await work(now)
  }
  return worked + (performance.now() - turn)
}

/** As many as were asked for, as far as they leave memory to its own. */
function keysOf(cache: BenchmarkedCache, asked: number, valueBytes: number): number {
  const { maxEntries = Number.POSITIVE_INFINITY, maxBytes = Number.POSITIVE_INFINITY } = cache.info().memory ?? {}
  const byBytes = Math.min(maxBytes / MEMORY_PART, MOST_BYTES) / (valueBytes + ENTRY_BYTES)
  if (byBytes >= 1) return Math.max(1, Math.min(asked, Math.floor(byBytes), Math.floor(maxEntries / MEMORY_PART)))
  throw new MillpondError(
    'OPTION_INVALID',
    `benchmark.valueBytes: ${show(valueBytes)} is not allowed: one such value is more than 5 % of the ${maxBytes} bytes of memory: give at most ${Math.max(1, Math.floor(maxBytes / MEMORY_PART) - ENTRY_BYTES)}`,
  )
}

/** The n-th key comes up in proportion to 1 / n^s: by its place in the sums of these, found by halving. */
function zipf(keys: number, skew: number): () => number {
  const sums = new Float64Array(keys)
  let sum = 0
  for (let at = 0; at < keys; at++) sums[at] = sum += 1 / (at + 1) ** skew
  return () => {
    const wanted = Math.random() * sum
    let [low, high] = [0, keys - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((sums[middle] ?? 0) < wanted) low = middle + 1
      else high = middle
    }
    return low
  }
}

function timesOf(times: Histogram): BenchmarkTimes {
  const { count, avgMs, p50Ms, p95Ms, p99Ms } = times.view()
  return { count, avgMs, p50Ms, p95Ms, p99Ms }
}
