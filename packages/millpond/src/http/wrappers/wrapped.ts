// Wrapping a function, as a function or as a decorator: the common part of all wrappers.
import { check, duration, flag, fn, type Shape } from '../../core/checks.ts'
import type { Duration } from '../../core/duration.ts'
import { MillpondError, show } from '../../core/errors.ts'
import type { Key } from '../../core/key.ts'
import { LOAD_OPTIONS, type RefreshAhead } from '../../core/options.ts'
import type { HttpReceipt } from '../contract.ts'
import { argumentParts, callKey } from './call-key.ts'

/** What wrappers need of a cache. Any `Cache` fits. */
export interface WrapperCache {
  /** The stored result, or that of `load`, which is then stored. Rejects with its error. */
  getOrSet<T>(key: Key, load: WrapperLoad<T>, options: WrapperLoadOptions): Promise<T>
  /** The same, with its source and age. */
  getOrSetEntry<T>(key: Key, load: WrapperLoad<T>, options: WrapperLoadOptions): Promise<WrappedEntry<T>>
  /** Runs `load` even if there is a result, and stores what it returns. */
  refresh<T>(key: Key, load: WrapperLoad<T>, options: WrapperLoadOptions): Promise<T>
  /** Deletes the stored result of a call from every tier and every process. */
  delete(key: Key): Promise<HttpReceipt>
  /** A tenant's part of it; or its reader, for prediction. */
  for(whose: { readonly tenant?: string | undefined; readonly session?: string | undefined }): WrapperCache
}

type WrapperLoad<T> = (control: { addTags(...tags: string[]): void; setTtl(ms: number): void }) => Promise<T>

interface WrapperLoadOptions {
  readonly ttl: Duration
  readonly errorTtl?: Duration
  readonly refreshAhead?: number | RefreshAhead
  readonly tags?: readonly string[]
  readonly quiet?: boolean
  readonly after?: string
}

/** A result with its source. */
export interface WrappedEntry<T> {
  /** What the function returned, now or earlier. */
  readonly value: T
  /** `memory`, the name of a tier below, or `loader`: the function was run. */
  readonly tier: string
  /** By another call that was running. */
  readonly isJoined: boolean
  /** Milliseconds since it was made. */
  readonly ageMs: number
  /** Milliseconds until it is no longer fresh; absent: never, or it is not stored. */
  readonly ttlMs?: number
}

// Options are given before the function is, so its parameters are not known yet.
// biome-ignore lint/suspicious/noExplicitAny: nothing narrower takes every function
type Unknown = any
export type AnyFunction = (...args: Unknown[]) => Unknown

/** Static tags, or tags derived from arguments and result. */
export type Tags = readonly string[] | ((args: Unknown, result: Unknown) => readonly string[])

export interface WrapOptions<F extends AnyFunction> {
  /** How long a result is fresh. */
  readonly ttl?: Duration | undefined
  /**
   * The function's name in keys. Default: its own name, for a method with its class's; a function without a name needs
   * one, and so does one of two with the same name.
   */
  readonly keyPrefix?: string | false | undefined
  /**
   * The key of a call. Default: all arguments, which must then be plain data. The object of a method is not part of it.
   * With `keyPrefix: false` it is the whole key, for custom key schemes (`buildKey`).
   */
  readonly key?: ((...args: Parameters<F>) => Key) | undefined
  /** Tags of each answer, or a function that derives them from the arguments and the answer. */
  readonly tags?: Tags | undefined
  /**
   * The tenant of the result: it is stored in `cache.for({ tenant })`, with its tags; `undefined`: none, in the cache
   * itself.
   */
  readonly tenant?: ((...args: Parameters<F>) => string | undefined) | undefined
  /** The session: its sequence of reads is used for prediction (`cache.for({ session })`); `undefined`: unknown. */
  readonly session?: ((...args: Parameters<F>) => string | undefined) | undefined
  /** How long an error is cached. Default: not at all. */
  readonly cacheErrors?: Duration | undefined
  /** When a requested result is refreshed in the background, as for loads. Default: never. */
  readonly refreshAhead?: number | RefreshAhead | undefined
  /** A token of `cache.token()`: the result is no older than its bearer has seen. */
  readonly after?: ((...args: Parameters<F>) => string | undefined) | undefined
  /** Internal calls, such as a job's: they count as neither hits nor misses. Default `false`. */
  readonly quiet?: boolean | undefined
}

