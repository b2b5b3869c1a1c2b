// Verbs that concern a whole cache, whichever of its namespaces they are called on: settings, loaders, listeners,
// statistics, closing.
import { refused } from '../core/checks.ts'
import type { Regions } from '../core/contracts.ts'
import type { Division } from '../core/division.ts'
import type { EventName, Listener } from '../core/events.ts'
import type { GuardOptions, SourceGuard } from '../core/guard.ts'
import type { Key } from '../core/key.ts'
import type { NodeStore } from '../core/nodes.ts'
import type { Recorder } from '../core/recorder.ts'
import type { SourceLoad, SourceOptions, SourceView } from '../core/source.ts'
import type { Prefetched, Warming, WarmOptions, WarmPlan, WarmReport } from '../core/warm.ts'
import type { Breaker } from '../wrap/breaker.ts'
import type { Collection, CollectionOptions } from './collection.ts'
import type { Changes, Configured, ConfigureOptions } from './configure.ts'
import type { CacheDescription } from './describe.ts'
import type { ExaminedTier } from './examine.ts'
import type { Restored } from './restart-parts.ts'
import type { Space } from './space.ts'
import type { CacheInfo, describeSpace, InfoOptions, NamespaceActivity } from './stats.ts'
import type { WrapOptions, WrappedCall } from './wrap-call.ts'

