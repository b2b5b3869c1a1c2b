// The HTTP cache before the routes: answers that are for anybody leave without the framework, until what they show
// changes.
import type { RequestListener } from 'node:http'
import type { CdnOutlet } from '@millpond/cdn'
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
  /**
   * Forgets the answers that carry one of the tags, and with an edge before it waits until that has, too, within
   * bounds. Undefined: the cache is off.
   */
  forget(tags: readonly string[]): Promise<Forgot | undefined>
  /** What was purged at the edge for that, the latest first. */
  purges(): readonly EdgePurged[]
  /** Undefined when the cache is off. */
  stats(): HttpStats | undefined
}

/** A purge of a write, as the page shows it. */
export interface EdgePurged {
  /** Epoch milliseconds. */
  readonly at: number
  readonly tags: readonly string[]
  /**
   * `waiting`: for the edge, or for its limit; `purged` once; `settled`: once more, for answers that were on their way.
   */
  readonly state: 'waiting' | 'purged' | 'settled'
  /** What the write waited for it. */
  readonly ms: number
}

/** Purges that the page may show. */
const KEPT = 8

const OFF: Front = {
  before: (application) => application,
  forget: async () => undefined,
  purges: () => [],
  stats: () => undefined,
}

/** @param outlet to an edge that keeps what this cache holds. Undefined: there is none. */
export function createFront(
  { front }: Pick<Caches, 'front'>,
  outlet: CdnOutlet | undefined,
  onError: (error: unknown) => void,
): Front {
  if (front === undefined) return OFF
  // What is past its time is of no use here: the layers behind have it, or make it anew.
  const http = createHttpCache(front, { name: 'deals-http', keepStale: 0, onError })
  const latest: (Omit<EdgePurged, 'state'> & { readonly id: string })[] = []
  return {
    before: (application) => http.listener(application),
    forget: async (tags) => {
      const receipt = await http.purge({ tags })
      const acked: Acked | undefined = receipt.acked?.bind(receipt)
      // It is in the outbox: it will be told, and the note of the write is not to be settled before.
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
