// The public class of a cache: each verb delegates to the part for its subject.
import { checkedElsewhere, checkOptions, type Shape, text, texts } from '../core/checks.ts'
import type { Regions } from '../core/contracts.ts'
import { checkDivision, type Division } from '../core/division.ts'
import type { Duration } from '../core/duration.ts'
import { MillpondError, show } from '../core/errors.ts'
import type { EventName, Listener } from '../core/events.ts'
import type { GuardOptions, SourceGuard } from '../core/guard.ts'
import { checkKey, checkName, encodeKey, type Key, keyList } from '../core/key.ts'
import type { NodeStore } from '../core/nodes.ts'
import type { EntryOptions, LoadOptions, ReadOptions } from '../core/options.ts'
import { checkRecorder, type Recorder } from '../core/recorder.ts'
import type { Source, SourceLoad, SourceOptions, SourceView } from '../core/source.ts'
import { isTenantPart, namespaceOf, sameTenantIn } from '../core/tenant.ts'
import type { Prefetched, Warming, WarmOptions, WarmPlan, WarmReport } from '../core/warm.ts'
import type { Criteria } from '../invalidate/criteria.ts'
import type { ModelEvents } from '../invalidate/model-events.ts'
import type { ModelId } from '../invalidate/model-tags.ts'
import type { ChangeKind } from '../invalidate/relations.ts'
import type { Breaker } from '../wrap/breaker.ts'
import * as invalidations from './cache-invalidations.ts'
import { breakerOf, type CacheLifecycle, settle } from './cache-lifecycle.ts'
import * as loads from './cache-loads.ts'
import * as reads from './cache-reads.ts'
import * as writes from './cache-writes.ts'
import type { Collection, CollectionOptions } from './collection.ts'
import type { Changes, Configured, ConfigureOptions } from './configure.ts'
import type { CacheDescription } from './describe.ts'
import type { HeldEntry } from './entries.ts'
import type { Erased, ErasureSubject } from './erasure.ts'
import { type ExaminedTier, examineTiers } from './examine.ts'
import type { Explanation } from './explain.ts'
import type { LeaseVerdict } from './held-lease.ts'
import type { InvalidateOptions } from './invalidate.ts'
import type { Loader } from './loader.ts'
import type { NamespaceOptions } from './namespace-options.ts'
import { type Around, intercept } from './plugins.ts'
import type { DryRun, Receipt } from './receipt.ts'
import type { Resealed, ResealOptions } from './reseal.ts'
import type { Restored } from './restart-parts.ts'
import { announceReads } from './session.ts'
import { sourceFrom } from './sources.ts'
import { checkOpen, type Space } from './space.ts'
import { type CacheInfo, describeSpace, type InfoOptions, type NamespaceActivity } from './stats.ts'
import { tenantPart } from './tenant-part.ts'
import { type Transaction, type TransactionOptions, transact } from './transaction.ts'
import { type WrapOptions, type WrappedCall, wrapCall } from './wrap-call.ts'

/** The whole cache, of which this is one namespace. */
export interface CacheServices {
  /** Opens (or returns) the cache of a namespace; `options`: what differs from the cache's own. */
  open(namespace: string, options?: NamespaceOptions): Cache
  info(options?: InfoOptions): CacheInfo
  activity(): readonly NamespaceActivity[]
  describe(): CacheDescription
  configure(namespace: string, changes: Changes, options?: ConfigureOptions): Promise<Configured>
  divide(division: Division): () => void
  register(space: Space, source: Omit<Source, 'guard'>, guard: SourceOptions['guard']): () => void
  guard(name: string, options?: GuardOptions): SourceGuard
  collection<Id, T>(cache: Cache, space: Space, name: string, options: CollectionOptions<Id, T>): Collection<Id, T>
  warm(cache: Cache, space: Space, plans: WarmPlan | readonly WarmPlan[], options: WarmOptions): Promise<WarmReport>
  prefetch(cache: Cache, space: Space, keys: readonly Key[]): Promise<Prefetched>
  warming(cache: Cache, space: Space): Warming
  /** Sends the queued writes of the namespace's collections. */
  drain(space: Space): Promise<void>
  sources(namespace: string | undefined): SourceView[]
  /** Started by the first call. */
  jobs(): invalidations.CacheJobs
  readonly scheduled: invalidations.Scheduled
  nodeStore(): NodeStore
  ready(): Promise<Restored>
  erase(space: Space, subject: ErasureSubject): Promise<Erased>
  /** A single namespace, or with the default one everything. */
  close(space: Space): Promise<void>
}

