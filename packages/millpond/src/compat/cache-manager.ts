// The methods of cache-manager 7 over a cache, for programs that migrate step by step.
import { EventEmitter } from 'node:events'
import { check, checkOptions, fn, refused, type Shape, text } from '../core/checks.ts'
import type { Cache } from '../engine/cache.ts'
import type { LoadContext } from '../engine/loader.ts'
import { cacheGiven } from './cache-given.ts'
import { endless } from './endless.ts'
import { Lasting } from './lasting.ts'
import { setEach } from './set-each.ts'

/** Defaults for calls. */
export interface CacheManagerOptions {
  /** Milliseconds. Default, as in cache-manager: unlimited. */
  readonly ttl?: number | undefined
  /** If an entry has fewer milliseconds left, `wrap` reloads it in the background. Default: never. */
  readonly refreshThreshold?: number | undefined
  /** The result of `cacheId()`. Default: the name of the cache's namespace. */
  readonly cacheId?: string | undefined
}

/** A duration, or a function of the value. */
export type ByValue<T> = number | ((value: T) => number)

/** How `wrap` stores and refreshes: milliseconds, or a function of the value. */
export interface WrapTimes<T> {
  /** Milliseconds, or a function of the loaded value. Default: that of `cacheManager`. */
  readonly ttl?: ByValue<T> | undefined
  /** Milliseconds, or a function of the value. Default: that of `cacheManager`. */
  readonly refreshThreshold?: ByValue<T> | undefined
  /** Returns the value with its expiry. */
  readonly raw?: boolean | undefined
}

/** An item of `mset`. */
export interface CacheManagerItem<T> {
  /** The key. */
  readonly key: string
  /** The value to store. */
  readonly value: T
  /** Milliseconds. Default: that of `cacheManager`. */
  readonly ttl?: number
}

/** The arguments of listeners. */
export interface CacheManagerEvents {
  /** After `get` has found a value. */
  get: (data: { key: string; value?: unknown }) => void
  /** After `mget`; values are in the order of the keys. */
  mget: (data: { keys: string[]; values?: unknown[] }) => void
  /** After `set`, with the error if it failed. */
  set: (data: { key: string; value: unknown; error?: unknown }) => void
  /** After `mset`, with the error if it failed. */
  mset: (data: { list: CacheManagerItem<unknown>[]; error?: unknown }) => void
  /** After `del`, with the error if it failed. */
  del: (data: { key: string; error?: unknown }) => void
  /** After `mdel`, with the error if it failed. */
  mdel: (data: { keys: string[]; error?: unknown }) => void
  /** After `clear`, with the error if it failed. */
  clear: (error?: unknown) => void
  /** After `wrap` has reloaded a value in the background; with an error, `value` is the one still held. */
  refresh: (data: { key: string; value?: unknown; error?: unknown }) => void
}

/** The type that `cacheManager` returns: a `Cache` of cache-manager 7, without `stores`. */
export interface CacheManager {
  /** The value; undefined if there is none. */
  get<T>(key: string): Promise<T | undefined>
  /** The values in the order of the keys; undefined for what is not held. */
  mget<T>(keys: string[]): Promise<(T | undefined)[]>
  /** When the entry expires, in epoch milliseconds; undefined: never, or there is none. */
  ttl(key: string): Promise<number | undefined>
  /**
   * Stores a value for `ttl` milliseconds; an undefined value or a TTL of 0 or less deletes the entry. Resolves with
   * the value.
   */
  set<T>(key: string, value: T, ttl?: number): Promise<T>
  /** Stores all of them. Resolves with the list, with default TTLs filled in. */
  mset<T>(list: CacheManagerItem<T>[]): Promise<CacheManagerItem<T>[]>
  /** Deletes an entry. Always `true`, even if there was none. */
  del(key: string): Promise<boolean>
  /** Deletes entries. Always `true`. */
  mdel(keys: string[]): Promise<boolean>
  /** Removes everything of the cache or namespace. */
  clear(): Promise<boolean>
  /** The value, or that of `load`, which is then stored. Rejects with its error. Times are milliseconds. */
  wrap<T>(key: string, load: () => T | Promise<T>, ttl?: ByValue<T>, refreshThreshold?: ByValue<T>): Promise<T>
  wrap<T>(
    key: string,
    load: () => T | Promise<T>,
    times: WrapTimes<T> & { readonly raw: true },
  ): Promise<{ value: T; expires: number | undefined }>
  wrap<T>(key: string, load: () => T | Promise<T>, times: WrapTimes<T>): Promise<T>
  /** Calls the listener with each such event. */
  on<E extends keyof CacheManagerEvents>(event: E, listener: CacheManagerEvents[E]): EventEmitter
  /** Removes a listener. */
  off<E extends keyof CacheManagerEvents>(event: E, listener: CacheManagerEvents[E]): EventEmitter
  /** Waits for background work. The cache stays open. */
  disconnect(): Promise<undefined>
  /** The option `cacheId`, or the name of the cache's namespace. */
  cacheId(): string
}

