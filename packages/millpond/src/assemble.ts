// A cache at work: its namespaces as they open and close, what they share, and what may be changed meanwhile.
import { CacheJobs, type Claim } from './cache-jobs.ts'
import { checkOptions, flag, oneOf, type Shape } from './core/checks.ts'
import type { NearStore, Tier } from './core/contracts.ts'
import { MillpondError, show } from './core/errors.ts'
import type { GuardOptions, SourceGuard } from './core/guard.ts'
import { checkName, isName } from './core/key.ts'
import type { NodeStore } from './core/nodes.ts'
import type { LoadOptions } from './core/options.ts'
import type { Source, SourceOptions, SourceView } from './core/source.ts'
import { isTenantPart, namespaceOf } from './core/tenant.ts'
import type { WarmOptions, WarmPlan, WarmReport } from './core/warm.ts'
import { Abroad } from './engine/abroad.ts'
import { Cache, type House } from './engine/cache.ts'
import type { Collection, CollectionOptions } from './engine/collection.ts'
import { type Changes, type Configured, type ConfigureOptions, planChanges } from './engine/configure.ts'
import { Departures } from './engine/departures.ts'
import { type CacheDescription, describeConfig, describePolicy } from './engine/describe.ts'
import { erase } from './engine/erase.ts'
import type { Erased, ErasureSubject } from './engine/erasure.ts'
import { isSameKeeping, type Keeping, keepingOf, type NamespaceOptions, partOptions } from './engine/namespace-options.ts'
import { openSpace, type SpaceParts } from './engine/open-space.ts'
import { type Around, aroundOf, intercept, type Plugin } from './engine/plugins.ts'
import { keepWarm, type Restart } from './engine/restart.ts'
import type { RestartOptions, RestartParts, Restored } from './engine/restart-parts.ts'
import type { CacheSettings } from './engine/settings.ts'
import { ledgerTier, type Space } from './engine/space.ts'
import { type CacheInfo, describeCache } from './engine/stats.ts'
import { type JobStore, type Jobs, memoryJobs } from './jobs/index.ts'
import { processNodes } from './nodes/memory.ts'
import { ScheduledInvalidations } from './scheduled-invalidations.ts'
import { seamOf } from './seam.ts'
import { type OpenCollection, SourceCollection } from './source/collection.ts'
import { Guards } from './source/guard/guards.ts'
import type { GuardServices } from './source/guard/source-guard.ts'
import type { SourceRegistry } from './source/registry.ts'
import { guardedSource, guardOf } from './source-guards.ts'
import type { FarUse } from './tier-uses.ts'
import { NamespaceWarming, type WarmingDefaults } from './warm/warming.ts'
import { claimOf, warmSeamOf } from './warm-seam.ts'

export const DEFAULT_NAMESPACE = 'default'
/** Reads of a collection come by as the cache's own verbs. */
const COLLECTION_VERBS = ['set', 'setMany', 'delete'] as const
/** Namespaces that open without being named. */
const MAX_UNNAMED = 1000
const NOTHING: Keeping = Object.freeze({})
const CONFIGURE: Shape<ConfigureOptions> = { apply: oneOf('new', 'drop'), dryRun: flag }

export interface AssemblyParts {
  readonly space: Omit<SpaceParts, 'abroad'>
  readonly settings: CacheSettings
  readonly memory: { readonly store: NearStore; readonly isOn: boolean } | undefined
  readonly tiers: readonly Tier[]
  /** The tier that keeps the ledger. */
  readonly holder: FarUse | undefined
  readonly sources: SourceRegistry
  readonly plugins: readonly Plugin[]
  readonly jobStore: JobStore | undefined
  readonly restart: RestartOptions | undefined
  readonly warming: WarmingDefaults
}

interface Opened {
  readonly cache: Cache
  readonly space: Space
}

