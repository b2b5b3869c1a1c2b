// One object that answers an operator's questions about the caches of a process.
import { setImmediate as yieldToOthers } from 'node:timers/promises'
import { checkOptions, fn, record, required, type Shape, withMethods } from '../core/checks.ts'
import { MillpondError, show } from '../core/errors.ts'
import { cacheCollector, keyCollector, type ProcessStats, processCollector, processStats } from './collectors.ts'
import type { HotKey } from './hot-keys.ts'
import { type KeyStatistics, type PatternMemory, type PatternStats, PatternSums } from './key-statistics.ts'
import { prometheusText } from './prometheus.ts'
import { createRegistry, type Registry } from './registry.ts'
import type { CacheStats } from './stats.ts'

export interface MonitorOptions {
  /** Snapshots of all caches, taken on request. */
  readonly caches: () => Iterable<CacheStats>
  /** Key statistics by cache, if they are kept. */
  readonly keys?: Readonly<Record<string, KeyStatistics>> | undefined
  /** The contents of memory, for `analyzeMemoryUsage`: `cache.entries()`. */
  readonly entries?: (() => Iterable<{ readonly key: string; readonly bytes: number }>) | undefined
  /** A registry with further metrics of the application. Default: its own. */
  readonly registry?: Registry | undefined
}

export interface MemoryUsage {
  readonly process: ProcessStats
  readonly entries: number
  readonly bytes: number
  /** Largest first. */
  readonly patterns: readonly PatternMemory[]
}

export interface KeyReport {
  readonly cache: string
  readonly patterns: readonly PatternStats[]
  readonly hotKeys: readonly HotKey[]
}

export interface Monitor {
  readonly registry: Registry
  /**
   * Bytes and entries by key pattern, and the memory of the process. Scans all entries, in slices of some milliseconds:
   * for a report, not for each request. Without `entries` there is nothing to scan.
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

const OPTIONS: Shape<MonitorOptions> = {
  caches: required(fn('a function that returns the figures of each namespace, such as () => cache.info().namespaces')),
  keys: record(
    'key statistics by cache, such as { shop: createKeyStatistics() }',
    (one) => typeof one === 'object' && one !== null && 'hotKeys' in one,
  ),
  entries: fn('a function that returns cache.entries()'),
  registry: withMethods<Registry>('a registry, such as createRegistry()', 'collect', 'gather'),
}

/** Answers an operator's questions about the caches of a process. */
export function createMonitor(options: MonitorOptions): Monitor {
  checkOptions<MonitorOptions>(options, OPTIONS, 'createMonitor')
  const { caches, keys = {}, entries, registry = createRegistry() } = options
  const stops = [
    cacheCollector(caches),
    processCollector(),
    ...Object.entries(keys).map(([cache, of]) => keyCollector(cache, of)),
  ].map((collector) => registry.collect(collector))
  return {
    registry,
    analyzeMemoryUsage: async () => {
      const sums = await sumUp(entries?.() ?? [])
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

/** How long a slice blocks the event loop, in milliseconds. */
const HOLD_MS = 5

async function sumUp(entries: Iterable<{ readonly key: string; readonly bytes: number }>): Promise<PatternSums> {
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
