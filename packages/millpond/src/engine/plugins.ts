// Plug-ins around operations: each is a function that is given the operation and the way on.
import type { Cache } from './cache.ts'

export interface Operation {
  readonly verb: string
  /** As the caller gave them. */
  readonly args: readonly unknown[]
  readonly cache: string
}

/** Runs around an operation: calls `next` once, and returns (or changes, at its own risk) what it came to. */
export interface Plugin {
  readonly name: string
  around(operation: Operation, next: () => Promise<unknown>): Promise<unknown>
  /** What the plug-in has to tell. */
  report?(): unknown
}

const VERBS: ReadonlySet<string> = new Set([
  ...['get', 'getEntry', 'getMany', 'has', 'getOrSet', 'getOrSetMany', 'set', 'setMany', 'delete', 'deleteMany', 'touch', 'expire'],
  ...['invalidate', 'invalidateTags', 'invalidatePattern', 'clear'],
])

/** The same cache with plug-ins around its awaited operations, the first one outermost. `peek` stays bare. Caches without plug-ins pay nothing. */
export function withPlugins(cache: Cache, plugins: readonly Plugin[]): Cache {
  if (plugins.length === 0) return cache
  const wrapped = new Map<string, (...args: unknown[]) => Promise<unknown>>()
  return new Proxy(cache, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      if (name === 'namespace') return (namespace: string) => withPlugins(target.namespace(namespace), plugins)
      if (typeof name !== 'string' || !VERBS.has(name)) return value.bind(target)
      const known = wrapped.get(name)
      if (known !== undefined) return known
      const around = (...args: unknown[]): Promise<unknown> =>
        run(plugins, { verb: name, args, cache: target.name }, () => value.apply(target, args))
      wrapped.set(name, around)
      return around
    },
  })
}

function run(plugins: readonly Plugin[], operation: Operation, last: () => Promise<unknown>): Promise<unknown> {
  const step = (index: number): Promise<unknown> => {
    const plugin = plugins[index]
    return plugin === undefined ? last() : plugin.around(operation, () => step(index + 1))
  }
  return step(0)
}
