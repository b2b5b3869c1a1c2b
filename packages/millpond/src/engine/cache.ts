// The public face of a cache: verbs that translate keys and options, and hand over to the journeys.

import type { MissCause } from '../core/causes.ts'
import { refused } from '../core/checks.ts'
import { type Duration, parseDuration } from '../core/duration.ts'
import { MillpondError, show } from '../core/errors.ts'
import type { EventName, Listener } from '../core/events.ts'
import { checkKey, checkName, checkTags, encodeKey, type Key } from '../core/key.ts'
import type { NodeStore } from '../core/nodes.ts'
import { type Consistency, DEFAULT_POLICY, type EntryOptions, type LoadOptions, type ReadOptions, resolvePolicy } from '../core/options.ts'
import { checkRecorder, type Recorder } from '../core/recorder.ts'
import type { Source, SourceLoad, SourceOptions, SourceView } from '../core/source.ts'
import type { Criteria } from '../invalidate/criteria.ts'
import { ModelEvents } from '../invalidate/model-events.ts'
import type { ModelId } from '../invalidate/model-tags.ts'
import type { ChangeKind } from '../invalidate/relations.ts'
import { type ScheduleTime, scheduleInvalidation } from '../invalidate/schedule.ts'
import { encodeToken } from '../invalidate/token.ts'
import type { Jobs } from '../jobs/index.ts'
import type { Breaker } from '../wrap/breaker.ts'
import type { Collection, CollectionOptions } from './collection.ts'
import type { Changes, Configured, ConfigureOptions } from './configure.ts'
import type { CacheDescription } from './describe.ts'
import { type HeldEntry, heldEntries } from './entries.ts'
import { type Explanation, explain } from './explain.ts'
import { type EntryFacts, factsOf, heldFacts, NO_FACTS } from './facts.ts'
import { forget } from './forget.ts'
import type { Found } from './found.ts'
import { type InvalidateOptions, invalidate } from './invalidate.ts'
import { type Call, Journey, type Wants } from './journey.ts'
import { refreshBehind } from './load.ts'
import { countStale } from './misses.ts'
import { freshSlot, hitAt, hitValue } from './near.ts'
import { type Around, intercept } from './plugins.ts'
import { readThrough, readThroughMany, readTiers, shown } from './read.ts'
import type { DryRun, Receipt } from './receipt.ts'
import type { Restored } from './restart-parts.ts'
import type { BatchLoader, Loader, Loads } from './run-loader.ts'
import { abortable, checkSignal } from './signals.ts'
import { sourceFrom } from './sources.ts'
import type { Space } from './space.ts'
import { type CacheInfo, describeSpace } from './stats.ts'
import { type WrapOptions, type WrappedCall, wrapCall } from './wrap-call.ts'
import { expire, touch, type WriteItem, write, writeAtOnce } from './write.ts'

/** What a look at an entry found. */
export type EntryView<T> = (EntryFacts & { readonly kind: 'hit' | 'stale'; readonly value: T }) | { readonly kind: 'miss' }

/** A value with where it came from: `tier` may be `loader` too. */
export interface LoadedEntry<T> extends EntryFacts {
  readonly value: T
  /** Past its freshness: returned because stale values are permitted. */
  readonly isStale: boolean
  /** Brought by a load that another call had begun. */
  readonly isJoined: boolean
  /** Why memory could not serve it; absent where it could. */
  readonly cause?: MissCause
}

/** What `getOrSetMany` is told: how to load what is missing, and how its entries are stored. */
export interface GetOrSetManyOptions<Id, T> extends LoadOptions {
  /** The key of an id. Default: the id itself. */
  readonly key?: (id: Id) => Key
  /** Loads what is missing; returns one value per id, in their order, or a Map from id to value. */
  readonly load: (
    missing: readonly Id[],
    context: { readonly signal: AbortSignal },
  ) => Promise<readonly (T | undefined)[] | ReadonlyMap<Id, T>>
}