export class Assembly implements House {
  readonly #parts: AssemblyParts
  readonly #open = new Map<string, Opened>()
  /** What the code says of the codec and selection of an open namespace. */
  readonly #keeping = new Map<string, Keeping>()
  readonly #around: Around | undefined
  readonly #abroad: Abroad | undefined
  /** Namespaces that nobody has named yet: a file that was restored, or an entry that was computed from theirs, knows of them. */
  readonly #unnamed = new Set<string>()
  #memoryIsOn: boolean
  readonly #scheduled: ScheduledInvalidations
  readonly #jobs: CacheJobs
  readonly #guards: Guards
  #restart: Restart | undefined
  #closing: Promise<void> | undefined
  /** Namespaces that are closing by themselves. */
  readonly #leaving = new Map<Space, Promise<void>>()
  readonly #warmings = new Map<Space, NamespaceWarming>()
  /** By namespace and name. */
  readonly #collections = new Map<Space, Map<string, OpenCollection>>()

  constructor(parts: AssemblyParts) {
    this.#parts = parts
    this.#around = aroundOf(parts.plugins)
    this.#abroad = parts.settings.common.dependencies === 'tracked' ? new Abroad((namespace) => this.#knownSpace(namespace)) : undefined
    this.#memoryIsOn = parts.memory?.isOn ?? false
    const { clock, events, random } = parts.space.services
    const tell: GuardServices['tell'] = (guard, state, error) =>
      events.emit('guard', { guard, state, ...(error !== undefined && { error }) })
    this.#guards = new Guards({ clock, random, tell })
    const store = parts.jobStore ?? memoryJobs({ clock: parts.space.services.clock })
    this.#scheduled = new ScheduledInvalidations(parts.space, store, parts.jobStore !== undefined, (due) =>
      this.open(due.namespace).invalidate(due.criteria, { mode: due.mode }),
    )
    const claim: Claim = (name, ms) => claimOf(this.#spaceOf(DEFAULT_NAMESPACE))(name, ms)
    this.#jobs = new CacheJobs(parts.space, store, parts.jobStore === undefined ? claim : undefined)
  }

  /** The cache of the default namespace; what a former run has left in a lasting store is due without anybody asking. */
  start(): Cache {
    const { space, memory, restart, jobStore } = this.#parts
    this.#listen()
    if (jobStore !== undefined) this.#scheduled.jobs()
    const first = this.open(DEFAULT_NAMESPACE)
    if (restart === undefined) return first
    const parts: RestartParts = { ...space, nearStore: this.#memoryIsOn ? memory?.store : undefined }
    this.#restart = keepWarm(
      parts,
      restart,
      (namespace) => this.#spaceOf(namespace),
      () => this.#spaces,
    )
    return first
  }

  /** The one cache of a namespace for as long as it is open. `options`: what differs from the cache's own. */
  open(namespace: string, options?: NamespaceOptions): Cache {
    const known = this.#open.get(namespace)
    if (known === undefined) return this.#begin(namespace, options).cache
    // A tenant's part that a restart has opened by its name learns with its namespace how its values are kept.
    const isNew = isTenantPart(namespace) && this.#unnamed.has(namespace)
    if (options !== undefined || isNew) this.#say(namespace, known.space, options ?? {})
    return known.cache
  }

  jobs(): Jobs {
    return this.#jobs.jobs()
  }

  get scheduled(): ScheduledInvalidations {
    return this.#scheduled
  }

  nodeStore(): NodeStore {
    return this.#parts.holder?.use.nodes ?? processNodes()
  }

  info(): CacheInfo {
    const { space, holder, memory } = this.#parts
    return describeCache(
      space.cacheName,
      this.#spaces,
      holder?.use.name ?? 'memory',
      this.#memoryIsOn ? memory?.store : undefined,
      this.#schedule,
      this.#jobs.figures,
      this.#guards.stats,
    )
  }

  describe(): CacheDescription {
    const { space, settings, plugins } = this.#parts
    return describeConfig({
      name: space.cacheName,
      policy: settings.policy(),
      settings: settings.common,
      memory: this.#memory,
      far: space.far,
      ledger: ledgerTier(space)?.guarded.name ?? 'memory',
      maxStaleMs: space.trustMs,
      plugins: plugins.map(({ name }) => name),
      namespaces: this.#spaces.map(({ id, settings: its }) => ({ name: id.name, policy: its.policy })),
    })
  }

