// Read-through: missing values are loaded, once, however many callers wait.
import type { MissCause } from '../core/causes.ts'
import { checkOptions, fn, refused, required, type Shape } from '../core/checks.ts'
import { MillpondError, show } from '../core/errors.ts'
import { checkKey, encodeKey, type Key } from '../core/key.ts'
import { type ById, LOAD_OPTIONS, type LoadOptions, type LoadPolicy, laidOver, resolvePolicy } from '../core/options.ts'
import { checkAdapts, isAhead } from '../core/strategies.ts'
import { recordTime, timed } from './call-time.ts'
import { type EntryFacts, factsOf } from './facts.ts'
import type { Found } from './found.ts'
import type { AnyLoader, BatchLoader, Loader } from './loader.ts'
import { readThrough, readThroughMany, shown } from './read.ts'
import { hitValue, isFreshAt } from './read-memory.ts'
import { type Call, ReadRequest, type Wants } from './read-request.ts'
import { isDue, readsOf, refreshesAhead } from './refresh-ahead.ts'
import { checkOpen, type Space } from './space.ts'
import { refreshBehind } from './start-loads.ts'

/** A value with its source: `tier` may also be `loader`. */
export interface LoadedEntry<T> extends EntryFacts {
  /** The value that was found or loaded. */
  readonly value: T
  /** Stale: returned because stale values are permitted. */
  readonly isStale: boolean
  /** Loaded by another call's load. */
  readonly isJoined: boolean
  /** Why memory could not serve it; absent if it could. */
  readonly cause?: MissCause
}

/** The options of `getOrSetMany`: how to load missing values, and how to store them. */
export interface GetOrSetManyOptions<Id, T> extends LoadOptions {
  /** The key of an id. Default: the id itself. */
  readonly key?: ((id: Id) => Key) | undefined
  /** Loads missing values; returns one value per id, in their order, or a Map from id to value. */
  readonly load: (
    missing: readonly Id[],
    context: { readonly signal: AbortSignal },
  ) => Promise<readonly (T | undefined)[] | ById<Id, T>>
}

/** The verbs that load missing values. */
export interface CacheLoads {
  /**
   * The value, loaded once if it is missing, however many callers wait, in this process and in all that share a ledger.
   * @throws the loader's error; `LOAD_TIMEOUT`, `LOAD_CYCLE`, `ABORTED`, and `OPTION_INVALID` for unknown options.
   */
  getOrSet<T>(key: Key, loader: Loader<T>, options?: LoadOptions): Promise<T>
  /**
   * `getOrSet`, with the value's source: its tier, its age, whether another call loaded it, and why memory did not have
   * it.
   */
  getOrSetEntry<T>(key: Key, loader: Loader<T>, options?: LoadOptions): Promise<LoadedEntry<T>>
  /** `getOrSet` for many ids, with one call of `load` for all missing ones. Values are in the order of the ids. */
  getOrSetMany<Id extends Key, T>(ids: readonly Id[], options: GetOrSetManyOptions<Id, T>): Promise<(T | undefined)[]>
  getOrSetMany<Id, T>(
    ids: readonly Id[],
    options: GetOrSetManyOptions<Id, T> & { readonly key: (id: Id) => Key },
  ): Promise<(T | undefined)[]>
  /**
   * Loads the key, whatever is cached, and stores the result. A running load is awaited, not joined: it may have read
   * the source before this call. Without a loader the registered one is called.
   * @throws the loader's error, even if stale values are permitted: the cached value stays as it is. `OPTION_INVALID`
   * without any loader.
   */
  refresh<T>(key: Key, loader?: Loader<T>, options?: LoadOptions): Promise<T>
}

function checkLoader(loader: unknown, verb: string): void {
  if (typeof loader !== 'function')
    throw refused(loader, verb, 'a loader: a function that returns the value, or a promise of it')
}

export async function getOrSet<T>(
  space: Space,
  key: Key,
  loader: Loader<T>,
  options: LoadOptions | undefined,
): Promise<T> {
  checkLoader(loader, 'getOrSet')
  const encoded = encodeKey(key)
  const { memory, settings } = space
  const slot = memory === undefined ? -1 : memory.find(encoded)
  if (
    memory !== undefined &&
    slot >= 0 &&
    permitsHit(settings.policy, options) &&
    isFreshAt(space, memory, slot, encoded)
  ) {
    if (refreshesAhead(settings.policy) || options?.refreshAhead !== undefined || isAhead(options?.strategy))
      refreshEarly(space, encoded, slot, loader, options)
    return hitValue(space, slot, encoded) as T
  }
  checkKey(encoded)
  const request = begin(space, { one: loader }, options)
  request.isAbsent = slot < 0
  try {
    return shown(space, await readThrough(request, encoded)) as T
  } finally {
    recordTime(space, request)
  }
}

