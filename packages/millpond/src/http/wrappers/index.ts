// `millpond/http/wrappers`: a cache for a function, a method, a view or an API call; as a function or as a decorator.
import { check, checkOptions, duration, flag, fn, required, type Shape, whole } from '../../core/checks.ts'
import { type Duration, parseDuration } from '../../core/duration.ts'
import { MillpondError, show } from '../../core/errors.ts'
import { isKeepable, packResponse, unpackResponse, withEdgeTags } from './kept-response.ts'
import { type ProfileName, profile, profileTtl } from './profiles.ts'
import { requestParts, VARY, type VaryOptions } from './request-parts.ts'
import { SmartCounts, type SmartLoad, type SmartReport, SmartTtl } from './smart.ts'
import {
  type AnyFunction,
  asWrapper,
  type Behaviour,
  WRAP,
  type WrapOptions,
  type Wrapper,
  type WrapperCache,
  wrapFunction,
} from './wrapped.ts'

export { PROFILES, type ProfileName } from './profiles.ts'
export type { RequestLike, VaryOptions } from './request-parts.ts'
export type { SmartLoad, SmartReport } from './smart.ts'
export type { Tags, WrapOptions, Wrapped, WrappedEntry, Wrapper, WrapperCache } from './wrapped.ts'

type Options = WrapOptions<AnyFunction>

type SmartOptions = Omit<Options, 'ttl'> & {
  readonly baseTtl?: Duration
  readonly minTtl?: Duration
  readonly maxTtl?: Duration
  /** Counts the loads for `report()`; a function is also called for each. Default `false`. */
  readonly monitor?: boolean | ((load: SmartLoad) => void) | undefined
}

/** A wrapper that counts what it has learnt. */
export type SmartWrapper = Wrapper & {
  /** Of all functions that it wraps; `undefined` without `monitor`. */
  report(): SmartReport | undefined
}

interface EdgeOptions {
  /**
   * Adds the result's tags to `Surrogate-Key` and `Cache-Tag` of a `Response`, so that invalidated results can be
   * purged at the edge. Default `false`: tags are not sent.
   */
  readonly edgeTags?: boolean | undefined
  /**
   * How many tags of one answer the edge reads; it ignores further ones, so only browsers may store an answer with
   * more. 50 for CloudFront. Default 1,000.
   */
  readonly maxEdgeTags?: number | undefined
}

type ViewOptions = Options & VaryOptions & EdgeOptions

export interface Wrappers {
  /**
   * A view: its first argument is the request, whose method, URL, credentials and named fields are the key. Default
   * `'15m'`; may return a `Response`.
   */
  cachedView(options?: ViewOptions): Wrapper
  /** A function or method, by its arguments. Default `'5m'`. */
  cachedMethod(options?: Options): Wrapper
  /** As `cachedView`, for APIs: errors are not cached unless `cacheErrors` says how long. Default `'10m'`. */
  cachedApi(options?: ViewOptions): Wrapper
  /** As `cachedApi`, with the TTL of a kind of data. */
  cacheApiResponse(options?: ViewOptions & { readonly cacheType?: ProfileName }): Wrapper
  /**
   * The TTL adapts to how often loads found the result changed, as chosen by `adaptiveTtl` of `millpond/insight`: from
   * `baseTtl` (`'5m'`) up to `maxTtl` (`'1h'`) or down to `minTtl` (`'1m'`), once 32 reloads were seen. With `monitor`
   * it counts loads, changes and chosen TTLs (`report()`).
   * @example
   * const smart = wrappers(cache).smartCache({ monitor: true })
   * const rates = smart(async () => fetchRates())
   * await rates()
   * smart.report() // { loads: 1, compared: 0, changed: 0, minTtlMs: 300000, ... }
   */
  smartCache(options?: SmartOptions): SmartWrapper
  /** Only calls for which `when` returns true use the cache. */
  conditionalCache(options: Options & { readonly when: (...args: readonly unknown[]) => boolean }): Wrapper
  /** What hardly ever changes. Default `'24h'`. */
  cacheStaticData(options?: Options): Wrapper
}

/**
 * The wrappers over a cache.
 * @example
 * const { cachedMethod } = wrappers(cache)
 * const findUser = cachedMethod({ ttl: '10m', tags: ([id]) => [`user:${id}`] })((id: number) => db.user(id))
 * await findUser(7)
 * await findUser.invalidate(7)
 */
