// A collection in operation: reads through the cache's own verbs, writes by its strategy.
import { checkOptions, refused } from '../core/checks.ts'
import { MillpondError, show } from '../core/errors.ts'
import { encodeKey, type Key } from '../core/key.ts'
import { type EntryOptions, type LoadOptions, laidOver } from '../core/options.ts'
import type { SourceOptions } from '../core/source.ts'
import type {
  Collection,
  CollectionOptions,
  CollectionWriteOptions,
  DeadLetters,
  StoreContext,
} from '../engine/collection.ts'
import type { Receipt } from '../engine/receipt.ts'
import type { SourceWrite } from '../engine/source-write.ts'
import type { CollectionHost, Written } from './collection-host.ts'
import { CollectionLoads } from './collection-loads.ts'
import { type CollectionPlan, planOf, WRITE } from './collection-options.ts'
import type { Guard } from './guard/source-guard.ts'
import { Records } from './records.ts'
import { checkStored, storeAll } from './store-all.ts'
import { type WriteKind, writeKindOf } from './strategies.ts'
import { noDeadLetters } from './write-behind/dead-letters.ts'
import { type Wanted, WriteBehind } from './write-behind/write-behind.ts'

/** A collection for the cache that opened it. */
export interface OpenCollection extends Collection<unknown, unknown> {
  /** Settles when the leftovers of earlier processes have been taken over. */
  ready(): Promise<void>
  /** Takes no more writes, drains, and ends. Later reads are the cache's business. */
  close(): Promise<void>
}

export class SourceCollection<Id, T> implements Collection<Id, T> {
  readonly name: string
  readonly write: WriteKind
  readonly deadLetters: DeadLetters<Id>
  readonly #plan: CollectionPlan<Id, T>
  readonly #host: CollectionHost
  readonly #loads: CollectionLoads<Id, T>
  readonly #records: Records<Id, T> | undefined
  readonly #behind: WriteBehind<Id, T> | undefined
  readonly #guard: Guard | undefined
  readonly #releaseGuard: () => void
  readonly #unregister: () => void