/** The whole cache, of which this is one namespace. */
export interface House {
  /** Opens (or returns) the cache of a namespace; `code`: what its entries are stored by. */
  open(namespace: string, code?: LoadOptions): Cache
  info(): CacheInfo
  describe(): CacheDescription
  configure(namespace: string, changes: Changes, options?: ConfigureOptions): Promise<Configured>
  register(source: Source): () => void
  collection<Id, T>(cache: Cache, space: Space, name: string, options: CollectionOptions<Id, T>): Collection<Id, T>
  /** Sends what the namespace's collections have queued. */
  drain(space: Space): Promise<void>
  sources(namespace: string | undefined): SourceView[]
  /** Started with the first call. */
  jobs(): Jobs
  /** The kind of this cache's jobs: several caches may share a table. */
  readonly jobKind: string
  nodeStore(): NodeStore
  ready(): Promise<Restored>
  /** A namespace alone, or with the default one everything. */
  close(space: Space): Promise<void>
}

export interface CacheParts {
  readonly space: Space
  readonly house: House
  /** Plug-ins; undefined where there are none. */
  readonly around: Around | undefined
}

/** What plug-ins are put around. `peek` stays bare: it is not awaited. */
const VERBS: readonly (keyof Cache)[] = [
  ...(['get', 'getEntry', 'getMany', 'has', 'getOrSet', 'getOrSetEntry', 'getOrSetMany', 'refresh'] as const),
  ...(['set', 'setMany', 'delete', 'deleteMany', 'touch', 'expire', 'invalidate', 'invalidateTags', 'invalidatePattern', 'clear'] as const),
]

/** One namespace of a cache: all verbs of reading, loading, writing and invalidating. */
export class Cache {
  readonly #space: Space
  readonly #house: House
  readonly #around: Around | undefined
  #changes: ModelEvents<Receipt> | undefined

  /** Made by `createCache`. */
  constructor({ space, house, around }: CacheParts) {
    this.#space = space
    this.#house = house
    this.#around = around
    if (around !== undefined) intercept(this, VERBS, this.name, around)
  }

  /** `default`, or the namespace's name. */
  get name(): string {
    return this.#space.id.name
  }