export async function getOrSetEntry<T>(
  space: Space,
  key: Key,
  loader: Loader<T>,
  options: LoadOptions | undefined,
): Promise<LoadedEntry<T>> {
  checkLoader(loader, 'getOrSetEntry')
  const encoded = encodeKey(key)
  const request = begin(space, { one: loader }, options)
  const found = await travel(request, encoded)
  return {
    value: shown(space, found) as T,
    ...factsOf(found, space.services.clock.now()),
    isStale: found.isStale === true,
    isJoined: request.isJoined,
    ...(request.load === undefined ? {} : { cause: request.load.cause }),
  }
}

export async function refresh<T>(
  space: Space,
  key: Key,
  loader: Loader<T> | undefined,
  options: LoadOptions | undefined,
): Promise<T> {
  if (loader !== undefined) checkLoader(loader, 'refresh')
  const encoded = encodeKey(key)
  const source = loader === undefined ? space.services.sourceOf(space.id.name, encoded) : { load: loader }
  if (source === undefined) {
    throw new MillpondError(
      'OPTION_INVALID',
      `refresh: there is no loader for the key ${show(key)}: give one as the second argument, or register one with cache.source`,
    )
  }
  const request = begin(
    space,
    { one: source.load },
    source.defaults === undefined ? options : laidOver(source.defaults, options),
    'new',
  )
  space.watch.counters.refreshes++
  return shown(space, await travel(request, encoded)) as T
}

export async function getOrSetMany<Id, T>(
  space: Space,
  ids: readonly Id[],
  options: GetOrSetManyOptions<Id, T>,
): Promise<(T | undefined)[]> {
  checkBatch(options)
  const { key = (id: Id): Key => id as Key, load, ...rest } = options
  if (!Array.isArray(ids)) throw refused(ids, 'getOrSetMany', 'an array of ids')
  const asked = [...ids]
  const keys = asked.map((id) => checkKey(encodeKey(key(id))))
  const request = begin(space, { many: batchOf(asked, keys, load) }, rest)
  const found = await timed(space, readThroughMany(request, keys), request)
  return found.map((entry) => shown(space, entry) as T | undefined)
}

function begin(space: Space, loads: AnyLoader, options: LoadOptions | undefined, wants?: Wants): ReadRequest {
  checkOpen(space)
  const policy = resolvePolicy(options, space.settings.policy)
  if (policy.isAdaptive) checkAdapts(space.services.adaptiveTtl !== undefined, space.id.name)
  return new ReadRequest(space, loads, policy, options ?? NO_CALL, wants)
}

function travel(request: ReadRequest, encoded: string): Promise<Found> {
  return timed(request.space, readThrough(request, checkKey(encoded)), request)
}

function refreshEarly<T>(
  space: Space,
  key: string,
  slot: number,
  loader: Loader<T>,
  options: LoadOptions | undefined,
): void {
  checkOpen(space)
  const { memory, services } = space
  if (memory === undefined) return
  const policy = resolvePolicy(options, space.settings.policy)
  const life = { createdAt: memory.createdAt(slot), freshUntil: memory.freshUntil(slot) }
  if (!isDue(space, policy, key, life, readsOf(space, slot), services.clock.coarse)) return
  const request = new ReadRequest(space, { one: loader }, policy, options ?? NO_CALL)
  request.noteDue(key, life.createdAt)
  refreshBehind(request)
}

const BATCH: Shape<GetOrSetManyOptions<unknown, unknown>> = {
  ...LOAD_OPTIONS,
  load: required(fn('a function that loads the ids that are missing: { load: (ids) => ... }')),
  key: fn('a function from an id to its key'),
}

function checkBatch(options: unknown): void {
  checkOptions<GetOrSetManyOptions<unknown, unknown>>(options, BATCH, 'getOrSetMany')
}

const NO_CALL: Call = Object.freeze({})

/** Whether memory's entry may be served, and counted, as it is. */
function permitsHit({ consistency }: LoadPolicy, options: LoadOptions | undefined): boolean {
  if (consistency === 'strong') return false
  return (
    options === undefined ||
    (options.consistency !== 'strong' &&
      options.after === undefined &&
      options.quiet !== true &&
      options.signal?.aborted !== true)
  )
}

/**
 * The loader of ids. If exactly the requested keys are to be loaded, it need not look up their ids; background
 * refreshes come in another order.
 */
function batchOf<Id, T>(
  ids: readonly Id[],
  keys: readonly string[],
  load: GetOrSetManyOptions<Id, T>['load'],
): BatchLoader {
  let places: Map<string, Id> | undefined
  const idsOf = (wanted: readonly string[]): Id[] => {
    if (wanted.length === keys.length && wanted.every((key, at) => key === keys[at])) return [...ids]
    places ??= new Map(keys.map((key, at) => [key, ids[at] as Id]))
    return wanted.map((key) => places?.get(key) as Id)
  }
  return async (wanted, context) => {
    const missing = idsOf(wanted)
    const loaded = await load(missing, context)
    return loaded instanceof Map ? missing.map((id) => loaded.get(id)) : (loaded as readonly unknown[])
  }
}
