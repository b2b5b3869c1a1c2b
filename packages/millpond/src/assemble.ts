// A cache in operation: its parts, what may be changed at runtime, and the order in which it closes.
import { CacheJobs, type Claim } from './cache-jobs.ts'
import { CacheSources } from './cache-sources.ts'
import { endDelays, endWatching, finish, inTime } from './closing.ts'
import { checkOptions, flag, oneOf, type Shape } from './core/checks.ts'
import type { MemoryStore, Tier } from './core/contracts.ts'
import type { Division } from './core/division.ts'
import { MillpondError } from './core/errors.ts'
import type { GuardOptions, SourceGuard } from './core/guard.ts'
import type { Key } from './core/key.ts'
import type { NodeStore } from './core/nodes.ts'
import type { Source, SourceOptions, SourceView } from './core/source.ts'
import type { Prefetched, WarmOptions, WarmPlan, WarmReport } from './core/warm.ts'
import { Cache, type CacheServices } from './engine/cache.ts'
import type { Collection, CollectionOptions, Strategy } from './engine/collection.ts'
import { type Changes, type Configured, type ConfigureOptions, planChanges } from './engine/configure.ts'
import { type CacheDescription, describeConfig } from './engine/describe.ts'
import { erase } from './engine/erase.ts'
import type { Erased, ErasureSubject } from './engine/erasure.ts'
import type { NamespaceOptions } from './engine/namespace-options.ts'
import type { SpaceParts } from './engine/open-space.ts'
import { aroundOf, type Plugin } from './engine/plugins.ts'
import { RemovalNotifier } from './engine/removal-notifier.ts'
import { reroute } from './engine/reroute.ts'
import { openRestart, type Restart } from './engine/restart.ts'
import type { RestartOptions, RestartParts, Restored } from './engine/restart-parts.ts'
import type { Routing } from './engine/route.ts'
import type { CacheSettings } from './engine/settings.ts'
import { ledgerTier, type Services, type Space } from './engine/space.ts'
import { activityOf, type CacheInfo, describeCache, type InfoOptions, type NamespaceActivity } from './engine/stats.ts'
import { type JobStore, memoryJobs } from './jobs/index.ts'
import { Namespaces } from './namespaces.ts'
import { processNodes } from './nodes/memory.ts'
import { ScheduledInvalidations } from './scheduled-invalidations.ts'
import type { SourceRegistry } from './source/registry.ts'
import type { ResolvedFarTier } from './tier-configuration.ts'
import type { NamespaceWarming, WarmingDefaults } from './warm/warming.ts'
import { claimOf } from './warmed-cache.ts'

export const DEFAULT_NAMESPACE = 'default'
const CONFIGURE: Shape<ConfigureOptions> = { apply: oneOf('new', 'drop'), dryRun: flag }

export interface AssemblyParts {
  readonly space: Omit<SpaceParts, 'foreign' | 'moved'>
  readonly settings: CacheSettings
  /** Resolves rules of `route` for the cache's tiers. */
  readonly routed: (rules: unknown) => Routing
  readonly memory: { readonly store: MemoryStore; readonly isOn: boolean } | undefined
  readonly tiers: readonly Tier[]
  /** The tier that holds the ledger. */
  readonly holder: ResolvedFarTier | undefined
  readonly sources: SourceRegistry
  readonly plugins: readonly Plugin[]
  readonly jobStore: JobStore | undefined
  readonly restart: RestartOptions | undefined
  /** Starts watching the cache of the default namespace; its result is closed first. */
  readonly watchedBy: ((cache: Cache) => { close(): unknown }) | undefined
  readonly warming: WarmingDefaults
  readonly strategies: readonly Strategy[]
}

export class Assembly implements CacheServices {
  readonly #parts: AssemblyParts
  readonly #namespaces: Namespaces
  #memoryIsOn: boolean
  readonly #scheduled: ScheduledInvalidations
  readonly #jobs: CacheJobs
  readonly #sources: CacheSources
  #restart: Restart | undefined
  #watcher: { close(): unknown } | undefined
  #closing: Promise<void> | undefined
  /** Namespaces that are closing by themselves. */
  readonly #leaving = new Map<Space, Promise<void>>()

