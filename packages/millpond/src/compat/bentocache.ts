// The methods of bentocache over a cache, for programs that migrate step by step.
//
// Its grace period is `staleIfError` here, its soft timeout `timeout.soft`; a soft timeout of 0 (return the stale
// value, load in the background) is `staleFor`. A namespace is a prefix of keys, as in bentocache, and a tag.
import { checkOptions, flag, fn, required, type Shape, text, texts } from '../core/checks.ts'
import { MillpondError, show } from '../core/errors.ts'
import type { EntryOptions, LoadOptions } from '../core/options.ts'
import type { Cache } from '../engine/cache.ts'
import type { LoadContext } from '../engine/loader.ts'
import { type BentoDuration, bentoMs } from './bento-duration.ts'
import { cacheGiven } from './cache-given.ts'

export type { BentoDuration } from './bento-duration.ts'

/** The lifetimes of entries, and the behaviour of loads. */
export interface BentocacheOptions {
  /** Default `'30s'`. `null`: unlimited. */
  readonly ttl?: BentoDuration | undefined
  /** How long after its TTL a value may be returned if its factory fails or is slow. Default `false`. */
  readonly grace?: false | BentoDuration | undefined
  /**
   * How long to wait for the factory if there is a value in grace. 0: not at all, it runs in the background. Default 0;
   * `null`: wait.
   */
  readonly timeout?: BentoDuration | undefined
  /** When the factory is given up. Default `null`: never. */
  readonly hardTimeout?: BentoDuration | undefined
}

/** The options of a call. */
export interface BentoEntryOptions extends BentocacheOptions {
  /** The key. */
  readonly key: string
  /** Tags for invalidation. */
  readonly tags?: readonly string[] | undefined
}

/** The context of a factory. */
export interface BentoFactoryContext {
  /** Sets another TTL for this value; `null`: unlimited. */
  setTtl(ttl: BentoDuration): void
  /** Sets another TTL for this value, like `setTtl`. */
  setOptions(options: { readonly ttl?: BentoDuration }): void
  /** Adds tags to this value, besides those of the call. */
  setTags(tags: readonly string[]): void
  /** Ends the factory as failed: a value in grace is returned, if there is one. */
  fail(message?: string): never
  /** `return context.skip()`: nothing is stored, and the result is `undefined`. */
  skip(): undefined
  /** The expired value, if grace is on and it is still held. */
  readonly gracedEntry: { readonly value: unknown } | undefined
}

/** Creates a value. */
export type BentoFactory<T> = (context: BentoFactoryContext) => T | Promise<T>

/** `getOrSet`. */
export interface BentoGetOrSetOptions<T> extends BentoEntryOptions {
  /** Loads the value on a miss. */
  readonly factory: BentoFactory<T>
  /** Runs the factory even if there is a value. */
  readonly forceFresh?: boolean | undefined
  /** Called with the error of the factory. */
  readonly onFactoryError?: ((error: unknown) => void) | undefined
}

/** `set`. */
export interface BentoSetOptions extends BentoEntryOptions {
  /** The value to store. */
  readonly value: unknown
}

/** `get`. */
export interface BentoGetOptions<T> {
  /** The key. */
  readonly key: string
  /** A value, or a function that returns one. */
  readonly defaultValue?: T | (() => T | Promise<T>) | undefined
  /** How long after its TTL an entry may still be returned; `false`: not at all. */
  readonly grace?: false | BentoDuration | undefined
}

/** The type that `bentocache` returns: a `CacheProvider` of bentocache. */
export interface Bentocache {
  /** The value, also one in grace; otherwise `defaultValue`, or undefined. */
  get<T = unknown>(options: BentoGetOptions<T>): Promise<T | undefined>
  /** Stores a value. Always `true`. */
  set(options: BentoSetOptions): Promise<boolean>
  /** Stores a value without a TTL. Always `true`. */
  setForever(options: Omit<BentoSetOptions, 'ttl'>): Promise<boolean>
  /**
   * The value, or that of the factory, which is then stored. Rejects with its error unless there is a value in grace.
   */
  getOrSet<T>(options: BentoGetOrSetOptions<T>): Promise<T>
  /** The same, stored without a TTL. */
  getOrSetForever<T>(options: Omit<BentoGetOrSetOptions<T>, 'ttl'>): Promise<T>
  /** Whether there is such an entry that is fresh. */
  has(options: { readonly key: string }): Promise<boolean>
  /** The opposite of `has`. */
  missing(options: { readonly key: string }): Promise<boolean>
  /** Returns the value, and deletes it. */
  pull<T = unknown>(key: string): Promise<T | undefined>
  /** Deletes an entry. Always `true`, even if there was none. */
  delete(options: { readonly key: string }): Promise<boolean>
  /** Deletes entries. Always `true`. */
  deleteMany(options: { readonly keys: readonly string[] }): Promise<boolean>
  /** Invalidates all entries of this namespace with one of these tags. Always `true`. */
  deleteByTag(options: { readonly tags: readonly string[] }): Promise<boolean>
  /** Expires an entry: during its grace period it may still be returned. */
  expire(options: { readonly key: string }): Promise<boolean>
  /** Removes everything of this namespace, and of those nested in it. */
  clear(): Promise<void>
  /** Does nothing: tiers remove expired entries themselves. */
  prune(): Promise<void>
  /** A part of this cache with its own keys and tags, within this namespace. */
  namespace(name: string): Bentocache
  /** Waits for background work. The cache stays open. */
  disconnect(): Promise<void>
}

