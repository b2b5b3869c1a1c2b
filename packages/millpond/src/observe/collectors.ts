// Collectors: from the statistics of caches and the process to metrics.
import { MISS_CAUSES } from '../core/causes.ts'
import { fn, text, withMethods } from '../core/checks.ts'
import type { CompressionFigures, PeerRegion } from '../core/contracts.ts'
import type { GuardStats } from '../core/guard.ts'
import { METRICS } from './definitions.ts'
import { foldNamespaces, wholeTiers } from './fold.ts'
import type { KeyStatistics } from './key-statistics.ts'
import type { Collector, Emit, Labels } from './registry.ts'
import { emitRing } from './ring-figures.ts'
import type { BreakerState, CacheStats, JobStats, LedgerStats, QueueStats, TierStats } from './stats.ts'

/** What `cacheCollector` reads of a cache: its figures by namespace. */
interface Measured {
  info(): { readonly namespaces: Iterable<CacheStats> }
}

/**
 * Metrics of a cache, `cacheCollector(cache)`; or of several, from snapshots taken at each scrape: `() =>
 * [...a.info().namespaces, ...]`. Caches of the same name are one series each, with the sum of their figures.
 * @throws MillpondError `OPTION_INVALID`
 */
export function cacheCollector(of: Measured | (() => Iterable<CacheStats>)): Collector {
  const snapshots = snapshotsOf(of)
  return (emit) => {
    const caches = new Map<string, CacheStats[]>()
    for (const stats of snapshots()) {
      const known = caches.get(stats.cache)
      if (known === undefined) caches.set(stats.cache, [stats])
      else known.push(stats)
    }
    let overflow = 0
    let ringOverflow = 0
    for (const all of caches.values()) {
      const { stats, folded } = foldNamespaces(all)
      overflow += folded
      for (const one of stats) emitNamespace(emit, one)
      for (const tier of wholeTiers(all)) {
        emitTier(emit, all[0]?.cache ?? '', tier)
        ringOverflow += emitRing(emit, { cache: all[0]?.cache ?? '', tier: tier.name }, tier.members ?? [])
      }
      for (const region of all[0]?.ledger?.regions ?? []) emitRegion(emit, all[0]?.cache ?? '', region)
    }
    emit(METRICS.labelOverflow, { label: 'cache_ns' }, overflow)
    if (ringOverflow > 0) emit(METRICS.labelOverflow, { label: 'ring_node' }, ringOverflow)
  }
}

function emitNamespace(emit: Emit, stats: CacheStats): void {
  const labels = { cache: stats.cache, cache_ns: stats.namespace ?? 'default' }
  emit(METRICS.stale, labels, stats.stale)
  emit(METRICS.hitRatio, labels, stats.hitRate)
  emit(METRICS.loads, labels, stats.loads)
  emit(METRICS.loadErrors, labels, stats.loadErrors)
  emit(METRICS.loadJoins, labels, stats.loadJoins ?? 0)
  emit(METRICS.refreshes, labels, stats.refreshes ?? 0)
  emit(METRICS.sets, labels, stats.sets)
  emit(METRICS.deletes, labels, stats.deletes)
  emit(METRICS.youngEvictions, labels, stats.youngEvictions ?? 0)
  // Including those at zero: for a series that first appears at 1, `rate()` misses the first.
  for (const cause of MISS_CAUSES) emit(METRICS.missCauses, { ...labels, cause }, stats.missesByCause[cause] ?? 0)
  for (const [cause, count] of Object.entries(stats.evictions)) emit(METRICS.evictions, { ...labels, cause }, count)
  for (const [reason, count] of Object.entries(stats.invalidationsByReason ?? {}))
    emit(METRICS.invalidations, { ...labels, reason }, count)
  for (const op of ['get', 'set', 'load'] as const) emit(METRICS.operation, { ...labels, op }, stats.latency[op])
  for (const tier of stats.tiers) emitShare(emit, { ...labels, tier: tier.name }, tier)
  if (stats.ledger !== undefined) emitLedger(emit, labels, stats.ledger)
  if (stats.compression !== undefined) emitCompression(emit, labels, stats.compression)
  for (const queue of stats.queues ?? []) emitQueue(emit, { ...labels, collection: queue.collection }, queue)
}

