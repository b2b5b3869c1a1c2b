// Trials besides a cache's own traffic, one at a time.
import { PROBE } from '../core/probe.ts'

/** What a trial needs of a cache and its namespaces: `createCache` creates one. */
export interface ProbedCache<S extends ProbedSpace = ProbedSpace> {
  /** Opens a namespace of its own, so that no entry of the application is touched. */
  namespace(name: string): S
}

/** A namespace that is cleared and closed after a trial. */
export interface ProbedSpace {
  /** Removes everything that was stored. */
  clear(): Promise<unknown>
  /** Closes the namespace, so that no figures mention it any more. */
  close(): Promise<void>
}

const busy = new WeakMap<object, Promise<unknown>>()

/**
 * Calls `work` with a namespace that is not counted in any figure or advice, and erases it afterwards. One at a time
 * per cache.
 */
export function inProbe<S extends ProbedSpace, T>(cache: ProbedCache<S>, work: (space: S) => Promise<T>): Promise<T> {
  const turn = (busy.get(cache) ?? Promise.resolve()).then(async () => {
    const space = cache.namespace(PROBE)
    try {
      return await work(space)
    } finally {
      await space.clear().catch(() => undefined) // an unavailable tier was already reported by the work itself
      await space.close()
    }
  })
  busy.set(
    cache,
    turn.catch(() => undefined),
  )
  return turn
}
