// The options of entries, reads and loads, resolved once into plain numbers.
import {
  check,
  checkedElsewhere,
  checkOptions,
  duration,
  flag,
  oneOf,
  options as optionsOf,
  type Shape,
  share,
  signal,
} from './checks.ts'
import { type Priority, withPriority } from './dependency.ts'
import { type Duration, parseDuration } from './duration.ts'
import { checkTags, encodeKeys, type Key } from './key.ts'
import { isAdaptive, isFixed, type LoadStrategy, loadStrategies, REFRESH_AHEAD as SHARE_AHEAD } from './strategies.ts'

/**
 * How fresh an answer must be. `eventual`: at most 500 ms behind other processes' invalidations (own ones always apply
 * at once). `read-your-writes`: the same, and never older than a given token. `strong`: asks the shared ledger first.
 */
export type Consistency = 'eventual' | 'read-your-writes' | 'strong'

/**
 * Whether entries track what they were computed from. `declared`: by `dependsOn`; `tracked`: also by the reads that a
 * loader makes.
 */
export type Dependencies = 'off' | 'declared' | 'tracked'

/**
 * The scope of single flight for a key: over all processes, within each process, or none, for a key that only this call
 * uses.
 */
export type SingleFlight = 'all' | 'process' | 'call'

/**
 * Values by id, like a `Map`. Of any kind of id: ids that are literals (`['a', 'b']`) do not narrow what a loader may
 * return.
 */
export type ById<Id, T> = Pick<ReadonlyMap<Id, T>, 'get' | 'has' | 'size'>

/** How an entry is stored. */
export interface EntryOptions {
  /** How long the entry is fresh. Default `'5m'`. 0 stores nothing; `Infinity` never expires. */
  readonly ttl?: Duration | undefined
  /** How long after that it may be returned at once while a refresh runs in the background. Default 0. */
  readonly staleFor?: Duration | undefined
  /** How long after `ttl` it may be returned if its loader fails or is slow (`timeout.soft`). Default 0. */
  readonly staleIfError?: Duration | undefined
  /**
   * Share of `ttl` that is subtracted at random, 0 to 1, so that entries stored together do not expire together.
   * Default 0.
   */
  readonly jitter?: number | undefined
  /** What the entry belongs to: `invalidateTags` removes it. A list, a Set, or any other iterable of strings. */
  readonly tags?: Iterable<string> | undefined
  /** The priority of the entry, for rules of `route`; stored with the entry. Default `'medium'`. */
  readonly priority?: Priority | undefined
  /**
   * Keys that the value was computed from: when one of them changes, this entry is invalidated too. Needs
   * `dependencies` on the cache.
   */
  readonly dependsOn?: readonly Key[] | undefined
}

/** How a read is answered. */
export interface ReadOptions {
  /** How fresh the answer must be. Default: that of the cache. */
  readonly consistency?: Consistency | undefined
  /**
   * A token of `cache.token()`, from any process: this read sees nothing older than the token's maker had seen. An
   * unreadable token is ignored.
   */
  readonly after?: string | undefined
  /** Rejects this caller with `ABORTED`; the load continues while others wait for it. */
  readonly signal?: AbortSignal | undefined
  /**
   * An internal read (warming, inspection): it is not counted, calls no listeners, and does not count for eviction.
   * Default false.
   */
  readonly quiet?: boolean | undefined
}

/**
 * How a value is loaded, stored and returned; as `defaults` of a cache, the options of every call that does not set its
 * own.
 */
export interface LoadOptions extends EntryOptions, ReadOptions {
  /**
   * `soft`: with a stale value available, how long to wait for the loader before the stale value is returned. Default:
   * wait. `hard`: when the loader is given up, its signal is aborted and the key is free again. Default `'10s'`; 0:
   * never. A caller that joins a load waits for it as long as its own `hard` says.
   */
  readonly timeout?: { readonly soft?: Duration | undefined; readonly hard?: Duration | undefined } | undefined
  /**
   * When a hit starts a refresh in the background: a share of `ttl`, 0 to 1, or as `RefreshAhead` says. One refresh of
   * a key over all processes, at most 32 per namespace at a time in each. Default: never.
   */
  readonly refreshAhead?: number | RefreshAhead | undefined
  /**
   * How long "not found" (`null`, or `undefined` from the loader) is cached. Default: `null` like any value,
   * `undefined` not at all.
   */
  readonly negativeTtl?: Duration | undefined
  /** How long this process caches a loader's error and rejects with it again. Default 0. */
  readonly errorTtl?: Duration | undefined
  /**
   * The scope of single flight. Default `'all'`: over all processes that share a ledger, by a lease, which is requested
   * from the shared tier before each load. `'process'`: within each process, if loading twice costs less than asking.
   * `'call'`: only this call uses the key, with a new id for example: tiers are not read for it either.
   */
  readonly singleFlight?: SingleFlight | undefined
  /**
   * Strategies by name, one or several. `adaptive`: the TTL is chosen by `adaptiveTtl` of the cache, also where a
   * namespace or a registered loader sets one. `refresh-ahead`: 0.8 of the TTL unless `refreshAhead` is set. `ttl` and
   * `tag-based` are errors without `ttl` or `tags`. `read-through` is what every load is. Those of writes belong to
   * collections.
   */
  readonly strategy?: LoadStrategy | readonly LoadStrategy[] | undefined
}

