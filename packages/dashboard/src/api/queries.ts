// Queries that several pages share, so that each is made once.
import { useQuery } from '@tanstack/react-query'
import { useAccess, useDashboard } from '../context.tsx'
import { usePlace } from '../place/place.tsx'
import { useLive } from '../shell/live.tsx'
import { useRange } from '../shell/range.ts'
import type { Alert, Columns, Configuration, Marker, Operation, Page, Summary } from './types.ts'

/** Points of a chart: about one per pixel column or two. */
const POINTS = 240
/** The stream brings seconds; their sums over longer steps are queried. */
const EXACT_MS = 60_000

/** The present state of every cache. */
export function useSummaries() {
  const { client, refreshHz } = useDashboard()
  const { offers, may } = useAccess()
  const live = useLive()
  return useQuery({
    queryKey: ['summary'],
    queryFn: ({ signal }) => client.get<{ readonly caches: readonly Summary[] }>('metrics/summary/', {}, signal),
    refetchInterval: live.pushed(1000 / refreshHz),
    enabled: offers('GET', 'metrics/summary/') && may('metrics:read'),
  })
}

/** The cache in the URL, else the first. */
export function useCacheName(): string | undefined {
  const { query } = usePlace()
  const { session } = useAccess()
  const { data } = useSummaries()
  return query.get('cache') ?? session.caches?.[0] ?? data?.caches[0]?.cache_name
}

export function useColumns(cache: string | undefined) {
  const { client } = useDashboard()
  const { offers, may, skewMs } = useAccess()
  const live = useLive()
  const range = useRange()
  const step = Math.max(1, Math.ceil(range.ms / 1000 / POINTS))
  return useQuery({
    queryKey: ['metrics', cache, range.name],
    queryFn: ({ signal }) => {
      const to = (Date.now() + skewMs) / 1000
      return client.get<Columns>(
        'metrics/',
        { cache_name: cache, from: Math.floor(to - range.ms / 1000), to: Math.ceil(to), step },
        signal,
      )
    },
    refetchInterval: live.pushed(Math.max(2000, step * 1000), EXACT_MS),
    enabled: cache !== undefined && offers('GET', 'metrics/') && may('metrics:read'),
  })
}

export function useAlerts(state?: 'firing' | 'resolved') {
  const { client } = useDashboard()
  const { offers, may } = useAccess()
  const live = useLive()
  return useQuery({
    queryKey: ['alerts', state],
    queryFn: ({ signal }) => client.get<Page<Alert>>('alerts/', { state, limit: 100 }, signal),
    refetchInterval: live.pushed(5000),
    enabled: offers('GET', 'alerts/') && may('alerts:read'),
  })
}

export function useInvalidations(limit = 20) {
  const { client } = useDashboard()
  const { offers, may } = useAccess()
  const live = useLive()
  return useQuery({
    queryKey: ['invalidations', limit],
    queryFn: ({ signal }) => client.get<Page<Operation>>('invalidations/', { limit }, signal),
    refetchInterval: live.pushed(2000),
    enabled: offers('GET', 'invalidations/') && may('metrics:read'),
  })
}

export function useMarkers() {
  const { client } = useDashboard()
  const { offers, may } = useAccess()
  const live = useLive()
  return useQuery({
    queryKey: ['markers'],
    queryFn: ({ signal }) => client.get<Page<Marker>>('events/markers/', { limit: 20 }, signal),
    refetchInterval: live.every(10_000),
    enabled: offers('GET', 'events/markers/') && may('metrics:read'),
  })
}

export function useConfigurations() {
  const { client } = useDashboard()
  const { offers, may } = useAccess()
  const live = useLive()
  return useQuery({
    queryKey: ['configurations'],
    queryFn: ({ signal }) => client.get<Page<Configuration>>('configurations/', { limit: 200 }, signal),
    refetchInterval: live.every(10_000),
    enabled: offers('GET', 'configurations/') && may('config:read'),
  })
}
