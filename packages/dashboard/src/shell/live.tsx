// Whether the page follows the server: live, polling, paused, or lost. It sets the interval of every repeated query.
import { useQueryClient } from '@tanstack/react-query'
import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from 'react'
import { useAccess, useDashboard } from '../context.tsx'
import { createApply, type Gap } from '../live/apply.ts'
import { follow, type StreamState } from '../live/follow.ts'
import { share } from '../live/share.ts'

/** How the page follows the server. */
export interface Live {
  /** The user has stopped the page: nothing is polled or updated. */
  readonly isPaused: boolean
  /** Stops the page, or lets it follow the server again. */
  readonly setPaused: (isPaused: boolean) => void
  /** For `refetchInterval`: false while paused. */
  readonly every: (ms: number) => number | false
  /** For data that the stream brings: polled while there is no stream, else every `liveMs` (default: never). */
  readonly pushed: (ms: number, liveMs?: number) => number | false
  /** Data arrives by the event stream; `false`: it is polled. */
  readonly isStreaming: boolean
  /** The latest gap of the stream. */
  readonly gap: Gap | undefined
}

const LiveContext = createContext<Live | undefined>(undefined)

/** How long not to poll while it is unknown whether there is a stream. */
const JOINING_MS = 5000
const TOPICS = ['summary', 'series', 'alerts', 'operations']

export function LiveProvider({ children }: { readonly children: ReactNode }) {
  const [isPaused, setPaused] = useState(false)
  const [gap, setGap] = useState<Gap | undefined>()
  const stream = useSharedStream(!isPaused, setGap)
  const isStreaming = stream === 'on'
  const value = useMemo<Live>(
    () => ({
      isPaused,
      setPaused,
      every: (ms) => (isPaused ? false : ms),
      pushed: (ms, liveMs) => {
        if (isPaused) return false
        if (isStreaming) return liveMs ?? false
        return stream === 'joining' ? Math.max(ms, JOINING_MS) : ms
      },
      isStreaming,
      gap,
    }),
    [isPaused, isStreaming, stream, gap],
  )
  return <LiveContext.Provider value={value}>{children}</LiveContext.Provider>
}

function useSharedStream(isWanted: boolean, onGap: (gap: Gap) => void): StreamState | 'joining' {
  const { client, refreshHz } = useDashboard()
  const { session, offers, may } = useAccess()
  const queries = useQueryClient()
  const isOffered = offers('GET', 'stream/') && may('metrics:read')
  const [state, setState] = useState<StreamState | 'joining'>(isOffered ? 'joining' : 'off')
  // Another user's tab, or one with other permissions, does not provide our stream.
  const name = `millpond ${client.base} ${[session.name, session.role, session.scopes, session.namespaces].join(' ')}`
  useEffect(() => {
    if (!isWanted || !isOffered) return setState('off')
    return share({
      name,
      hear: createApply(queries, onGap),
      state: setState,
      follow: (options) => follow({ client, topics: TOPICS, hz: refreshHz, ...options }),
    })
  }, [isWanted, isOffered, name, client, refreshHz, queries, onGap])
  return state
}

/** Whether the stream is connected, its gaps, and pausing it. */
export function useLive(): Live {
  const live = useContext(LiveContext)
  if (live === undefined) throw new Error('this part of the dashboard needs <CachingDashboard> around it')
  return live
}

export interface Freshness {
  readonly state: 'asking' | 'polling' | 'lost'
  /** When the newest data on this page arrived. */
  readonly at: number | undefined
}

/** Of all open queries of the page. */
export function useFreshness(): Freshness {
  const client = useQueryClient()
  const [freshness, setFreshness] = useState<Freshness>({ state: 'asking', at: undefined })
  useEffect(() => {
    const look = () => {
      const open = client.getQueryCache().findAll({ type: 'active' })
      const at = Math.max(0, ...open.map(({ state }) => state.dataUpdatedAt))
      const isLost = open.some(({ state }) => state.status === 'error' || state.fetchFailureCount > 1)
      const state = isLost ? 'lost' : at === 0 ? 'asking' : 'polling'
      setFreshness((before) => (before.state === state && before.at === at ? before : { state, at: at || undefined }))
    }
    look()
    return client.getQueryCache().subscribe(look)
  }, [client])
  return freshness
}
