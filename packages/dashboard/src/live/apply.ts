// Applies messages of the stream to the cached responses that pages show.
import type { QueryClient } from '@tanstack/react-query'
import type { Columns, Summary } from '../api/types.ts'
import type { Heard } from './follow.ts'
import { type Tick, withTick } from './tick.ts'

export interface Gap {
  readonly at: number
  /** Messages that were dropped; undefined: an unknown number. */
  readonly dropped: number | undefined
}

/** A running operation sends each of its steps: queries of it are refreshed only once in a while. */
const ASK_MS = 400

export function createApply(queries: QueryClient, onGap: (gap: Gap) => void): (message: Heard) => void {
  const asked = new Map<string, ReturnType<typeof setTimeout>>()
  const askAgain = (key: string) => {
    if (asked.has(key)) return
    asked.set(
      key,
      setTimeout(() => {
        asked.delete(key)
        void queries.invalidateQueries({ queryKey: [key] })
      }, ASK_MS),
    )
  }
  // The server is ours: its messages are trusted like its responses.
  return ({ event, data }) => {
    if (event === 'summary') takeSummary(queries, data as Summary)
    else if (event === 'tick') takeTick(queries, data as Tick)
    else if (event === 'alert') askAgain('alerts')
    else if (event === 'experiment') askAgain('experiments')
    else if (event === 'op') for (const key of ['operations', 'invalidations']) askAgain(key)
    else if (event === 'gap') {
      onGap({ at: Date.now(), dropped: (data as { dropped: number | null }).dropped ?? undefined })
      void queries.invalidateQueries()
    }
  }
}

function takeSummary(queries: QueryClient, summary: Summary): void {
  queries.setQueryData<{ readonly caches: readonly Summary[] }>(['summary'], (before) =>
    before === undefined
      ? before
      : {
          ...before,
          caches: [...before.caches.filter(({ cache_name }) => cache_name !== summary.cache_name), summary].sort(
            byName,
          ),
        },
  )
}

const byName = (a: Summary, b: Summary): number => (a.cache_name < b.cache_name ? -1 : 1)

function takeTick(queries: QueryClient, tick: Tick): void {
  queries.setQueriesData<Columns>(
    { queryKey: ['metrics', tick.cache_name] },
    (before) => before && withTick(before, tick),
  )
}
