// The HTTP cache in front of the routes: public answers are served without the framework, until the data that they show
// changes.
import type { RequestListener } from 'node:http'
import type { CdnOutlet } from '@millpond/cdn'
import { createHttpCache, type HttpStats } from 'millpond/http'
import type { Caches } from './open-caches.ts'

/** `pending`: it could not be purged in time, and will be. */
export type EdgeState = 'purged' | 'pending'

/** For a write's answer. */
const EDGE_MS = 2_000

/** Processes that have not applied it within so many milliseconds, as in a receipt. */
export type Acked = (options: { readonly timeout: number }) => Promise<readonly string[]>

/** The result of a purge. */
interface Forgot {
  /** Absent: there is no edge. */
  readonly edge?: EdgeState
  readonly acked: Acked | undefined
}

export interface Front {
  /** Wraps the application. */
  before(application: RequestListener): RequestListener
  /**
   * Invalidates the answers that carry one of the tags, and with an edge in front waits for that too, within limits.
   * Undefined: the cache is off.
   */
  forget(tags: readonly string[]): Promise<Forgot | undefined>
  /** The resulting purges at the edge, latest first. */
  purges(): readonly EdgePurged[]
  /** Undefined when the cache is off. */
  stats(): HttpStats | undefined
}

/** A purge caused by a write, as the page shows it. */
export interface EdgePurged {
  /** Epoch milliseconds. */
  readonly at: number
  readonly tags: readonly string[]
  /**
   * `waiting`: for the edge, or for its rate limit; `purged` once; `settled`: purged again, for answers that were in
   * flight.
   */
  readonly state: 'waiting' | 'purged' | 'settled'
  /** How long the write waited for it. */
  readonly ms: number
}

/** The most purges that the page may show. */
const KEPT = 8

const OFF: Front = {
  before: (application) => application,
  forget: async () => undefined,
  purges: () => [],
  stats: () => undefined,
}

/** @param outlet to an edge that stores the contents of this cache. Undefined: there is none. */
export function createFront(
  { front }: Pick<Caches, 'front'>,
  outlet: CdnOutlet | undefined,
  onError: (error: unknown) => void,
): Front {
  if (front === undefined) return OFF
  // Stale entries are useless here: the layers behind have the answer, or compute it.
  const http = createHttpCache(front, { name: 'deals-http', keepStale: 0, onError })
  const latest: (Omit<EdgePurged, 'state'> & { readonly id: string })[] = []
  return {
    before: (application) => http.listener(application),
    forget: async (tags) => {
      const receipt = await http.purge({ tags })
      const acked: Acked | undefined = receipt.acked?.bind(receipt)
      // It is in the outbox and will be delivered; the write's note must not be settled before.
      if (!receipt.isApplied) throw new Error('the invalidation has not reached the shared tier')
      if (outlet === undefined) return { acked }
      const from = performance.now()
      const edge = (await acked?.({ timeout: EDGE_MS }))?.length === 0 ? 'purged' : 'pending'
      latest.unshift({ id: receipt.id, at: Date.now(), tags, ms: Math.round(performance.now() - from) })
      latest.length = Math.min(latest.length, KEPT)
      return { acked, edge }
    },
    purges: () => latest.map(({ id, ...one }) => ({ ...one, state: outlet?.progress(id)?.state ?? 'settled' })),
    stats: () => http.stats(),
  }
}