  /** All of it, or nothing where something is wrong. */
  async configure(namespace: string, changes: Changes, options: ConfigureOptions = {}): Promise<Configured> {
    checkOptions<ConfigureOptions>(options, CONFIGURE, 'configure')
    const { apply = 'new', dryRun = false } = options
    const isWhole = namespace === DEFAULT_NAMESPACE
    const { settings, space } = this.#parts
    const switchMemory = (isOn: boolean): void => this.#switchMemory(isOn)
    const plan = planChanges({ settings, far: space.far, memory: this.#memory, switchMemory }, changes, isWhole ? undefined : namespace)
    if (dryRun) return { changes: plan.changes, isDryRun: true, dropped: [] }
    const applied = plan.apply()
    if (plan.changes.length === 0) return { changes: [], isDryRun: false, dropped: [] }
    space.services.events.emit('settings', { namespace, changes: plan.changes })
    const concerned =
      apply === 'new' ? [] : isWhole ? [...this.#open.values()] : [...this.#open.values()].filter(({ cache }) => cache.name === namespace)
    const [, ...dropped] = await Promise.all([applied, ...concerned.map(({ cache }) => cache.clear())])
    return { changes: plan.changes, isDryRun: false, dropped }
  }

  register(space: Space, source: Omit<Source, 'guard'>, given: SourceOptions['guard']): () => void {
    if (given === undefined) return this.#parts.sources.register(source)
    const { guard, release } = guardOf(this.#guards, space, given, `${space.id.name}.${source.name}`)
    try {
      const unregister = this.#parts.sources.register(guardedSource(source, guard))
      return () => {
        unregister()
        release()
      }
    } catch (error) {
      release()
      throw error
    }
  }

  guard(name: string, options?: GuardOptions): SourceGuard {
    return this.#guards.guard(checkName(name, 'guard'), options)
  }

  collection<Id, T>(cache: Cache, space: Space, name: string, options: CollectionOptions<Id, T>): Collection<Id, T> {
    const open = this.#collections.get(space) ?? new Map<string, OpenCollection>()
    if (open.has(name))
      throw new MillpondError(
        'OPTION_INVALID',
        `there is a collection ${show(name)} in the namespace ${show(space.id.name)} already: open it once, and hand it on`,
      )
    const collection = new SourceCollection(
      name,
      options,
      seamOf(cache, space, name, { guards: this.#guards, sources: this.#parts.sources }),
    )
    if (this.#around !== undefined) intercept(collection, COLLECTION_VERBS, cache.name, this.#around)
    this.#collections.set(space, open)
    open.set(name, collection)
    return collection
  }

  warm(cache: Cache, space: Space, plans: WarmPlan | readonly WarmPlan[], options: WarmOptions): Promise<WarmReport> {
    return this.warming(cache, space).warm(plans, options)
  }

  warming(cache: Cache, space: Space): NamespaceWarming {
    const known = this.#warmings.get(space)
    if (known !== undefined) return known
    const warming = new NamespaceWarming(
      warmSeamOf(
        cache,
        space,
        () => this.#jobs.jobs(),
        (name) => this.#collections.get(space)?.get(name),
      ),
      this.#parts.warming,
    )
    this.#warmings.set(space, warming)
    return warming
  }

  async drain(space: Space): Promise<void> {
    await Promise.all(this.#collectionsOf([space]).map((collection) => collection.flush()))
  }

  sources(namespace: string | undefined): SourceView[] {
    return this.#parts.sources.list(namespace)
  }

  async ready(): Promise<Restored> {
    await Promise.all(this.#collectionsOf([...this.#collections.keys()]).map((collection) => collection.ready()))
    return (await this.#restart?.restored) ?? { restored: 0, refused: 0 }
  }

  erase(space: Space, subject: ErasureSubject): Promise<Erased> {
    const open = (name: string): Space => this.#spaceOf(name)
    const openNames = (): readonly string[] => [...this.#open.keys()]
    return erase(
      space,
      {
        open,
        get openNames() {
          return openNames()
        },
        letGo: async (name) => {
          if (this.#unnamed.has(name)) await this.close(open(name))
        },
      },
      subject,
    )
  }

  /** A namespace alone, or with the default one everything. */
  close(space: Space): Promise<void> {
    if (space.id.name === DEFAULT_NAMESPACE || this.#closing !== undefined) {
      this.#closing ??= this.#closeAll()
      return this.#closing
    }
    const leaving = this.#leaving.get(space) ?? this.#closeOne(space).finally(() => this.#leaving.delete(space))
    this.#leaving.set(space, leaving)
    return leaving
  }

  get #spaces(): Space[] {
    return [...this.#open.values()].map(({ space }) => space)
  }

  get #memory() {
    const { memory, settings } = this.#parts
    return memory && { store: memory.store, keep: settings.nearKeep, isOn: this.#memoryIsOn }
  }

  get #schedule() {
    return [...this.#warmings].flatMap(([{ id }, { schedule }]) => schedule.map((one) => ({ namespace: id.name, ...one })))
  }

  async #stopWarming(spaces: readonly Space[]): Promise<void> {
    const warmings = spaces.flatMap((space) => this.#warmings.get(space) ?? [])
    for (const space of spaces) this.#warmings.delete(space)
    await this.#inTime(Promise.all(warmings.map((warming) => warming.stop())))
  }

  #collectionsOf(spaces: readonly Space[]): OpenCollection[] {
    return spaces.flatMap((space) => [...(this.#collections.get(space)?.values() ?? [])])
  }

  /** What is queued goes to its sources first: caches are told of it while they are open. */
  async #closeCollections(spaces: readonly Space[]): Promise<void> {
    const closing = this.#collectionsOf(spaces)
    for (const space of spaces) this.#collections.delete(space)
    await Promise.all(closing.map((collection) => collection.close()))
  }

  #begin(namespace: string, options: NamespaceOptions | undefined): Opened {
    const { settings, space: parts, memory } = this.#parts
    const { code, keeping } = options === undefined ? { code: undefined, keeping: NOTHING } : partOptions(options)
    const { codec, select } = this.#keepingOf(namespace, keeping)
    const space = openSpace(
      { ...parts, abroad: this.#abroad },
      namespace,
      settings.open(namespace, code),
      this.#memoryIsOn ? memory?.store.space(namespace) : undefined,
      codec,
      select,
    )
    const opened = { space, cache: new Cache({ space, around: this.#around, house: this }) }
    this.#open.set(namespace, opened)
    return opened
  }

  #spaceOf(namespace: string): Space {
    const known = this.#open.get(namespace)
    if (known !== undefined) return known.space
    this.#unnamed.add(namespace)
    return this.#begin(namespace, undefined).space
  }

  /** A shared tier may name anything: what is not a name, or one too many, is not opened. */
  #knownSpace(namespace: string): Space | undefined {
    const known = this.#open.get(namespace)
    if (known !== undefined) return known.space
    if (this.#closing !== undefined || this.#unnamed.size >= MAX_UNNAMED || !(isName(namespace) || isTenantPart(namespace)))
      return undefined
    return this.#spaceOf(namespace)
  }

  #say(namespace: string, space: Space, options: NamespaceOptions): void {
    const { code, keeping } = partOptions(options)
    if (this.#unnamed.has(namespace)) {
      Object.assign(space, this.#keepingOf(namespace, keeping))
      this.#parts.settings.say(namespace, code)
      this.#unnamed.delete(namespace)
      for (const { space: part } of this.#open.values())
        if (part !== space && namespaceOf(part.id.name) === namespace)
          Object.assign(part, this.#keepingOf(part.id.name, this.#keeping.get(part.id.name) ?? NOTHING))
      return
    }
    this.#checkSame(namespace, code)
    if (!isSameKeeping(this.#keeping.get(namespace) ?? NOTHING, keeping))
      throw new MillpondError(
        'OPTION_INVALID',
        `the namespace ${show(namespace)} is open with another codec or select: make them once, and give the same ones everywhere`,
      )
  }

  /** Records that prove their position are like copies: see `createCache`. */
  #keepingOf(namespace: string, keeping: Keeping): ReturnType<typeof keepingOf> {
    const { space, holder } = this.#parts
    // A tenant's values are kept as its namespace's are, or encryption would end where tenants begin.
    const whole = { ...this.#keeping.get(namespaceOf(namespace)), ...keeping }
    const made = keepingOf(namespace, whole, space.services.codec, space.far)
    if (made.codec.isBound === true) holder?.use.ledger?.coverOtherTiers?.()
    this.#keeping.set(namespace, keeping)
    return made
  }

  /** Two places in the code that say different things of one namespace are a mistake in one of them. */
  #checkSame(namespace: string, code: LoadOptions): void {
    const { settings } = this.#parts
    const known = settings.codeOf(namespace) ?? {}
    if (JSON.stringify(describePolicy(settings.policyOfCode(known))) === JSON.stringify(describePolicy(settings.policyOfCode(code)))) return
    throw new MillpondError(
      'OPTION_INVALID',
      `the namespace ${show(namespace)} is open with other settings, ${show(known)}: say the same everywhere, or change it with configure()`,
    )
  }

  /** What leaves memory is noted where it was, and told to who listens. */
  #listen(): void {
    const { space, memory } = this.#parts
    if (memory === undefined) return
    const { clock, events } = space.services
    const departures = new Departures(events)
    memory.store.onLeave = (namespace, key, reason, createdAt, freshUntil) => {
      const opened = this.#open.get(namespace)
      if (opened === undefined) return
      opened.space.watch.left(key, reason, clock.coarse, createdAt, freshUntil)
      if (events.hearsLeaves) departures.add(namespace, key, reason)
    }
  }

  /** While it is off nothing is told to memory, so nothing may be left in it. */
  #switchMemory(isOn: boolean): void {
    const { memory } = this.#parts
    if (memory === undefined) return
    this.#memoryIsOn = isOn
    for (const space of this.#spaces) {
      space.near?.clear('switched_off')
      space.near = isOn ? memory.store.space(space.id.name) : undefined
    }
  }

  /** Its name is free at once: who opens it again begins with an empty memory and a ledger view of its own. */
  async #closeOne(space: Space): Promise<void> {
    const namespace = space.id.name
    const opened = this.#open.get(namespace)
    // The name may be another cache's by now.
    if (opened?.space !== space) return
    this.#open.delete(namespace)
    this.#unnamed.delete(namespace)
    this.#abroad?.forget(namespace)
    this.#parts.settings.close(namespace)
    this.#keeping.delete(namespace)
    this.#parts.sources.close(namespace)
    this.#parts.space.watch.close(opened.space.watch)
    opened.space.near?.clear('cleared')
    opened.space.near = undefined
    await this.#stopWarming([space])
    await this.#closeCollections([space])
    await finish(opened)
    opened.space.ledger.close()
    // Unless the name was taken again meanwhile.
    if (!this.#open.has(namespace)) this.#parts.memory?.store.release(namespace)
  }

  /** Waits for work that runs behind, but not for ever: says what it left. */
  async #inTime(work: Promise<unknown>): Promise<void> {
    const { clock, events } = this.#parts.space.services
    let cancel = (): void => {}
    const late = new Promise<boolean>((resolve) => {
      cancel = clock.after(CLOSE_MS, () => resolve(true), true)
    })
    const isLate = await Promise.race([work.then(() => false), late])
    cancel()
    if (isLate)
      events.emit('warning', {
        message: `the cache was closed while something still ran behind after ${CLOSE_MS} ms (a refresh whose loader hangs?): it is left to itself`,
      })
  }

  async #closeAll(): Promise<void> {
    const { tiers, memory, space } = this.#parts
    // Runs of warming are jobs: told to end first, they are not waited for as those are that go on to their end.
    await Promise.all([this.#scheduled.stop(), this.#stopWarming([...this.#warmings.keys()]), this.#jobs.stop()])
    await Promise.all(this.#leaving.values())
    await this.#closeCollections([...this.#collections.keys()])
    const open = [...this.#open.values()]
    for (const one of open) await endDelays(one)
    await this.#inTime(Promise.all(open.map(({ cache }) => cache.flush())))
    await Promise.all(open.map(({ space: { outlets } }) => outlets?.close()))
    // Only now: what was put off has been invalidated, and nobody invalidates any more, so the file holds nothing that is void.
    await this.#restart?.stop()
    for (const one of open) one.space.ledger.close()
    memory?.store.close()
    await Promise.all([...tiers.map((tier) => tier.close()), space.outbox?.close()])
  }
}

/** How long `close` waits for what runs behind, in milliseconds: a loader that hangs must not hold up a process that is to end. */
const CLOSE_MS = 5_000

async function finish(opened: Opened): Promise<void> {
  await endDelays(opened)
  await opened.cache.flush()
  await opened.space.outlets?.close()
}

/** What was put off is due now; nothing new begins. */
async function endDelays({ space }: Opened): Promise<void> {
  await space.delays.flush()
  for (const windows of space.coalescing.values()) await windows.flush()
  space.closed = true
}
