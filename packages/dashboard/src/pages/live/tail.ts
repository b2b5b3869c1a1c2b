// The rows of the tail while the page is visible.
import { useEffect, useReducer } from 'react'
import { useDashboard } from '../../context.tsx'
import { follow } from '../../live/follow.ts'
import { useSeen } from '../../parts/seen.ts'
import { EMPTY, next, type Tail } from './lines.ts'

export function useTail(cache: string | undefined, isWanted: boolean): Tail {
  const { client } = useDashboard()
  const isSeen = useSeen()
  const [tail, take] = useReducer(next, EMPTY)
  useEffect(() => {
    if (!isWanted || !isSeen) return
    const over = new AbortController()
    void follow({
      client,
      topics: ['events'],
      hz: 4,
      lastId: undefined,
      signal: over.signal,
      hear: (message) => take({ is: 'heard', message, cache }),
      state: (state) => take({ is: 'state', state }),
    })
    return () => {
      over.abort()
      take({ is: 'state', state: 'off' })
    }
  }, [client, cache, isWanted, isSeen])
  return tail
}