/**
 * Options of bentocache that always hold here, or are set on the cache. They are accepted, so that calls need no
 * changes.
 */
interface Ignored {
  readonly suppressL2Errors?: unknown
  readonly lockTimeout?: unknown
  readonly skipL2Write?: unknown
  readonly skipBusNotify?: unknown
  readonly l2CircuitBreakerDuration?: unknown
  readonly graceBackoff?: unknown
}

const anything = <T>(value: unknown): T => value as T
const time = (value: unknown, at: string): BentoDuration => {
  bentoMs(value, at)
  return value as BentoDuration
}
const grace = (value: unknown, at: string): false | BentoDuration => (value === false ? false : time(value, at))
const COMMON: Shape<BentocacheOptions> = { ttl: time, grace, timeout: time, hardTimeout: time }
const IGNORED: Shape<Ignored> = {
  suppressL2Errors: anything,
  lockTimeout: anything,
  skipL2Write: anything,
  skipBusNotify: anything,
  l2CircuitBreakerDuration: anything,
  graceBackoff: anything,
}
const key = required(text)
const tags = texts('an array of tags')
const SET: Shape<BentoSetOptions & Ignored> = { ...COMMON, ...IGNORED, key, value: required(anything), tags }
const GET_OR_SET: Shape<BentoGetOrSetOptions<unknown> & Ignored> = {
  ...COMMON,
  ...IGNORED,
  key,
  factory: required(fn<BentoFactory<unknown>>('a function that creates the value')),
  tags,
  forceFresh: flag,
  onFactoryError: fn(),
}
const GET: Shape<BentoGetOptions<unknown> & Ignored> = { ...IGNORED, key, defaultValue: anything, grace }
const KEY: Shape<{ readonly key: string } & Ignored> = { ...IGNORED, key }
const KEYS: Shape<{ readonly keys: readonly string[] } & Ignored> = {
  ...IGNORED,
  keys: required(texts('an array of keys')),
}
const TAGS: Shape<{ readonly tags: readonly string[] } & Ignored> = { ...IGNORED, tags: required(tags) }

/**
 * The methods of bentocache over a cache or a namespace of it.
 * @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`.
 * @example
 * const bento = bentocache(cache, { ttl: '5m', grace: '1h' })
 * const user = await bento.getOrSet({ key: 'user:7', factory: () => db.user(7), tags: ['users'] })
 */
export function bentocache(cache: Cache, options: BentocacheOptions = {}): Bentocache {
  cacheGiven(cache, 'bentocache')
  checkOptions<BentocacheOptions & Ignored>(options, { ...COMMON, ...IGNORED }, 'bentocache')
  const { ttl = '30s', grace = false, timeout = 0, hardTimeout = null } = options
  return new Provider(cache, { ttl, grace, timeout, hardTimeout }, [])
}

class Provider implements Bentocache {
  readonly #cache: Cache
  readonly #defaults: BentocacheOptions
  readonly #path: readonly string[]
  readonly #prefix: string
  /** This namespace, and those that contain it. */
  readonly #own: readonly string[]

  constructor(cache: Cache, defaults: BentocacheOptions, path: readonly string[]) {
    this.#cache = cache
    this.#defaults = defaults
    this.#path = path
    this.#prefix = path.map((name) => `${name}:`).join('')
    this.#own = path.map((_, at) => `bento:${path.slice(0, at + 1).join(':')}`)
  }

  async get<T>(options: BentoGetOptions<T>): Promise<T | undefined> {
    checkOptions<BentoGetOptions<unknown> & Ignored>(options, GET, 'get')
    const at = this.#at(options.key)
    const entry = this.#isGraced(options) ? await this.#cache.getEntry<T>(at) : undefined
    const value = entry === undefined ? await this.#cache.get<T>(at) : entry.kind === 'miss' ? undefined : entry.value
    if (value !== undefined) return value
    const { defaultValue } = options
    return isMaker(defaultValue) ? defaultValue() : defaultValue
  }

  async set(options: BentoSetOptions): Promise<boolean> {
    checkOptions<BentoSetOptions & Ignored>(options, SET, 'set')
    await this.#cache.set(this.#at(options.key), options.value, this.#entry(options))
    return true
  }

  async setForever(options: Omit<BentoSetOptions, 'ttl'>): Promise<boolean> {
    return this.set({ ...options, ttl: null })
  }