  constructor(parts: AssemblyParts) {
    this.#parts = parts
    this.#memoryIsOn = parts.memory?.isOn ?? false
    const { services } = parts.space
    const around = aroundOf(parts.plugins)
    this.#namespaces = new Namespaces({
      ...parts,
      memoryStore: () => (this.#memoryIsOn ? parts.memory?.store : undefined),
      cacheOf: (space) => new Cache({ space, around, services: this }),
      isClosing: () => this.#closing !== undefined,
    })
    const store = parts.jobStore ?? memoryJobs({ clock: services.clock })
    this.#scheduled = new ScheduledInvalidations(parts.space, store, parts.jobStore !== undefined, (due) =>
      this.open(due.namespace).invalidate(due.criteria, { mode: due.mode, reason: due.reason }),
    )
    const claim: Claim = (name, ms) => claimOf(this.#namespaces.spaceOf(DEFAULT_NAMESPACE))(name, ms)
    this.#jobs = new CacheJobs(parts.space, store, parts.jobStore === undefined ? claim : undefined)
    this.#sources = new CacheSources({
      services,
      sources: parts.sources,
      around,
      warming: parts.warming,
      strategies: parts.strategies,
      jobs: () => this.#jobs.warming(),
    })
  }

  /** The cache of the default namespace; overdue work in a durable store from an earlier run is done without a call. */
  start(): Cache {
    const { space, memory, restart, jobStore } = this.#parts
    this.#listen()
    if (jobStore !== undefined) this.#scheduled.jobs()
    const first = this.open(DEFAULT_NAMESPACE)
    for (const plugin of this.#parts.plugins) plugin.attached?.(first)
    this.#watcher = this.#parts.watchedBy?.(first)
    if (restart === undefined) return first
    const parts: RestartParts = { ...space, memoryStore: this.#memoryIsOn ? memory?.store : undefined }
    this.#restart = openRestart(
      parts,
      restart,
      (namespace) => this.#namespaces.spaceOf(namespace),
      () => this.#spaces,
    )
    return first
  }

  /** The one cache of a namespace for as long as it is open. `options`: what differs from the cache's own. */
  open(namespace: string, options?: NamespaceOptions): Cache {
    return this.#namespaces.open(namespace, options)
  }

  jobs(): ReturnType<CacheJobs['jobs']> {
    return this.#jobs.jobs()
  }

  get scheduled(): ScheduledInvalidations {
    return this.#scheduled
  }

  nodeStore(): NodeStore {
    return this.#parts.holder?.use.nodes ?? processNodes()
  }

  info({ namespaces }: InfoOptions = {}): CacheInfo {
    const { space, holder, memory } = this.#parts
    const told = namespaces === undefined ? this.#spaces : this.#namespaces.among(namespaces)
    return describeCache(
      space.cacheName,
      this.#spaces,
      told,
      holder?.use.name ?? 'memory',
      this.#memoryIsOn ? memory?.store : undefined,
      this.#sources.schedule,
      this.#jobs.figures,
      this.#sources.guards,
    )
  }

  activity(): readonly NamespaceActivity[] {
    return this.#spaces.map(activityOf)
  }

  describe(): CacheDescription {
    const { space, settings, plugins } = this.#parts
    return describeConfig({
      name: space.cacheName,
      policy: settings.policy(),
      settings: settings.common,
      memory: this.#memory,
      far: space.far,
      routing: settings.routing,
      ledger: ledgerTier(space)?.guarded.name ?? 'memory',
      maxStaleMs: space.trustMs,
      plugins: plugins.map(({ name }) => name),
      namespaces: this.#spaces.map(({ id, settings: its }) => ({ name: id.name, policy: its.policy })),
    })
  }

  /** All of it, or nothing if something is wrong. */
  async configure(namespace: string, changes: Changes, options: ConfigureOptions = {}): Promise<Configured> {
    checkOptions<ConfigureOptions>(options, CONFIGURE, 'configure')
    const { apply = 'new', dryRun = false } = options
    const isWhole = namespace === DEFAULT_NAMESPACE
    const { settings, space, routed } = this.#parts
    const switchMemory = (isOn: boolean): void => this.#switchMemory(isOn)
    const changeRouting = (to: Routing): Promise<unknown> => this.#changeRouting(to)
    const plan = planChanges(
      { settings, far: space.far, memory: this.#memory, switchMemory, routed, changeRouting },
      changes,
      isWhole ? undefined : namespace,
    )
    if (dryRun) return { changes: plan.changes, isDryRun: true, dropped: [] }
    const applied = plan.apply()
    if (plan.changes.length === 0) return { changes: [], isDryRun: false, dropped: [] }
    space.services.events.emit('settings', { namespace, changes: plan.changes })
    const { all } = this.#namespaces
    const concerned = apply === 'new' ? [] : isWhole ? all : all.filter(({ cache }) => cache.name === namespace)
    const [, ...dropped] = await Promise.all([applied, ...concerned.map(({ cache }) => cache.clear())])
    return { changes: plan.changes, isDryRun: false, dropped }
  }

  divide(division: Division): () => void {
    const { settings } = this.#parts
    if (settings.division !== undefined)
      throw new MillpondError(
        'OPTION_INVALID',
        'divide: the cache is already divided: end the experiment that divided it first',
      )
    settings.division = division
    return () => {
      if (settings.division === division) settings.division = undefined
    }
  }

  register(space: Space, source: Omit<Source, 'guard'>, given: SourceOptions['guard']): () => void {
    return this.#sources.register(space, source, given)
  }

  guard(name: string, options?: GuardOptions): SourceGuard {
    return this.#sources.guard(name, options)
  }

  collection<Id, T>(cache: Cache, space: Space, name: string, options: CollectionOptions<Id, T>): Collection<Id, T> {
    return this.#sources.collection(cache, space, name, options)
  }

  warm(cache: Cache, space: Space, plans: WarmPlan | readonly WarmPlan[], options: WarmOptions): Promise<WarmReport> {
    return this.warming(cache, space).warm(plans, options)
  }

  prefetch(cache: Cache, space: Space, keys: readonly Key[]): Promise<Prefetched> {
    return this.warming(cache, space).prefetch(keys)
  }

  warming(cache: Cache, space: Space): NamespaceWarming {
    return this.#sources.warming(cache, space)
  }

  drain(space: Space): Promise<void> {
    return this.#sources.flush(space)
  }

  sources(namespace: string | undefined): SourceView[] {
    return this.#sources.list(namespace)
  }

  async ready(): Promise<Restored> {
    await this.#sources.ready()
    return (await this.#restart?.restored) ?? { restored: 0, refused: 0 }
  }

  erase(space: Space, subject: ErasureSubject): Promise<Erased> {
    const open = (name: string): Space => this.#namespaces.spaceOf(name)
    const openNames = (): readonly string[] => this.#spaces.map(({ id }) => id.name)
    return erase(
      space,
      {
        open,
        get openNames() {
          return openNames()
        },
        letGo: async (name) => {
          if (this.#namespaces.isUnnamed(name)) await this.close(open(name))
        },
      },
      subject,
    )
  }

  /** A single namespace, or with the default one everything. */
  close(space: Space): Promise<void> {
    if (space.id.name === DEFAULT_NAMESPACE || this.#closing !== undefined) {
      this.#closing ??= this.#closeAll()
      return this.#closing
    }
    const leaving = this.#leaving.get(space) ?? this.#closeOne(space).finally(() => this.#leaving.delete(space))
    this.#leaving.set(space, leaving)
    return leaving
  }

  get #services(): Services {
    return this.#parts.space.services
  }

  get #spaces(): Space[] {
    return this.#namespaces.all.map(({ space }) => space)
  }

  get #memory() {
    const { memory, settings } = this.#parts
    return memory && { store: memory.store, retention: settings.memoryRetention, isOn: this.#memoryIsOn }
  }

  /** Departures from memory are recorded in their namespace, and reported to listeners. */
  #listen(): void {
    const { space, memory } = this.#parts
    if (memory === undefined) return
    const { clock, events } = space.services
    const removalNotifier = new RemovalNotifier(events)
    memory.store.onRemoval = (namespace, key, reason, createdAt, freshUntil) => {
      const opened = this.#namespaces.get(namespace)
      if (opened === undefined) return
      opened.space.watch.removed(key, reason, clock.coarse, createdAt, freshUntil)
      if (events.hearsRemovals) removalNotifier.add(namespace, key, reason)
    }
  }

  /** While it is off, memory gets no invalidations, so it must be empty. */
  #switchMemory(isOn: boolean): void {
    const { memory } = this.#parts
    if (memory === undefined) return
    this.#memoryIsOn = isOn
    for (const space of this.#spaces) {
      space.memory?.clear('switched_off')
      space.memory = isOn ? memory.store.space(space.id.name) : undefined
    }
  }

  #changeRouting(to: Routing): Promise<unknown> {
    const before = new Map(this.#spaces.map((space) => [space, space.settings.route]))
    this.#parts.settings.routing = to
    const changed = [...before].filter(([space, route]) => space.settings.route?.text !== route?.text)
    return Promise.all(changed.map(([space, route]) => reroute(space, route)))
  }

  /** Its name is free at once: reopened, it starts with an empty memory and its own ledger view. */
  async #closeOne(space: Space): Promise<void> {
    const opened = this.#namespaces.take(space)
    if (opened === undefined) return
    const namespace = space.id.name
    this.#sources.forget(namespace)
    this.#parts.space.watch.close(opened.space.watch)
    opened.space.memory?.clear('cleared')
    opened.space.memory = undefined
    await inTime(this.#services, this.#sources.stopWarming([space]))
    await this.#sources.closeCollections([space])
    await finish(opened)
    await opened.space.ledger.close()
    // Unless the name was taken again meanwhile.
    if (this.#namespaces.get(namespace) === undefined) this.#parts.memory?.store.release(namespace)
  }

  async #closeAll(): Promise<void> {
    const { tiers, memory, space } = this.#parts
    if (this.#watcher !== undefined) await inTime(this.#services, endWatching(this.#services, this.#watcher))
    // Runs of warming are jobs: told to end first, they are not awaited like jobs that run to their end.
    await Promise.all([this.#scheduled.stop(), inTime(this.#services, this.#sources.stopWarming()), this.#jobs.stop()])
    await Promise.all(this.#leaving.values())
    await this.#sources.closeCollections()
    const open = this.#namespaces.all
    for (const one of open) await endDelays(one)
    await inTime(this.#services, Promise.all(open.map(({ cache }) => cache.flush())))
    await Promise.all(open.map(({ space: { outlets } }) => outlets?.close()))
    // Only now: pending work has been invalidated, and nothing invalidates any more, so the file contains nothing
    // invalid.
    await this.#restart?.stop()
    // While the tiers are open, so that other processes stop waiting for this one.
    const told = Promise.all(open.map(({ space: { ledger } }) => ledger.close(true)))
    this.#namespaces.close()
    memory?.store.close()
    await told
    await Promise.all([...tiers.map((tier) => tier.close()), space.outbox?.close()])
  }
}