  /** @throws MillpondError `OPTION_INVALID` and others for its options; the errors of opening a journal. */
  constructor(name: string, options: CollectionOptions<Id, T>, host: CollectionHost) {
    const plan = planOf(name, options, host)
    this.name = name
    this.write = plan.write
    this.#plan = plan
    this.#host = host
    const guarded = host.guard(options.guard)
    this.#guard = guarded?.guard
    this.#releaseGuard = guarded?.release ?? (() => {})
    this.#records = recordsOf(name, options, host)
    this.#loads = new CollectionLoads({
      plan,
      records: this.#records,
      guard: this.#guard,
      pending: (key) => this.#behind?.pending(key),
    })
    this.#unregister = this.#register()
    try {
      this.#behind = plan.write === 'write-behind' ? new WriteBehind(name, plan, host, this.#records) : undefined
    } catch (error) {
      this.#releaseGuard()
      this.#unregister()
      throw error
    }
    this.deadLetters = this.#behind?.deadLetters ?? noDeadLetters
  }

  keyOf(id: Id): Key {
    return this.#plan.keyOf(id)
  }

  /** Without an additional promise around a hit. */
  get(id: Id, options?: LoadOptions): Promise<T | undefined> {
    const behind = this.#behind
    if (behind === undefined || (behind.isReady && behind.depth === 0)) return this.#read(id, options)
    return this.#readBehind(behind, id, options)
  }

  async getMany(ids: readonly Id[], options?: LoadOptions): Promise<(T | undefined)[]> {
    if (!Array.isArray(ids)) throw refused(ids, `collection ${this.name}: getMany`, 'an array of ids')
    const behind = this.#behind
    await behind?.ready()
    if (behind === undefined || behind.depth === 0) return this.#readMany(ids, options)
    const keys = ids.map((id) => this.#key(id))
    const queued = keys.map((key) => behind.pending(key))
    const rest = ids.filter((_, at) => queued[at] === undefined)
    const read = rest.length === 0 ? [] : await this.#readMany(rest, options)
    let next = 0
    return queued.map((found) => (found === undefined ? read[next++] : found.value))
  }

  async set(id: Id, value: T, options?: CollectionWriteOptions): Promise<void> {
    return this.#write([[id, value]], options)
  }

  async setMany(entries: Iterable<readonly [Id, T]>, options?: CollectionWriteOptions): Promise<void> {
    const given: unknown = entries
    if (typeof given !== 'object' || given === null || !(Symbol.iterator in given))
      throw refused(given, `collection ${this.name}: setMany`, 'pairs of an id and its value')
    const all = [...entries]
    const odd = all.findIndex((pair) => !Array.isArray(pair) || pair.length !== 2)
    if (odd >= 0)
      throw refused(all[odd], `collection ${this.name}: setMany[${odd}]`, 'pairs of an id and its value: [id, value]')
    if (all.length > 0) await this.#write(all, options)
  }

  async delete(id: Id): Promise<Receipt> {
    const key = this.#key(id)
    if (this.write === 'cache-aside') return this.#host.forget([key])
    this.#records?.forget(key) // a new record may start with its first version
    const { remove } = this.#plan.options
    if (remove === undefined)
      throw new MillpondError(
        'OPTION_INVALID',
        `collection ${this.name}: delete of ${show(id)}: there is no way to delete from the source: give remove, or use invalidate for the cache alone`,
      )
    if (this.#behind !== undefined) {
      await this.#behind.remove(key, id)
      return this.#host.forget([key])
    }
    const write = await this.#host.begin([key], this.#plan.holdMs)
    try {
      await remove(id, NO_QUEUE)
    } catch (error) {
      await this.#abandon(write)
      throw error
    }
    const [receipt] = await this.#host.forgetWrite(write)
    return receipt ?? this.#host.forget([key])
  }

  async invalidate(ids: Id | readonly Id[]): Promise<Receipt> {
    const all: readonly Id[] = Array.isArray(ids) ? ids : [ids as Id]
    return this.#host.cache.invalidate({ keys: all.map((id) => this.#plan.keyOf(id)) })
  }

  async refresh(id: Id, options?: LoadOptions): Promise<T | undefined> {
    await this.#behind?.ready()
    this.#checkLoads('refresh')
    return this.#host.cache.refresh<T | undefined>(
      this.#plan.keyOf(id),
      (context) => this.#loads.load(id, context),
      this.#with(options),
    )
  }

  async flush(): Promise<void> {
    await this.#behind?.flush()
  }

  async ready(): Promise<void> {
    await this.#behind?.ready()
  }

  async close(): Promise<void> {
    this.#unregister()
    this.#releaseGuard()
    await this.#behind?.close()
  }

  #read(id: Id, options: LoadOptions | undefined): Promise<T | undefined> {
    const { cache } = this.#host
    const key = this.#plan.keyOf(id)
    if (!this.#canLoad) return cache.get<T>(key, options)
    return cache.getOrSet<T | undefined>(key, (context) => this.#loads.load(id, context), this.#with(options))
  }

  async #readBehind(behind: WriteBehind<Id, T>, id: Id, options: LoadOptions | undefined): Promise<T | undefined> {
    await behind.ready()
    const queued = behind.pending(this.#key(id))
    return queued === undefined ? this.#read(id, options) : queued.value
  }

  async #readMany(ids: readonly Id[], options: LoadOptions | undefined): Promise<(T | undefined)[]> {
    const { cache } = this.#host
    const { keyOf, tagsOf, options: told } = this.#plan
    if (!this.#canLoad) return cache.getMany<T>(ids.map(keyOf), options)
    // A batch cannot carry tags for each value, nor values that must not be cached: then each is a separate load, and
    // they are batched again in `loadMany`.
    if (told.loadMany === undefined || tagsOf !== undefined || told.versionOf !== undefined)
      return Promise.all(ids.map((id) => this.#read(id, options)))
    return cache.getOrSetMany<Id, T>(ids, {
      ...this.#with(options),
      key: keyOf,
      load: (missing, context) => this.#loads.loadMany(missing, context),
    })
  }

  async #write(given: readonly (readonly [Id, T])[], options: CollectionWriteOptions = {}): Promise<void> {
    checkOptions<CollectionWriteOptions>(options, WRITE, `collection ${this.name}`)
    const kind = this.#kindOf(options)
    // Before awaiting anything: the caller may change its objects as soon as it has its promise.
    const writes = given.map(([id, value]) => {
      if (value === undefined)
        throw new MillpondError(
          'VALUE_UNSUPPORTED',
          `collection ${this.name}: the value of ${show(id)} is undefined: delete it, or store null`,
        )
      return {
        id,
        key: this.#key(id),
        value: this.#host.keep(this.#records === undefined ? value : this.#records.check(value, id, 'the value')) as T,
      }
    })
    const own = withoutWrite(options)
    const items = writes.map(({ id, key, value }): Written => ({ key, value, options: this.#stored(id, value, own) }))
    const keys = writes.map(({ key }) => key)
    if (this.#behind !== undefined) await this.#behind.set(writes, items, own !== undefined)
    else if (kind === 'cache-aside') await this.#host.end(await this.#host.begin(keys), items)
    else await this.#writeSource(writes, kind === 'write-around' ? [] : items)
    for (const { key, value } of writes) this.#records?.isCurrent(key, value)
  }

  async #writeSource(writes: readonly Wanted<Id, T>[], items: readonly Written[]): Promise<void> {
    const write = await this.#host.begin(
      writes.map(({ key }) => key),
      this.#plan.holdMs,
    )
    try {
      checkStored(
        await storeAll(
          this.#plan.options,
          writes.map((one) => ({ ...one, number: 0 })),
          NO_QUEUE,
        ),
      )
    } catch (error) {
      await this.#abandon(write)
      throw error
    }
    await this.#host.end(write, items)
  }

  /** It is unknown whether the source has it. If caches cannot be told either, they are when the hold expires. */
  async #abandon(write: SourceWrite): Promise<void> {
    await this.#host.forgetWrite(write).catch(() => {})
  }

  #kindOf({ write }: CollectionWriteOptions): WriteKind {
    const kind = write === undefined ? this.write : writeKindOf(write)
    if (kind === this.write) return kind
    if (this.write === 'write-behind' || kind === 'write-behind')
      throw new MillpondError(
        'OPTION_INVALID',
        `collection ${this.name} is ${this.write}: a single write cannot be ${kind}, since only one place may determine the order of writes to a key`,
      )
    const { store, storeMany } = this.#plan.options
    if (kind !== 'cache-aside' && store === undefined && storeMany === undefined)
      throw new MillpondError(
        'OPTION_INVALID',
        `collection ${this.name}: ${kind} needs a way to write: give store or storeMany`,
      )
    return kind
  }

  /** How a value is stored: by the collection's options, then the call's, with the tags of the value itself. */
  #stored(id: Id, value: T, own: EntryOptions | undefined): LoadOptions {
    const { tagsOf, defaults } = this.#plan
    if (tagsOf === undefined && own === undefined) return defaults
    const tags = own?.tags ?? (value === null ? undefined : tagsOf?.(value, id))
    return laidOver(laidOver(defaults, own), tags === undefined ? undefined : { tags })
  }

  #with(options: LoadOptions | undefined): LoadOptions {
    return laidOver(this.#plan.defaults, options)
  }

  get #canLoad(): boolean {
    const { load, loadMany } = this.#plan.options
    return load !== undefined || loadMany !== undefined
  }

  #checkLoads(verb: string): void {
    if (!this.#canLoad)
      throw new MillpondError(
        'OPTION_INVALID',
        `collection ${this.name}: ${verb}: there is no loader: give load or loadMany`,
      )
  }

  #key(id: Id): string {
    return encodeKey(this.#plan.keyOf(id))
  }

  /** So that `refresh(key)`, warming and operators find its loader. */
  #register(): () => void {
    const { prefix, options, defaults } = this.#plan
    if (prefix === undefined) return () => {}
    const unshape = this.#records === undefined ? () => {} : this.#host.shape(prefix, this.#records.fit)
    if (!this.#canLoad) return unshape
    const idOf = (key: Key): Id => (typeof key === 'string' ? key : key.at(-1)) as Id
    const told: SourceOptions = {
      name: `collection ${this.name}`,
      defaults,
      ...(options.loadMany === undefined || options.versionOf !== undefined
        ? {}
        : { loadMany: (keys, context) => this.#loads.loadMany(keys.map(idOf), context) }),
    }
    try {
      const unregister = this.#host.source(
        prefix,
        (key, context) => this.#loads.load(idOf(key), context),
        told,
        this.#guard,
      )
      return () => {
        unregister()
        unshape()
      }
    } catch (error) {
      unshape()
      throw error
    }
  }
}

function recordsOf<Id, T>(
  name: string,
  options: CollectionOptions<Id, T>,
  host: CollectionHost,
): Records<Id, T> | undefined {
  if (options.schema === undefined && options.versionOf === undefined) return undefined
  const warn = (message: string, error?: unknown): void =>
    host.events.emit('warning', { message, ...(error !== undefined && { error }) })
  return new Records({ name, options, clock: host.clock, keep: (value) => host.keep(value), warn })
}

const NO_QUEUE: StoreContext = Object.freeze({ signal: new AbortController().signal, number: 0 })

/** The entries' options, if there are any. */
function withoutWrite(options: CollectionWriteOptions): EntryOptions | undefined {
  const { write: _, ...rest } = options
  return Object.keys(rest).length === 0 ? undefined : rest
}
