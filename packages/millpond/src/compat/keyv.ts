// A Keyv 5 store over a cache: for Keyv itself, and for whatever takes a Keyv (cache-manager 7, Nest's cache module,
// got, cacheable-request).
//
// Keyv writes its namespace in front of a key by itself, or leaves that to its stores (`useKeyPrefix: false`): then the
// key here is a pair of both. The namespace is a tag of the entry, too: clearing one is one step of the ledger, however
// many entries it has, and no entry of the cache's own goes along.
import type { KeyvStoreAdapter, StoredData } from 'keyv'
import { checkOptions, duration, type Shape } from '../core/checks.ts'
import { type Duration, parseDuration } from '../core/duration.ts'
import { decodeKey, type Key } from '../core/key.ts'
import type { Cache } from '../engine/cache.ts'
import { cacheGiven } from './cache-given.ts'
import { endless } from './endless.ts'
import { Lasting } from './lasting.ts'
import { setEach } from './set-each.ts'

/** How a Keyv's entries are stored. */
export interface KeyvStoreOptions {
  /**
   * How long an entry lives for which Keyv says no time. Default: for ever, as with Keyv's other stores; memory makes
   * room when it is full.
   */
  readonly ttl?: Duration | undefined
}

/** What `keyvStore` makes: a store as Keyv 5 wants it. */
export interface KeyvStore extends KeyvStoreAdapter {
  /** Set by Keyv. */
  namespace: string | undefined
  /** Whether there are such entries, in the order of the keys. */
  hasMany(keys: string[]): Promise<boolean[]>
  /** Whether there is such an entry that is fresh. */
  has(key: string): Promise<boolean>
  /** The values in the order of the keys; undefined for what is not held. */
  getMany<Value>(keys: string[]): Promise<StoredData<Value | undefined>[]>
  /** Stores all of them; `ttl` in milliseconds. */
  setMany(values: { key: string; value: unknown; ttl?: number }[]): Promise<void>
  /** Deletes all of them; whether there was any. */
  deleteMany(keys: string[]): Promise<boolean>
  /** The entries of a namespace, over all tiers that can list theirs. */
  iterator<Value>(namespace?: string): AsyncGenerator<(string | Awaited<Value> | undefined)[], void>
  /** Waits for background work. The cache stays open. */
  disconnect(): Promise<void>
}

const OPTIONS: Shape<KeyvStoreOptions> = { ttl: duration }
/** How many values an iteration reads at a time. */
const PAGE = 100

type Listener = (error: unknown) => void

/**
 * A store for `new Keyv({ store })`. If a tier fails a read, the others answer it; such failures are emitted as
 * Keyv's `error` events.
 * @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`.
 * @example
 * const sessions = new Keyv({ store: keyvStore(cache), namespace: 'sessions' })
 */
export function keyvStore(cache: Cache, options: KeyvStoreOptions = {}): KeyvStore {
  cacheGiven(cache, 'keyvStore')
  checkOptions<KeyvStoreOptions>(options, OPTIONS, 'keyvStore')
  return new Store(cache, options.ttl === undefined ? Number.POSITIVE_INFINITY : parseDuration(options.ttl, 'ttl'))
}

class Store implements KeyvStore {
  /** Keyv iterates only over stores whose dialect it knows. */
  readonly opts = { dialect: 'redis', url: 'millpond' }
  readonly #cache: Cache
  readonly #ttlMs: number
  /** The namespaces that instances of Keyv have set on this store. */
  readonly #namespaces = new Map<string, Namespace>()
  readonly #none = namespaceOf('')
  readonly #listeners: Listener[] = []
  #namespace: string | undefined
  #stopListening: (() => void) | undefined

  constructor(cache: Cache, ttlMs: number) {
    this.#cache = cache
    this.#ttlMs = ttlMs
  }

  get namespace(): string | undefined {
    return this.#namespace
  }

