// What concerns a whole cache, from whichever of its namespaces it is asked: settings, loaders, listeners, figures, its
// life.
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
   * entries, their deadlines and breakers, a tier on or off. All of it or, where something is wrong, nothing. Calls
   * that begin from now on go by it; a load keeps what it began with. On a namespace: its defaults alone. What is
   * stored already keeps its times, unless `apply: 'drop'` clears the namespaces concerned. Resolves when all is in
   * force (a smaller budget of memory is reached in steps of 5 ms); with `dryRun`, with what would change.
   * @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`, `TAG_INVALID`: nothing has changed. What `clear`
   * throws: the settings have, entries stay.
   * @example const { changes } = await cache.configure({ defaults: { ttl: '1m' }, tiers: { memory: { maxEntries: 5000
   * }, redis: { enabled: false } } })
   */
  configure(changes: Changes, options?: ConfigureOptions): Promise<Configured>
  /**
   * How the whole cache is set up, as JSON: no secrets, units in the names, `unlimited` where a number has no end.
   * `changesFromJson` reads it back.
   */
  describe(): CacheDescription
  /**
   * Registers the loader of a family of keys: those that begin with a text (`'user:'`), or tuples that begin with these
   * parts (`['user']`). `refresh(key)` works without a loader there, and whatever warms or refreshes calls it. Where
   * several fit a key, the longest prefix does. Returns how to take it back.
   * @throws MillpondError `OPTION_INVALID` where the prefix has a loader already, `KEY_INVALID`.
   * @example cache.source(['user'], ([, id], { signal }) => db.user(id, { signal }), { defaults: { ttl: '10m', tags:
   * ['users'] } })
   */
  source(prefix: Key, load: SourceLoad, options?: SourceOptions): () => void
  /**
   * The function with this cache before it. Concurrent calls with the same arguments are one; `invalidate(...args)` and
   * `refresh(...args)` come with it.
   * @throws MillpondError `OPTION_INVALID` for a wrong option, and where the family of its keys has a loader already.
   * @example
   * const user = cache.wrap((id: number) => db.user(id), { key: ['user'], ttl: '10m', tags: ([id]) => [`user:${id}`] })
   */
  wrap<A extends readonly unknown[], T>(
    fn: (...args: A) => T | Promise<T>,
    options: WrapOptions<A, T>,
  ): WrappedCall<A, T>
  /**
   * A kind of things with its source: how they are loaded, written and removed is said once, and the verbs follow from
   * it. Its loader is registered as `source` does it, where its keys are tuples that end with the id. One of a name at
   * a time.
   * @param name letters, digits, `_`, `.` and `-`; the first part of its keys
   * @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`, `TAG_INVALID`; with a journal, `JOURNAL_FAILED` and
   * `SCHEMA_NEWER`.
   * @example const users = cache.collection('user', { ttl: '10m', load: (id: number) => db.user(id), store: (id, user)
   * => db.save(id, user) }) await users.set(7, { ...(await users.get(7)), name: 'Ada' })
   */
  collection<Id, T>(name: string, options: CollectionOptions<Id, T>): Collection<Id, T>
  /**
   * Loads what is missing before anybody asks, by plans: keys, values at hand, collections, models, views, endpoints.
   * Counts no reads. What fails is in the report.
   * @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`, `TAG_INVALID` for what is wrong with a plan or an
   * option: nothing is warmed then.
   * @example const { warmed, success_rate } = await cache.warm({ keys: ids.map((id) => ['user', id]), load: ([, id]) =>
   * db.user(id), ttl: '1h' }, { rate: 100 })
   */
  warm(plans: WarmPlan | readonly WarmPlan[], options?: WarmOptions): Promise<WarmReport>
  /**
   * Loads what is missing of these keys, by the loaders that are registered for them: at most four at a time, fewer
   * while a source slows, and none while many others load. Counts no reads, and tells no plan's events. Resolves when
   * all have ended; what fails is counted.
   * @throws MillpondError `OPTION_INVALID` for what is not a list, `KEY_INVALID`.
   * @example
   * await cache.prefetch(page.links.map(({ id }) => ['user', id]))
   */
  prefetch(keys: readonly Key[]): Promise<Prefetched>
  /** Who warms models, views and endpoints of this namespace, and what is warmed again and again. */
  readonly warming: Warming
  /**
   * What stands before a source, so that one that fails, hangs or slows takes nobody along: a breaker, and where they
   * are asked for retries, a bulkhead and more. Of the whole cache, by its name: made with options, asked for without.
   * Sources and collections are told of it (`guard`); `guard.run` is for loaders of your own.
   * @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`; with options for one that is there, without for one
   * that is not.
   * @example
   * cache.guard('crm', { breaker: { slowAfter: '2s' }, bulkhead: { concurrency: 16 } })
   * const deals = cache.collection('deal', { load: (id) => crm.deal(id), guard: 'crm', staleIfError: '1h' })
   */
  guard(name: string, options?: GuardOptions): SourceGuard
  /** The loaders that are registered in this namespace; in the default one, in all. */
  readonly sources: readonly SourceView[]
  /**
   * Where the processes of this cache meet (`createNodes` of `millpond/nodes`): in the tier that holds the ledger, else
   * in this process alone.
   */
  readonly nodeStore: NodeStore
  /**
   * How the regions of this cache stand, and how one is drained, filled and let serve; undefined without an edge tier
   * (`millpond/tiers/edge`).
   */
  readonly regions: Regions | undefined
  /**
   * Listens to all namespaces of this cache; returns how to stop. A listener that throws, rejects or never ends
   * disturbs nobody.
   * @throws MillpondError `OPTION_INVALID` for an event that does not exist, or without a listener.
   */
  on<E extends EventName>(event: E, listener: Listener<E>): () => void
  /**
   * Tells a recorder of the reads, loads, writes and invalidations of all namespaces of this cache; returns how to
   * stop. Memory keeps a hash of each key meanwhile, four bytes an entry. Nothing is paid while nobody records.
   * @throws MillpondError `OPTION_INVALID` for what can be told nothing.
   */
  record(recorder: Recorder): () => void
  /**
   * Gives shares of the keys a time to live or a refresh ahead of their own, in this process, until the function that
   * it returns is called: the arms of an experiment (`startExperiment` of `millpond/insight`). Loads and writes from
   * now on go by it, where their calls do not say it themselves; what is stored keeps its times.
   * @throws MillpondError `OPTION_INVALID`, also where the cache is divided already
   */
  divide(division: Division): () => void
  /**
   * The breaker of a far tier, by the tier's name: its state, and `protect(fn)` for commands of your own to the same
   * server.
   * @throws MillpondError `OPTION_INVALID` for a tier that this cache does not have.
   */
  breaker(tier: string): Breaker
  /**
   * Whether the store of each tier below memory can be reached and suits a cache: in steps with their times, verdicts
   * and remedies, over connections of their own. Also of tiers that are switched off, or left alone by their breakers.
   * No secret is in the answer, and what is wrong with a store never rejects.
   */
  examine(): Promise<readonly ExaminedTier[]>
  /** What this namespace has counted. */
  stats(): ReturnType<typeof describeSpace>
  /** The whole cache in one object: its configuration, tiers, health and figures. */
  info(options?: InfoOptions): CacheInfo
  /**
   * How much each namespace has been asked: for who watches thousands of them, and reads the figures (`info({
   * namespaces })`) of those alone where something has happened.
   */
  activity(): readonly NamespaceActivity[]
  /**
   * Waits until a warm restart has brought back what it may, and collections have taken over what their journals hold;
   * at once where there is neither.
   * @throws what a collection's journal says that cannot be recovered.
   */
  ready(): Promise<Restored>
  /**
   * Waits for what runs behind: commits, promotions, refreshes, and queued writes until their sources have them or they
   * are set aside.
   */
  flush(): Promise<void>
  /**
   * Waits for what runs behind, then closes the tiers, with all namespaces. Of a namespace: that one alone, whose name
   * may then be opened anew. Later calls reject with `CLOSED`. Closing twice is harmless.
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

/** What begins while this waits is waited for too. */
export async function settle({ background }: Space): Promise<void> {
  while (background.size > 0) await Promise.allSettled([...background])
}
