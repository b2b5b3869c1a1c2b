// A cache's options from the environment: the tiers that its variables name, below memory.
import { checkedElsewhere, checkOptions, nearest, type Shape } from './core/checks.ts'
import type { KeyRing } from './core/codec-options.ts'
import { MillpondError, reasonOf, show } from './core/errors.ts'
import type { CacheOptions } from './create.ts'
import type { FreshnessOptions } from './insight/freshness.ts'
import { memory } from './memory/index.ts'

/** Environment variables by name; `process.env` fits. */
export type Environment = Readonly<Record<string, string | undefined>>

/** Options of `fromEnvironment`. */
export interface EnvironmentOptions {
  /** Variables that the program handles itself, such as `DATABASE_URL`: they are ignored here. Default: none. */
  readonly own?: Iterable<string> | undefined
}

const OPTIONS: Shape<EnvironmentOptions> = { own: checkedElsewhere }

/** Each variable that concerns a cache, and why its value cannot be honoured here; `undefined` if it can. */
const VARIABLES: Readonly<Record<string, (env: Environment, name: string) => string | undefined>> = {
  ...named('MEMCACHED_SERVERS', 'REDIS_URL', 'DATABASE_URL', 'CACHE_SQLITE_PATH', 'CACHE_KEY_PREFIX'),
  ...named('CACHE_DEFAULT_TIMEOUT', 'CACHE_ENCRYPTION_KEY', 'CACHE_WARMING_ENABLED', 'CACHE_ADAPTIVE_TTL_ENABLED'),
  ...named('CACHE_ANALYTICS_ENABLED', 'CACHE_USAGE_PREDICTION_ENABLED', 'CACHE_PREDICTIVE_LOADING_ENABLED'),
  ...named('CACHE_FRESHNESS_CHECKS_ENABLED'),
  CACHE_TTL_LEARNING_ENABLED: (env, name) =>
    env.CACHE_ADAPTIVE_TTL_ENABLED === undefined || flag(env, 'CACHE_ADAPTIVE_TTL_ENABLED') === flag(env, name)
      ? undefined
      : 'CACHE_ADAPTIVE_TTL_ENABLED says the opposite, and both switch the same thing: leave one of them out',
  CACHE_FRESHNESS_CHECKS_INTERVAL: (env, name) =>
    besideFreshness(env) ?? (wholeNumber(env, name) > 0 ? undefined : 'give seconds from 1, or leave it out'),
  CACHE_STALENESS_OBJECTIVE: (env, name) =>
    besideFreshness(env) ??
    (/^0?\.\d{1,9}$/.test(env[name] ?? '')
      ? undefined
      : `${show(env[name])} is not a share of reads: give 0.01 for one in a hundred`),
  REDIS_HOST: (env) => (env.REDIS_URL === undefined ? undefined : 'REDIS_URL is also set: leave one of them out'),
  REDIS_PORT: (env, name) =>
    besideHost(env) ??
    serviceLink(env, name) ??
    (wholeNumber(env, name) <= 65_535 ? undefined : `${show(env[name])} is not a port: give 1 to 65535`),
  REDIS_DB: besideHost,
  CACHE_MAX_ENTRIES: (env, name) => (wholeNumber(env, name) > 0 ? undefined : 'give entries from 1, or leave it out'),
  CACHE_MAX_SIZE_MB: (env, name) => (wholeNumber(env, name) > 0 ? undefined : 'give megabytes from 1, or leave it out'),
  CACHE_INVALIDATION_ENABLED: (env, name) =>
    flag(env, name)
      ? undefined
      : 'invalidation applies to every process and cannot be switched off: leave the variable out, and connect no invalidation signals',
  CACHE_DISTRIBUTED_INVALIDATION_ENABLED: (env, name) =>
    flag(env, name)
      ? undefined
      : 'an invalidation reaches every process of a cache and cannot be kept in one: leave the variable out',
  CACHE_MONITORING_ENABLED: (env, name) =>
    flag(env, name)
      ? undefined
      : 'metrics are always collected and cost nothing until they are read: leave the variable out, and do not serve them',
  CACHE_WARMING_INTERVAL: (env, name) =>
    wholeNumber(env, name) > 0 ? undefined : 'give seconds from 1, or CACHE_WARMING_ENABLED=false',
  CLOUDFLARE_ZONE_ID: () =>
    'zones are purged by @millpond/cdn: give createCache cdnFromEnvironment().outlet(), and name the variable in `own`',
}