/** When a value that is read is reloaded before it expires. */
export interface RefreshAhead {
  /**
   * Share of `ttl`, 0 to 1; up to a tenth of it earlier, by the key, so that values loaded together are not refreshed
   * together. Default: 0.8, with `beta` never.
   */
  readonly after?: number | undefined
  /**
   * Probabilistic instead, the likelier the nearer the end and the longer loads take: 1 is the optimum if loads take
   * about equally long, larger values refresh earlier. XFetch: Vattani, Chierichetti, Lowenstein, Optimal Probabilistic
   * Cache Stampede Prevention, VLDB 2015; by the mean time of the namespace's loads in this process.
   */
  readonly beta?: number | undefined
  /**
   * How often an entry must have been read since it was stored, including the read that refreshes. Without memory reads
   * are not counted, and every read qualifies. Default 2.
   */
  readonly reads?: 1 | 2 | undefined
}

/** When fresh values are reloaded: of `LoadPolicy`. */
export type Ahead = Pick<LoadPolicy, 'refreshAhead' | 'refreshBeta' | 'refreshReads'>

/** Settings of shares of the keys (`divide`), over the common policy. */
export interface Arms {
  /** -1: in none. */
  readonly armOf: (hash: number, key: string, namespace: string) => number
  /** Milliseconds; undefined: as for all. */
  readonly ttls: readonly (number | undefined)[]
  readonly aheads: readonly Ahead[]
  /** For keys in no arm. */
  readonly rest: Ahead
}

/** `LoadOptions` in milliseconds, all present. */
export interface LoadPolicy {
  readonly ttlMs: number
  /** The TTL was set explicitly: it is not adapted. */
  readonly isTtlSaid: boolean
  /** The strategy `adaptive` was named. */
  readonly isAdaptive: boolean
  readonly staleForMs: number
  readonly staleIfErrorMs: number
  readonly jitter: number
  /** Including the priority. */
  readonly tags: readonly string[]
  readonly priority: Priority
  readonly softMs: number
  readonly hardMs: number
  /** A share; 0: never. */
  readonly refreshAhead: number
  /** 0: not probabilistic. */
  readonly refreshBeta: number
  readonly refreshReads: 1 | 2
  /** Negative: not set. */
  readonly negativeMs: number
  readonly errorMs: number
  readonly consistency: Consistency
  /** Encoded keys. */
  readonly dependsOn: readonly string[]
  readonly singleFlight: SingleFlight
  /** By the key, while the cache is divided, unless the call sets it itself. */
  readonly ttlArms: Arms | undefined
  readonly aheadArms: Arms | undefined
}

const TIMEOUT: Shape<NonNullable<LoadOptions['timeout']>> = { soft: duration, hard: duration }

const NO_TAGS: readonly string[] = Object.freeze([])

export const DEFAULT_POLICY: LoadPolicy = Object.freeze({
  ttlMs: 300_000,
  isTtlSaid: false,
  isAdaptive: false,
  staleForMs: 0,
  staleIfErrorMs: 0,
  jitter: 0,
  tags: NO_TAGS,
  priority: 'medium',
  softMs: Number.POSITIVE_INFINITY,
  hardMs: 10_000,
  refreshAhead: 0,
  refreshBeta: 0,
  refreshReads: 2,
  negativeMs: -1,
  errorMs: 0,
  consistency: 'eventual',
  dependsOn: NO_TAGS,
  singleFlight: 'all',
  ttlArms: undefined,
  aheadArms: undefined,
})

const REFRESH_AHEAD: Shape<RefreshAhead> = {
  after: share,
  beta: check(
    (value): value is number => typeof value === 'number' && value > 0 && value <= 100,
    'a number above 0 and up to 100',
  ),
  reads: check((value): value is 1 | 2 => value === 1 || value === 2, '1 or 2'),
}
const aheadOptions = optionsOf(REFRESH_AHEAD)
const shareOrMore = (value: unknown, at: string): number | RefreshAhead =>
  typeof value === 'object' && value !== null ? aheadOptions(value, at) : share(value, at)

