// Trials beside a cache's own traffic, one at a time.
import { PROBE } from '../core/probe.ts'

/** What is asked of a cache and of its namespaces: `createCache` makes one. */
export interface ProbedCache<S extends ProbedSpace = ProbedSpace> {
  namespace(name: string): S
}

/** A namespace that is cleared and closed after a trial. */
export interface ProbedSpace {
  clear(): Promise<unknown>
  close(): Promise<void>
}

const busy = new WeakMap<object, Promise<unknown>>()

/**
 * Gives `work` a namespace that no figure and no advice counts, and erases it afterwards. One at a time for each cache.
 */
export function inProbe<S extends ProbedSpace, T>(cache: ProbedCache<S>, work: (space: S) => Promise<T>): Promise<T> {
  const turn = (busy.get(cache) ?? Promise.resolve()).then(async () => {
    const space = cache.namespace(PROBE)
    try {
      return await work(space)
    } finally {
      await space.clear().catch(() => undefined) // a tier that is away was told of by the work itself
      await space.close()
    }
  })
  busy.set(
    cache,
    turn.catch(() => undefined),
  )
  return turn
}