/** The verbs that concern the whole cache, or its life. */
export interface CacheLifecycle {
  /**
   * Changes settings while the cache runs: defaults of entries, the budget and policy of memory, how long tiers keep
   * entries, their deadlines and breakers, a tier on or off. All of it or, if something is invalid, nothing. It applies
   * to calls that begin from now on; a running load keeps its settings. On a namespace: only its defaults. What is
   * stored already keeps its times, unless `apply: 'drop'` clears the namespaces concerned. Resolves when all is in
   * force (a smaller budget of memory is reached in steps of 5 ms); with `dryRun`, with what would change.
   * @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`, `TAG_INVALID`: nothing has changed. What `clear`
   * throws: the settings have, entries stay.
   * @example const { changes } = await cache.configure({ defaults: { ttl: '1m' }, tiers: { memory: { maxEntries: 5000
   * }, redis: { enabled: false } } })
   */
  configure(changes: Changes, options?: ConfigureOptions): Promise<Configured>
  /**
   * The configuration of the whole cache, as JSON: no secrets, units in the names, `unlimited` for an infinite number.
   * `changesFromJson` parses it.
   */
  describe(): CacheDescription
  /**
   * Registers the loader of a family of keys: those that begin with a text (`'user:'`), or tuples that begin with these
   * parts (`['user']`). `refresh(key)` then works without a loader, and warming and refreshing use it. If several match
   * a key, the longest prefix wins. Returns a function that removes it.
   * @throws MillpondError `OPTION_INVALID` where the prefix has a loader already, `KEY_INVALID`.
   * @example cache.source(['user'], ([, id], { signal }) => db.user(id, { signal }), { defaults: { ttl: '10m', tags:
   * ['users'] } })
   */
  source(prefix: Key, load: SourceLoad, options?: SourceOptions): () => void
  /**
   * The function with this cache in front of it. Concurrent calls with the same arguments share one run;
   * `invalidate(...args)` and `refresh(...args)` come with it.
   * @throws MillpondError `OPTION_INVALID` for a wrong option, and where the family of its keys has a loader already.
   * @example const user = cache.wrap((id: number) => db.user(id), { key: ['user'], ttl: '10m', tags: ([id]) =>
   * [`user:${id}`] })
   */
  wrap<A extends readonly unknown[], T>(
    fn: (...args: A) => T | Promise<T>,
    options: WrapOptions<A, T>,
  ): WrappedCall<A, T>
  /**
   * A collection with its source: how its records are loaded, written and removed is defined once, for all its verbs.
   * Its loader is registered as by `source`, if its keys are tuples that end with the id. One of a name at a time.
   * @param name letters, digits, `_`, `.` and `-`; the first part of its keys
   * @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`, `TAG_INVALID`; with a journal, `JOURNAL_FAILED` and
   * `SCHEMA_NEWER`.
   * @example const users = cache.collection('user', { ttl: '10m', load: (id: number) => db.user(id), store: (id, user)
   * => db.save(id, user) }) await users.set(7, { ...(await users.get(7)), name: 'Ada' })
   */
  collection<Id, T>(name: string, options: CollectionOptions<Id, T>): Collection<Id, T>
  /**
   * Loads missing values in advance, by plans: keys, given values, collections, models, views, endpoints. Counts no
   * reads. What fails is in the report.
   * @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`, `TAG_INVALID` for what is wrong with a plan or an
   * option: nothing is warmed then.
   * @example const { warmed, success_rate } = await cache.warm({ keys: ids.map((id) => ['user', id]), load: ([, id]) =>
   * db.user(id), ttl: '1h' }, { rate: 100 })
   */
  warm(plans: WarmPlan | readonly WarmPlan[], options?: WarmOptions): Promise<WarmReport>
  /**
   * Loads missing values of these keys, by their registered loaders: at most four at a time, fewer while a source slows
   * down, and none while many other loads run. Those that memory holds are not evicted as soon as they would be. Not
   * counted as reads, and emits no events of a plan. Resolves when all have ended; failures are counted.
   * @throws MillpondError `OPTION_INVALID` for a value that is not a list, `KEY_INVALID`.
   * @example
   * await cache.prefetch(page.links.map(({ id }) => ['user', id]))
   */
  prefetch(keys: readonly Key[]): Promise<Prefetched>
  /** The warmers of models, views and endpoints of this namespace, and repeated warming. */
  readonly warming: Warming
  /**
   * The guard of a source, which contains its failures: a breaker, and optionally retries, a bulkhead and more. Of the
   * whole cache, by name: created with options, returned without. Sources and collections refer to it (`guard`);
   * `guard.run` is for your own loaders.
   * @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`; with options if the guard exists, without if it does
   * not.
   * @example
   * cache.guard('crm', { breaker: { slowAfter: '2s' }, bulkhead: { concurrency: 16 } })
   * const deals = cache.collection('deal', { load: (id) => crm.deal(id), guard: 'crm', staleIfError: '1h' })
   */
  guard(name: string, options?: GuardOptions): SourceGuard
  /** The loaders registered in this namespace; on the default one, in all. */
  readonly sources: readonly SourceView[]
  /**
   * Where the processes of this cache meet (`createNodes` of `millpond/nodes`): in the tier that holds the ledger, else
   * only in this process.
   */
  readonly nodeStore: NodeStore
  /**
   * The state of this cache's regions, and draining, filling and restoring them; undefined without an edge tier
   * (`millpond/tiers/edge`).
   */
  readonly regions: Regions | undefined
  /**
   * Listens to all namespaces of this cache; returns a function that unsubscribes. A listener that throws, rejects or
   * never ends does not affect the cache.
   * @throws MillpondError `OPTION_INVALID` for an unknown event, or without a listener.
   */
  on<E extends EventName>(event: E, listener: Listener<E>): () => void
  /**
   * Reports the reads, loads, writes and invalidations of all namespaces of this cache to a recorder; returns a
   * function that stops it. Meanwhile memory keeps a hash of each key, four bytes per entry. It costs nothing without
   * recorders.
   * @throws MillpondError `OPTION_INVALID` for an object without any of the methods.
   */
  record(recorder: Recorder): () => void
  /**
   * Gives shares of the keys their own TTL or refresh-ahead, in this process, until the returned function is called:
   * the arms of an experiment (`startExperiment` of `millpond/insight`). It applies to loads and writes from now on,
   * unless their calls set it; stored entries keep their times.
   * @throws MillpondError `OPTION_INVALID`, also if the cache is divided already
   */
  divide(division: Division): () => void
  /**
   * The breaker of a far tier, by the tier's name: its state, and `protect(fn)` for your own commands to the same
   * server.
   * @throws MillpondError `OPTION_INVALID` for a tier that this cache does not have.
   */
  breaker(tier: string): Breaker
  /**
   * Whether the store of each tier below memory can be reached and suits a cache: in steps with their times, results
   * and remedies, over separate connections. Includes tiers that are switched off, or bypassed by their breakers.
   * Contains no secrets, and does not reject for a problem of a store.
   */
  examine(): Promise<readonly ExaminedTier[]>
  /** The counts of this namespace. */
  stats(): ReturnType<typeof describeSpace>
  /** The whole cache in one object: its configuration, tiers, health and statistics. */
  info(options?: InfoOptions): CacheInfo
  /**
   * How often each namespace was used: for watchers of thousands of them, which read the statistics (`info({ namespaces
   * })`) only of the active ones.
   */
  activity(): readonly NamespaceActivity[]
  /**
   * Waits until a warm restart has restored its entries, and collections have taken over what their journals hold; at
   * once if there is neither.
   * @throws the error of a collection's journal that cannot be recovered.
   */
  ready(): Promise<Restored>
  /**
   * Waits for background work: commits, promotions, refreshes, and queued writes until their sources have them or they
   * are dead letters.
   */
  flush(): Promise<void>
  /**
   * Waits for background work, then closes the tiers, with all namespaces. On a namespace: only that one, whose name
   * may then be reopened. Later calls reject with `CLOSED`. Closing twice is harmless.
   */
  close(): Promise<void>
}

export function breakerOf({ far }: Space, tier: string): Breaker {
  const found = far.find(({ guarded }) => guarded.name === tier)
  if (found !== undefined) return found.guarded.breaker
  const names = far.map(({ guarded }) => guarded.name)
  throw refused(
    tier,
    'breaker',
    names.length === 0 ? 'no tier: this cache has none below memory' : `one of the tiers ${names.join(', ')}`,
  )
}

/** Work that begins meanwhile is awaited too. */
export async function settle({ background }: Space): Promise<void> {
  while (background.size > 0) await Promise.allSettled([...background])
}
