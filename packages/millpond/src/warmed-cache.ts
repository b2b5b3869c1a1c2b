// What warming needs of its cache, provided by the running namespace.
import { randomUUID } from 'node:crypto'
import type { Claim } from './cache-jobs.ts'
import { MillpondError, show } from './core/errors.ts'
import { encodeKey, type Key } from './core/key.ts'
import type { LoadOptions } from './core/options.ts'
import type { Cache } from './engine/cache.ts'
import { keepInMemory } from './engine/read-memory.ts'
import { ledgerTier, type Space } from './engine/space.ts'
import { type Jobs, timetable } from './jobs/index.ts'
import { hottestKeys } from './memory/hottest.ts'
import type { OpenCollection } from './source/collection.ts'
import type { LoadKey, WarmedCache, Warmth } from './warm/warmed-cache.ts'

/** A run takes as long as it needs. */
const RUN_MS = 7 * 86_400_000
const QUIET = Object.freeze({ quiet: true })

export function warmedCacheOf(
  cache: Cache,
  space: Space,
  jobsOfWarming: () => Jobs,
  collectionOf: (name: string) => OpenCollection | undefined,
): WarmedCache {
  const { clock, events, sourceOf } = space.services
  return {
    namespace: cache.name,
    clock,
    events,
    async load(key: Key, own: LoadKey | undefined, options: LoadOptions, isForced: boolean): Promise<Warmth> {
      const source = own === undefined ? sourceOf(cache.name, encodeKey(key)) : undefined
      if (own === undefined && source === undefined)
        throw new MillpondError(
          'OPTION_INVALID',
          `there is no loader for the key ${show(key)}: give the plan a load function, or register one with cache.source`,
        )
      let isLoaded = false
      const told = { ...source?.defaults, ...options, ...QUIET }
      const loader: NonNullable<typeof source>['load'] = (context) => {
        isLoaded = true
        return own === undefined ? source?.load(context) : own(key, context)
      }
      const value = isForced ? await cache.refresh(key, loader, told) : await cache.getOrSet(key, loader, told)
      return { value, isLoaded }
    },
    set: (key, value, options) => cache.set(key, value, options),
    collection(name) {
      const collection = collectionOf(name)
      if (collection === undefined)
        throw new MillpondError(
          'OPTION_INVALID',
          `warm: there is no collection ${show(name)} in the namespace ${show(cache.name)}: open it before warming it`,
        )
      return async (id, isForced) => {
        if (isForced) return { value: await collection.refresh(id, QUIET), isLoaded: true }
        if (await cache.has(collection.keyOf(id), QUIET)) return { value: undefined, isLoaded: false }
        return { value: await collection.get(id, QUIET), isLoaded: true }
      }
    },
    async hottest(limit) {
      return space.memory === undefined ? [] : (await hottestKeys(space.memory, limit)).map(({ key }) => key)
    },
    keep: (key) => keepInMemory(space, encodeKey(key)),
    knows: (key) => sourceOf(cache.name, key) !== undefined,
    underWay: () => space.loads.joinable.size,
    recall: (key) => cache.get(key, QUIET),
    onInvalidation: (listener) =>
      events.on('invalidate', ({ namespace }) => {
        if (namespace === cache.name) listener()
      }),
    timetable: (when, name) => timetable(when, name, clock.now()),
    // An interrupted run is not a failed attempt: what is missing is warmed by the next one.
    repeat: (name, when, run) =>
      jobsOfWarming().repeat(
        `warming.${cache.name}.${encodeURIComponent(name)}`,
        { ...when, attempts: 1, timeout: RUN_MS },
        ({ signal }) => run(signal),
      ),
  }
}

/** By a lease in the ledger of the namespace, which is not released. */
export function claimOf(space: Space): Claim {
  return async (name, ms) => {
    const store = ledgerTier(space)?.guarded.tier.ledger
    if (store === undefined) return true
    const { granted } = await store.lease(space.id.prefix, `millpond.${name}`, randomUUID(), ms)
    return granted
  }
}