/** Half a TTL is a usual threshold, and need not be whole. */
const ms = check(
  (value): value is number => typeof value === 'number' && value >= 0,
  'a number of milliseconds from 0, or Infinity',
)
const OPTIONS: Shape<CacheManagerOptions> = { ttl: ms, refreshThreshold: ms, cacheId: text }
const timeOrFunction = (value: unknown, at: string): never | ByValue<never> =>
  typeof value === 'function' ? fn()(value, at) : ms(value, at)
const TIMES: Shape<WrapTimes<never>> = {
  ttl: timeOrFunction,
  refreshThreshold: timeOrFunction,
  raw: (value, at) => {
    if (typeof value === 'boolean') return value
    throw refused(value, at, 'true or false')
  },
}
/** For `refreshAhead`: an elapsed share this small means at once. */
const NOW = Number.MIN_VALUE

/**
 * The methods of cache-manager 7 over a cache or a namespace of it.
 * @throws MillpondError `OPTION_INVALID`.
 * @example
 * const manager = cacheManager(cache, { ttl: 60_000 })
 * const user = await manager.wrap('user:7', () => db.user(7))
 */
export function cacheManager(cache: Cache, options: CacheManagerOptions = {}): CacheManager {
  cacheGiven(cache, 'cacheManager')
  checkOptions<CacheManagerOptions>(options, OPTIONS, 'cacheManager')
  return new Manager(cache, options)
}

class Manager implements CacheManager {
  readonly #cache: Cache
  readonly #options: CacheManagerOptions
  readonly #events = new EventEmitter()
  readonly #lasting = new Lasting()

  constructor(cache: Cache, options: CacheManagerOptions) {
    this.#cache = cache
    this.#options = options
    // Methods can be passed around unbound (`const { get } = manager`), as in cache-manager.
    for (const verb of VERBS) Object.defineProperty(this, verb, { value: this[verb].bind(this) })
  }

  async get<T>(key: string): Promise<T | undefined> {
    const value = await this.#cache.get<T>(key)
    if (value !== undefined) this.#tell('get', { key, value })
    return value
  }

  async mget<T>(keys: string[]): Promise<(T | undefined)[]> {
    const values = await this.#cache.getMany<T>(keys)
    this.#tell('mget', { keys, values })
    return values
  }

  async ttl(key: string): Promise<number | undefined> {
    const entry = await this.#cache.getEntry(key, { quiet: true })
    return entry.kind === 'hit' ? entry.expiresAt : undefined
  }

