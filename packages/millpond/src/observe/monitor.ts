// One object that answers an operator's questions about the caches of a process.
import { setImmediate as yieldToOthers } from 'node:timers/promises'
import { checkOptions, fn, listOf, record, required, type Shape, withMethods } from '../core/checks.ts'
import { MillpondError, show } from '../core/errors.ts'
import { cacheCollector, keyCollector, type ProcessStats, processCollector, processStats } from './collectors.ts'
import type { HotKey } from './hot-keys.ts'
import { type KeyStatistics, type PatternMemory, type PatternStats, PatternSums } from './key-statistics.ts'
import { prometheusText } from './prometheus.ts'
import { createRegistry, type Registry } from './registry.ts'
import type { CacheStats } from './stats.ts'

/** What a monitor reads of a cache: `createCache` creates one. */
export interface MonitoredCache {
  /** The current figures of each open namespace, or of those named if they are open. */
  info(options?: { readonly namespaces?: readonly string[] }): { readonly namespaces: Iterable<CacheStats> }
  /** These are needed by `analyzeMemoryUsage`, unless `entries` is given. */
  entries?(): Iterable<HeldBytes>
  /** Opens a namespace by its name; only its `entries` are read. */
  namespace?(name: string): { entries(): Iterable<HeldBytes> }
}

/** An entry in memory, as far as a monitor sums it up. */
export interface HeldBytes {
  /** The key, without its namespace. */
  readonly key: string
  /** The estimated size of key, value and bookkeeping. */
  readonly bytes: number
}

export interface MonitorOptions {
  /**
   * The caches, as `createInsight` takes them; or a function that returns the figures of namespaces, called for each
   * question.
   */
  readonly caches: readonly MonitoredCache[] | (() => Iterable<CacheStats>)
  /** Key statistics by cache, if they are kept. */
  readonly keys?: Readonly<Record<string, KeyStatistics>> | undefined
  /** The contents of memory, for `analyzeMemoryUsage`. Default: of all open namespaces of the `caches`. */
  readonly entries?: (() => Iterable<HeldBytes>) | undefined
  /** A registry with further metrics of the application. Default: its own. */
  readonly registry?: Registry | undefined
}

export interface MemoryUsage {
  /** Memory and CPU time of the process at the end of the scan. */
  readonly process: ProcessStats
  /** How many entries were scanned. */
  readonly entries: number
  /** Their estimated size. */
  readonly bytes: number
  /** Largest first. */
  readonly patterns: readonly PatternMemory[]
}

export interface KeyReport {
  /** The name under which the key statistics were given to `createMonitor`. */
  readonly cache: string
  /** By key pattern, most read first. */
  readonly patterns: readonly PatternStats[]
  /** The hottest keys first; 20 unless another number was asked for. */
  readonly hotKeys: readonly HotKey[]
}

export interface Monitor {
  /** Where the metrics are registered: the one given, or the monitor's own. */
  readonly registry: Registry
  /**
   * Bytes and entries by key pattern, and the memory of the process. Scans all entries, in slices of some milliseconds:
   * for a report, not for each request. With neither caches nor `entries` there is nothing to scan. What is closed
   * meanwhile holds nothing more.
   */
  analyzeMemoryUsage(): Promise<MemoryUsage>
  /** Hits and misses by key pattern and the hottest keys, of each cache that keeps them. */
  keyStatistics(options?: { readonly hotKeys?: number }): KeyReport[]
  /**
   * `prometheus`: the text of a scrape. `json`: caches and process as JSON. Throws `OPTION_INVALID` for another format.
   */
  exportMetrics(format: 'prometheus' | 'json'): string
  /** Removes this monitor's metrics from the registry. */
  close(): void
}

const CACHE = withMethods<MonitoredCache>('a cache from createCache', 'info')
const LIST = listOf(CACHE, 'a list of caches, or a function that returns the figures of their namespaces')
const OPTIONS: Shape<MonitorOptions> = {
  caches: required((value, at) =>
    typeof value === 'function' ? (value as () => Iterable<CacheStats>) : LIST(value, at),
  ),
  keys: record(
    'key statistics by cache, such as { shop: createKeyStatistics() }',
    (one) => typeof one === 'object' && one !== null && 'hotKeys' in one,
  ),
  entries: fn('a function that returns cache.entries()'),
  registry: withMethods<Registry>('a registry, such as createRegistry()', 'collect', 'gather'),
}

/**
 * Answers an operator's questions about the caches of a process.
 * @throws MillpondError `OPTION_INVALID`
 * @example
 * const monitor = createMonitor({ caches: [cache] })
 * console.log(monitor.exportMetrics('prometheus'))
 */
export function createMonitor(options: MonitorOptions): Monitor {
  checkOptions<MonitorOptions>(options, OPTIONS, 'createMonitor')
  const { keys = {}, registry = createRegistry() } = options
  const { caches, entries } = sourcesOf(options)
  const stops = [
    cacheCollector(caches),
    processCollector(),
    ...Object.entries(keys).map(([cache, of]) => keyCollector(cache, of)),
  ].map((collector) => registry.collect(collector))
  return {
    registry,
    analyzeMemoryUsage: async () => {
      const sums = await sumUp(entries())
      return { process: processStats(), entries: sums.entries, bytes: sums.bytes, patterns: sums.patterns() }
    },
    keyStatistics: ({ hotKeys } = {}) =>
      Object.entries(keys).map(([cache, of]) => ({ cache, patterns: of.patterns(), hotKeys: of.hotKeys(hotKeys) })),
    exportMetrics: (format) => {
      if (format === 'prometheus') return prometheusText(registry)
      if (format === 'json') return JSON.stringify({ caches: [...caches()], process: processStats() })
      throw new MillpondError(
        'OPTION_INVALID',
        `metrics cannot be exported as ${show(format)}: use 'prometheus' or 'json'`,
      )
    },
    close: () => {
      for (const stop of stops) stop()
    },
  }
}

/** The figures and the entries, whichever way the caches were given. */
function sourcesOf({ caches, entries }: MonitorOptions): {
  readonly caches: () => Iterable<CacheStats>
  readonly entries: () => Iterable<HeldBytes>
} {
  if (typeof caches === 'function') return { caches, entries: entries ?? (() => []) }
  return {
    caches: () => caches.flatMap((cache) => [...cache.info().namespaces]),
    entries: entries ?? (() => entriesOf(caches)),
  }
}

function* entriesOf(caches: readonly MonitoredCache[]): Iterable<HeldBytes> {
  for (const cache of caches) for (const { namespace } of cache.info().namespaces) yield* entriesIn(cache, namespace)
}

/** The scan takes pauses. What was closed in one of them holds nothing, and must not be opened again. */
function entriesIn(cache: MonitoredCache, namespace: string | undefined): Iterable<HeldBytes> {
  if (namespace === undefined) return cache.entries?.() ?? []
  const [open] = cache.info({ namespaces: [namespace] }).namespaces
  if (open === undefined) return []
  try {
    return cache.namespace?.(namespace).entries() ?? []
  } catch (error) {
    if (error instanceof MillpondError && error.code === 'CLOSED') return []
    throw error
  }
}

/** How long a slice blocks the event loop, in milliseconds. */
const HOLD_MS = 5

async function sumUp(entries: Iterable<HeldBytes>): Promise<PatternSums> {
  const sums = new PatternSums()
  let since = performance.now()
  for (const entry of entries) {
    sums.add(entry)
    if (performance.now() - since < HOLD_MS) continue
    await yieldToOthers()
    since = performance.now()
  }
  return sums
}
