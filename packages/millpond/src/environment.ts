// A cache as the environment describes it: the tiers that its variables name, over memory.
import { MillpondError, show } from './core/errors.ts'
import type { CacheOptions } from './create.ts'
import { memory } from './memory/index.ts'

/** Environment variables by name; `process.env` fits. */
export type Environment = Readonly<Record<string, string | undefined>>

/**
 * Options for `createCache` from `MEMCACHED_SERVERS`, `REDIS_URL` (or `REDIS_HOST`, `REDIS_PORT`, `REDIS_DB`), `CACHE_SQLITE_PATH`, `CACHE_DEFAULT_TIMEOUT` (seconds,
 * 300), `CACHE_KEY_PREFIX` (the cache's name) and `CACHE_MAX_SIZE_MB` (memory). What code says goes on top: `createCache({ ...await fromEnvironment(), name })`.
 * @throws MillpondError `OPTION_INVALID` naming the variable, its value and the remedy.
 */
export async function fromEnvironment(env: Environment = process.env): Promise<CacheOptions> {
  const tiers: NonNullable<CacheOptions['tiers']>[number][] = [
    memory(env.CACHE_MAX_SIZE_MB === undefined ? {} : { maxBytes: wholeNumber(env, 'CACHE_MAX_SIZE_MB') * 2 ** 20 }),
  ]
  const servers = env.MEMCACHED_SERVERS
  if (servers !== undefined) tiers.push((await import('./tiers/memcached/index.ts')).memcached({ servers }))
  const redisUrl = redisUrlOf(env)
  if (redisUrl !== undefined) tiers.push((await import('./tiers/redis/index.ts')).redis({ url: redisUrl }))
  if (env.CACHE_SQLITE_PATH !== undefined) tiers.push((await import('./tiers/sqlite/index.ts')).sqlite({ path: env.CACHE_SQLITE_PATH }))
  return {
    tiers,
    ...(env.CACHE_KEY_PREFIX === undefined ? {} : { name: env.CACHE_KEY_PREFIX }),
    ...(env.CACHE_DEFAULT_TIMEOUT === undefined ? {} : { defaults: { ttl: wholeNumber(env, 'CACHE_DEFAULT_TIMEOUT') * 1000 } }),
  }
}

function redisUrlOf(env: Environment): string | undefined {
  if (env.REDIS_URL !== undefined) return env.REDIS_URL
  if (env.REDIS_HOST === undefined) return undefined
  const port = env.REDIS_PORT === undefined ? 6379 : wholeNumber(env, 'REDIS_PORT')
  const db = env.REDIS_DB === undefined ? 0 : wholeNumber(env, 'REDIS_DB')
  return `redis://${env.REDIS_HOST}:${port}/${db}`
}

function wholeNumber(env: Environment, name: string): number {
  const text = env[name] ?? ''
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new MillpondError('OPTION_INVALID', `${name}: ${show(text)} is not a whole number: give digits only, such as ${name}=300`)
}