function emitQueue(emit: Emit, labels: Labels<'cache' | 'cache_ns' | 'collection'>, stats: QueueStats): void {
  emit(METRICS.queueDepth, labels, stats.depth)
  emit(METRICS.queueLag, labels, stats.lagMs / 1000)
  emit(METRICS.queueDead, labels, stats.dead)
  emit(METRICS.queueBytes, labels, stats.journalBytes)
  emit(METRICS.queueStored, labels, stats.stored)
  emit(METRICS.queueFailed, labels, stats.failed)
}

function emitCompression(emit: Emit, labels: Labels<'cache' | 'cache_ns'>, figures: CompressionFigures): void {
  emit(METRICS.compressedValues, { ...labels, outcome: 'compressed' }, figures.compressed)
  emit(METRICS.compressedValues, { ...labels, outcome: 'left' }, figures.left)
  emit(METRICS.compressedIn, labels, figures.bytesIn)
  emit(METRICS.compressedOut, labels, figures.bytesOut)
  emit(METRICS.compressSeconds, { ...labels, op: 'compress' }, figures.compressMs / 1000)
  emit(METRICS.compressSeconds, { ...labels, op: 'inflate' }, figures.inflateMs / 1000)
}

/** A tier's metrics for one namespace. */
function emitShare(emit: Emit, labels: Labels<'cache' | 'cache_ns' | 'tier'>, stats: TierStats): void {
  emit(METRICS.hits, labels, stats.hits)
  emit(METRICS.misses, labels, stats.misses)
  emit(METRICS.tierSets, labels, stats.sets)
  emit(METRICS.tierDrops, labels, stats.drops)
  for (const [cause, count] of Object.entries(stats.missesByCause ?? {}))
    emit(METRICS.tierMissCauses, { ...labels, cause }, count)
  emit(METRICS.tierRefused, labels, stats.refused ?? 0)
  for (const [reason, count] of Object.entries(stats.rejected ?? {}))
    emit(METRICS.tierRejected, { ...labels, reason }, count)
  if (stats.name !== 'memory') emit(METRICS.encrypted, labels, stats.encryption === undefined ? 0 : 1)
  if (stats.encryption?.since !== undefined) emit(METRICS.sealedSince, labels, stats.encryption.since / 1000)
  if (stats.entries !== undefined) emit(METRICS.entries, labels, stats.entries)
  if (stats.bytes !== undefined) emit(METRICS.usedBytes, labels, stats.bytes)
}

function emitLedger(
  emit: Emit,
  labels: Labels<'cache' | 'cache_ns'>,
  { isUp, pending, gaps, epochs }: LedgerStats,
): void {
  emit(METRICS.ledgerUp, labels, isUp ? 1 : 0)
  emit(METRICS.ledgerPending, labels, pending)
  emit(METRICS.busGaps, labels, gaps)
  emit(METRICS.epochs, labels, epochs)
}

/** The same in every namespace. */
function emitRegion(emit: Emit, cache: string, { region, isHeard, lagMs }: PeerRegion): void {
  emit(METRICS.regionHeard, { cache, region }, isHeard ? 1 : 0)
  if (lagMs !== undefined) emit(METRICS.regionLag, { cache, region }, lagMs / 1000)
}

const STATES: readonly BreakerState[] = ['closed', 'half-open', 'open']