  async set<T>(key: string, value: T, ttl?: number): Promise<T> {
    const lasts = endless(ttl ?? this.#options.ttl)
    const isStored = value !== undefined && lasts > 0
    const store = (): Promise<unknown> =>
      isStored ? this.#cache.set(key, value, this.#lasting.of(lasts)) : this.#cache.delete(key)
    await (this.#events.listenerCount('set') > 0 ? this.#told('set', { key, value }, store) : store())
    return value
  }

  async mset<T>(given: CacheManagerItem<T>[]): Promise<CacheManagerItem<T>[]> {
    const { ttl } = this.#options
    const list = given.map((item) => (item.ttl === undefined && ttl !== undefined ? { ...item, ttl } : item))
    const items = list.map(({ key, value, ttl: lasts }) => ({ key, value, ttl: endless(lasts) }))
    await this.#told('mset', { list }, () => setEach(this.#cache, items))
    return list
  }

  async del(key: string): Promise<boolean> {
    await this.#told('del', { key }, () => this.#cache.delete(key))
    return true
  }

  async mdel(keys: string[]): Promise<boolean> {
    await this.#told('mdel', { keys }, () => this.#cache.deleteMany(keys))
    return true
  }

  async clear(): Promise<boolean> {
    try {
      await this.#cache.clear()
    } catch (error) {
      this.#events.emit('clear', error)
      throw error
    }
    this.#events.emit('clear')
    return true
  }

  wrap<T>(key: string, load: () => T | Promise<T>, ttl?: ByValue<T>, refreshThreshold?: ByValue<T>): Promise<T>
  wrap<T>(
    key: string,
    load: () => T | Promise<T>,
    times: WrapTimes<T> & { readonly raw: true },
  ): Promise<{ value: T; expires: number | undefined }>
  wrap<T>(key: string, load: () => T | Promise<T>, times: WrapTimes<T>): Promise<T>
  async wrap<T>(
    key: string,
    load: () => T | Promise<T>,
    said?: ByValue<T> | WrapTimes<T>,
    threshold?: ByValue<T>,
  ): Promise<T | { value: T; expires: number | undefined }> {
    if (said === undefined && threshold === undefined && this.#options.refreshThreshold === undefined)
      return this.#cache.getOrSet(key, () => load(), this.#lasting.of(endless(this.#options.ttl)))
    const times: WrapTimes<T> = typeof said === 'object' ? said : { ttl: said, refreshThreshold: threshold }
    checkOptions<WrapTimes<T>>(times, TIMES as Shape<WrapTimes<T>>, 'wrap')
    const { ttl = this.#options.ttl, refreshThreshold = this.#options.refreshThreshold, raw = false } = times
    const options = { ttl: typeof ttl === 'function' ? Number.POSITIVE_INFINITY : endless(ttl) }
    const loader = async (context: LoadContext): Promise<T> => {
      const value = await load()
      if (typeof ttl === 'function') context.setTtl(endless(ttl(value)))
      return value
    }
    if (!raw && refreshThreshold === undefined) return this.#cache.getOrSet(key, loader, options)
    const { value, tier, expiresAt, ttlMs } = await this.#cache.getOrSetEntry(key, loader, options)
    const least = typeof refreshThreshold === 'function' ? refreshThreshold(value) : refreshThreshold
    if (least !== undefined && tier !== 'loader' && ttlMs !== undefined && ttlMs < least)
      this.#refresh(key, value, loader, options)
    return raw ? { value, expires: expiresAt } : value
  }

  on<E extends keyof CacheManagerEvents>(event: E, listener: CacheManagerEvents[E]): EventEmitter {
    return this.#events.on(event, listener)
  }

  off<E extends keyof CacheManagerEvents>(event: E, listener: CacheManagerEvents[E]): EventEmitter {
    return this.#events.off(event, listener)
  }

  async disconnect(): Promise<undefined> {
    await this.#cache.flush()
  }

  cacheId(): string {
    return this.#options.cacheId ?? this.#cache.name
  }

  /** One refresh over all processes: a hit that is due starts it, and concurrent reads get the held value. */
  #refresh<T>(
    key: string,
    held: T,
    loader: (context: LoadContext) => Promise<T>,
    options: { readonly ttl: number },
  ): void {
    const told = async (context: LoadContext): Promise<T> => {
      try {
        const value = await loader(context)
        this.#tell('refresh', { key, value })
        return value
      } catch (error) {
        this.#tell('refresh', { key, value: held, error })
        throw error
      }
    }
    // Its failure has been emitted.
    this.#cache.getOrSet(key, told, { ...options, refreshAhead: { after: NOW, reads: 1 } }).catch(() => {})
  }

  async #told(event: keyof CacheManagerEvents, data: object, work: () => Promise<unknown>): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.#tell(event, { ...data, error })
      throw error
    }
    this.#tell(event, data)
  }

  #tell(event: keyof CacheManagerEvents, data: object): void {
    if (this.#events.listenerCount(event) > 0) this.#events.emit(event, data)
  }
}

const VERBS = [
  'get',
  'mget',
  'ttl',
  'set',
  'mset',
  'del',
  'mdel',
  'clear',
  'wrap',
  'on',
  'off',
  'disconnect',
  'cacheId',
] as const
