// The HTTP cache before the routes: answers that are for anybody leave without the framework, until what they show changes.
import type { RequestListener } from 'node:http'
import { createHttpCache, type HttpStats } from 'millpond/http'
import type { Caches } from './open-caches.ts'

export interface Front {
  /** Stands before the application. */
  before(application: RequestListener): RequestListener
  /** Forgets the answers that carry one of the tags. */
  forget(tags: readonly string[]): Promise<void>
  /** Undefined when the cache is off. */
  stats(): HttpStats | undefined
}

const OFF: Front = { before: (application) => application, forget: async () => undefined, stats: () => undefined }

export function createFront({ front }: Pick<Caches, 'front'>, onError: (error: unknown) => void): Front {
  if (front === undefined) return OFF
  // What is past its time is of no use here: the layers behind have it, or make it anew.
  const http = createHttpCache(front, { name: 'deals-http', keepStale: 0, onError })
  return {
    before: (application) => http.listener(application),
    forget: async (tags) => {
      await http.purge({ tags })
    },
    stats: () => http.stats(),
  }
}
