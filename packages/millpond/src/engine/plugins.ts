// Plug-ins around operations: each is a function that receives the operation and `next`.
import { type Check, refused } from '../core/checks.ts'
import type { CacheEvents } from '../core/events.ts'

/** A call that plug-ins wrap. */
export interface Operation {
  /** The name of the cache's method. */
  readonly verb: string
  /** As passed by the caller; for a model's change, the resulting criteria. */
  readonly args: readonly unknown[]
  /** The namespace: `cache.name`. */
  readonly cache: string
}

/** Runs around an operation: calls `next` once, and returns its result (or changes it, at its own risk). */
export interface Plugin {
  /** As shown in `describe()`. */
  readonly name: string
  /** Called instead of the operation: calls `next` to carry it out. */
  around(operation: Operation, next: () => Promise<unknown>): Promise<unknown>
  /**
   * Called once for each cache, before its first operation: for a plug-in that also listens to events (what was a hit,
   * what a miss).
   */
  attached?(cache: PluggedCache): void
  /** The plug-in's own report. */
  report?(): unknown
}

/** The part of a cache that `attached` receives. */
export interface PluggedCache {
  /** The name of the cache. */
  readonly name: string
  /** Events of all namespaces; returns a function that stops it. */
  on<E extends keyof CacheEvents>(event: E, listener: (detail: CacheEvents[E]) => unknown): () => void
}

/** All plug-ins of a cache as one. */
export type Around = (operation: Operation, last: () => Promise<unknown>) => Promise<unknown>

export const checkPlugin: Check<Plugin> = (value, at) => {
  if (isPlugin(value)) return value
  throw refused(value, at, 'a plug-in: an object with a name and a function around(operation, next)')
}

const isPlugin = (value: unknown): value is Plugin =>
  typeof value === 'object' &&
  value !== null &&
  'name' in value &&
  typeof value.name === 'string' &&
  'around' in value &&
  typeof value.around === 'function'

/** The first plug-in outermost; undefined without plug-ins, so that they cost nothing then. */
export function aroundOf(plugins: readonly Plugin[]): Around | undefined {
  if (plugins.length === 0) return undefined
  return (operation, last) => {
    const step = async (index: number): Promise<unknown> => {
      const plugin = plugins[index]
      return plugin === undefined ? last() : plugin.around(operation, () => step(index + 1))
    }
    return step(0)
  }
}

/**
 * Puts plug-ins around verbs of a cache, in the verbs' own place: calls from inside the cache pass through them too,
 * and a cache without plug-ins pays nothing, not even a question.
 */
export function intercept(cache: object, verbs: Iterable<string>, name: string, around: Around): void {
  for (const verb of verbs) {
    const plain: unknown = Reflect.get(cache, verb)
    if (typeof plain !== 'function') throw new TypeError(`${verb} is not a verb of a cache`)
    const value = (...args: unknown[]): Promise<unknown> =>
      around({ verb, args, cache: name }, async () => Reflect.apply(plain, cache, args))
    Object.defineProperty(cache, verb, { value })
  }
}