/**
 * Options for `createCache` from environment variables (defaults in parentheses):
 * - `MEMCACHED_SERVERS`, `REDIS_URL` (or `REDIS_HOST`, `REDIS_PORT`, `REDIS_DB`), `DATABASE_URL` (PostgreSQL) and
 *   `CACHE_SQLITE_PATH` are tiers below memory, in this order;
 * - `CACHE_MAX_ENTRIES` and `CACHE_MAX_SIZE_MB` bound memory; `CACHE_DEFAULT_TIMEOUT` is the TTL in seconds (300);
 *   `CACHE_KEY_PREFIX` is the cache's name;
 * - `CACHE_ENCRYPTION_KEY` encrypts values outside the process (`environmentKeyring` of millpond/codec);
 * - `CACHE_ADAPTIVE_TTL_ENABLED` (or `CACHE_TTL_LEARNING_ENABLED`): TTLs begin at the default and then follow the
 *   values (`adaptiveTtl` of millpond/insight);
 * - `CACHE_ANALYTICS_ENABLED`, `CACHE_USAGE_PREDICTION_ENABLED` and `CACHE_PREDICTIVE_LOADING_ENABLED` switch on parts
 *   of `createInsight` of millpond/insight (`insightOf(cache)` returns it); so does `CACHE_FRESHNESS_CHECKS_ENABLED`,
 *   with a check every `CACHE_FRESHNESS_CHECKS_INTERVAL` seconds (10) and `CACHE_STALENESS_OBJECTIVE` as the share of
 *   reads that may be stale (0.01);
 * - `CACHE_WARMING_ENABLED` says whether `cache.warming.start` runs its plans, `CACHE_WARMING_INTERVAL` how often, in
 *   seconds (300).
 *
 * A variable with a value that is not supported is an error, never ignored, and so is one whose name is a letter or two
 * off (`CACHE_DEFUALT_TIMEOUT`), unless `own` names it as one of the program's own. Options in code go on top:
 * `createCache({ ...await fromEnvironment(), name })`.
 * @throws MillpondError `OPTION_INVALID` naming the variable, its value and the remedy.
 */
