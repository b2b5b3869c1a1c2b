// A Nest module that provides a cache, and decorators for methods of providers and controllers.
import { type DynamicModule, type FactoryProvider, Inject, type ModuleMetadata } from '@nestjs/common'
import { type Check, check, checkOptions, fn, required, type Shape, text } from '../core/checks.ts'
import { MillpondError, show } from '../core/errors.ts'
import type { Key, KeyPart } from '../core/key.ts'
import { DEFAULT_POLICY, LOAD_OPTIONS, type LoadOptions, resolvePolicy } from '../core/options.ts'
import { onceJudged } from '../core/strategies.ts'
import type { Cache } from '../engine/cache.ts'
import { cacheGiven } from './cache-given.ts'
import { MILLPOND_CACHE } from './nest-cache.ts'

export { MILLPOND_CACHE } from './nest-cache.ts'
export {
  CacheInterceptor,
  CacheKey,
  CacheTags,
  CacheTTL,
  type KeyOfRequest,
  type OfContext,
} from './nest-interceptor.ts'

/** How the module gets a cache that depends on other providers. */
export interface MillpondModuleAsyncOptions {
  /** Creates the cache; it is closed with the application. */
  // biome-ignore lint/suspicious/noExplicitAny: as Nest types what it injects
  readonly useFactory: (...dependencies: any[]) => Cache | Promise<Cache>
  /** The providers that the factory takes. */
  readonly inject?: FactoryProvider['inject'] | undefined
  /** The modules that export them. */
  readonly imports?: ModuleMetadata['imports'] | undefined
}

/** Classes, texts, symbols, and the objects that Nest takes in their place. */
function namesOfNest(wanted: string): Check<never> {
  const isOne = (one: unknown): boolean =>
    typeof one === 'string' ||
    typeof one === 'symbol' ||
    typeof one === 'function' ||
    (typeof one === 'object' && one !== null && !Array.isArray(one))
  return check((value): value is never => Array.isArray(value) && value.every(isOne), wanted)
}

const ASYNC: Shape<MillpondModuleAsyncOptions> = {
  useFactory: required(fn<MillpondModuleAsyncOptions['useFactory']>('a function that creates the cache')),
  inject: namesOfNest('an array of tokens, such as [ConfigService]'),
  imports: namesOfNest('an array of modules'),
}
const CLOSER = Symbol('millpond.closer')

/** Provides a cache in the whole application: `@InjectCache() cache: Cache`, `@Cached()`, `@InvalidateTags()`. */
// biome-ignore lint/complexity/noStaticOnlyClass: Nest names modules by their class
export class MillpondModule {
  /**
   * For an existing cache, which is not closed with the application.
   * @throws MillpondError `OPTION_INVALID`.
   * @example
   * imports: [MillpondModule.forRoot(createCache({ name: 'shop' }))]
   */
  static forRoot(cache: Cache): DynamicModule {
    cacheGiven(cache, 'forRoot')
    return {
      module: MillpondModule,
      global: true,
      providers: [{ provide: MILLPOND_CACHE, useValue: cache }],
      exports: [MILLPOND_CACHE],
    }
  }

  /**
   * For a cache that is created from other modules' providers, and closed with the application.
   * @throws MillpondError `OPTION_INVALID`.
   */
  static forRootAsync(options: MillpondModuleAsyncOptions): DynamicModule {
    checkOptions<MillpondModuleAsyncOptions>(options, ASYNC, 'forRootAsync')
    const { useFactory, inject = [], imports = [] } = options
    const closer = (cache: Cache): object => ({ onApplicationShutdown: () => cache.close() })
    return {
      module: MillpondModule,
      global: true,
      imports,
      providers: [
        {
          provide: MILLPOND_CACHE,
          inject,
          useFactory: async (...dependencies: unknown[]) => cacheGiven(await useFactory(...dependencies), 'useFactory'),
        },
        { provide: CLOSER, inject: [MILLPOND_CACHE], useFactory: closer },
      ],
      exports: [MILLPOND_CACHE],
    }
  }
}