  async getOrSet<T>(options: BentoGetOrSetOptions<T>): Promise<T> {
    checkOptions<BentoGetOrSetOptions<unknown> & Ignored>(options, GET_OR_SET, 'getOrSet')
    const at = this.#at(options.key)
    const loader = (context: LoadContext): Promise<T> => this.#make(at, options, context)
    const how: LoadOptions = { ...this.#entry(options), timeout: this.#timeouts(options) }
    return options.forceFresh === true ? this.#cache.refresh(at, loader, how) : this.#cache.getOrSet(at, loader, how)
  }

  async getOrSetForever<T>(options: Omit<BentoGetOrSetOptions<T>, 'ttl'>): Promise<T> {
    return this.getOrSet<T>({ ...options, ttl: null })
  }

  async has(options: { readonly key: string }): Promise<boolean> {
    checkOptions<{ readonly key: string } & Ignored>(options, KEY, 'has')
    return this.#cache.has(this.#at(options.key))
  }

  async missing(options: { readonly key: string }): Promise<boolean> {
    return !(await this.has(options))
  }

  async pull<T>(key: string): Promise<T | undefined> {
    const value = await this.get<T>({ key })
    await this.delete({ key })
    return value
  }

  async delete(options: { readonly key: string }): Promise<boolean> {
    checkOptions<{ readonly key: string } & Ignored>(options, KEY, 'delete')
    await this.#cache.delete(this.#at(options.key))
    return true
  }

  async deleteMany(options: { readonly keys: readonly string[] }): Promise<boolean> {
    checkOptions<{ readonly keys: readonly string[] } & Ignored>(options, KEYS, 'deleteMany')
    await this.#cache.deleteMany(options.keys.map((one) => this.#at(one)))
    return true
  }

  async deleteByTag(options: { readonly tags: readonly string[] }): Promise<boolean> {
    checkOptions<{ readonly tags: readonly string[] } & Ignored>(options, TAGS, 'deleteByTag')
    if (options.tags.length > 0) await this.#cache.invalidateTags(this.#tags(options.tags))
    return true
  }

  async expire(options: { readonly key: string }): Promise<boolean> {
    checkOptions<{ readonly key: string } & Ignored>(options, KEY, 'expire')
    await this.#cache.expire(this.#at(options.key))
    return true
  }

  async clear(): Promise<void> {
    const own = this.#own.at(-1)
    await (own === undefined ? this.#cache.clear() : this.#cache.invalidateTags([own]))
  }

  async prune(): Promise<void> {}

  namespace(name: string): Bentocache {
    text(name, 'namespace')
    return new Provider(this.#cache, this.#defaults, [...this.#path, name])
  }

  async disconnect(): Promise<void> {
    await this.#cache.flush()
  }

  #at(key: string): string {
    return this.#prefix + key
  }

  /** Tags are scoped to their namespace. */
  #tags(tags: readonly string[]): readonly string[] {
    return this.#prefix === '' ? tags : tags.map((tag) => this.#prefix + tag)
  }

  #isGraced({ grace = this.#defaults.grace }: { readonly grace?: BentocacheOptions['grace'] }): boolean {
    return grace !== false && grace !== undefined && bentoMs(grace, 'grace') > 0
  }

  #entry(options: BentoEntryOptions): EntryOptions {
    const {
      ttl = this.#defaults.ttl,
      grace = this.#defaults.grace,
      timeout = this.#defaults.timeout,
      tags = [],
    } = options
    const held = this.#isGraced({ grace }) && grace !== false ? bentoMs(grace, 'grace') : 0
    return {
      ttl: bentoMs(ttl, 'ttl'),
      tags: [...this.#own, ...this.#tags(tags)],
      ...(held > 0 && { staleIfError: held, ...(timeout === 0 && { staleFor: held }) }),
    }
  }

  #timeouts({
    timeout = this.#defaults.timeout,
    hardTimeout = this.#defaults.hardTimeout,
  }: BentoEntryOptions): LoadOptions['timeout'] {
    const hard = hardTimeout === null ? 0 : bentoMs(hardTimeout, 'hardTimeout')
    return timeout === null || timeout === 0 ? { hard } : { hard, soft: bentoMs(timeout, 'timeout') }
  }

  async #make<T>(
    at: string,
    { factory, onFactoryError, ...options }: BentoGetOrSetOptions<T>,
    context: LoadContext,
  ): Promise<T> {
    const held = this.#isGraced(options) ? await this.#cache.getEntry(at, { quiet: true }) : undefined
    const setTtl = (ttl: BentoDuration): void => context.setTtl(bentoMs(ttl, 'setTtl'))
    try {
      return await factory({
        setTtl,
        setOptions: ({ ttl }) => {
          if (ttl !== undefined) setTtl(ttl)
        },
        setTags: (tags) => context.addTags(...this.#tags(tags)),
        fail: (message = 'no reason was given') => {
          throw new MillpondError('SOURCE_FAILED', `the factory of ${show(at)} called fail: ${message}`)
        },
        skip: () => undefined,
        gracedEntry: held === undefined || held.kind === 'miss' ? undefined : { value: held.value },
      })
    } catch (error) {
      onFactoryError?.(error)
      throw error
    }
  }
}

const isMaker = <T>(given: T | (() => T | Promise<T>) | undefined): given is () => T | Promise<T> =>
  typeof given === 'function'