export interface CacheParts {
  readonly space: Space
  readonly services: CacheServices
  /** Plug-ins; undefined where there are none. */
  readonly around: Around | undefined
  /** The session of these reads, for prediction. */
  readonly session?: string
}

/** The tenant of a cache, or the session of its reads. */
export interface TenantOrSession {
  /** The tenant whose part of the namespace it is. */
  readonly tenant?: string | undefined
  /**
   * The reader: the sequence of reads of one session or request is reported to recorders, for prediction. It is not
   * stored.
   */
  readonly session?: string | undefined
}

const INFO: Shape<InfoOptions> = { namespaces: texts('a list of namespace names') }
/** Tenants are validated where they become part of a name. */
const TENANT_OR_SESSION: Shape<TenantOrSession> = { tenant: checkedElsewhere, session: text }

/** The verbs that plug-ins wrap. `peek` is not wrapped: it is not awaited. */
const VERBS: readonly (keyof Cache)[] = [
  ...(['get', 'getEntry', 'getMany', 'has', 'getOrSet', 'getOrSetEntry', 'getOrSetMany', 'refresh'] as const),
  ...([
    'set',
    'setMany',
    'delete',
    'deleteMany',
    'touch',
    'expire',
    'invalidate',
    'invalidateTags',
    'invalidatePattern',
    'clear',
    'erase',
  ] as const),
  ...(['reseal', 'transaction', 'warm', 'prefetch'] as const),
]