export const LOAD_OPTIONS: Shape<LoadOptions> = {
  ttl: duration,
  staleFor: duration,
  staleIfError: duration,
  jitter: share,
  priority: oneOf('high', 'medium', 'low'),
  tags: checkedElsewhere, // read only once, as they are copied: they may be an iterator
  dependsOn: checkedElsewhere, // likewise, as keys are encoded
  consistency: oneOf('eventual', 'read-your-writes', 'strong'),
  after: check((value): value is string => typeof value === 'string', 'a token of cache.token()'),
  signal,
  quiet: flag,
  timeout: optionsOf(TIMEOUT),
  refreshAhead: shareOrMore,
  negativeTtl: duration,
  errorTtl: duration,
  singleFlight: oneOf('all', 'process', 'call'),
  strategy: checkedElsewhere, // together with what it needs
}

/**
 * The policy of a call: its own options, else the defaults.
 * @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID` or `TAG_INVALID`, naming the option and showing the value.
 */
export function resolvePolicy(options: LoadOptions | undefined, defaults: LoadPolicy, at = ''): LoadPolicy {
  if (options === undefined) return defaults
  const known = constants.get(options)
  if (known === undefined) return readPolicy(options, defaults, at)
  if (known.over !== defaults) {
    known.policy = readPolicy(options, defaults, at)
    known.over = defaults
  }
  return known.policy
}

/** Immutable options, with their last resolution, and the defaults that it was based on. */
const constants = new WeakMap<LoadOptions, { policy: LoadPolicy; over: LoadPolicy }>()

/**
 * Options for many calls: resolved again only if the defaults have changed.
 * @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`, `TAG_INVALID`
 */
export function constantOptions({ ttl, tags }: Pick<EntryOptions, 'ttl' | 'tags'>): EntryOptions {
  const options = Object.freeze({
    ...(ttl !== undefined && { ttl }),
    ...(tags !== undefined && { tags: copyTags(tags) }),
  })
  constants.set(options, { policy: readPolicy(options, DEFAULT_POLICY, ''), over: DEFAULT_POLICY })
  return options
}

function readPolicy(options: LoadOptions, defaults: LoadPolicy, at: string): LoadPolicy {
  checkOptions<LoadOptions>(options, LOAD_OPTIONS, at)
  const {
    ttl,
    staleFor,
    staleIfError,
    jitter,
    tags,
    timeout,
    refreshAhead,
    negativeTtl,
    errorTtl,
    consistency,
    dependsOn,
  } = options
  const priority = options.priority ?? defaults.priority
  const strategies = options.strategy === undefined ? NO_STRATEGIES : strategiesOf(options, defaults)
  const adapts = strategies.has('adaptive') || (ttl === undefined && defaults.isAdaptive)
  const ahead = refreshAhead ?? aheadBy(strategies, defaults)
  return {
    ttlMs: ttl === undefined ? defaults.ttlMs : parseDuration(ttl, 'ttl'),
    isTtlSaid: !adapts && (ttl !== undefined || defaults.isTtlSaid),
    isAdaptive: adapts,
    staleForMs: staleFor === undefined ? defaults.staleForMs : parseDuration(staleFor, 'staleFor'),
    staleIfErrorMs: staleIfError === undefined ? defaults.staleIfErrorMs : parseDuration(staleIfError, 'staleIfError'),
    jitter: jitter ?? defaults.jitter,
    tags: tagsOf(tags, priority, defaults),
    priority,
    softMs: timeout?.soft === undefined ? defaults.softMs : parseDuration(timeout.soft, 'timeout.soft'),
    hardMs:
      timeout?.hard === undefined
        ? defaults.hardMs
        : parseDuration(timeout.hard, 'timeout.hard') || Number.POSITIVE_INFINITY,
    ...aheadOf(ahead, defaults),
    negativeMs: negativeTtl === undefined ? defaults.negativeMs : parseDuration(negativeTtl, 'negativeTtl'),
    errorMs: errorTtl === undefined ? defaults.errorMs : parseDuration(errorTtl, 'errorTtl'),
    consistency: consistency ?? defaults.consistency,
    dependsOn: dependsOn === undefined ? defaults.dependsOn : encodeKeys(dependsOn, 'dependsOn'),
    singleFlight: options.singleFlight ?? defaults.singleFlight,
    ttlArms: ttl === undefined ? defaults.ttlArms : undefined,
    aheadArms: ahead === undefined ? defaults.aheadArms : undefined,
  }
}

const NO_STRATEGIES: ReadonlySet<string> = new Set()

