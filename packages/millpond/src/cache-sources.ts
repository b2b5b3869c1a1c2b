// A cache's sources: registered loaders with their guards, collections, and warming, by namespace.

import { collectionHost } from './collection-host.ts'
import { MillpondError, show } from './core/errors.ts'
import type { GuardOptions, GuardStats, SourceGuard } from './core/guard.ts'
import { checkName } from './core/key.ts'
import type { Source, SourceOptions, SourceView } from './core/source.ts'
import type { Cache } from './engine/cache.ts'
import type { Collection, CollectionOptions, Strategy } from './engine/collection.ts'
import { type Around, intercept } from './engine/plugins.ts'
import type { Services, Space } from './engine/space.ts'
import type { CacheInfo } from './engine/stats.ts'
import type { Jobs } from './jobs/index.ts'
import { type OpenCollection, SourceCollection } from './source/collection.ts'
import { Guards } from './source/guard/guards.ts'
import type { GuardServices } from './source/guard/source-guard.ts'
import type { SourceRegistry } from './source/registry.ts'
import { guardedSource, guardOf } from './source-guards.ts'
import { NamespaceWarming, type WarmingDefaults } from './warm/warming.ts'
import { warmedCacheOf } from './warmed-cache.ts'

/** Collections read through the cache's own verbs. */
const COLLECTION_VERBS = ['set', 'setMany', 'delete'] as const

export interface CacheSourcesParts {
  readonly services: Pick<Services, 'clock' | 'events' | 'random'>
  readonly sources: SourceRegistry
  readonly around: Around | undefined
  readonly warming: WarmingDefaults
  /** For collections that name none. */
  readonly strategies: readonly Strategy[]
  /** The runner of warming schedules. */
  readonly jobs: () => Jobs
}

export class CacheSources {
  readonly #parts: CacheSourcesParts
  readonly #guards: Guards
  readonly #warmings = new Map<Space, NamespaceWarming>()
  /** By namespace and name. */
  readonly #collections = new Map<Space, Map<string, OpenCollection>>()

  constructor(parts: CacheSourcesParts) {
    this.#parts = parts
    const { clock, events, random } = parts.services
    const tell: GuardServices['tell'] = (guard, state, error) =>
      events.emit('guard', { guard, state, ...(error !== undefined && { error }) })
    this.#guards = new Guards({ clock, random, tell })
  }

  register(space: Space, source: Omit<Source, 'guard'>, given: SourceOptions['guard']): () => void {
    const { sources } = this.#parts
    if (given === undefined) return sources.register(source)
    const { guard, release } = guardOf(this.#guards, space, given, `${space.id.name}.${source.name}`)
    try {
      const unregister = sources.register(guardedSource(source, guard))
      return () => {
        unregister()
        release()
      }
    } catch (error) {
      release()
      throw error
    }
  }

  list(namespace: string | undefined): SourceView[] {
    return this.#parts.sources.list(namespace)
  }

  guard(name: string, options?: GuardOptions): SourceGuard {
    return this.#guards.guard(checkName(name, 'guard'), options)
  }

  get guards(): readonly GuardStats[] {
    return this.#guards.stats
  }

  collection<Id, T>(cache: Cache, space: Space, name: string, options: CollectionOptions<Id, T>): Collection<Id, T> {
    const { around, sources, strategies } = this.#parts
    const open = this.#collections.get(space) ?? new Map<string, OpenCollection>()
    if (open.has(name))
      throw new MillpondError(
        'OPTION_INVALID',
        `the collection ${show(name)} is already open in the namespace ${show(space.id.name)}: open it once and share it`,
      )
    const collection = new SourceCollection(
      name,
      options,
      collectionHost(cache, space, name, { guards: this.#guards, sources, strategies }),
    )
    if (around !== undefined) intercept(collection, COLLECTION_VERBS, cache.name, around)
    this.#collections.set(space, open)
    open.set(name, collection)
    return collection
  }

  warming(cache: Cache, space: Space): NamespaceWarming {
    const known = this.#warmings.get(space)
    if (known !== undefined) return known
    const warmed = warmedCacheOf(cache, space, this.#parts.jobs, (name) => this.#collections.get(space)?.get(name))
    const warming = new NamespaceWarming(warmed, this.#parts.warming)
    this.#warmings.set(space, warming)
    return warming
  }

  /** Repeated warming. */
  get schedule(): CacheInfo['warmingSchedule'] {
    return [...this.#warmings].flatMap(([{ id }, { schedule }]) =>
      schedule.map((one) => ({ namespace: id.name, ...one })),
    )
  }

  /** Sends the queued writes of the namespace's collections. */
  async flush(space: Space): Promise<void> {
    await Promise.all(this.#collectionsOf([space]).map((collection) => collection.flush()))
  }

  async ready(): Promise<void> {
    await Promise.all(this.#collectionsOf([...this.#collections.keys()]).map((collection) => collection.ready()))
  }

  /** Of these namespaces, or of all. */
  async stopWarming(spaces: readonly Space[] = [...this.#warmings.keys()]): Promise<void> {
    const warmings = spaces.flatMap((space) => {
      const its = this.#warmings.get(space) ?? []
      this.#warmings.delete(space)
      return its
    })
    await Promise.all(warmings.map((warming) => warming.stop()))
  }

  /** Queued writes go to their sources first, while the caches that are told of them are still open. */
  async closeCollections(spaces: readonly Space[] = [...this.#collections.keys()]): Promise<void> {
    const closing = this.#collectionsOf(spaces)
    for (const space of spaces) this.#collections.delete(space)
    await Promise.all(closing.map((collection) => collection.close()))
  }

  /** Removes the namespace's loaders. */
  forget(namespace: string): void {
    this.#parts.sources.close(namespace)
  }

  #collectionsOf(spaces: readonly Space[]): OpenCollection[] {
    return spaces.flatMap((space) => [...(this.#collections.get(space)?.values() ?? [])])
  }
}
