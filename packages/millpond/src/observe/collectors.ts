// Collectors: from what caches and the process tell about themselves to metrics.
import { METRICS } from './definitions.ts'
import type { KeyStatistics } from './key-statistics.ts'
import type { Collector, Emit } from './registry.ts'
import type { BreakerState, CacheStats, TierStats } from './stats.ts'

/** Metrics of caches, from snapshots taken when an exporter asks. */
export function cacheCollector(snapshots: () => Iterable<CacheStats>): Collector {
  return (emit) => {
    for (const stats of snapshots()) emitCache(emit, stats)
  }
}

function emitCache(emit: Emit, stats: CacheStats): void {
  const { cache } = stats
  emit(METRICS.stale, { cache }, stats.stale)
  emit(METRICS.hitRatio, { cache }, stats.hitRate)
  emit(METRICS.loads, { cache }, stats.loads)
  emit(METRICS.loadErrors, { cache }, stats.loadErrors)
  emit(METRICS.loadJoins, { cache }, stats.loadJoins ?? 0)
  emit(METRICS.refreshes, { cache }, stats.refreshes ?? 0)
  emit(METRICS.sets, { cache }, stats.sets)
  emit(METRICS.deletes, { cache }, stats.deletes)
  for (const [cause, count] of Object.entries(stats.missesByCause)) emit(METRICS.missCauses, { cache, cause }, count)
  for (const [reason, count] of Object.entries(stats.evictions)) emit(METRICS.evictions, { cache, reason }, count)
  for (const [reason, count] of Object.entries(stats.invalidationsByReason ?? {})) emit(METRICS.invalidations, { cache, reason }, count)
  for (const operation of ['get', 'set', 'load'] as const) emit(METRICS.operation, { cache, operation }, stats.latency[operation])
  for (const tier of stats.tiers) emitTier(emit, cache, tier)
}

const STATES: readonly BreakerState[] = ['closed', 'half-open', 'open']

function emitTier(emit: Emit, cache: string, stats: TierStats): void {
  const labels = { cache, tier: stats.name }
  emit(METRICS.hits, labels, stats.hits)
  emit(METRICS.misses, labels, stats.misses)
  emit(METRICS.tierSets, labels, stats.sets)
  emit(METRICS.tierDrops, labels, stats.drops)
  emit(METRICS.tierErrors, labels, stats.errors)
  emit(METRICS.tierRefused, labels, stats.refused ?? 0)
  if (stats.entries !== undefined) emit(METRICS.tierEntries, labels, stats.entries)
  if (stats.bytes !== undefined) emit(METRICS.tierBytes, labels, stats.bytes)
  for (const state of STATES) emit(METRICS.breaker, { ...labels, state }, state === stats.breaker ? 1 : 0)
  emit(METRICS.tierDuration, labels, stats.latency)
}

export interface ProcessStats {
  readonly cpuUserSeconds: number
  readonly cpuSystemSeconds: number
  readonly residentBytes: number
  readonly heapUsedBytes: number
  readonly heapTotalBytes: number
  readonly externalBytes: number
  readonly uptimeSeconds: number
}

/** CPU time and memory of this process, now. */
export function processStats(): ProcessStats {
  const cpu = process.cpuUsage()
  const memory = process.memoryUsage()
  return {
    cpuUserSeconds: cpu.user / 1e6,
    cpuSystemSeconds: cpu.system / 1e6,
    residentBytes: memory.rss,
    heapUsedBytes: memory.heapUsed,
    heapTotalBytes: memory.heapTotal,
    externalBytes: memory.external,
    uptimeSeconds: process.uptime(),
  }
}

/** CPU and memory of this process. */
export function processCollector(): Collector {
  return (emit) => {
    const stats = processStats()
    emit(METRICS.cpu, { mode: 'user' }, stats.cpuUserSeconds)
    emit(METRICS.cpu, { mode: 'system' }, stats.cpuSystemSeconds)
    emit(METRICS.resident, {}, stats.residentBytes)
    emit(METRICS.heapUsed, {}, stats.heapUsedBytes)
    emit(METRICS.external, {}, stats.externalBytes)
  }
}

/** Hits and misses of a cache by key pattern. */
export function keyCollector(cache: string, statistics: KeyStatistics): Collector {
  return (emit) => {
    for (const { pattern, hits, misses } of statistics.patterns()) {
      emit(METRICS.patternHits, { cache, pattern }, hits)
      emit(METRICS.patternMisses, { cache, pattern }, misses)
    }
  }
}