  set namespace(name: string | undefined) {
    this.#namespace = name
    if (name !== undefined && name !== '' && !this.#namespaces.has(name)) this.#namespaces.set(name, namespaceOf(name))
  }

  get<Value>(key: string): Promise<StoredData<Value> | undefined> {
    return this.#cache.get<StoredData<Value>>(this.#keyOf(key))
  }

  getMany<Value>(keys: string[]): Promise<StoredData<Value | undefined>[]> {
    return this.#cache.getMany<StoredData<Value>>(this.#keysOf(keys))
  }

  has(key: string): Promise<boolean> {
    return this.#cache.has(this.#keyOf(key))
  }

  async hasMany(keys: string[]): Promise<boolean[]> {
    return (await this.#cache.getMany(this.#keysOf(keys))).map((value) => value !== undefined)
  }

  async set(key: string, value: unknown, ttl?: number): Promise<boolean> {
    const ttlMs = this.#livesFor(ttl)
    const own = this.#namespaceOf(key)
    const at = this.#keyOf(key, own)
    // Expired already: the previous value must not be returned any more, either.
    if (ttlMs <= 0) await this.#cache.delete(at)
    else await this.#cache.set(at, value, own.lasting.of(ttlMs))
    return true
  }

  async setMany(values: { key: string; value: unknown; ttl?: number }[]): Promise<void> {
    await setEach(
      this.#cache,
      values.map(({ key, value, ttl }) => ({
        key: this.#keyOf(key),
        value,
        ttl: this.#livesFor(ttl),
        tags: this.#namespaceOf(key).tags,
      })),
    )
  }

  async delete(key: string): Promise<boolean> {
    return this.deleteMany([key])
  }

  async deleteMany(given: string[]): Promise<boolean> {
    const keys = this.#keysOf(given)
    // Entries that a tag has invalidated may still be stored, and do not count as removed by this call.
    const were = await this.#cache.getMany(keys, { quiet: true })
    await this.#cache.deleteMany(keys)
    return were.some((value) => value !== undefined)
  }

  async clear(): Promise<void> {
    const own = this.#namespaces.get(this.#namespace ?? '')
    await (own === undefined ? this.#cache.clear() : this.#cache.invalidateTags(own.tags))
  }

  async *iterator<Value>(namespace = this.#namespace): AsyncGenerator<(string | Awaited<Value> | undefined)[], void> {
    const tag = namespace === undefined || namespace === '' ? undefined : tagOf(namespace)
    for await (const keys of paged(this.#cache.keys({ tag }), PAGE)) {
      const decoded = keys.map(decodeKey)
      const values = await this.#cache.getMany<Awaited<Value>>(decoded, { quiet: true })
      for (const [at, key] of decoded.entries()) {
        const [value, text] = [values[at], textOf(key, namespace)]
        if (value !== undefined && text !== undefined) yield [text, value]
      }
    }
  }

  on(event: string, listener: Listener): this {
    if (event !== 'error') return this
    this.#listeners.push(listener)
    this.#stopListening ??= this.#cache.on('tierError', ({ error }) => {
      for (const one of this.#listeners) one(error)
    })
    return this
  }

  async disconnect(): Promise<void> {
    this.#stopListening?.()
    this.#stopListening = undefined
    await this.#cache.flush()
  }

  #livesFor(ttl: number | undefined | null): number {
    return ttl === undefined || ttl === null ? this.#ttlMs : endless(ttl)
  }

  #keyOf(key: string, own = this.#namespaceOf(key)): Key {
    // The cache refuses keys that are not strings.
    if (typeof key !== 'string' || this.#namespace === undefined || key.startsWith(own.prefix)) return key
    return [this.#namespace, key]
  }

  #keysOf(keys: readonly string[]): Key[] {
    return keys.map((key) => this.#keyOf(key))
  }

  /** The prefix of a key decides its namespace, not the Keyv that used this store last. */
  #namespaceOf(key: string): Namespace {
    let own = this.#namespaces.get(this.#namespace ?? '') ?? this.#none
    if (this.#namespaces.size < 2 || typeof key !== 'string') return own
    let longest = 0 // with the namespaces `a` and `a:b`, a key that begins with `a:b:` belongs to the latter
    for (const [name, namespace] of this.#namespaces)
      if (name.length > longest && key.startsWith(namespace.prefix)) {
        longest = name.length
        own = namespace
      }
    return own
  }
}

interface Namespace {
  /** The prefix that Keyv gives its keys. */
  readonly prefix: string
  readonly tags: readonly string[]
  readonly lasting: Lasting
}
function namespaceOf(name: string): Namespace {
  const tags = name === '' ? [] : [tagOf(name)]
  return { prefix: name === '' ? '' : `${name}:`, tags, lasting: new Lasting(tags) }
}

/** Keyv's name for an entry of a namespace. `undefined`: the entry is not Keyv's. */
function textOf(key: Key, namespace: string | undefined): string | undefined {
  if (typeof key === 'string') return key
  const [name, text] = key
  return key.length === 2 && name === namespace && typeof text === 'string' ? text : undefined
}
const tagOf = (namespace: string): string => `keyv:${namespace}`

async function* paged(keys: AsyncIterable<string>, size: number): AsyncGenerator<string[]> {
  let page: string[] = []
  for await (const key of keys) {
    page.push(key)
    if (page.length < size) continue
    yield page
    page = []
  }
  yield page
}