function strategiesOf({ strategy, ttl, tags }: LoadOptions, defaults: LoadPolicy): ReadonlySet<string> {
  const hasTags = tags !== undefined || withPriority(defaults.tags, 'medium').length > 0
  return loadStrategies(strategy, { hasTtl: ttl !== undefined || defaults.isTtlSaid, hasTags, ttl })
}

/** The namespace may refresh ahead by a share of its own. */
function aheadBy(strategies: ReadonlySet<string>, { refreshAhead, refreshBeta }: LoadPolicy): number | undefined {
  return strategies.has('refresh-ahead') && refreshAhead === 0 && refreshBeta === 0 ? SHARE_AHEAD : undefined
}

/**
 * Options that are kept for later calls: the caller may change its object, and one-time iterables (an iterator of tags)
 * are read now.
 * @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`, `TAG_INVALID`
 */
export function keptOptions(options: LoadOptions, at = ''): LoadOptions {
  checkOptions<LoadOptions>(options, LOAD_OPTIONS, at)
  const { tags, dependsOn, timeout, strategy } = options
  return {
    ...options,
    ...(Array.isArray(strategy) && { strategy: [...strategy] }),
    ...(tags !== undefined && { tags: copyTags(tags) }),
    ...(timeout !== undefined && { timeout: { ...timeout } }),
    // A value that is not a list of keys is refused when it is encoded.
    ...(Array.isArray(dependsOn) && { dependsOn: dependsOn.map((key: Key) => (Array.isArray(key) ? [...key] : key)) }),
  }
}

/**
 * A call's options over its defaults: `undefined` means unset, the two timeouts are merged separately, and strategies
 * are added to the earlier ones.
 */
export function laidOver(before: LoadOptions, said: LoadOptions | undefined): LoadOptions {
  if (said === undefined) return before
  checkOptions<LoadOptions>(said, LOAD_OPTIONS, '')
  const timeout = said.timeout === undefined ? before.timeout : { ...before.timeout, ...present(said.timeout) }
  const both = { ...before, ...present(said), ...(timeout !== undefined && { timeout }) }
  return before.strategy === undefined && said.strategy === undefined ? both : withStrategies(both, before, said)
}

/**
 * Without what a call opposes: one that names the strategy `adaptive` leaves an earlier TTL and its name out, and one
 * with a TTL, or that names `ttl`, an earlier `adaptive`.
 */
function withStrategies(both: LoadOptions, before: LoadOptions, said: LoadOptions): LoadOptions {
  const adapts = isAdaptive(said.strategy)
  const isOpposed = adapts ? isFixed : said.ttl !== undefined || isFixed(said.strategy) ? isAdaptive : () => false
  const earlier = [before.strategy ?? []].flat().filter((name) => !isOpposed(name))
  const { ttl, strategy: _, ...rest } = both
  const keepsTtl = ttl !== undefined && (said.ttl !== undefined || !adapts)
  return { ...rest, ...(keepsTtl && { ttl }), strategy: [...earlier, ...[said.strategy ?? []].flat()] }
}

const present = (fields: object): object =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))

const AFTER = 0.8

function aheadOf(said: LoadOptions['refreshAhead'], { refreshAhead, refreshBeta, refreshReads }: LoadPolicy): Ahead {
  if (said === undefined) return { refreshAhead, refreshBeta, refreshReads }
  if (typeof said === 'number') return { refreshAhead: said, refreshBeta: 0, refreshReads: DEFAULT_POLICY.refreshReads }
  const { beta = 0, after = beta > 0 ? 0 : AFTER, reads = DEFAULT_POLICY.refreshReads } = said
  return { refreshAhead: after, refreshBeta: beta, refreshReads: reads }
}

function tagsOf(tags: Iterable<string> | undefined, priority: Priority, defaults: LoadPolicy): readonly string[] {
  if (tags === undefined && priority === defaults.priority) return defaults.tags
  return withPriority(tags === undefined ? defaults.tags : copyTags(tags), priority)
}

/** The caller may change its list as soon as it has received a promise. */
function copyTags(tags: Iterable<string>): readonly string[] {
  return Object.freeze([...checkTags(tags)])
}

/** The three times of an entry stored now. */
export interface Times {
  readonly createdAt: number
  readonly freshUntil: number
  readonly staleUntil: number
}

/** @param random a number from 0 to 1, for the jitter. */
export function timesOf(policy: LoadPolicy, ttlMs: number, now: number, random: number): Times {
  const ttl = policy.jitter > 0 && ttlMs !== Number.POSITIVE_INFINITY ? ttlMs * (1 - policy.jitter * random) : ttlMs
  const freshUntil = now + ttl
  return { createdAt: now, freshUntil, staleUntil: freshUntil + Math.max(policy.staleForMs, policy.staleIfErrorMs) }
}
