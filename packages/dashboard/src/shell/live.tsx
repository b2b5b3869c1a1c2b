// Whether the page follows the server: live, polling, paused, or lost. Every question that repeats asks here how often.
import { useQueryClient } from '@tanstack/react-query'
import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from 'react'

export interface Live {
  readonly isPaused: boolean
  readonly setPaused: (isPaused: boolean) => void
  /** For `refetchInterval`: false while paused. */
  readonly every: (ms: number) => number | false
}

const LiveContext = createContext<Live | undefined>(undefined)

export function LiveProvider({ children }: { readonly children: ReactNode }) {
  const [isPaused, setPaused] = useState(false)
  const value = useMemo<Live>(() => ({ isPaused, setPaused, every: (ms) => (isPaused ? false : ms) }), [isPaused])
  return <LiveContext.Provider value={value}>{children}</LiveContext.Provider>
}

export function useLive(): Live {
  const live = useContext(LiveContext)
  if (live === undefined) throw new Error('this part of the dashboard needs <CachingDashboard> around it')
  return live
}

export interface Freshness {
  readonly state: 'asking' | 'polling' | 'lost'
  /** When the newest answer on this page came. */
  readonly at: number | undefined
}

/** Of all questions that the page has open. */
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