export const WRAP: Shape<WrapOptions<AnyFunction>> = {
  ttl: duration,
  keyPrefix: check(
    (value): value is string | false => value === false || (typeof value === 'string' && value !== ''),
    'a string, or false',
  ),
  key: fn('a function from arguments to a key'),
  tags: check(
    (value): value is Tags =>
      typeof value === 'function' ||
      (Array.isArray(value) && value.every((tag) => typeof tag === 'string' && tag !== '')),
    'a list of strings, or a function of arguments and result',
  ),
  tenant: fn('a function from arguments to a tenant'),
  session: fn('a function from arguments to a session'),
  cacheErrors: duration,
  refreshAhead: LOAD_OPTIONS.refreshAhead,
  after: fn('a function from arguments to a token'),
  quiet: flag,
}

/** The function with a cache in front of it, and its invalidation. */
export type Wrapped<F extends AnyFunction> = ((...args: Parameters<F>) => Promise<Awaited<ReturnType<F>>>) & {
  /** The result, and its source. */
  entry(...args: Parameters<F>): Promise<WrappedEntry<Awaited<ReturnType<F>>>>
  /** Invalidates the result for these arguments, in every process. */
  invalidate(...args: Parameters<F>): Promise<HttpReceipt>
  /** Invalidates it, and loads it again. */
  refresh(...args: Parameters<F>): Promise<Awaited<ReturnType<F>>>
}

/** How wrappers differ from each other. */
export interface Behaviour<F extends AnyFunction> {
  readonly options: WrapOptions<F>
  readonly defaultTtl: Duration
  /** `false`: this call bypasses the cache. */
  readonly applies?: (args: Parameters<F>) => boolean
  /** Replaces the default key's parts. */
  readonly parts?: (args: Parameters<F>) => readonly unknown[]
  /** `false`: the result is returned and not stored. */
  readonly keeps?: (result: Awaited<ReturnType<F>>) => boolean
  /** The TTL of this result, in milliseconds, unless it is the option's. */
  readonly ttlOf?: (key: string, result: Awaited<ReturnType<F>>) => number
  /** What is returned and stored in the result's place: with additional header fields. */
  readonly marked?: (args: Parameters<F>, result: Awaited<ReturnType<F>>) => Awaited<ReturnType<F>>
  /** Converts between the result and what is stored: for what a cache cannot store. */
  readonly pack?: (result: Awaited<ReturnType<F>>) => unknown
  readonly unpack?: (kept: unknown) => Awaited<ReturnType<F>>
}

interface MethodContext {
  readonly kind: string
  readonly name: string | symbol
  addInitializer?(initializer: (this: unknown) => void): void
}

/**
 * Takes a function; or, as a decorator, a method: of TC39 (`value, context`) and of TypeScript's
 * `experimentalDecorators` alike.
 */
export interface Wrapper {
  <F extends AnyFunction>(fn: F): Wrapped<F>
  <F extends AnyFunction>(fn: F, context: MethodContext): F
  (target: object, name: string | symbol, descriptor: PropertyDescriptor): PropertyDescriptor
}

