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

/**
 * How fresh an answer must be. `eventual`: at most 500 ms behind other processes' invalidations (own ones always count
 * at once). `read-your-writes`: the same, and never older than a token that is carried along. `strong`: asks the shared
 * ledger first.
 */
export type Consistency = 'eventual' | 'read-your-writes' | 'strong'

/**
 * Whether entries know what they were computed from. `declared`: by `dependsOn`; `tracked`: also by the reads that a
 * loader makes.
 */
export type Dependencies = 'off' | 'declared' | 'tracked'

/**
 * Among whom a key is loaded once at a time: over all processes, in each process by itself, or not at all, since the
 * key is the call's own.
 */
export type SingleFlight = 'all' | 'process' | 'call'

/**
 * Values by id, as a `Map` has them. Of any kind of id: ids that are literals (`['a', 'b']`) do not narrow what a
 * loader may answer.
 */
export type ById<Id, T> = Pick<ReadonlyMap<Id, T>, 'get' | 'has' | 'size'>

/** How an entry is stored. */
export interface EntryOptions {
  /** How long the entry is fresh. Default `'5m'`. 0 stores nothing; `Infinity` never expires. */
  readonly ttl?: Duration | undefined
  /** How long after that it may be returned at once while a refresh runs behind. Default 0. */
  readonly staleFor?: Duration | undefined
  /** How long after `ttl` it may be returned when its loader fails or is slow (`timeout.soft`). Default 0. */
  readonly staleIfError?: Duration | undefined
  /** Share of `ttl` taken off at random, 0 to 1, so that entries stored together do not expire together. Default 0. */
  readonly jitter?: number | undefined
  /** What the entry belongs to: `invalidateTags` removes it. A list, a Set, or any other iterable of texts. */
  readonly tags?: Iterable<string> | undefined
  /** How important the entry is, for rules of `route`; it is stored with the entry. Default `'medium'`. */
  readonly priority?: Priority | undefined
  /**
   * Keys that the value was computed from: when one of them changes, this entry goes too. Needs `dependencies` on the
   * cache.
   */
  readonly dependsOn?: readonly Key[] | undefined
}

/** How a read is answered. */
export interface ReadOptions {
  /** How fresh the answer must be. Default: that of the cache. */
  readonly consistency?: Consistency | undefined
  /**
   * A token of `cache.token()`, from any process: this read sees nothing older than what its maker had seen. What
   * cannot be read counts as none.
   */
  readonly after?: string | undefined
  /** Rejects this caller with `ABORTED`; the load goes on while others wait for it. */
  readonly signal?: AbortSignal | undefined
  /**
   * A read that is nobody's (warming, inspection): it counts nothing, tells no listener, and does not make the entry
   * look wanted. Default false.
   */
  readonly quiet?: boolean | undefined
}

/**
 * How a value is loaded, stored and answered; as `defaults` of a cache, what every call goes by that says nothing else.
 */
export interface LoadOptions extends EntryOptions, ReadOptions {
  /**
   * `soft`: with a stale value at hand, how long to wait for the loader before the stale value is returned. Default:
   * wait. `hard`: when the loader is given up, its signal fires and the key is free again. Default `'10s'`; 0: never. A
   * caller who joins a load waits for it as long as its own `hard` says.
   */
  readonly timeout?: { readonly soft?: Duration | undefined; readonly hard?: Duration | undefined } | undefined
  /**
   * When a hit starts a refresh behind: a share of `ttl`, 0 to 1, or what `RefreshAhead` says. One refresh of a key
   * over all processes, at most 32 of a namespace at a time in each. Default: never.
   */
  readonly refreshAhead?: number | RefreshAhead | undefined
  /**
   * How long "there is none" (`null`, or `undefined` from the loader) is remembered. Default: `null` as any value,
   * `undefined` not at all.
   */
  readonly negativeTtl?: Duration | undefined
  /** How long this process remembers a loader's error and rejects with it again. Default 0. */
  readonly errorTtl?: Duration | undefined
  /**
   * Among whom the key is loaded once at a time. Default `'all'`: over all processes that share a ledger, by a lease,
   * for which the shared tier is asked before each load. `'process'`: in each process by itself, where to load twice
   * costs less than to ask. `'call'`: the key is this call's own, with a new id say, so that nobody else has or wants
   * it: tiers are not asked for it either.
   */
  readonly singleFlight?: SingleFlight | undefined
}

/** When a value that is read is loaded anew before it expires. */
export interface RefreshAhead {
  /**
   * Share of `ttl`, 0 to 1; up to a tenth of it sooner, by the key, so that what was loaded together is not refreshed
   * together. Default: 0.8, with `beta` never.
   */
  readonly after?: number | undefined
  /**
   * By chance instead, the likelier the nearer the end and the longer loads take: 1 is the optimum where loads take
   * about equally long, more refreshes sooner. XFetch: Vattani, Chierichetti, Lowenstein, Optimal Probabilistic Cache
   * Stampede Prevention, VLDB 2015; by the mean time of the namespace's loads in this process.
   */
  readonly beta?: number | undefined
  /**
   * How often an entry must have been read since it was stored, with the read that refreshes. Without memory nobody
   * counts, and every read does. Default 2.
   */
  readonly reads?: 1 | 2 | undefined
}

