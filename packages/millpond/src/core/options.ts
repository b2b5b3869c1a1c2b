// The options of entries, reads and loads, resolved once into plain numbers.
import { checkOptions, duration, type Shape, unknownName } from './checks.ts'
import { type Duration, parseDuration } from './duration.ts'
import { MillpondError, show } from './errors.ts'
import { checkKey, checkTags, encodeKey, type Key } from './key.ts'

/**
 * How fresh an answer must be. `eventual`: at most 500 ms behind other processes' invalidations (own ones always count at once).
 * `read-your-writes`: the same, and never older than a token that is carried along. `strong`: asks the shared ledger first.
 */
export type Consistency = 'eventual' | 'read-your-writes' | 'strong'

/** Whether entries know what they were computed from. `declared`: by `dependsOn`; `tracked`: also by the reads that a loader makes. */
export type Dependencies = 'off' | 'declared' | 'tracked'

/** Values by id, as a `Map` has them. Of any kind of id: ids that are literals (`['a', 'b']`) do not narrow what a loader may answer. */
export type ById<Id, T> = Pick<ReadonlyMap<Id, T>, 'get' | 'has' | 'size'>

/** How an entry is stored. */
export interface EntryOptions {
  /** How long the entry is fresh. Default `'5m'`. 0 stores nothing; `Infinity` never expires. */
  readonly ttl?: Duration
  /** How long after that it may be returned at once while a refresh runs behind. Default 0. */
  readonly staleFor?: Duration
  /** How long after `ttl` it may be returned when its loader fails or is slow (`timeout.soft`). Default 0. */
  readonly staleIfError?: Duration
  /** Share of `ttl` taken off at random, 0 to 1, so that entries stored together do not expire together. Default 0. */
  readonly jitter?: number
  /** What the entry belongs to: `invalidateTags` removes it. A list, a Set, or any other iterable of texts. */
  readonly tags?: Iterable<string>
  /** Keys that the value was computed from: when one of them changes, this entry goes too. Needs `dependencies` on the cache. */
  readonly dependsOn?: readonly Key[]
}

/** How a read is answered. */
export interface ReadOptions {
  readonly consistency?: Consistency
  /** A token of `cache.token()`, from any process: this read sees nothing older than what its maker had seen. What cannot be read counts as none. */
  readonly after?: string
  /** Rejects this caller with `ABORTED`; the load goes on while others wait for it. */
  readonly signal?: AbortSignal
  /** A read that is nobody's (warming, inspection): it counts nothing, tells no listener, and does not make the entry look wanted. Default false. */
  readonly quiet?: boolean
}

/** How a value is loaded, stored and answered; as `defaults` of a cache, what every call goes by that says nothing else. */
export interface LoadOptions extends EntryOptions, ReadOptions {
  /**
   * `soft`: with a stale value at hand, how long to wait for the loader before the stale value is returned. Default: wait.
   * `hard`: when the loader is given up, its signal fires and the key is free again. Default `'10s'`; 0: never.
   * A caller who joins a load waits for it as long as its own `hard` says.
   */
  readonly timeout?: { readonly soft?: Duration; readonly hard?: Duration }
  /** Share of `ttl`, 0 to 1, after which a hit starts a refresh behind. Default: never. */
  readonly refreshAhead?: number
  /** How long "there is none" (`null`, or `undefined` from the loader) is remembered. Default: `null` as any value, `undefined` not at all. */
  readonly negativeTtl?: Duration
  /** How long this process remembers a loader's error and rejects with it again. Default 0. */
  readonly errorTtl?: Duration
}

/** `LoadOptions` in milliseconds, all present. */
export interface LoadPolicy {
  readonly ttlMs: number
  readonly staleForMs: number
  readonly staleIfErrorMs: number
  readonly jitter: number
  readonly tags: readonly string[]
  readonly softMs: number
  readonly hardMs: number
  readonly refreshAhead: number
  /** Negative: not asked for. */
  readonly negativeMs: number
  readonly errorMs: number
  readonly consistency: Consistency
  /** Encoded keys. */
  readonly dependsOn: readonly string[]
}

const TIMEOUT: Shape<NonNullable<LoadOptions['timeout']>> = { soft: duration, hard: duration }

const NO_TAGS: readonly string[] = Object.freeze([])