/** Injects the cache into a constructor parameter or a property. */
export const InjectCache = (): PropertyDecorator & ParameterDecorator => Inject(MILLPOND_CACHE)

/** How `Cached` caches a method's result: as `getOrSet`, with keys and tags from the arguments. */
export interface CachedOptions<A extends readonly unknown[] = readonly unknown[]> extends Omit<LoadOptions, 'tags'> {
  /**
   * The key's prefix, followed by the arguments (which must then be strings, numbers, booleans, bigints or null), or a
   * function from the arguments to the key. Default: the names of the object's class and the method.
   */
  readonly key?: readonly KeyPart[] | ((args: A) => Key) | undefined
  /** Tags of each result, or a function of the arguments. */
  readonly tags?: readonly string[] | ((args: A) => readonly string[]) | undefined
  /** A namespace of the cache. Default: the provided cache itself. */
  readonly namespace?: string | undefined
}

// biome-ignore lint/suspicious/noExplicitAny: the arguments of any method
type Method<A extends any[], T> = (...args: A) => Promise<T>
// biome-ignore lint/suspicious/noExplicitAny: the arguments of any method
type MethodOf<A extends readonly any[]> = <B extends [...A, ...any[]], T>(
  target: object,
  name: string | symbol,
  descriptor: TypedPropertyDescriptor<Method<B, T>>,
) => void

const listOrFunction = check(
  (value): value is never =>
    typeof value === 'function' || (Array.isArray(value) && value.every((one) => typeof one === 'string')),
  'an array of tags, or a function from the arguments to it',
)
const isPart = (part: unknown): boolean =>
  part === null ||
  Number.isFinite(part) ||
  typeof part === 'string' ||
  typeof part === 'boolean' ||
  typeof part === 'bigint'
const CACHED: Shape<CachedOptions> = {
  ...LOAD_OPTIONS,
  key: check(
    (value): value is never => typeof value === 'function' || (Array.isArray(value) && value.every(isPart)),
    "['user'], or a function from the arguments to a key",
  ),
  tags: listOrFunction,
  namespace: text,
}

/**
 * Caches the result of a method of a provider or controller: concurrent calls with the same arguments share one
 * execution, in all processes that share a tier. The object on which it is called is not part of the key.
 * @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`.
 * @example
 * \@Cached({ ttl: '10m', tags: ([id]) => [`deal:${id}`] })
 * async find(id: number): Promise<Deal> { return this.db.deal(id) }
 */
// biome-ignore lint/suspicious/noExplicitAny: the arguments of any method
export function Cached<A extends readonly any[] = readonly any[]>(options: CachedOptions<A> = {}): MethodOf<A> {
  checkOptions<CachedOptions>(options, CACHED, 'Cached')
  const { key, tags, namespace, ...load } = options
  // Reports invalid options here rather than with the first call, which asks for what depends on the cache.
  resolvePolicy(onceJudged(load), DEFAULT_POLICY)
  return (target, name, descriptor) => {
    const method = `${target.constructor.name}.${String(name)}`
    wrapMethod(target, name, descriptor, (whole, args, call, on) => {
      const cache = namespaceOf(whole, namespace)
      const its: A = args as unknown as A
      const own = (): readonly KeyPart[] => (typeof key === 'object' ? key : namesOf(target, name, on))
      try {
        const at = typeof key === 'function' ? key(its) : [...own(), ...partsOf(args, method)]
        return cache.getOrSet(at, call, { ...load, tags: typeof tags === 'function' ? tags(its) : tags })
      } catch (error) {
        return Promise.reject(error) // as the method itself would
      }
    })
  }
}

/**
 * The object's class, so that methods inherited by two classes have separate entries; and the class that defines the
 * method if it is another, so that an override is distinct from the overridden method.
 */
function namesOf(target: object, name: string | symbol, on: object): readonly KeyPart[] {
  const [declaring, own] = [target.constructor.name, on.constructor.name]
  return own === declaring ? [own, String(name)] : [own, declaring, String(name)]
}