export async function fromEnvironment(
  env: Environment = process.env,
  options: EnvironmentOptions = {},
): Promise<CacheOptions> {
  checkOptions<EnvironmentOptions>(options, OPTIONS, 'fromEnvironment')
  const own = ownNames(options.own ?? [])
  for (const [name, text] of Object.entries(env)) {
    const meant = text === undefined || own.has(name) ? undefined : meantBy(name)
    if (meant !== undefined)
      throw refused(
        name,
        `this variable is not used: did you mean ${meant}? If it belongs to something else, use own: ['${name}']`,
      )
  }
  const concerned = Object.entries(env).filter(
    ([name, text]) =>
      name in VARIABLES && !own.has(name) && !(isServiceLink(name, text) && env.REDIS_HOST === undefined),
  )
  // A mounted secret ends with a line break, and files written on Windows have carriage returns.
  const read: Environment = Object.fromEntries(
    concerned.map(([name, text]) => [name, typeof text === 'string' ? text.trim() : text]),
  )
  for (const [name, refusal] of Object.entries(VARIABLES)) {
    if (read[name] === undefined) continue
    if (typeof read[name] !== 'string')
      throw refused(name, `${show(read[name])} is not a string, as environment variables are: give process.env`)
    if (read[name] === '') throw refused(name, 'it is empty: give it a value, or leave it out')
    if (/^(["']).*\1$/s.test(read[name]))
      throw refused(name, 'it is in quotes, which become part of the value in such a file: leave them out')
    const why = refusal(read, name)
    if (why !== undefined) throw refused(name, why)
  }
  return {
    tiers: await tiersOf(read),
    ...(read.CACHE_ENCRYPTION_KEY === undefined ? {} : { codec: { encrypt: await ringOf(read) } }),
    ...(read.CACHE_KEY_PREFIX === undefined ? {} : { name: read.CACHE_KEY_PREFIX }),
    ...(await timesOf(read)),
    ...warmingOf(read),
    ...(await insightOf(read)),
  }
}

async function tiersOf(env: Environment): Promise<NonNullable<CacheOptions['tiers']>> {
  const bounds = {
    ...(env.CACHE_MAX_ENTRIES !== undefined && { maxEntries: wholeNumber(env, 'CACHE_MAX_ENTRIES') }),
    ...(env.CACHE_MAX_SIZE_MB !== undefined && { maxBytes: wholeNumber(env, 'CACHE_MAX_SIZE_MB') * 2 ** 20 }),
  }
  const { MEMCACHED_SERVERS: servers, DATABASE_URL: database, CACHE_SQLITE_PATH: path } = env
  const redisUrl = redisUrlOf(env)
  return [
    memory(bounds),
    ...(servers === undefined
      ? []
      : [
          await madeOf('MEMCACHED_SERVERS', async () =>
            (await import('./tiers/memcached/index.ts')).memcached({ servers }),
          ),
        ]),
    ...(redisUrl === undefined
      ? []
      : [
          await madeOf(env.REDIS_URL === undefined ? 'REDIS_HOST' : 'REDIS_URL', async () =>
            (await import('./tiers/redis/index.ts')).redis({ url: redisUrl }),
          ),
        ]),
    ...(database === undefined
      ? []
      : [
          await madeOf('DATABASE_URL', async () =>
            (await import('./tiers/postgres/index.ts')).postgres({ url: postgresUrl(database) }),
          ),
        ]),
    ...(path === undefined
      ? []
      : [await madeOf('CACHE_SQLITE_PATH', async () => (await import('./tiers/sqlite/index.ts')).sqlite({ path }))]),
  ]
}

/** Errors in an option name the variable that it came from. */
async function madeOf<T>(name: string, make: () => Promise<T>): Promise<T> {
  try {
    return await make()
  } catch (cause) {
    const why = reasonOf(cause)
    throw why.startsWith(`${name}: `) ? cause : new MillpondError('OPTION_INVALID', `${name}: ${why}`, { cause })
  }
}

async function timesOf(env: Environment): Promise<Pick<CacheOptions, 'defaults' | 'adaptiveTtl'>> {
  const ttl = env.CACHE_DEFAULT_TIMEOUT === undefined ? undefined : wholeNumber(env, 'CACHE_DEFAULT_TIMEOUT') * 1000
  const learning = ['CACHE_ADAPTIVE_TTL_ENABLED', 'CACHE_TTL_LEARNING_ENABLED'].find(
    (name) => env[name] !== undefined && flag(env, name),
  )
  if (learning === undefined) return ttl === undefined ? {} : { defaults: { ttl } }
  const { adaptiveTtl } = await import('./insight/ttl/adaptive-ttl.ts')
  if (ttl === undefined) return { adaptiveTtl: adaptiveTtl() }
  if (ttl === 0)
    throw refused(
      'CACHE_DEFAULT_TIMEOUT',
      `nothing is stored, so ${learning} has nothing to choose: leave one of them out`,
    )
  return { adaptiveTtl: adaptiveTtl({ minTtl: Math.min(ttl, 60_000), ttl, maxTtl: Math.max(ttl, 3_600_000) }) }
}

function warmingOf(env: Environment): Pick<CacheOptions, 'warming'> {
  const warming = {
    ...(env.CACHE_WARMING_ENABLED === undefined ? {} : { enabled: flag(env, 'CACHE_WARMING_ENABLED') }),
    ...(env.CACHE_WARMING_INTERVAL === undefined ? {} : { every: wholeNumber(env, 'CACHE_WARMING_INTERVAL') * 1000 }),
  }
  return Object.keys(warming).length === 0 ? {} : { warming }
}

/** Loaded only if it is used. */
async function insightOf(env: Environment): Promise<Pick<CacheOptions, 'insight'>> {
  const isOn = (name: string): boolean => env[name] !== undefined && flag(env, name)
  const usagePrediction = isOn('CACHE_USAGE_PREDICTION_ENABLED')
  const predictiveLoading = isOn('CACHE_PREDICTIVE_LOADING_ENABLED')
  const isChecking = isOn('CACHE_FRESHNESS_CHECKS_ENABLED')
  if (!isOn('CACHE_ANALYTICS_ENABLED') && !usagePrediction && !predictiveLoading && !isChecking) return {}
  const { createInsight } = await import('./insight/index.ts')
  const freshness = isChecking && (await freshnessOf(env))
  return { insight: (cache) => createInsight({ caches: [cache], usagePrediction, predictiveLoading, freshness }) }
}

function freshnessOf(env: Environment): Promise<FreshnessOptions> {
  const { CACHE_FRESHNESS_CHECKS_INTERVAL: seconds, CACHE_STALENESS_OBJECTIVE: share } = env
  const options = {
    ...(seconds !== undefined && { every: Number(seconds) * 1000 }),
    ...(share !== undefined && { objective: Number(share) }),
  }
  return madeOf('CACHE_STALENESS_OBJECTIVE', async () => {
    ;(await import('./insight/freshness.ts')).freshnessSettings(options, 'freshness')
    return options
  })
}

const ringOf = (env: Environment): Promise<KeyRing> =>
  madeOf('CACHE_ENCRYPTION_KEY', async () =>
    (await import('./codec/index.ts')).environmentKeyring('CACHE_ENCRYPTION_KEY', env),
  )

function redisUrlOf(env: Environment): string | undefined {
  if (env.REDIS_URL !== undefined) return env.REDIS_URL
  if (env.REDIS_HOST === undefined) return undefined
  const port = env.REDIS_PORT === undefined ? 6379 : wholeNumber(env, 'REDIS_PORT')
  const db = env.REDIS_DB === undefined ? 0 : wholeNumber(env, 'REDIS_DB')
  return `redis://${env.REDIS_HOST}:${port}/${db}`
}

/** Only its scheme is shown: the rest may be a secret. */
function postgresUrl(url: string): string {
  if (/^postgres(ql)?:\/\//.test(url)) return url
  const kind = /^[a-z][a-z\d+.-]*(?=:)/i.exec(url)?.[0] ?? 'something else'
  throw refused(
    'DATABASE_URL',
    `${show(kind)} is not PostgreSQL: give postgres://user:password@host:5432/name, or CACHE_SQLITE_PATH for a file; if it is not meant for the cache, use own: ['DATABASE_URL']`,
  )
}

function besideFreshness(env: Environment): string | undefined {
  return env.CACHE_FRESHNESS_CHECKS_ENABLED === undefined
    ? 'it has no effect without CACHE_FRESHNESS_CHECKS_ENABLED'
    : undefined
}

function besideHost(env: Environment): string | undefined {
  return env.REDIS_HOST === undefined ? 'it has no effect without REDIS_HOST' : undefined
}

function named(...names: readonly string[]): Record<string, () => undefined> {
  return Object.fromEntries(names.map((name) => [name, () => undefined]))
}

/** The variable that a misspelt name probably meant. Others that begin with `CACHE_` belong to other libraries. */
function meantBy(name: string): string | undefined {
  return !name.startsWith('CACHE_') || Object.hasOwn(VARIABLES, name)
    ? undefined
    : nearest(name, Object.keys(VARIABLES))
}

function ownNames(own: Iterable<string>): ReadonlySet<string> {
  if (typeof own === 'string' || typeof own[Symbol.iterator] !== 'function')
    throw new MillpondError(
      'OPTION_INVALID',
      `fromEnvironment.own: ${show(own)} is not a list of names: give ['DATABASE_URL']`,
    )
  const names = new Set<unknown>(own)
  for (const name of names) {
    if (typeof name !== 'string' || (!Object.hasOwn(VARIABLES, name) && meantBy(name) === undefined))
      throw new MillpondError(
        'OPTION_INVALID',
        `fromEnvironment.own: ${show(name)} is not a variable of the cache: those are ${Object.keys(VARIABLES).join(', ')}`,
      )
  }
  return names as ReadonlySet<string>
}

function flag(env: Environment, name: string): boolean {
  const text = (env[name] ?? '').toLowerCase()
  if (['true', '1', 'yes', 'on'].includes(text)) return true
  if (['false', '0', 'no', 'off'].includes(text)) return false
  throw refused(name, `${show(env[name])} is not a switch: give true or false`)
}

function wholeNumber(env: Environment, name: string): number {
  const text = env[name] ?? ''
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw refused(name, `${show(text)} is not a whole number: give digits only, such as ${name}=${EXAMPLES[name] ?? 300}`)
}

const EXAMPLES: Readonly<Record<string, number>> = { REDIS_PORT: 6379, REDIS_DB: 0, CACHE_MAX_SIZE_MB: 64 }

/**
 * Kubernetes sets it in every container beside a service called redis: it is ignored, unless it would be used as the
 * port of a host.
 */
const isServiceLink = (name: string, text: unknown): boolean =>
  name === 'REDIS_PORT' && typeof text === 'string' && text.startsWith('tcp://')

const serviceLink = (env: Environment, name: string): string | undefined =>
  isServiceLink(name, env[name])
    ? `${show(env[name])} is set by Kubernetes for a service called redis: set REDIS_PORT=6379 in the pod itself, or enableServiceLinks: false`
    : undefined

const refused = (name: string, why: string): MillpondError => new MillpondError('OPTION_INVALID', `${name}: ${why}`)