  /** Memory only, at once: the fresh value, or `undefined`. Never waits, never loads. */
  peek<T = unknown>(key: Key): T | undefined {
    const encoded = encodeKey(key)
    const slot = freshSlot(this.#space, encoded)
    return slot < 0 ? undefined : (hitValue(this.#space, slot, encoded) as T)
  }

  /** The fresh value from the nearest tier that has it, or `undefined`. */
  async get<T = unknown>(key: Key, options?: ReadOptions): Promise<T | undefined> {
    const encoded = encodeKey(key)
    if (options === undefined && this.#space.settings.policy.consistency !== 'strong') {
      const slot = freshSlot(this.#space, encoded)
      if (slot >= 0) return hitValue(this.#space, slot, encoded) as T
    }
    const [found] = await this.#read([encoded], options)
    return found === undefined || !this.#isFresh(found) ? undefined : (found.value as T)
  }

  /** As `get`, with what is known about the entry; stale entries are shown as such. */
  async getEntry<T = unknown>(key: Key, options?: ReadOptions): Promise<EntryView<T>> {
    const encoded = encodeKey(key)
    const { near, ledger, services } = this.#space
    const slot = near?.find(encoded) ?? -1
    // Before this read is one of its reads.
    const { hits, lastReadAt } = near === undefined || slot < 0 ? NO_FACTS : heldFacts(near, ledger.view.epoch, slot)
    const [found] = await this.#read([encoded], options, true)
    if (found === undefined) return { kind: 'miss' }
    const isFresh = this.#isFresh(found)
    if (!isFresh && options?.quiet !== true) countStale(this.#space, found)
    const known = found.tier === 'memory' && hits !== undefined ? { ...found, hits, lastReadAt } : found
    return { kind: isFresh ? 'hit' : 'stale', value: found.value as T, ...factsOf(known, services.clock.now()) }
  }

  /** The fresh values that are there, in the order of the keys; `undefined` for the others. One round trip per tier. */
  async getMany<T = unknown>(keys: readonly Key[], options?: ReadOptions): Promise<(T | undefined)[]> {
    const found = await this.#read(keys.map(encodeKey), options)
    const now = this.#space.services.clock.now()
    return found.map((entry) => (entry === undefined || entry.freshUntil <= now ? undefined : (entry.value as T)))
  }

  /** Is there a fresh entry in some tier? */
  async has(key: Key, options?: ReadOptions): Promise<boolean> {
    const [found] = await this.#read([encodeKey(key)], options)
    return found !== undefined && this.#isFresh(found)
  }

  /**
   * The value, loaded once where it is missing, however many callers wait, in this process and in all that share a ledger.
   * @throws what the loader throws; `LOAD_TIMEOUT`, `LOAD_CYCLE`, `ABORTED`, and `OPTION_INVALID` for options that do not exist.
   */
  async getOrSet<T>(key: Key, loader: Loader<T>, options?: LoadOptions): Promise<T> {
    if (typeof loader !== 'function') throw refused(loader, 'getOrSet', 'a loader: a function that returns the value, or a promise of it')
    const encoded = encodeKey(key)
    const { policy } = this.#space.settings
    if (policy.consistency !== 'strong' && (options === undefined || permitsHit(options))) {
      const slot = freshSlot(this.#space, encoded)
      if (slot >= 0) {
        if (policy.refreshAhead > 0 || options?.refreshAhead !== undefined) this.#refreshEarly(encoded, slot, loader, options)
        return hitValue(this.#space, slot, encoded) as T
      }
    }
    checkKey(encoded)
    const journey = this.#journey({ one: loader }, options)
    try {
      return shown(this.#space, await readThrough(journey, encoded)) as T
    } finally {
      this.#record(journey)
    }
  }

  /** `getOrSet`, and where the value came from: its tier, its age, whether another call had loaded it, and why memory did not have it. */
  async getOrSetEntry<T>(key: Key, loader: Loader<T>, options?: LoadOptions): Promise<LoadedEntry<T>> {
    const encoded = encodeKey(key)
    const journey = this.#journey({ one: loader }, options)
    const found = await this.#travel(journey, encoded)
    return {
      value: shown(this.#space, found) as T,
      ...factsOf(found, this.#space.services.clock.now()),
      isStale: found.isStale === true,
      isJoined: journey.isJoined,
      ...(journey.flight === undefined ? {} : { cause: journey.flight.cause }),
    }
  }

  /**
   * Loads the key anew, whatever is held of it, and stores what comes. A load that is under way is waited for, not joined: it may have read the
   * source before this call. Without a loader the one that is registered for the key is called.
   * @throws what the loader throws, also where stale values are permitted: what is held stays as it is. `OPTION_INVALID` without any loader.
   */
  async refresh<T>(key: Key, loader?: Loader<T>, options?: LoadOptions): Promise<T> {
    const encoded = encodeKey(key)
    const source = loader === undefined ? this.#space.services.sourceOf(this.#space.id.name, encoded) : { load: loader }
    if (source === undefined) {
      throw new MillpondError(
        'OPTION_INVALID',
        `refresh: no loader is known for the key ${show(key)}: give one as the second argument, or register one with cache.source`,
      )
    }
    const journey = this.#journey({ one: source.load }, source.defaults === undefined ? options : { ...source.defaults, ...options }, 'new')
    this.#space.watch.counters.refreshes++
    return shown(this.#space, await this.#travel(journey, encoded)) as T
  }

  /** `getOrSet` for many ids, with one call of `load` for all that are missing. Values come in the order of the ids. */
  getOrSetMany<Id extends Key, T>(ids: readonly Id[], options: GetOrSetManyOptions<Id, T>): Promise<(T | undefined)[]>
  getOrSetMany<Id, T>(
    ids: readonly Id[],
    options: GetOrSetManyOptions<Id, T> & { readonly key: (id: Id) => Key },
  ): Promise<(T | undefined)[]>
  async getOrSetMany<Id, T>(ids: readonly Id[], options: GetOrSetManyOptions<Id, T>): Promise<(T | undefined)[]> {
    checkBatch(options)
    const { key = (id: Id): Key => id as Key, load, ...rest } = options
    const byKey = new Map<string, Id>()
    const keys = ids.map((id) => {
      const encoded = encodeKey(key(id))
      checkKey(encoded)
      byKey.set(encoded, id)
      return encoded
    })
    const journey = this.#journey({ many: batchOf(byKey, load) }, rest)
    const found = await this.#timed(readThroughMany(journey, keys), journey)
    return found.map((entry) => shown(this.#space, entry) as T | undefined)
  }

  /** Stores a value everywhere. Ack means that no reader, in any process, is given an older one later than the documented bound. */
  async set(key: Key, value: unknown, options?: EntryOptions): Promise<void> {
    this.#checkOpen()
    const item = this.#item(key, value)
    const policy = resolvePolicy(options, this.#space.settings.policy)
    const started = this.#space.services.clock.monotonic()
    if (!writeAtOnce(this.#space, item, policy)) await write(this.#space, [item], policy)
    this.#space.watch.latency.set.record(this.#space.services.clock.monotonic() - started)
  }

  /** Stores many values; some hundreds take one step of the ledger and one round trip per tier. */
  async setMany(entries: Iterable<readonly [Key, unknown]>, options?: EntryOptions): Promise<void> {
    this.#checkOpen()
    const items = [...entries].map(([key, value]) => this.#item(key, value))
    if (items.length === 0) return
    const started = this.#space.services.clock.monotonic()
    await write(this.#space, items, resolvePolicy(options, this.#space.settings.policy))
    this.#space.watch.latency.set.record(this.#space.services.clock.monotonic() - started)
  }

  /** Removes a key from every tier of every process. */
  async delete(key: Key): Promise<Receipt> {
    return this.#delete([key])
  }

  /** Removes many keys with one step of the ledger. */
  async deleteMany(keys: readonly Key[]): Promise<Receipt> {
    return this.#delete(keys)
  }

  async #delete(keys: readonly Key[]): Promise<Receipt> {
    this.#checkOpen()
    const encoded = keys.map((key) => this.#key(key))
    this.#space.watch.counters.deletes += encoded.length
    const receipt = await forget(this.#space, { keys: encoded })
    if (this.#space.services.events.has('delete'))
      for (const key of encoded) this.#space.services.events.emit('delete', { key, namespace: this.#space.id.name })
    return receipt
  }

  /** Makes a key stale everywhere: it may still be returned where stale values are permitted. */
  async expire(key: Key): Promise<Receipt> {
    this.#checkOpen()
    return expire(this.#space, this.#key(key), 'manual')
  }

  /** Gives a fresh entry a new time to live from now. `false`: there was none. */
  async touch(key: Key, ttl?: Duration): Promise<boolean> {
    this.#checkOpen()
    const policy = resolvePolicy(ttl === undefined ? undefined : { ttl: parseDuration(ttl, 'ttl') }, this.#space.settings.policy)
    return touch(this.#space, this.#key(key), policy)
  }

  /**
   * Outdates every entry that carries one of the tags, in every tier of every process. Costs the same for one entry and for a million.
   * `expire` leaves them to be returned where stale values are permitted.
   */
  invalidateTags(tags: Iterable<string>, options: InvalidateOptions & { readonly dryRun: true }): Promise<DryRun>
  invalidateTags(tags: Iterable<string>, options?: InvalidateOptions): Promise<Receipt>
  async invalidateTags(tags: Iterable<string>, options: InvalidateOptions = {}): Promise<Receipt | DryRun> {
    return this.#invalidate({ tags: checkTags(tags) }, options)
  }

  /** Outdates every entry whose key matches: a glob (`user:*`), a text that begins with `^` (a linear-time regular expression), or a RegExp. */
  invalidatePattern(pattern: string | RegExp, options: InvalidateOptions & { readonly dryRun: true }): Promise<DryRun>
  invalidatePattern(pattern: string | RegExp, options?: InvalidateOptions): Promise<Receipt>
  async invalidatePattern(pattern: string | RegExp, options: InvalidateOptions = {}): Promise<Receipt | DryRun> {
    return this.#invalidate({ pattern }, options)
  }

  /** Several criteria in one step and one receipt: keys, tags, patterns, a model with or without an id, by time. Declared relations go along. */
  invalidate(criteria: Criteria, options: InvalidateOptions & { readonly dryRun: true }): Promise<DryRun>
  invalidate(criteria: Criteria, options?: InvalidateOptions): Promise<Receipt>
  async invalidate(criteria: Criteria, options: InvalidateOptions = {}): Promise<Receipt | DryRun> {
    return this.#invalidate(criteria, options)
  }

  /**
   * Invalidates later: after a time, or at an instant (one that has passed means at once). Resolves with the job's id once the job is stored.
   * Runs in one of all processes that share the job store. `cache.jobs` lists and cancels.
   */
  async schedule(criteria: Criteria, when: ScheduleTime & { readonly mode?: 'delete' | 'expire' }): Promise<string> {
    this.#checkOpen()
    if (typeof when !== 'object' || when === null) throw refused(when, 'schedule', "a time: { in: '5m' } or { at: new Date(...) }")
    const { id, settings, services } = this.#space
    const { mode, ...time } = when
    return scheduleInvalidation(
      {
        jobs: this.#house.jobs(),
        kind: this.#house.jobKind,
        namespace: id.name,
        criteria,
        relations: settings.relations,
        now: services.clock.now(),
        ...(mode === undefined ? {} : { mode }),
      },
      time,
    )
  }

  /** Scheduled invalidations of the whole cache: list, cancel. */
  get jobs(): Pick<Jobs, 'list' | 'get' | 'cancel'> {
    return this.#house.jobs()
  }

  /** Where the processes of this cache meet (`createNodes` of `millpond/nodes`): in the tier that holds the ledger, else in this process alone. */
  get nodeStore(): NodeStore {
    return this.#house.nodeStore()
  }

  /**
   * A row (or, without an id, any row) of a model has changed, and the change is committed: what carries the model's tags (`modelTags`) goes, with its
   * declared relations. Within `cache.changes.during(work)` it waits for the end of the work.
   */
  modelChanged(model: string, id: ModelId | undefined, kind: ChangeKind): Promise<Receipt | undefined> {
    this.#checkOpen()
    return this.changes.modelChanged(model, id, kind)
  }

  /** Changes of models, collected until their transaction has committed. */
  get changes(): ModelEvents<Receipt> {
    this.#changes ??= new ModelEvents({
      relations: this.#space.settings.relations,
      invalidate: (plan) => this.#forgetModels(plan.tags),
    })
    return this.#changes
  }

  /** What a change of a model makes void comes by the plug-ins too, as `invalidate`. */
  async #forgetModels(tags: readonly string[]): Promise<Receipt> {
    const work = (): Promise<Receipt> => forget(this.#space, { tags, reason: 'data_changed' })
    if (this.#around === undefined) return work()
    return (await this.#around({ verb: 'invalidate', args: [{ tags }], cache: this.name }, work)) as Receipt
  }

  /**
   * What this process has seen of the namespace's history, as a text to hand on (a cookie, a header, a message): a read `after` it, in any
   * process, sees nothing older. Take it when a write or an invalidation has been acknowledged.
   */
  token(): string {
    const { id, ledger } = this.#space
    return encodeToken(new Map([[id.prefix, ledger.view.position]]))
  }

  /** Removes everything of this namespace, in every tier of every process. */
  async clear(): Promise<Receipt> {
    this.#checkOpen()
    return forget(this.#space, { all: true, reason: 'cleared' })
  }

  /**
   * A cache of its own within the same tiers and budget: own keys, own tags, own ledger. The same one for as long as it is open. `settings`: what its
   * entries are stored by, where that differs from the cache's defaults.
   * @throws MillpondError `OPTION_INVALID` for a wrong name or setting, and where it is open with other settings than these.
   */
  namespace(name: string, settings?: LoadOptions): Cache {
    this.#checkOpen()
    return this.#house.open(checkName(name, 'namespace'), settings)
  }

  /**
   * Changes settings while the cache runs: defaults of entries, the budget and policy of memory, how long tiers keep entries, their deadlines and breakers,
   * a tier on or off. All of it or, where something is wrong, nothing. Calls that begin from now on go by it; a load keeps what it began with.
   * On a namespace: its defaults alone. What is stored already keeps its times, unless `apply: 'drop'` clears the namespaces concerned.
   * Resolves when all is in force (a smaller budget of memory is reached in steps of 5 ms); with `dryRun`, with what would change.
   * @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`, `TAG_INVALID`: nothing has changed. What `clear` throws: the settings have, entries stay.
   * @example
   * const { changes } = await cache.configure({ defaults: { ttl: '1m' }, tiers: { memory: { maxEntries: 5000 }, redis: { enabled: false } } })
   */
  async configure(changes: Changes, options?: ConfigureOptions): Promise<Configured> {
    this.#checkOpen()
    return this.#house.configure(this.name, changes, options)
  }

  /** How the whole cache is set up, as JSON: no secrets, units in the names, `unlimited` where a number has no end. `changesFromJson` reads it back. */
  describe(): CacheDescription {
    return this.#house.describe()
  }

  /**
   * Registers the loader of a family of keys: those that begin with a text (`'user:'`), or tuples that begin with these parts (`['user']`). `refresh(key)` works without a
   * loader there, and whatever warms or refreshes calls it. Where several fit a key, the longest prefix does. Returns how to take it back.
   * @throws MillpondError `OPTION_INVALID` where the prefix has a loader already, `KEY_INVALID`.
   * @example
   * cache.source(['user'], ([, id], { signal }) => db.user(id, { signal }), { defaults: { ttl: '10m', tags: ['users'] } })
   */
  source(prefix: Key, load: SourceLoad, options: SourceOptions = {}): () => void {
    this.#checkOpen()
    return this.#house.register(sourceFrom(this.name, prefix, load, options))
  }

  /**
   * The function with this cache before it. Concurrent calls with the same arguments are one; `invalidate(...args)` and `refresh(...args)` come with it.
   * @throws MillpondError `OPTION_INVALID` for a wrong option, and where the family of its keys has a loader already.
   * @example
   * const user = cache.wrap((id: number) => db.user(id), { key: ['user'], ttl: '10m', tags: ([id]) => [`user:${id}`] })
   */
  wrap<A extends readonly unknown[], T>(fn: (...args: A) => T | Promise<T>, options: WrapOptions<A, T>): WrappedCall<A, T> {
    this.#checkOpen()
    return wrapCall(this, fn, options)
  }

  /**
   * A kind of things with its source: how they are loaded, written and removed is said once, and the verbs follow from it. Its loader is registered as
   * `source` does it, where its keys are tuples that end with the id. One of a name at a time.
   * @param name letters, digits, `_`, `.` and `-`; the first part of its keys
   * @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`, `TAG_INVALID`; with a journal, `JOURNAL_FAILED` and `SCHEMA_NEWER`.
   * @example
   * const users = cache.collection('user', { ttl: '10m', load: (id: number) => db.user(id), store: (id, user) => db.save(id, user) })
   * await users.set(7, { ...(await users.get(7)), name: 'Ada' })
   */
  collection<Id, T>(name: string, options: CollectionOptions<Id, T>): Collection<Id, T> {
    this.#checkOpen()
    return this.#house.collection(this, this.#space, checkName(name, 'collection'), options)
  }

  /** The loaders that are registered in this namespace; in the default one, in all. */
  get sources(): readonly SourceView[] {
    return this.#house.sources(this.name === 'default' ? undefined : this.name)
  }

  /**
   * Listens to all namespaces of this cache; returns how to stop. A listener that throws, rejects or never ends disturbs nobody.
   * @throws MillpondError `OPTION_INVALID` for an event that does not exist, or without a listener.
   */
  on<E extends EventName>(event: E, listener: Listener<E>): () => void {
    return this.#space.services.events.on(event, listener)
  }

  /**
   * Tells a recorder of the reads, loads, writes and invalidations of all namespaces of this cache; returns how to stop. Memory keeps a hash of each key
   * meanwhile, four bytes an entry. Nothing is paid while nobody records.
   * @throws MillpondError `OPTION_INVALID` for what can be told nothing.
   */
  record(recorder: Recorder): () => void {
    this.#checkOpen()
    return this.#space.watch.ofCache.record(checkRecorder(recorder))
  }

  /**
   * The breaker of a far tier, by the tier's name: its state, and `protect(fn)` for commands of your own to the same server.
   * @throws MillpondError `OPTION_INVALID` for a tier that this cache does not have.
   */
  breaker(tier: string): Breaker {
    const found = this.#space.far.find(({ guarded }) => guarded.name === tier)
    if (found !== undefined) return found.guarded.breaker
    const names = this.#space.far.map(({ guarded }) => guarded.name)
    throw refused(
      tier,
      'breaker',
      names.length === 0 ? 'no tier: this cache has none below memory' : `one of the tiers ${names.join(', ')}`,
    )
  }

  /** Why a key hits or misses, tier by tier. Changes nothing. */
  async explain(key: Key): Promise<Explanation> {
    this.#checkOpen()
    return explain(this.#space, this.#key(key))
  }

  /**
   * What memory holds of this namespace, without the values: for a report by key or tag, or to see what weighs most. Counts nothing as read. May be
   * walked in pieces while the cache is in use: entries that stay are met once. A `for` loop over many holds up the process: rest now and then.
   */
  entries(): IterableIterator<HeldEntry> {
    return heldEntries(this.#space)
  }

  /** What this namespace has counted. */
  stats(): ReturnType<typeof describeSpace> {
    return describeSpace(this.#space)
  }

  /** The whole cache in one object: its configuration, tiers, health and figures. */
  info(): CacheInfo {
    return this.#house.info()
  }

  /**
   * Waits until a warm restart has brought back what it may, and collections have taken over what their journals hold; at once where there is neither.
   * @throws what a collection's journal says that cannot be recovered.
   */
  ready(): Promise<Restored> {
    return this.#house.ready()
  }

  /** Waits for what runs behind: commits, promotions, refreshes, and queued writes until their sources have them or they are set aside. */
  async flush(): Promise<void> {
    await this.#house.drain(this.#space)
    while (this.#space.background.size > 0) await Promise.allSettled([...this.#space.background])
  }

  /**
   * Waits for what runs behind, then closes the tiers, with all namespaces. Of a namespace: that one alone, whose name may then be opened anew.
   * Later calls reject with `CLOSED`. Closing twice is harmless.
   */
  async close(): Promise<void> {
    await this.#house.close(this.#space)
  }

  async #invalidate(criteria: Criteria, options: InvalidateOptions): Promise<Receipt | DryRun> {
    this.#checkOpen()
    return invalidate(this.#space, criteria, options)
  }

  #journey(loads: Loads, options: LoadOptions | undefined, wants?: Wants): Journey {
    this.#checkOpen()
    return new Journey(this.#space, loads, resolvePolicy(options, this.#space.settings.policy), options ?? NO_CALL, wants)
  }

  #travel(journey: Journey, encoded: string): Promise<Found> {
    checkKey(encoded)
    return this.#timed(readThrough(journey, encoded), journey)
  }

  async #read(keys: readonly string[], options: ReadOptions | undefined, takesStale = false): Promise<readonly (Found | undefined)[]> {
    this.#checkOpen()
    const consistency = consistencyOf(options, this.#space.settings.policy.consistency)
    const signal = options?.signal
    const after = options?.after
    const isQuiet = options?.quiet === true
    checkSignal(signal)
    if (consistency !== 'strong' && after === undefined) {
      const here = this.#readMemory(keys, isQuiet)
      if (here !== undefined) return here
    }
    for (const key of keys) checkKey(key)
    const reading = readTiers(this.#space, keys, { consistency, after }, takesStale, isQuiet)
    const timed = this.#timed(reading, { began: this.#space.services.clock.monotonic(), isQuiet })
    return signal === undefined ? timed : abortable(timed, signal)
  }

  /** All keys from memory, or nothing. */
  #readMemory(keys: readonly string[], isQuiet: boolean): (Found | undefined)[] | undefined {
    for (const key of keys) if (freshSlot(this.#space, key) < 0) return undefined
    return keys.map((key) => hitAt(this.#space, this.#space.near?.find(key) ?? -1, key, isQuiet))
  }

  #refreshEarly<T>(key: string, slot: number, loader: Loader<T>, options: LoadOptions | undefined): void {
    const { near, services } = this.#space
    if (near === undefined) return
    const journey = this.#journey({ one: loader }, options)
    if (!journey.isDue({ createdAt: near.createdAt(slot), freshUntil: near.freshUntil(slot) }, services.clock.coarse)) return
    journey.noteDue(key)
    refreshBehind(journey)
  }

  async #timed<T>(work: Promise<T>, timed: Pick<Journey, 'began' | 'isQuiet'>): Promise<T> {
    try {
      return await work
    } finally {
      this.#record(timed)
    }
  }

  #record({ began, isQuiet }: Pick<Journey, 'began' | 'isQuiet'>): void {
    if (!isQuiet) this.#space.watch.latency.get.record(this.#space.services.clock.monotonic() - began)
  }

  #isFresh(found: Found): boolean {
    return found.freshUntil > this.#space.services.clock.now()
  }

  #item(key: Key, value: unknown): WriteItem {
    if (value === undefined)
      throw new MillpondError('VALUE_UNSUPPORTED', `the value of ${show(key)} is undefined: delete the key, or store null`)
    return { key: this.#key(key), value }
  }

  #key(key: Key): string {
    const encoded = encodeKey(key)
    checkKey(encoded)
    return encoded
  }

  #checkOpen(): void {
    if (this.#space.closed) throw new MillpondError('CLOSED', 'the cache is closed: create another one, or close later')
  }
}

function checkBatch(options: unknown): void {
  const load: unknown = typeof options === 'object' && options !== null ? Reflect.get(options, 'load') : undefined
  if (typeof load !== 'function')
    throw refused(load, 'getOrSetMany load', 'a function that loads the ids that are missing: { load: (ids) => ... }')
  const key: unknown = Reflect.get(Object(options), 'key')
  if (key !== undefined && typeof key !== 'function') throw refused(key, 'getOrSetMany key', 'a function from an id to its key')
}

const NO_CALL: Call = Object.freeze({})

const permitsHit = ({ consistency, after, quiet, signal }: LoadOptions): boolean =>
  consistency !== 'strong' && after === undefined && quiet !== true && signal?.aborted !== true

function batchOf<Id, T>(byKey: ReadonlyMap<string, Id>, load: GetOrSetManyOptions<Id, T>['load']): BatchLoader {
  return async (keys, context) => {
    const missing = keys.map((key) => byKey.get(key) as Id)
    const loaded = await load(missing, context)
    return loaded instanceof Map ? missing.map((id) => loaded.get(id)) : (loaded as readonly unknown[])
  }
}

function consistencyOf(options: ReadOptions | undefined, fallback: Consistency): Consistency {
  return options === undefined ? fallback : resolvePolicy(options, { ...DEFAULT_POLICY, consistency: fallback }).consistency
}