/** The three ways in which a wrapper is called. */
export function asWrapper(wrap: (fn: AnyFunction, name: OwnName) => AnyFunction): Wrapper {
  const wrapper = (
    target: unknown,
    context?: MethodContext | string | symbol,
    descriptor?: PropertyDescriptor,
  ): unknown => {
    if (descriptor !== undefined && typeof context !== 'object')
      return { ...descriptor, value: wrap(descriptor.value, `${classOf(target)}.${String(context)}`) }
    if (typeof target !== 'function')
      throw new MillpondError('OPTION_INVALID', `${show(target)} is not a function: wrap a function or a method`)
    if (typeof context !== 'object') return wrap(target as AnyFunction, target.name)
    // The class of a method is only known from an instance: two classes may have a method of the same name.
    let owner: string | undefined
    const wrapped = wrap(target as AnyFunction, () =>
      owner === undefined ? String(context.name) : `${owner}.${String(context.name)}`,
    )
    context.addInitializer?.(function () {
      owner ??= ownerOf(this, context.name, wrapped)
    })
    return wrapped
  }
  return wrapper as Wrapper
}

/** The name of a function; for a method it is known once there is an instance. */
type OwnName = string | (() => string)

/** The name of the class on whose prototype a method is, or which has it as its own (`static`). */
function classOf(holder: unknown): string {
  if (typeof holder === 'function') return holder.name
  return typeof holder === 'object' && holder !== null ? holder.constructor.name : ''
}

function ownerOf(self: unknown, name: string | symbol, method: AnyFunction): string {
  let found: string | undefined
  for (let at = self; at !== null && at !== undefined; at = Object.getPrototypeOf(at)) {
    if (!Object.hasOwn(at, name)) continue
    if (Reflect.get(at, name) === method) return classOf(at)
    // Another decorator may be around it.
    found = classOf(at)
  }
  return found ?? classOf(self)
}

/** The functions whose results are stored under their own names, by cache. */
const named = new WeakMap<WrapperCache, Map<string, AnyFunction>>()

/**
 * @throws MillpondError `OPTION_INVALID` if another function of this cache has the name: one would get the other's
 * results.
 */
function takeName(cache: WrapperCache, name: string, fn: AnyFunction): string {
  if (name === '')
    throw new MillpondError(
      'OPTION_INVALID',
      'the function has no name, so its results have no keys: give the option keyPrefix',
    )
  const names = named.get(cache) ?? new Map<string, AnyFunction>()
  named.set(cache, names)
  const before = names.get(name)
  if (before !== undefined && !isSame(before, fn))
    throw new MillpondError(
      'OPTION_INVALID',
      `two functions are called ${show(name)}, so one would get the results of the other: give one of them the option keyPrefix`,
    )
  names.set(name, fn)
  return name
}

/** Not stored: waiting calls run the function themselves. */
const NOT_KEPT = undefined

/**
 * A module that is loaded again, or a function that is recreated for each request, is the same one. Bound functions all
 * have the same text.
 */
function isSame(a: AnyFunction, b: AnyFunction): boolean {
  return a === b || (String(a) === String(b) && !String(a).includes('[native code]'))
}

