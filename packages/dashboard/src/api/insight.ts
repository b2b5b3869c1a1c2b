// Insight's results for a cache: other sizes, policies and TTLs, recommendations, and those that were applied.
import { useQuery } from '@tanstack/react-query'
import { useAccess, useDashboard } from '../context.tsx'
import { useLive } from '../shell/live.tsx'
import type { Known, MemoryChange, Operation, Page } from './types.ts'

/** A number with its 95 % interval. */
export interface Range {
  readonly value: number
  readonly low: number
  readonly high: number
}

export interface Amount {
  readonly unit: 'entries' | 'bytes'
  readonly amount: number
}

export interface Evidence {
  readonly from: string
  readonly to: string
  readonly reads: number
  readonly looked: number
  readonly keys: number
  readonly key_share: number
  readonly lost: number
  readonly is_enough: boolean
  readonly why: string | null
}

export interface SizePoint {
  readonly factor: number
  readonly size: number
  readonly hit_ratio: Range
}

export interface PolicyPoint {
  readonly policy: string
  readonly factor: number
  readonly change: Range
}

export interface TtlPoint {
  /** `null`: until they are evicted. */
  readonly factor: Known
  readonly change: Range
}

export interface Sized {
  readonly evidence: Evidence
  readonly capacity: Amount | null
  readonly policy: string | null
  /** What memory holds now, in the unit of its capacity. */
  readonly used?: number | null
  /** False: nothing has been evicted yet, so no size or policy can be better. */
  readonly is_full?: boolean | null
  readonly hit_ratio: number
  readonly sizes: readonly SizePoint[]
  readonly policies: readonly PolicyPoint[]
  readonly ttls: readonly TtlPoint[]
}

export interface Recommendation {
  readonly id: string
  readonly kind: string
  readonly text: string
  readonly change: MemoryChange | null
  readonly undo: MemoryChange | null
  readonly hit_ratio_change: Range
  readonly cost: Amount | null
  readonly risk: string
  readonly impact: number
  /** Processes that give this advice, of those that have seen enough. */
  readonly nodes: number
  readonly of_nodes: number
}

export interface PatternPoint {
  readonly namespace: string
  readonly pattern: string
  readonly reads: number
  /** Of all reads since the pattern is tracked. */
  readonly share?: number | null
  readonly keys: number
  readonly loads: number
  readonly reloads: number
  readonly changed: number
  readonly ttl: readonly TtlPoint[]
}

export interface Analyzed extends Sized {
  readonly bottlenecks: readonly {
    readonly kind: string
    readonly share: number
    readonly of_reads: number
    readonly text: string
  }[]
  readonly patterns: readonly PatternPoint[]
  readonly hot_keys: readonly {
    readonly tier: string
    readonly keys: readonly { readonly key: string; readonly count: number; readonly error: number }[]
  }[]
}

export interface NodeAnswer<T> {
  readonly node: string
  readonly error: string | null
  readonly said: T | null
}

/** Of the processes of a cache. */
export interface InsightAnswer<T> {
  /** That it runs in none of them, and how it is switched on. */
  readonly why: string | null
  readonly nodes: readonly NodeAnswer<T>[]
}

export interface AnalyzedCache {
  readonly cache_name: string
  readonly error: string | null
  readonly recommendations: readonly Recommendation[]
  readonly nodes: readonly NodeAnswer<Analyzed>[]
}

/** Evidence grows by the minute, not by the second. */
const EVERY_MS = 15_000

/** Whether insight watches it, and what each process says. */
export function useSizing(cache: string | undefined) {
  const { client } = useDashboard()
  const { offers, may } = useAccess()
  const live = useLive()
  return useQuery({
    queryKey: ['sizing', cache],
    queryFn: ({ signal }) => client.get<InsightAnswer<Sized>>('sizing/', { cache_name: cache, days: 30 }, signal),
    refetchInterval: live.every(EVERY_MS),
    enabled: cache !== undefined && offers('GET', 'sizing/') && may('metrics:read'),
  })
}

/** @param isWatched it is only queried if the cache is watched */
export function useAnalysis(cache: string | undefined, isWatched: boolean) {
  const { client } = useDashboard()
  const { offers, may } = useAccess()
  const live = useLive()
  return useQuery({
    queryKey: ['analysis', cache],
    queryFn: async ({ signal }) => {
      const body = { cache_name: cache, days: 30 }
      const { caches } = await client.send<{ readonly caches: readonly AnalyzedCache[] }>(
        'POST',
        'optimizations/analyze/',
        body,
        {
          signal,
        },
      )
      return caches.find(({ cache_name }) => cache_name === cache) ?? null
    },
    refetchInterval: live.every(EVERY_MS),
    enabled: isWatched && cache !== undefined && offers('POST', 'optimizations/analyze/') && may('metrics:read'),
  })
}