export function wrappers(cache: WrapperCache): Wrappers {
  const make = (behaviour: Behaviour<AnyFunction>): Wrapper =>
    asWrapper((fn, name) => wrapFunction(cache, fn, name, behaviour))
  const view = (options: ViewOptions, defaultTtl: Duration): Wrapper => {
    const { varyOn, varyOnAuth, varyOnParams, edgeTags = false, maxEdgeTags, ...rest } = options
    const vary: VaryOptions = {
      ...(varyOn === undefined ? {} : { varyOn }),
      varyOnAuth: varyOnAuth ?? true,
      varyOnParams: varyOnParams ?? true,
    }
    return make({
      options: rest,
      defaultTtl,
      // RFC 9110 9.2.1: unsafe calls are always made.
      applies: ([request]) => options.key !== undefined || isRead(request),
      parts: ([request]) => requestParts(request, vary),
      keeps: (result) => isKeepable(result, options.cacheErrors !== undefined),
      ...(edgeTags && {
        marked: (args, result) =>
          withEdgeTags(result, typeof rest.tags === 'function' ? rest.tags(args, result) : rest.tags, maxEdgeTags),
      }),
      pack: packResponse,
      unpack: unpackResponse,
    })
  }
  return {
    cachedView: (options = {}) => view(checked(options, VIEW, 'cachedView'), '15m'),
    cachedMethod: (options = {}) => make({ options: checked(options, WRAP, 'cachedMethod'), defaultTtl: '5m' }),
    cachedApi: (options = {}) => view(checked(options, VIEW, 'cachedApi'), '10m'),
    cacheApiResponse: (given = {}) => {
      const { cacheType = 'api', ...options } = checked(given, API_RESPONSE, 'cacheApiResponse')
      return view(options, profileTtl(cacheType))
    },
    smartCache: (given = {}) => {
      const { baseTtl = '5m', minTtl = '1m', maxTtl = '1h', monitor, ...options } = checked(given, SMART, 'smartCache')
      const counts = monitor === undefined || monitor === false ? undefined : new SmartCounts()
      const smart = new SmartTtl(boundsOf(baseTtl, minTtl, maxTtl), (load) => {
        counts?.note(load)
        if (typeof monitor === 'function') monitor(load)
      })
      const wrapper = make({ options, defaultTtl: baseTtl, ttlOf: (key, result) => smart.next(key, result) })
      return Object.assign(wrapper, { report: () => counts?.report() })
    },
    conditionalCache: (given) => {
      const { when, ...options } = checked(given, CONDITIONAL, 'conditionalCache')
      return make({ options, defaultTtl: '5m', applies: (args) => when(...args) })
    },
    cacheStaticData: (options = {}) => make({ options: checked(options, WRAP, 'cacheStaticData'), defaultTtl: '24h' }),
  }
}

const VIEW: Shape<ViewOptions> = { ...WRAP, ...VARY, edgeTags: flag, maxEdgeTags: whole(1) }
const API_RESPONSE: Shape<ViewOptions & { readonly cacheType?: ProfileName }> = {
  ...VIEW,
  cacheType: profile,
}
const SMART: Shape<SmartOptions> = {
  keyPrefix: WRAP.keyPrefix,
  key: WRAP.key,
  tags: WRAP.tags,
  tenant: WRAP.tenant,
  session: WRAP.session,
  cacheErrors: WRAP.cacheErrors,
  refreshAhead: WRAP.refreshAhead,
  after: WRAP.after,
  quiet: WRAP.quiet,
  baseTtl: duration,
  minTtl: duration,
  maxTtl: duration,
  monitor: check(
    (value): value is boolean | ((load: SmartLoad) => void) =>
      typeof value === 'boolean' || typeof value === 'function',
    'true, false, or a function called for each load',
  ),
}
const CONDITIONAL: Shape<Options & { readonly when: (...args: readonly unknown[]) => boolean }> = {
  ...WRAP,
  when: required(fn('a function that says whether a call uses the cache')),
}

function checked<O extends object>(options: O, shape: Shape<O>, at: string): O {
  checkOptions<O>(options, shape, at)
  return options
}

function isRead(request: unknown): boolean {
  const method = typeof request === 'object' && request !== null ? Reflect.get(request, 'method') : undefined
  return method === undefined || method === 'GET' || method === 'HEAD'
}

function boundsOf(
  baseTtl: Duration,
  minTtl: Duration,
  maxTtl: Duration,
): { baseMs: number; minMs: number; maxMs: number } {
  const bounds = {
    baseMs: parseDuration(baseTtl, 'baseTtl'),
    minMs: parseDuration(minTtl, 'minTtl'),
    maxMs: parseDuration(maxTtl, 'maxTtl'),
  }
  if (bounds.minMs <= bounds.baseMs && bounds.baseMs <= bounds.maxMs && bounds.minMs > 0) return bounds
  throw new MillpondError(
    'OPTION_INVALID',
    `${show({ minTtl, baseTtl, maxTtl })}: minTtl has to be above 0, and baseTtl between minTtl and maxTtl`,
  )
}