export const DEFAULT_POLICY: LoadPolicy = Object.freeze({
  ttlMs: 300_000,
  staleForMs: 0,
  staleIfErrorMs: 0,
  jitter: 0,
  tags: NO_TAGS,
  softMs: Number.POSITIVE_INFINITY,
  hardMs: 10_000,
  refreshAhead: 0,
  negativeMs: -1,
  errorMs: 0,
  consistency: 'eventual',
  dependsOn: NO_TAGS,
})

const NAMES = new Set([
  'ttl',
  'staleFor',
  'staleIfError',
  'jitter',
  'tags',
  'dependsOn',
  'consistency',
  'after',
  'signal',
  'quiet',
  'timeout',
  'refreshAhead',
  'negativeTtl',
  'errorTtl',
])

/**
 * The policy of a call: what it says, else the defaults.
 * @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID` or `TAG_INVALID`, naming the option and showing the value.
 */
export function resolvePolicy(options: LoadOptions | undefined, defaults: LoadPolicy): LoadPolicy {
  if (options === undefined) return defaults
  checkNames(options, NAMES, 'option')
  const { ttl, staleFor, staleIfError, jitter, tags, timeout, refreshAhead, negativeTtl, errorTtl, consistency, dependsOn } = options
  if (timeout !== undefined) checkOptions(timeout, TIMEOUT, 'timeout')
  return {
    ttlMs: ttl === undefined ? defaults.ttlMs : parseDuration(ttl, 'ttl'),
    staleForMs: staleFor === undefined ? defaults.staleForMs : parseDuration(staleFor, 'staleFor'),
    staleIfErrorMs: staleIfError === undefined ? defaults.staleIfErrorMs : parseDuration(staleIfError, 'staleIfError'),
    jitter: jitter === undefined ? defaults.jitter : checkShare(jitter, 'jitter'),
    tags: tags === undefined ? defaults.tags : copyTags(tags),
    softMs: timeout?.soft === undefined ? defaults.softMs : parseDuration(timeout.soft, 'timeout.soft'),
    hardMs: timeout?.hard === undefined ? defaults.hardMs : parseDuration(timeout.hard, 'timeout.hard') || Number.POSITIVE_INFINITY,
    refreshAhead: refreshAhead === undefined ? defaults.refreshAhead : checkShare(refreshAhead, 'refreshAhead'),
    negativeMs: negativeTtl === undefined ? defaults.negativeMs : parseDuration(negativeTtl, 'negativeTtl'),
    errorMs: errorTtl === undefined ? defaults.errorMs : parseDuration(errorTtl, 'errorTtl'),
    consistency: consistency === undefined ? defaults.consistency : checkConsistency(consistency),
    dependsOn: dependsOn === undefined ? defaults.dependsOn : checkDependencies(dependsOn),
  }
}

/** @throws MillpondError `OPTION_INVALID` naming the first unknown option and those that exist. */
export function checkNames(options: object, names: ReadonlySet<string>, what: string): void {
  if (typeof options !== 'object' || options === null)
    throw new MillpondError('OPTION_INVALID', `${what}s: ${show(options)} is not an object`)
  for (const name of Object.keys(options)) {
    if (!names.has(name)) throw unknownName(name, [...names], name, what)
  }
}

/** The caller may change its list as soon as it has been given a promise. */
function copyTags(tags: Iterable<string>): readonly string[] {
  return Object.freeze([...checkTags(tags)])
}

function checkShare(value: unknown, name: string): number {
  if (typeof value === 'number' && value >= 0 && value <= 1) return value
  throw new MillpondError('OPTION_INVALID', `${name}: ${show(value)} is not a share: give a number from 0 to 1`)
}

function checkDependencies(keys: unknown): readonly string[] {
  if (!Array.isArray(keys)) throw new MillpondError('OPTION_INVALID', `dependsOn: ${show(keys)} is not a list: give an array of keys`)
  return keys.map((key: Key) => {
    const encoded = encodeKey(key)
    checkKey(encoded)
    return encoded
  })
}

function checkConsistency(value: unknown): Consistency {
  if (value === 'eventual' || value === 'read-your-writes' || value === 'strong') return value
  throw new MillpondError('OPTION_INVALID', `consistency: ${show(value)} is not known: use 'eventual', 'read-your-writes' or 'strong'`)
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