/** Metrics of the tier as a whole. */
function emitTier(emit: Emit, cache: string, stats: TierStats): void {
  const labels = { cache, tier: stats.name }
  emit(METRICS.tierErrors, labels, stats.errors)
  if (stats.readBytes !== undefined) emit(METRICS.tierReadBytes, labels, stats.readBytes)
  if (stats.writtenBytes !== undefined) emit(METRICS.tierWrittenBytes, labels, stats.writtenBytes)
  if (stats.maxBytes !== undefined) emit(METRICS.limitBytes, labels, stats.maxBytes)
  for (const state of STATES) emit(METRICS.breaker, { ...labels, state }, state === stats.breaker ? 1 : 0)
  emit(METRICS.tierDuration, labels, stats.latency)
}

function snapshotsOf(of: unknown): () => Iterable<CacheStats> {
  if (isMeasured(of)) return () => of.info().namespaces
  return fn<() => Iterable<CacheStats>>(
    'a cache, or a function that returns snapshots of caches: () => cache.info().namespaces',
  )(of, 'cacheCollector')
}

const isMeasured = (of: unknown): of is Measured =>
  typeof of === 'object' && of !== null && 'info' in of && typeof of.info === 'function'

/** The guards of a cache's sources: `registry.collect(guardCollector('shop', () => cache.info().guards))`. */
export function guardCollector(cache: string, guards: () => Iterable<GuardStats>): Collector {
  text(cache, 'guardCollector')
  fn('a function that returns the figures of guards: () => cache.info().guards')(guards, 'guardCollector')
  return (emit) => {
    for (const stats of guards()) {
      const labels = { cache, guard: stats.guard }
      for (const state of STATES) emit(METRICS.guardState, { ...labels, state }, state === stats.state ? 1 : 0)
      for (const [outcome, count] of GUARD_OUTCOMES) emit(METRICS.guardCalls, { ...labels, outcome }, stats[count])
      emit(METRICS.guardRunning, labels, stats.running)
      emit(METRICS.guardWaiting, labels, stats.waiting)
    }
  }
}

const GUARD_OUTCOMES = [
  ['made', 'calls'],
  ['failed', 'failed'],
  ['slow', 'slow'],
  ['retried', 'retried'],
  ['hedged', 'hedged'],
  ['refused_open', 'refusedOpen'],
  ['refused_busy', 'refusedBusy'],
] as const

/** Runs of a cache's jobs: `registry.collect(jobCollector('shop', () => cache.info().jobs))`. */
export function jobCollector(cache: string, jobs: () => Iterable<JobStats>): Collector {
  text(cache, 'jobCollector')
  fn('a function that returns the figures of jobs: () => cache.info().jobs')(jobs, 'jobCollector')
  return (emit) => {
    for (const { job, running, ...outcomes } of jobs()) {
      emit(METRICS.jobsRunning, { cache, job }, running)
      for (const outcome of ['done', 'retried', 'failed', 'late', 'lost'] as const)
        emit(METRICS.jobRuns, { cache, job, outcome }, outcomes[outcome])
    }
  }
}

export interface ProcessStats {
  /** CPU time in the program's own code since the process started. */
  readonly cpuUserSeconds: number
  /** CPU time in the operating system on its behalf since the process started. */
  readonly cpuSystemSeconds: number
  /** Memory that the process occupies in RAM. */
  readonly residentBytes: number
  /** Heap of V8 that is in use. */
  readonly heapUsedBytes: number
  /** Heap of V8 that is allocated. */
  readonly heapTotalBytes: number
  /** Memory outside the heap that JavaScript objects hold, including buffers. */
  readonly externalBytes: number
  /** Time since the process started. */
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

const aKeyStatistics = withMethods<KeyStatistics>('the result of createKeyStatistics()', 'patterns')

/** Hits and misses of a cache by key pattern. */
export function keyCollector(cache: string, statistics: KeyStatistics): Collector {
  text(cache, 'keyCollector')
  aKeyStatistics(statistics, 'keyCollector')
  return (emit) => {
    for (const { pattern, hits, misses } of statistics.patterns()) {
      emit(METRICS.patternHits, { cache, pattern }, hits)
      emit(METRICS.patternMisses, { cache, pattern }, misses)
    }
  }
}
