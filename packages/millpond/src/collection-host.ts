// What a collection needs of its cache, provided by the running namespace.
import type { CodecContext } from './core/contracts.ts'
import { resolvePolicy } from './core/options.ts'
import type { Cache } from './engine/cache.ts'
import type { Strategy } from './engine/collection.ts'
import { forget } from './engine/forget.ts'
import { namesOf } from './engine/hidden.ts'
import { beginWrite, endWrite, forgetWrite } from './engine/source-write.ts'
import { sourceFrom } from './engine/sources.ts'
import type { Space } from './engine/space.ts'
import type { CollectionHost } from './source/collection-host.ts'
import type { Guards } from './source/guard/guards.ts'
import type { SourceRegistry } from './source/registry.ts'
import { guardOf } from './source-guards.ts'

/** A journal's records are bound to this instead of a position in the ledger's history, which ends before they do. */
const IN_JOURNAL = Object.freeze({ epoch: 'journal', seq: 0 })

export interface CollectionHostParts {
  readonly guards: Guards
  readonly sources: SourceRegistry
  /** Of the whole cache, for collections that name none. */
  readonly strategies: readonly Strategy[]
}

export function collectionHost(
  cache: Cache,
  space: Space,
  name: string,
  { guards, sources, strategies }: CollectionHostParts,
): CollectionHost {
  const { id, services, settings } = space
  const { clock, events, random } = services
  const context: CodecContext = { cache: id.cache, namespace: id.name, asOf: IN_JOURNAL }
  return {
    cache,
    clock,
    events,
    random,
    isAlone: space.far.length === 0,
    choosesTtl: services.adaptiveTtl !== undefined,
    strategies,
    hidesKeys: namesOf(space) !== undefined,
    owner: `${id.cache}/${id.name}/${name}`,
    keep: (value) => services.isolate(value, name).value,
    show: (value) => services.copy(value),
    begin: (keys, holdMs) => beginWrite(space, keys, holdMs),
    end: (write, items) => {
      const policies = new Map(items.map(({ options }) => [options, resolvePolicy(options, settings.policy)]))
      return endWrite(
        space,
        write,
        items.map(({ key, value, options }) => ({ key, value, policy: policies.get(options) ?? settings.policy })),
      )
    },
    forgetWrite: (write) => forgetWrite(space, write),
    forget: (keys) => forget(space, { keys, reason: 'data_changed' }),
    encode: (key, value) =>
      space.codec.encode(
        {
          key,
          value,
          createdAt: 0,
          freshUntil: Number.POSITIVE_INFINITY,
          staleUntil: Number.POSITIVE_INFINITY,
          tags: [],
        },
        context,
      ),
    decode: (key, bytes) => {
      const found = space.codec.decode(bytes, context)
      return found instanceof Promise
        ? found.then((later) => (later?.key === key ? later : undefined))
        : found?.key === key
          ? found
          : undefined
    },
    onErase: (eraser) => {
      space.erasers.add(eraser)
      return () => space.erasers.delete(eraser)
    },
    shape: (prefix, fit) => {
      const end = space.shapes.add(prefix, fit)
      if (space.memory !== undefined) space.shapes.sweep(space.memory)
      return end
    },
    source: (prefix, load, options, guard) =>
      sources.register({
        ...sourceFrom(id.name, prefix, load, options, space.settings.policy),
        ...(guard !== undefined && { guard }),
      }),
    guard: (given) => (given === undefined ? undefined : guardOf(guards, space, given, `${id.name}.${name}`)),
    showQueue: (collection, stats) => {
      space.queues.set(collection, stats)
      return () => space.queues.delete(collection)
    },
  }
}