/** A trailing argument that was omitted is equivalent to undefined. */
function partsOf(args: readonly unknown[], method: string): readonly KeyPart[] {
  const parts = args.slice(0, args.findLastIndex((one) => one !== undefined) + 1)
  const odd = parts.find((part) => !isPart(part))
  if (parts.every(isPart)) return parts as readonly KeyPart[]
  throw new MillpondError(
    'KEY_INVALID',
    `${method}: the argument ${show(odd)} cannot be part of a key: give Cached a key, such as { key: ([filter]) => ['rows', filter.id] }`,
  )
}

/** Where `InvalidateTags` invalidates. */
export interface InvalidateTagsOptions {
  /** The cache's namespace, as for `Cached`. Default: the provided cache itself. */
  readonly namespace?: string | undefined
}

const INVALIDATE: Shape<InvalidateTagsOptions> = { namespace: text }

/**
 * Invalidates tags in every process once a method has resolved; if it rejects, nothing is invalidated. The caller gets
 * the result when the invalidation is acknowledged.
 * @throws MillpondError `OPTION_INVALID`; the method rejects with `LEDGER_UNREACHABLE` if no other process could be
 * notified.
 * @example
 * \@InvalidateTags(([id]) => [`deal:${id}`, 'deals'])
 * async update(id: number, change: Change): Promise<void> { await this.db.update(id, change) }
 */
// biome-ignore lint/suspicious/noExplicitAny: the arguments of any method
export function InvalidateTags<A extends readonly any[] = readonly any[]>(
  tags: readonly string[] | ((args: A) => readonly string[]),
  options: InvalidateTagsOptions = {},
): MethodOf<A> {
  listOrFunction(tags, 'InvalidateTags')
  checkOptions<InvalidateTagsOptions>(options, INVALIDATE, 'InvalidateTags')
  return (target, name, descriptor) => {
    wrapMethod(target, name, descriptor, async (whole, args, call) => {
      const answer = await call()
      await namespaceOf(whole, options.namespace).invalidateTags(
        typeof tags === 'function' ? tags(args as unknown as A) : tags,
      )
      return answer
    })
  }
}

const namespaceOf = (cache: Cache, name: string | undefined): Cache =>
  name === undefined ? cache : cache.namespace(name)

type Around = <T>(cache: Cache, args: readonly unknown[], call: () => Promise<T>, on: object) => Promise<T>

const HELD = '__millpondCache'

// biome-ignore lint/suspicious/noExplicitAny: the arguments of any method
function wrapMethod<A extends any[], T>(
  target: object,
  name: string | symbol,
  descriptor: TypedPropertyDescriptor<Method<A, T>>,
  around: Around,
): void {
  const method = descriptor.value
  if (typeof method !== 'function')
    throw new MillpondError(
      'OPTION_INVALID',
      `${String(name)}: ${show(method)} is not a method: put the decorator on a method`,
    )
  Inject(MILLPOND_CACHE)(target, HELD)
  const wrapped = function (this: object, ...args: A): Promise<T> {
    const cache: unknown = Reflect.get(this, HELD)
    if (cache === undefined)
      throw new MillpondError(
        'OPTION_INVALID',
        `${target.constructor.name}.${String(name)}: no cache was injected: import MillpondModule.forRoot(cache), and let Nest create the object`,
      )
    return around(cache as Cache, args, () => method.apply(this, args), this)
  }
  Object.defineProperty(wrapped, 'name', { value: method.name })
  copyMetadata(method, wrapped)
  descriptor.value = wrapped
}

/** Metadata set by decorators closer to the method: its route, its guards. */
function copyMetadata(from: object, to: object): void {
  const metadata: { getMetadataKeys?: (of: object) => unknown[]; getMetadata?: (key: unknown, of: object) => unknown } =
    Reflect
  for (const key of metadata.getMetadataKeys?.(from) ?? []) {
    const define: unknown = Reflect.get(Reflect, 'defineMetadata')
    if (typeof define === 'function') define(key, metadata.getMetadata?.(key, from), to)
  }
}
