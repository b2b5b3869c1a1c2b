// The settings of the cache: of the command line, and of the environment by the names that the Python systems use.
import type { RedisHost, RedisTierOptions } from 'millpond/tiers/redis'
import { type Environment, flag, hidden, isOn, protocolOf, text, whole } from './setting-values.ts'
import { StartError } from './start-error.ts'

export interface CacheSettings {
  readonly isOn: boolean
  readonly redisUrl: string | undefined
  /** Some nodes of a Redis Cluster, instead of one server. */
  readonly redisCluster: readonly RedisHost[] | undefined
  readonly keyPrefix: string
  readonly defaultTtlMs: number
  readonly isInvalidating: boolean
  readonly isMonitoring: boolean
  readonly isWarming: boolean
  /** Answers are packed and compressed outside memory, without fields that are never read again. */
  readonly isCompact: boolean
  /** What leaves the process is encrypted. */
  readonly isEncrypted: boolean
  /** The key, or keys; undefined: one is created beside the cache. */
  readonly encryptionKey: string | undefined
  readonly warmEveryMs: number
  readonly insight: InsightSettings
  /** Scopes with this prefix are not invalidated: a fault for the load run to find. */
  readonly plantedFault: string | undefined
}

/** Insight: each part has its own switch. */
export interface InsightSettings {
  /** Sizing, advice and costs. */
  readonly isWatching: boolean
  /** Predicts what is read next. */
  readonly isPredicting: boolean
  /** Prefetches it, too. */
  readonly isLoadingAhead: boolean
  /** Checks a read against the database so often, and the share of reads that may be stale; undefined: never. */
  readonly freshness: { readonly every: number; readonly objective: number } | undefined
  /** TTLs that are not set explicitly follow how often values change. */
  readonly isChoosingTtl: boolean
}

/** What the command line says of the cache. */
interface CacheOptions {
  readonly cache?: string | undefined
  readonly compact?: string | undefined
  readonly encrypt?: boolean | undefined
  readonly insight?: string | undefined
}

export function readCache({ cache, compact, encrypt = false, insight }: CacheOptions, env: Environment): CacheSettings {
  const encryptionKey = text(env.CACHE_ENCRYPTION_KEY)
  return {
    isOn: isOn('--cache', cache),
    isCompact: isOn('--compact', compact),
    isEncrypted: encrypt || encryptionKey !== undefined,
    encryptionKey,
    redisUrl: readRedis(env),
    redisCluster: readCluster(env),
    keyPrefix: readPrefix(text(env.CACHE_KEY_PREFIX) ?? 'deals'),
    defaultTtlMs: whole('CACHE_DEFAULT_TIMEOUT', text(env.CACHE_DEFAULT_TIMEOUT) ?? '300', 1, 31_536_000) * 1000,
    isInvalidating: readInvalidating(env),
    isMonitoring: flag('CACHE_MONITORING_ENABLED', env),
    isWarming: flag('CACHE_WARMING_ENABLED', env),
    insight: readInsight(isOn('--insight', insight ?? 'off'), env),
    plantedFault: text(env.DEALS_PLANTED_FAULT),
    warmEveryMs: whole('CACHE_WARMING_INTERVAL', text(env.CACHE_WARMING_INTERVAL) ?? '300', 1, 86_400) * 1000,
  }
}

/** The environment lists features, and takes precedence. */
function readInsight(isWanted: boolean, env: Environment): InsightSettings {
  const isLoadingAhead = flag('CACHE_PREDICTIVE_LOADING_ENABLED', env, isWanted)
  const isPredicting = flag('CACHE_USAGE_PREDICTION_ENABLED', env, isWanted) || isLoadingAhead
  // A check is a load that no user asked for, so it has to be named itself.
  const freshness = flag('CACHE_FRESHNESS_CHECKS_ENABLED', env, false)
    ? {
        every:
          whole('CACHE_FRESHNESS_CHECKS_INTERVAL', text(env.CACHE_FRESHNESS_CHECKS_INTERVAL) ?? '10', 1, 86_400) * 1000,
        objective: readObjective(text(env.CACHE_STALENESS_OBJECTIVE) ?? '0.01'),
      }
    : undefined
  return {
    isWatching: flag('CACHE_ANALYTICS_ENABLED', env, isWanted) || isPredicting || freshness !== undefined,
    isPredicting,
    isLoadingAhead,
    freshness,
    isChoosingTtl: readTtlLearning(env, isWanted),
  }
}

