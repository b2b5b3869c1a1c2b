// The HTTP cache before the routes: answers that are for anybody leave without the framework, until what they show changes.
import type { RequestListener } from 'node:http'
import { createHttpCache, type HttpStats } from 'millpond/http'
import type { Caches } from './open-caches.ts'

/** `pending`: it could not be purged in time, and will be. */
export type EdgeState = 'purged' | 'pending'

/** Of a write's answer. */
const EDGE_MS = 2_000

/** Who has not applied it within so many milliseconds, as a receipt says it. */
export type Acked = (options: { readonly timeout: number }) => Promise<readonly string[]>

/** What a purge came to. */
interface Forgot {
  /** Absent: there is no edge. */
  readonly edge?: EdgeState
  readonly acked: Acked | undefined
}

export interface Front {
  /** Stands before the application. */
  before(application: RequestListener): RequestListener
  /** Forgets the answers that carry one of the tags, and with an edge before it waits until that has, too, within bounds. Undefined: the cache is off. */
  forget(tags: readonly string[]): Promise<Forgot | undefined>
  /** Undefined when the cache is off. */
  stats(): HttpStats | undefined
}

const OFF: Front = { before: (application) => application, forget: async () => undefined, stats: () => undefined }

/** @param isAtEdge an edge keeps what this cache holds */
export function createFront({ front }: Pick<Caches, 'front'>, isAtEdge: boolean, onError: (error: unknown) => void): Front {
  if (front === undefined) return OFF
  // What is past its time is of no use here: the layers behind have it, or make it anew.
  const http = createHttpCache(front, { name: 'deals-http', keepStale: 0, onError })
  return {
    before: (application) => http.listener(application),
    forget: async (tags) => {
      const receipt = await http.purge({ tags })
      const acked: Acked | undefined = receipt.acked?.bind(receipt)
      if (!isAtEdge) return { acked }
      return { acked, edge: (await acked?.({ timeout: EDGE_MS }))?.length === 0 ? 'purged' : 'pending' }
    },
    stats: () => http.stats(),
  }
}