export interface Trend {
  readonly name: string
  readonly now: Known
  readonly per_day: Range | null
  readonly direction: string
  readonly forecast: {
    readonly by: string
    readonly is_naive: boolean
    readonly step_seconds: number
    readonly steps: readonly Range[]
  } | null
  readonly why: readonly string[]
}

/** They change by the hour. */
const TRENDS_EVERY_MS = 300_000

export function useTrends(cache: string | undefined) {
  const { client } = useDashboard()
  const { offers, may } = useAccess()
  const live = useLive()
  return useQuery({
    queryKey: ['trends', cache],
    queryFn: ({ signal }) =>
      client.get<{ readonly trends: readonly Trend[] }>(
        'metrics/trends/',
        { cache_name: cache, days: 30, hours: 24 },
        signal,
      ),
    refetchInterval: live.every(TRENDS_EVERY_MS),
    enabled: cache !== undefined && offers('GET', 'metrics/trends/') && may('metrics:read'),
  })
}

export interface Predicted {
  readonly state: string
  readonly accuracy: Known
  readonly benefit: Known
  readonly loads: { readonly loaded: number }
  readonly wasted: number
  /** Absent from processes of an earlier release, as `is_keeping`. */
  readonly kept?: number
  readonly is_keeping?: boolean
  readonly model_fault: string | null
}

export function usePrediction(cache: string | undefined) {
  const { client } = useDashboard()
  const { offers, may } = useAccess()
  const live = useLive()
  return useQuery({
    queryKey: ['prediction', cache],
    queryFn: ({ signal }) =>
      client.get<InsightAnswer<Predicted>>('optimizations/prediction/', { cache_name: cache }, signal),
    refetchInterval: live.every(EVERY_MS),
    enabled: cache !== undefined && offers('GET', 'optimizations/prediction/') && may('metrics:read'),
  })
}

export interface Checked {
  readonly objective: number
  readonly checked: number
  readonly stale: number
  readonly stale_ratio: Range | null
  readonly state: string
}

export type CheckedNode = NodeAnswer<
  Checked & { readonly counts: { readonly failed: number; readonly unsettled: number; readonly volatile: number } }
>

export function useFreshness(cache: string | undefined) {
  const { client } = useDashboard()
  const { offers, may } = useAccess()
  const live = useLive()
  return useQuery({
    queryKey: ['freshness', cache],
    queryFn: ({ signal }) =>
      client.get<{
        readonly why: string | null
        readonly together: Checked | null
        readonly nodes: readonly CheckedNode[]
      }>('freshness/', { cache_name: cache }, signal),
    refetchInterval: live.every(EVERY_MS),
    enabled: cache !== undefined && offers('GET', 'freshness/') && may('metrics:read'),
  })
}

/** Advice that was carried out, and taken back. */
export interface Applied extends Omit<Operation, 'request' | 'result'> {
  readonly request: { readonly change?: MemoryChange } | null
  readonly result: {
    readonly error?: string
    readonly nodes?: readonly {
      readonly node: string
      readonly error: string | null
      readonly changes: readonly { readonly setting: string; readonly from: unknown; readonly to: unknown }[]
    }[]
  } | null
}

export function useApplied(cache: string | undefined) {
  const { client } = useDashboard()
  const { offers, may } = useAccess()
  const live = useLive()
  return useQuery({
    queryKey: ['operations', 'optimize', cache],
    queryFn: async ({ signal }) =>
      (await client.get<Page<Applied>>('operations/', { kind: 'optimize', cache_name: cache, limit: 20 }, signal)).data,
    refetchInterval: live.every(5000),
    enabled: offers('GET', 'operations/') && may('metrics:read'),
  })
}

/** What a change brings, or why that is not known. */
export interface Effect {
  readonly hit_ratio_change: Range | null
  readonly from: string | null
  readonly reads: number
  /** Processes that it rests on. */
  readonly nodes: number
  readonly of_nodes: number
  readonly why: string | null
}

export interface Outcome {
  /** Of the operation. */
  readonly id: string
  /** `null`: applied by an earlier version. */
  readonly predicted: Effect | null
  readonly realised: Effect
  /** Why `realised` is the last figure and measured no further. Absent from an earlier release. */
  readonly stopped?: string | null
}

/** What the applied changes were predicted to bring, and what was measured since. */
export function useOutcomes(cache: string) {
  const { client } = useDashboard()
  const { offers, may } = useAccess()
  const live = useLive()
  return useQuery({
    queryKey: ['outcomes', cache],
    queryFn: async ({ signal }) =>
      (await client.get<{ readonly data: readonly Outcome[] }>('optimizations/applied/', { cache_name: cache }, signal))
        .data,
    refetchInterval: live.every(EVERY_MS),
    enabled: offers('GET', 'optimizations/applied/') && may('metrics:read'),
  })
}