/** What is invalidated is invalidated in all processes. */
function readInvalidating(env: Environment): boolean {
  if (flag('CACHE_DISTRIBUTED_INVALIDATION_ENABLED', env)) return flag('CACHE_INVALIDATION_ENABLED', env)
  throw new StartError(
    'CACHE_DISTRIBUTED_INVALIDATION_ENABLED: an invalidation reaches every process of a cache and cannot be kept in one: leave the variable out',
  )
}

/** Two names of one switch. */
function readTtlLearning(env: Environment, isWanted: boolean): boolean {
  const [adaptive, learning] = ['CACHE_ADAPTIVE_TTL_ENABLED', 'CACHE_TTL_LEARNING_ENABLED'].map((name) =>
    text(env[name]) === undefined ? undefined : flag(name, env),
  )
  if (adaptive !== undefined && learning !== undefined && adaptive !== learning)
    throw new StartError(
      'CACHE_ADAPTIVE_TTL_ENABLED and CACHE_TTL_LEARNING_ENABLED switch the same thing, and say the opposite: leave one of them out',
    )
  return adaptive ?? learning ?? isWanted
}

function readObjective(given: string): number {
  const share = Number(given)
  if (share >= 0.004 && share < 1) return share
  throw new StartError(
    `CACHE_STALENESS_OBJECTIVE ${JSON.stringify(given)} is not understood: give a share of reads from 0.004 on, such as 0.01`,
  )
}

function readRedis(env: Environment): string | undefined {
  const url = text(env.REDIS_URL)
  const host = text(env.REDIS_HOST)
  if (url === undefined) {
    if (host === undefined) return undefined
    return `redis://${host}:${whole('REDIS_PORT', text(env.REDIS_PORT) ?? '6379', 1, 65_535)}/${whole('REDIS_DB', text(env.REDIS_DB) ?? '0', 0, 65_535)}`
  }
  if (!/^(rediss?|valkeys?):$/.test(protocolOf(url))) {
    throw new StartError(
      `REDIS_URL ${JSON.stringify(hidden(url))} is not understood: give redis://user:password@host:6379/0, or leave it out`,
    )
  }
  return url
}

function readCluster(env: Environment): readonly RedisHost[] | undefined {
  const nodes = text(env.REDIS_CLUSTER)
  if (nodes === undefined) return undefined
  const other = (['REDIS_URL', 'REDIS_HOST'] as const).find((name) => text(env[name]) !== undefined)
  if (other !== undefined) throw new StartError(`REDIS_CLUSTER is given beside ${other}: leave one of them out`)
  return nodes.split(',').map((node) => {
    const [, host, port] = /^\s*([A-Za-z0-9_.-]+|\[[0-9a-fA-F:.]+\]):(\d{1,5})\s*$/.exec(node) ?? []
    if (host !== undefined && Number(port) >= 1 && Number(port) <= 65_535)
      return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) }
    throw new StartError(
      `REDIS_CLUSTER ${JSON.stringify(node.replace(/^.*@/, '***@'))} is not understood: give nodes as host:port,host:port`,
    )
  })
}

/** How Redis is reached; undefined: not configured. */
export const redisOptions = ({ redisUrl, redisCluster }: CacheSettings): RedisTierOptions | undefined =>
  redisCluster !== undefined ? { cluster: redisCluster } : redisUrl !== undefined ? { url: redisUrl } : undefined

function readPrefix(prefix: string): string {
  if (/^[\w-]{1,40}$/.test(prefix)) return prefix
  throw new StartError(
    `CACHE_KEY_PREFIX ${JSON.stringify(prefix)} is not allowed: use letters, digits, - and _, at most 40`,
  )
}