/** One namespace of a cache: all verbs of reading, loading, writing and invalidating. */
export class Cache
  implements reads.CacheReads, loads.CacheLoads, writes.CacheWrites, invalidations.CacheInvalidations, CacheLifecycle
{
  readonly #space: Space
  readonly #services: CacheServices
  readonly #around: Around | undefined
  #changes: ModelEvents<Receipt> | undefined

  /** Created by `createCache`. */
  constructor({ space, services, around, session }: CacheParts) {
    this.#space = space
    this.#services = services
    this.#around = around
    if (around !== undefined) intercept(this, VERBS, this.name, around)
    if (session !== undefined) announceReads(this, space, session)
  }

  /** `default`, or the namespace's name. */
  get name(): string {
    return this.#space.id.name
  }

  /**
   * A separate cache within the same tiers and budget: its own keys, tags and ledger. The same one for as long as it is
   * open. `options`: what its entries are stored by, and how its values are kept (`codec`, `select`), where that
   * differs from the cache's own. Of a tenant's cache: the tenant's part of that namespace.
   * @throws MillpondError `OPTION_INVALID` for a wrong name or setting, and where it is open with other ones than
   * these.
   */
  namespace(name: string, options?: NamespaceOptions): Cache {
    checkOpen(this.#space)
    const own = this.name
    // A tenant's part by its name in statistics and descriptions, for tools; never from within another tenant's.
    if (typeof name === 'string' && isTenantPart(name) && !isTenantPart(own)) return this.#services.open(name, options)
    return this.#services.open(sameTenantIn(checkName(name, 'namespace'), own), options)
  }

  /**
   * A tenant's part of this namespace: its own keys, tags, patterns, figures and ledger, so that nothing that is done
   * to it, or asked of it, concerns another tenant. It is stored and kept as the namespace is, but for what `options`
   * say (a codec with the tenant's own key); loaders of `source` are the tenant's own. `clear()` on it erases all of
   * the tenant in this namespace; `close()` lets go of it in this process, which may have 65,536 namespaces and tenants
   * open at a time.
   * @throws MillpondError `OPTION_INVALID` for what names no tenant (a text of 1 to 1,024 characters), for another
   * tenant's name within a tenant's cache, and where it is open with other options than these. With `session`, the same
   * cache, whose reads usage prediction tells apart from those of others (`millpond/insight`); each read costs a
   * promise more.
   * @example
   * const acme = cache.for({ tenant: request.tenant })
   * await acme.getOrSet('plan', () => loadPlan(request.tenant))
   */
  for(whose: TenantOrSession, options?: NamespaceOptions): Cache {
    checkOpen(this.#space)
    checkOptions<TenantOrSession>(whose, TENANT_OR_SESSION, 'for')
    const { session } = whose
    if (session !== undefined && whose.tenant === undefined && options !== undefined)
      throw new MillpondError(
        'OPTION_INVALID',
        "for: options apply to the tenant's part of the namespace: name the tenant, or leave them out",
      )
    const its = session !== undefined && whose.tenant === undefined ? this : this.#partOf(whose.tenant, options)
    return session === undefined
      ? its
      : new Cache({ space: its.#space, services: its.#services, around: its.#around, session })
  }

  /** An invalid tenant is reported where it becomes part of a name. */
  #partOf(given: unknown, options: NamespaceOptions | undefined): Cache {
    const tenant = given as string
    const own = this.name
    if (!isTenantPart(own) || tenantPart(namespaceOf(own), tenant) === own)
      return this.#services.open(tenantPart(namespaceOf(own), tenant), options)
    throw new MillpondError(
      'OPTION_INVALID',
      `tenant: this cache belongs to a tenant other than ${show(tenant)}: use the cache of the whole namespace`,
    )
  }

  peek<T = unknown>(key: Key): T | undefined {
    return reads.peek(this.#space, key)
  }

  holds(key: Key): boolean {
    return reads.holds(this.#space, key)
  }

  get<T = unknown>(key: Key, options?: ReadOptions): Promise<T | undefined> {
    return reads.get(this.#space, key, options)
  }

  getEntry<T = unknown>(
    key: Key,
    options: reads.EntryReadOptions & { readonly lease: true },
  ): Promise<reads.LeasedView<T>>
  getEntry<T = unknown>(key: Key, options?: reads.EntryReadOptions): Promise<reads.EntryView<T>>
  getEntry<T = unknown>(key: Key, options?: reads.EntryReadOptions): Promise<reads.EntryView<T>> {
    return reads.getEntry(this.#space, key, options)
  }

  getMany<T = unknown>(keys: readonly Key[], options?: ReadOptions): Promise<(T | undefined)[]> {
    return reads.getMany(this.#space, keys, options)
  }

  has(key: Key, options?: ReadOptions): Promise<boolean> {
    return reads.has(this.#space, key, options)
  }

  explain(key: Key): Promise<Explanation> {
    return reads.explain(this.#space, key)
  }

  entries(): IterableIterator<HeldEntry> {
    return reads.entries(this.#space)
  }

  keys(options: reads.KeysOptions = {}): AsyncIterableIterator<string> {
    return reads.keys(this.#space, options)
  }

  getOrSet<T>(key: Key, loader: Loader<T>, options?: LoadOptions): Promise<T> {
    return loads.getOrSet(this.#space, key, loader, options)
  }

  getOrSetEntry<T>(key: Key, loader: Loader<T>, options?: LoadOptions): Promise<loads.LoadedEntry<T>> {
    return loads.getOrSetEntry(this.#space, key, loader, options)
  }

  getOrSetMany<Id extends Key, T>(
    ids: readonly Id[],
    options: loads.GetOrSetManyOptions<Id, T>,
  ): Promise<(T | undefined)[]>
  getOrSetMany<Id, T>(
    ids: readonly Id[],
    options: loads.GetOrSetManyOptions<Id, T> & { readonly key: (id: Id) => Key },
  ): Promise<(T | undefined)[]>
  getOrSetMany<Id, T>(ids: readonly Id[], options: loads.GetOrSetManyOptions<Id, T>): Promise<(T | undefined)[]> {
    return loads.getOrSetMany(this.#space, ids, options)
  }

  refresh<T>(key: Key, loader?: Loader<T>, options?: LoadOptions): Promise<T> {
    return loads.refresh(this.#space, key, loader, options)
  }

  set(key: Key, value: unknown, options?: EntryOptions): Promise<void>
  set(key: Key, value: unknown, options: writes.LeasedOptions): Promise<LeaseVerdict>
  set(
    key: Key,
    value: unknown,
    options?: EntryOptions | writes.LeasedOptions,
  ): Promise<LeaseVerdict | undefined> | Promise<void> {
    if (writes.isLeased(options)) return writes.setLeased(this.#space, key, value, options)
    return writes.set(this.#space, key, value, options)
  }

  setMany(entries: Iterable<readonly [Key, unknown]>, options?: EntryOptions): Promise<void> {
    return writes.setMany(this.#space, entries, options)
  }

  delete(key: Key, options?: writes.DeleteOptions): Promise<Receipt> {
    return writes.deleteMany(this.#space, [key], options, 'delete')
  }

  deleteMany(keys: readonly Key[], options?: writes.DeleteOptions): Promise<Receipt> {
    return writes.deleteMany(this.#space, keys, options)
  }

  expire(key: Key): Promise<Receipt> {
    return writes.expire(this.#space, key)
  }

  touch(key: Key, ttl?: Duration): Promise<boolean> {
    return writes.touch(this.#space, key, ttl)
  }

  transaction<T>(options: TransactionOptions, work: (transaction: Transaction) => Promise<T> | T): Promise<T> {
    return transact(this.#space, options, work)
  }

  reseal(options?: ResealOptions): Promise<Resealed> {
    return writes.reseal(this.#space, options)
  }

  invalidateTags(tags: Iterable<string>, options: InvalidateOptions & { readonly dryRun: true }): Promise<DryRun>
  invalidateTags(tags: Iterable<string>, options?: InvalidateOptions): Promise<Receipt>
  invalidateTags(tags: Iterable<string>, options: InvalidateOptions = {}): Promise<Receipt | DryRun> {
    return invalidations.invalidateTags(this.#space, tags, options)
  }

  invalidatePattern(pattern: string | RegExp, options: InvalidateOptions & { readonly dryRun: true }): Promise<DryRun>
  invalidatePattern(pattern: string | RegExp, options?: InvalidateOptions): Promise<Receipt>
  invalidatePattern(pattern: string | RegExp, options: InvalidateOptions = {}): Promise<Receipt | DryRun> {
    return invalidations.invalidate(this.#space, { pattern }, options)
  }

  invalidate(criteria: Criteria, options: InvalidateOptions & { readonly dryRun: true }): Promise<DryRun>
  invalidate(criteria: Criteria, options?: InvalidateOptions): Promise<Receipt>
  invalidate(criteria: Criteria, options: InvalidateOptions = {}): Promise<Receipt | DryRun> {
    return invalidations.invalidate(this.#space, criteria, options)
  }

  clear(options?: invalidations.ClearOptions): Promise<Receipt> {
    return invalidations.clear(this.#space, options)
  }

  async erase(subject: ErasureSubject): Promise<Erased> {
    checkOpen(this.#space)
    return this.#services.erase(this.#space, subject)
  }

  schedule(criteria: Criteria, when: invalidations.ScheduledFor): Promise<string> {
    return invalidations.schedule(this.#space, this.#services.scheduled, criteria, when)
  }

  get jobs(): invalidations.CacheJobs {
    return this.#services.jobs()
  }

  modelChanged(model: string, id: ModelId | undefined, kind: ChangeKind): Promise<Receipt | undefined> {
    checkOpen(this.#space)
    return this.changes.modelChanged(model, id, kind)
  }

  get changes(): ModelEvents<Receipt> {
    this.#changes ??= invalidations.modelChanges(this.#space, this.#around)
    return this.#changes
  }

  token(): string {
    return invalidations.token(this.#space)
  }

  async configure(changes: Changes, options?: ConfigureOptions): Promise<Configured> {
    checkOpen(this.#space)
    return this.#services.configure(this.name, changes, options)
  }

  describe(): CacheDescription {
    return this.#services.describe()
  }

  source(prefix: Key, load: SourceLoad, options: SourceOptions = {}): () => void {
    checkOpen(this.#space)
    const source = sourceFrom(this.name, prefix, load, options, this.#space.settings.policy)
    return this.#services.register(this.#space, source, options.guard)
  }

  guard(name: string, options?: GuardOptions): SourceGuard {
    checkOpen(this.#space)
    return this.#services.guard(name, options)
  }

  wrap<A extends readonly unknown[], T>(
    fn: (...args: A) => T | Promise<T>,
    options: WrapOptions<A, T>,
  ): WrappedCall<A, T> {
    checkOpen(this.#space)
    return wrapCall(this, fn, options)
  }

  collection<Id, T>(name: string, options: CollectionOptions<Id, T>): Collection<Id, T> {
    checkOpen(this.#space)
    return this.#services.collection(this, this.#space, checkName(name, 'collection'), options)
  }

  async warm(plans: WarmPlan | readonly WarmPlan[], options: WarmOptions = {}): Promise<WarmReport> {
    checkOpen(this.#space)
    return this.#services.warm(this, this.#space, plans, options)
  }

  async prefetch(keys: readonly Key[]): Promise<Prefetched> {
    checkOpen(this.#space)
    const checked = keyList(keys, 'prefetch')
    for (const key of checked) checkKey(encodeKey(key))
    const done = await this.#services.prefetch(this, this.#space, checked)
    this.#space.watch.counters.prefetches += done.loaded
    return done
  }

  get warming(): Warming {
    checkOpen(this.#space)
    return this.#services.warming(this, this.#space)
  }

  get sources(): readonly SourceView[] {
    return this.#services.sources(this.name === 'default' ? undefined : this.name)
  }

  get nodeStore(): NodeStore {
    return this.#services.nodeStore()
  }

  get regions(): Regions | undefined {
    return this.#space.ledger.regions
  }

  on<E extends EventName>(event: E, listener: Listener<E>): () => void {
    return this.#space.services.events.on(event, listener)
  }

  record(recorder: Recorder): () => void {
    checkOpen(this.#space)
    return this.#space.watch.ofCache.record(checkRecorder(recorder))
  }

  divide(division: Division): () => void {
    checkOpen(this.#space)
    return this.#services.divide(checkDivision(division))
  }

  async examine(): Promise<readonly ExaminedTier[]> {
    checkOpen(this.#space)
    return examineTiers(this.#space)
  }

  breaker(tier: string): Breaker {
    return breakerOf(this.#space, tier)
  }

  stats(): ReturnType<typeof describeSpace> {
    return describeSpace(this.#space)
  }

  info(options: InfoOptions = {}): CacheInfo {
    checkOptions<InfoOptions>(options, INFO, 'info')
    return this.#services.info(options)
  }

  activity(): readonly NamespaceActivity[] {
    return this.#services.activity()
  }

  ready(): Promise<Restored> {
    return this.#services.ready()
  }

  /** For `console.log`: no key, no value, no address. */
  [Symbol.for('nodejs.util.inspect.custom')](
    _depth: number,
    options: object,
    inspect?: (value: object, options: object) => string,
  ): string {
    const { name, config, memory, metrics } = this.info()
    const { tiers, ledger } = config
    const shown = { name, namespace: this.name, tiers, ledger, entries: memory?.entries ?? 0, hitRate: metrics.hitRate }
    return `Cache ${inspect?.(shown, options) ?? JSON.stringify(shown)}`
  }

  async flush(): Promise<void> {
    await this.#services.drain(this.#space)
    await settle(this.#space)
  }

  async close(): Promise<void> {
    await this.#services.close(this.#space)
  }
}