export function wrapFunction<F extends AnyFunction>(
  cache: WrapperCache,
  fn: F,
  ownName: OwnName,
  behaviour: Behaviour<F>,
): Wrapped<F> {
  const { options, defaultTtl, applies, keeps, ttlOf, pack, unpack } = behaviour
  if (options.keyPrefix === false && options.key === undefined)
    throw new MillpondError(
      'OPTION_INVALID',
      'keyPrefix is false, so key has to return the whole key: give the option key',
    )
  let prefix = options.keyPrefix ?? (typeof ownName === 'string' ? takeName(cache, ownName, fn) : undefined)
  type Result = Awaited<ReturnType<F>>
  const keyOf = (args: Parameters<F>): Key => {
    const given = options.key?.(...args)
    if (options.keyPrefix === false && given !== undefined) return given
    const parts = given === undefined ? (behaviour.parts?.(args) ?? args) : typeof given === 'string' ? [given] : given
    const named = prefix || takeName(cache, typeof ownName === 'string' ? ownName : ownName(), fn)
    prefix = named
    return callKey(named, argumentParts(parts, named))
  }
  const cacheOf = (args: Parameters<F>): WrapperCache => {
    const tenant = options.tenant?.(...args)
    const session = options.session?.(...args)
    return tenant === undefined && session === undefined ? cache : cache.for({ tenant, session })
  }
  const tags = Array.isArray(options.tags) ? (options.tags as readonly string[]) : undefined
  const loadOptions = {
    ttl: options.ttl ?? defaultTtl,
    ...(tags === undefined ? {} : { tags }),
    ...(options.cacheErrors === undefined ? {} : { errorTtl: options.cacheErrors }),
    ...(options.refreshAhead === undefined ? {} : { refreshAhead: options.refreshAhead }),
    ...(options.quiet === undefined ? {} : { quiet: options.quiet }),
  }
  const optionsOf = (args: Parameters<F>): WrapperLoadOptions => {
    const after = options.after?.(...args)
    return after === undefined ? loadOptions : { ...loadOptions, after }
  }
  /** By one of the cache's verbs. */
  async function travel(self: unknown, args: Parameters<F>, by: Travel, isOwn = () => false): Promise<Result> {
    const run = async (): Promise<Result> => (await fn.apply(self, args)) as Result
    if (applies?.(args) === false) return run()
    const key = keyOf(args)
    let own: { readonly result: Result } | undefined
    const load: WrapperLoad<unknown> = async (control) => {
      const made = await run()
      const result = behaviour.marked === undefined ? made : behaviour.marked(args, made)
      own = { result }
      if (keeps?.(result) === false) return NOT_KEPT
      if (typeof options.tags === 'function') control.addTags(...options.tags(args, result))
      if (ttlOf !== undefined)
        control.setTtl(ttlOf(JSON.stringify([options.tenant?.(...args) ?? null, key], bigintAsText), result))
      return pack === undefined ? result : pack(result)
    }
    const kept = await by(cacheOf(args), key, load, optionsOf(args))
    // A background refresh is not this call's answer.
    const isAnswer = options.refreshAhead === undefined || kept === NOT_KEPT || isOwn()
    if (own !== undefined && isAnswer) return unpack === undefined || kept === NOT_KEPT ? own.result : unpack(kept)
    if (kept === NOT_KEPT) return run()
    return unpack === undefined ? (kept as Result) : unpack(kept)
  }
  function call(this: unknown, ...args: Parameters<F>): Promise<Result> {
    return travel(this, args, through)
  }
  const entry = async function (this: unknown, ...args: Parameters<F>): Promise<WrappedEntry<Result>> {
    let found: WrappedEntry<unknown> | undefined
    const by: Travel = async (from, key, load, given) => {
      found = await from.getOrSetEntry(key, load, given)
      return found.value
    }
    const value = await travel(this, args, by, () => found?.tier === 'loader' && !found.isJoined)
    // A result that another call was not allowed to store was made by this one.
    return found === undefined || found.value === NOT_KEPT
      ? { value, tier: 'loader', isJoined: false, ageMs: 0 }
      : { ...found, value }
  }
  const invalidate = async (...args: Parameters<F>): Promise<HttpReceipt> => cacheOf(args).delete(keyOf(args))
  const refresh = function (this: unknown, ...args: Parameters<F>): Promise<Result> {
    return travel(this, args, anew)
  }
  Object.defineProperty(call, 'name', { value: options.keyPrefix || fn.name })
  return Object.assign(call, { entry, invalidate, refresh })
}

type Travel = (
  cache: WrapperCache,
  key: Key,
  load: WrapperLoad<unknown>,
  options: WrapperLoadOptions,
) => Promise<unknown>

const through: Travel = (cache, key, load, options) => cache.getOrSet(key, load, options)
const anew: Travel = (cache, key, load, options) => cache.refresh(key, load, options)

const bigintAsText = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? `${value}n` : value)