/** When fresh values are loaded anew: of `LoadPolicy`. */
export type Ahead = Pick<LoadPolicy, 'refreshAhead' | 'refreshBeta' | 'refreshReads'>

/** Settings of shares of the keys (`divide`), over the policy that stands for all. */
export interface Arms {
  readonly armOf: (hash: number) => number
  /** Milliseconds; undefined: as it is for all. */
  readonly ttls: readonly (number | undefined)[]
  readonly aheads: readonly Ahead[]
}

/** `LoadOptions` in milliseconds, all present. */
export interface LoadPolicy {
  readonly ttlMs: number
  /** Somebody has said how long: nobody else chooses. */
  readonly isTtlSaid: boolean
  readonly staleForMs: number
  readonly staleIfErrorMs: number
  readonly jitter: number
  /** With the priority among them. */
  readonly tags: readonly string[]
  readonly priority: Priority
  readonly softMs: number
  readonly hardMs: number
  /** A share; 0: never. */
  readonly refreshAhead: number
  /** 0: not by chance. */
  readonly refreshBeta: number
  readonly refreshReads: 1 | 2
  /** Negative: not asked for. */
  readonly negativeMs: number
  readonly errorMs: number
  readonly consistency: Consistency
  /** Encoded keys. */
  readonly dependsOn: readonly string[]
  readonly singleFlight: SingleFlight
  /** By the key, while the cache is divided, where the call does not say it itself. */
  readonly ttlArms: Arms | undefined
  readonly aheadArms: Arms | undefined
}

const TIMEOUT: Shape<NonNullable<LoadOptions['timeout']>> = { soft: duration, hard: duration }

const NO_TAGS: readonly string[] = Object.freeze([])

export const DEFAULT_POLICY: LoadPolicy = Object.freeze({
  ttlMs: 300_000,
  isTtlSaid: false,
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
const ahead = optionsOf(REFRESH_AHEAD)
const shareOrMore = (value: unknown, at: string): number | RefreshAhead =>
  typeof value === 'object' && value !== null ? ahead(value, at) : share(value, at)

export const LOAD_OPTIONS: Shape<LoadOptions> = {
  ttl: duration,
  staleFor: duration,
  staleIfError: duration,
  jitter: share,
  priority: oneOf('high', 'medium', 'low'),
  tags: checkedElsewhere, // read once, as they are taken over: they may be an iterator
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
}

/**
 * The policy of a call: what it says, else the defaults.
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

/** Options that nobody can change, with what they came to the last time, and over which defaults. */
const constants = new WeakMap<LoadOptions, { policy: LoadPolicy; over: LoadPolicy }>()

/**
 * Options for many calls: they are read again when the defaults beneath them have changed, and not with each call.
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
  return {
    ttlMs: ttl === undefined ? defaults.ttlMs : parseDuration(ttl, 'ttl'),
    isTtlSaid: ttl !== undefined || defaults.isTtlSaid,
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
    ...aheadOf(refreshAhead, defaults),
    negativeMs: negativeTtl === undefined ? defaults.negativeMs : parseDuration(negativeTtl, 'negativeTtl'),
    errorMs: errorTtl === undefined ? defaults.errorMs : parseDuration(errorTtl, 'errorTtl'),
    consistency: consistency ?? defaults.consistency,
    dependsOn: dependsOn === undefined ? defaults.dependsOn : encodeKeys(dependsOn, 'dependsOn'),
    singleFlight: options.singleFlight ?? defaults.singleFlight,
    ttlArms: ttl === undefined ? defaults.ttlArms : undefined,
    aheadArms: refreshAhead === undefined ? defaults.aheadArms : undefined,
  }
}

/**
 * Options that are kept for calls to come: whoever gave them may change them, and what can be read only once (an
 * iterator of tags) is read now.
 * @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`, `TAG_INVALID`
 */
export function keptOptions(options: LoadOptions, at = ''): LoadOptions {
  checkOptions<LoadOptions>(options, LOAD_OPTIONS, at)
  const { tags, dependsOn, timeout } = options
  return {
    ...options,
    ...(tags !== undefined && { tags: copyTags(tags) }),
    ...(timeout !== undefined && { timeout: { ...timeout } }),
    // What is not a list of keys is refused where it is encoded.
    ...(Array.isArray(dependsOn) && { dependsOn: dependsOn.map((key: Key) => (Array.isArray(key) ? [...key] : key)) }),
  }
}

/**
 * What a call says, over what was said for it: `undefined` says nothing, and of the two timeouts each is said by
 * itself.
 */
export function laidOver(before: LoadOptions, said: LoadOptions | undefined): LoadOptions {
  if (said === undefined) return before
  checkOptions<LoadOptions>(said, LOAD_OPTIONS, '')
  const timeout = said.timeout === undefined ? before.timeout : { ...before.timeout, ...present(said.timeout) }
  return { ...before, ...present(said), ...(timeout !== undefined && { timeout }) }
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

/** The caller may change its list as soon as it has been given a promise. */
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
