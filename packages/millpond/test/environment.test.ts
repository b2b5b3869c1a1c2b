// T14: settings by environment. Each variable is honoured, or is an error that names it; none is passed over.
import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createCache, memory, type Tier } from 'millpond'
import { fromEnvironment } from 'millpond/environment'
import { insightOf } from 'millpond/insight'
import { fakeClock } from 'millpond/testing'
import { describe, expect, it, test } from 'vitest'
import { closeAfterEach, newFolder, open } from './engine/setups.ts'

closeAfterEach()

it('T14: describes name, TTL, memory and tiers, fastest first', async () => {
  const path = join(newFolder(), 'env.db')
  const cache = open(
    await fromEnvironment({
      CACHE_DEFAULT_TIMEOUT: '60',
      CACHE_KEY_PREFIX: 'shop',
      CACHE_SQLITE_PATH: path,
      CACHE_MAX_SIZE_MB: '8',
      CACHE_MAX_ENTRIES: '50',
    }),
  )
  expect(cache.info()).toMatchObject({
    name: 'shop',
    config: { ttlMs: 60_000, tiers: ['memory', 'sqlite'] },
    memory: { maxBytes: 8 * 2 ** 20, maxEntries: 50 },
  })
  const { tiers } = await fromEnvironment({
    MEMCACHED_SERVERS: '127.0.0.1:1,127.0.0.2',
    REDIS_HOST: '127.0.0.1',
    REDIS_PORT: '1',
    REDIS_DB: '2',
    DATABASE_URL: 'postgres://u:p@127.0.0.1:1/shop',
    CACHE_SQLITE_PATH: path,
  })
  expect(tiers).toMatchObject([
    { kind: 'memory' },
    { name: 'memcached' },
    { name: 'redis' },
    { name: 'postgres' },
    { name: 'sqlite' },
  ])
})

it('T14: lets times to live follow the values, from the one that is said', async () => {
  const ttlOf = async (env: Record<string, string>): Promise<number | undefined> => {
    const cache = open(await fromEnvironment(env))
    await cache.getOrSet('a', () => 1)
    return (await cache.explain('a')).chosenTtl?.ttlMs
  }
  expect(await ttlOf({ CACHE_ADAPTIVE_TTL_ENABLED: 'true' })).toBe(300_000)
  expect(await ttlOf({ CACHE_ADAPTIVE_TTL_ENABLED: 'true', CACHE_DEFAULT_TIMEOUT: '20' })).toBe(20_000)
  expect(await ttlOf({ CACHE_ADAPTIVE_TTL_ENABLED: 'false', CACHE_DEFAULT_TIMEOUT: '20' })).toBeUndefined()
  expect(await ttlOf({ CACHE_TTL_LEARNING_ENABLED: 'true', CACHE_DEFAULT_TIMEOUT: '20' })).toBe(20_000)
  expect(await ttlOf({ CACHE_TTL_LEARNING_ENABLED: 'on', CACHE_ADAPTIVE_TTL_ENABLED: '1' })).toBe(300_000)
  expect(await ttlOf({ CACHE_TTL_LEARNING_ENABLED: 'false' })).toBeUndefined()
  await expect(
    fromEnvironment({ CACHE_TTL_LEARNING_ENABLED: 'true', CACHE_ADAPTIVE_TTL_ENABLED: 'false' }),
  ).rejects.toThrow(/CACHE_TTL_LEARNING_ENABLED: CACHE_ADAPTIVE_TTL_ENABLED says the opposite/)
  await expect(fromEnvironment({ CACHE_TTL_LEARNING_ENABLED: 'true', CACHE_DEFAULT_TIMEOUT: '0' })).rejects.toThrow(
    /so CACHE_TTL_LEARNING_ENABLED has nothing to choose/,
  )
  await expect(fromEnvironment({ CACHE_ADAPTIVE_TTL_ENABLED: 'true', CACHE_DEFAULT_TIMEOUT: '0' })).rejects.toThrow(
    /nothing to choose/,
  )
})

it('T14: an empty environment is memory alone, and variables of other programs are ignored', async () => {
  for (const env of [
    {},
    { PATH: '/bin', AWS_REGION: 'eu-central-1', AWS_ACCESS_KEY_ID: 'x', CACHE_DIR: '/tmp', REDISCLOUD_URL: 'x' },
  ])
    expect((await fromEnvironment(env)).tiers).toMatchObject([{ kind: 'memory' }])
})

test.each<[Record<string, string>, RegExp]>([
  [
    {
      CACHE_INVALIDATION_ENABLED: 'true',
      CACHE_MONITORING_ENABLED: 'on',
      CACHE_WARMING_ENABLED: '0',
      CACHE_WARMING_INTERVAL: '300',
    },
    /^$/,
  ],
  [{ CACHE_DEFAULT_TIMEOUT: 'soon' }, /CACHE_DEFAULT_TIMEOUT: "soon" is not a whole number/],
  [{ CACHE_MAX_SIZE_MB: '1.5' }, /CACHE_MAX_SIZE_MB: "1.5" is not a whole number/],
  [{ MEMCACHED_SERVERS: '' }, /MEMCACHED_SERVERS: it is empty/],
  [{ REDIS_URL: ' ' }, /REDIS_URL: it is empty/],
  [{ REDIS_URL: 'nonsense' }, /REDIS_URL: redis url: "nonsense" is not a URL/],
  [{ REDIS_URL: 'http://u:hunter2@h' }, /REDIS_URL: redis url: "http:.*not redis: or rediss:/],
  [{ REDIS_HOST: 'a b' }, /REDIS_HOST: .*is not a URL/],
  [{ REDIS_HOST: 'a', REDIS_PORT: '99999' }, /REDIS_PORT: "99999" is not a port/],
  [{ MEMCACHED_SERVERS: 'a:99999' }, /MEMCACHED_SERVERS: .*port/],
  [{ DATABASE_URL: 'postgres://u:hunter2@h:99999/x' }, /DATABASE_URL: .*is not a URL/],
  [{ CACHE_MAX_SIZE_MB: '0' }, /CACHE_MAX_SIZE_MB: give megabytes from 1/],
  // As from a program that hands over the wrong object: only what the types forbid.
  [{ CACHE_KEY_PREFIX: 5 } as unknown as Record<string, string>, /CACHE_KEY_PREFIX: 5 is not a string/],
  [{ REDIS_URL: 'redis://a', REDIS_HOST: 'b' }, /REDIS_HOST: REDIS_URL is also set/],
  [{ REDIS_PORT: '6379' }, /REDIS_PORT: it has no effect without REDIS_HOST/],
  [{ REDIS_URL: 'redis://a', REDIS_DB: '2' }, /REDIS_DB: it has no effect without REDIS_HOST/],
  [{ REDIS_HOST: 'a', REDIS_PORT: '6379x' }, /REDIS_PORT: "6379x".*such as REDIS_PORT=6379/],
  // Kubernetes, docker --env-file, mounted secrets, files of Windows.
  [{ REDIS_HOST: 'a', REDIS_PORT: 'tcp://10.0.0.11:6379' }, /REDIS_PORT: "tcp:.*Kubernetes.*enableServiceLinks/],
  [{ REDIS_URL: 'redis://a', REDIS_PORT: 'tcp://10.0.0.11:6379' }, /^$/],
  [{ REDIS_URL: '"redis://u:hunter2@a"' }, /REDIS_URL: it is in quotes/],
  [{ CACHE_DEFAULT_TIMEOUT: "'300'" }, /CACHE_DEFAULT_TIMEOUT: it is in quotes/],
  [{ REDIS_HOST: 'a\n', REDIS_PORT: '6379\r', CACHE_DEFAULT_TIMEOUT: ' 300', CACHE_WARMING_ENABLED: 'no\r\n' }, /^$/],
  [
    { DATABASE_URL: 'mysql://root:hunter2@db/shop' },
    /DATABASE_URL: "mysql" is not PostgreSQL.*own: \['DATABASE_URL'\]/,
  ],
  [{ DATABASE_URL: 'hunter2' }, /DATABASE_URL: "something else" is not PostgreSQL/],
  [{ CACHE_KEY_PREFIX: 'a:b' }, /^$/],
  [{ CACHE_WARMING_ENABLED: 'perhaps' }, /CACHE_WARMING_ENABLED: "perhaps" is not a switch: give true or false/],
  [{ CACHE_WARMING_INTERVAL: '0' }, /CACHE_WARMING_INTERVAL: give seconds from 1/],
  [{ CACHE_WARMING_ENABLED: 'no', CACHE_WARMING_INTERVAL: '5m' }, /CACHE_WARMING_INTERVAL: "5m" is not a whole number/],
  [{ CACHE_INVALIDATION_ENABLED: 'false' }, /CACHE_INVALIDATION_ENABLED: invalidation applies/],
  [
    { CACHE_DISTRIBUTED_INVALIDATION_ENABLED: 'false' },
    /CACHE_DISTRIBUTED_INVALIDATION_ENABLED: an invalidation reaches every process/,
  ],
  [{ CACHE_DISTRIBUTED_INVALIDATION_ENABLED: 'true' }, /^$/],
  [{ CACHE_TTL_LEARNING_ENABLED: 'perhaps' }, /CACHE_TTL_LEARNING_ENABLED: "perhaps" is not a switch/],
  [{ CACHE_MONITORING_ENABLED: 'off' }, /CACHE_MONITORING_ENABLED: metrics are always collected/],
  [{ CACHE_ENCRYPTION_KEY: 'hunter2' }, /CACHE_ENCRYPTION_KEY/],
  // It names where static files go (the edge's package), and says nothing of a cache.
  [{ AWS_STORAGE_BUCKET_NAME: 'shop' }, /^$/],
  [{ CACHE_MAX_ENTRIES: '0' }, /CACHE_MAX_ENTRIES: give entries from 1/],
  [{ CACHE_MAX_ENTRIES: '1e3' }, /CACHE_MAX_ENTRIES: "1e3" is not a whole number/],
  [
    { CACHE_DEFUALT_TIMEOUT: '60' },
    /CACHE_DEFUALT_TIMEOUT: this variable is not used: did you mean CACHE_DEFAULT_TIMEOUT\?.*own: \['CACHE_DEFUALT/,
  ],
  [
    { CACHE_WARMING_ENABLE: 'true' },
    /CACHE_WARMING_ENABLE: this variable is not used: did you mean CACHE_WARMING_ENABLED/,
  ],
  // Those of Flask-Caching, Laravel, and a service of Kubernetes that is called cache.
  [
    {
      CACHE_TYPE: 'redis',
      CACHE_THRESHOLD: '5',
      CACHE_PREFIX: 'a',
      CACHE_STORE: 'file',
      CACHE_PORT: 'tcp://10.0.0.11:6379',
    },
    /^$/,
  ],
  [{ CLOUDFLARE_ZONE_ID: 'z' }, /CLOUDFLARE_ZONE_ID: zones are purged by @millpond/],
])('T14: %j', async (env, message) => {
  const said = await fromEnvironment(env).then(
    () => '',
    (error: { code: string; message: string }) => `${error.code} ${error.message}`,
  )
  expect(said).toMatch(message)
  expect(said).toMatch(/^(OPTION_INVALID|$)/)
  expect(said).not.toContain('hunter2')
})

it('T14, S1: with a key, nothing readable lies in the file', async () => {
  const path = join(newFolder(), 'sealed.db')
  const env = { CACHE_SQLITE_PATH: path, CACHE_ENCRYPTION_KEY: randomBytes(32).toString('base64') }
  const cache = open(await fromEnvironment(env))
  await cache.set('k', 'a canary')
  await cache.flush()
  const other = open(await fromEnvironment(env))
  expect(await other.get('k')).toBe('a canary')
  await Promise.all([cache.close(), other.close()])
  expect(
    readdirSync(dirname(path)).filter((name) => readFileSync(join(dirname(path), name)).includes('a canary')),
  ).toEqual([])
})

it('T14: switches warming, and says how often', async () => {
  const clock = fakeClock()
  const plans = [{ keys: ['k'], load: () => 1 }]
  const every = async (env: Record<string, string>) => {
    const cache = open({ ...(await fromEnvironment(env)), clock })
    cache.warming.start({ plans })
    const said = cache.warming.schedule.map(({ every_ms }) => every_ms)
    await cache.warm(plans)
    expect(await cache.get('k')).toBe(1) // what is asked for is done, whatever the switch says
    await cache.close()
    return said
  }
  expect(await every({})).toEqual([300_000])
  expect(await every({ CACHE_WARMING_ENABLED: 'true' })).toEqual([300_000])
  expect(await every({ CACHE_WARMING_INTERVAL: '60' })).toEqual([60_000])
  expect(await every({ CACHE_WARMING_ENABLED: 'false', CACHE_WARMING_INTERVAL: '60' })).toEqual([])
})

it('T14: what the program honours itself is left alone', async () => {
  const env = {
    CACHE_WARMING_ENABLED: 'true',
    CACHE_WARMING_INTERVAL: '60',
    DATABASE_URL: 'mysql://db/shop',
    CACHE_KEY_PREFIX: 'shop',
  }
  const own = ['CACHE_WARMING_ENABLED', 'CACHE_WARMING_INTERVAL', 'DATABASE_URL', 'CACHE_KEY_PREFIXES']
  const options = await fromEnvironment({ ...env, CACHE_KEY_PREFIXES: 'a,b' }, { own })
  expect(options).toMatchObject({ name: 'shop', tiers: [{ kind: 'memory' }] })
})

test.each<[object, RegExp]>([
  [{ own: 'DATABASE_URL' }, /fromEnvironment.own: "DATABASE_URL" is not a list of names/],
  [
    { own: ['DATABSE_URL'] },
    /fromEnvironment.own: "DATABSE_URL" is not a variable of the cache: those are MEMCACHED_SERVERS/,
  ],
  [{ owns: [] }, /unknown option "fromEnvironment.owns"/],
])('T14: %j is refused', async (options, message) => {
  await expect(fromEnvironment({}, options)).rejects.toThrow(message)
})

describe('insight', () => {
  const begun = async (env: Record<string, string>) => {
    const cache = createCache(await fromEnvironment(env))
    const insight = insightOf(cache)
    const state = insight?.prediction('cache')?.state
    await cache.close()
    return insight === undefined ? 'nothing' : (state ?? 'analytics')
  }

  it('T14: each part has a switch, and is off without', async () => {
    expect(await begun({})).toBe('nothing')
    expect(await begun({ CACHE_ANALYTICS_ENABLED: 'false', CACHE_PREDICTIVE_LOADING_ENABLED: 'no' })).toBe('nothing')
    expect(await begun({ CACHE_ANALYTICS_ENABLED: 'true' })).toBe('analytics')
    expect(await begun({ CACHE_USAGE_PREDICTION_ENABLED: 'on' })).toBe('watching')
    expect(await begun({ CACHE_PREDICTIVE_LOADING_ENABLED: '1' })).toBe('open')
    await expect(fromEnvironment({ CACHE_PREDICTIVE_LOADING_ENABLED: 'perhaps' })).rejects.toThrow(
      /CACHE_PREDICTIVE_LOADING_ENABLED: "perhaps" is not a switch/,
    )
  })

  it('checks reads against their source where that is switched on, as often and for the objective that is said', async () => {
    const env = {
      CACHE_FRESHNESS_CHECKS_ENABLED: 'true',
      CACHE_FRESHNESS_CHECKS_INTERVAL: '60',
      CACHE_STALENESS_OBJECTIVE: '.02',
    }
    for (const [given, objective] of [
      [env, 0.02],
      [{ CACHE_FRESHNESS_CHECKS_ENABLED: 'on' }, 0.01],
      [{ ...env, CACHE_FRESHNESS_CHECKS_ENABLED: 'off' }, undefined],
    ] as const) {
      const cache = createCache({ ...(await fromEnvironment(given)), name: 'shop' })
      expect(insightOf(cache)?.freshness('shop')?.objective).toBe(objective)
      await cache.close()
    }
    for (const [wrong, why] of [
      [{ CACHE_STALENESS_OBJECTIVE: '0.01' }, /CACHE_STALENESS_OBJECTIVE: it has no effect without CACHE_FRESHNESS/],
      [{ ...env, CACHE_STALENESS_OBJECTIVE: '1 %' }, /CACHE_STALENESS_OBJECTIVE: "1 %" is not a share of reads/],
      [{ ...env, CACHE_STALENESS_OBJECTIVE: '0.001' }, /CACHE_STALENESS_OBJECTIVE: .*at least 0.004/],
      [{ ...env, CACHE_FRESHNESS_CHECKS_INTERVAL: '0' }, /CACHE_FRESHNESS_CHECKS_INTERVAL: give seconds from 1/],
    ] as const)
      await expect(fromEnvironment(wrong)).rejects.toThrow(why)
  })

  it('is closed with the cache that it was begun with', async () => {
    const closed: string[] = []
    const cache = createCache({ insight: (one) => ({ close: () => closed.push(one.name) }) })
    await cache.close()
    await cache.close()
    expect(closed).toEqual(['default'])
  })

  it('leaves no tier open where it cannot be closed, and says so', async () => {
    let isOpen = true
    const far: Tier = {
      ...{ name: 'far', scope: 'process', durable: false },
      ...{
        read: async (keys) => keys.map(() => undefined),
        write: async () => [],
        drop: async () => 0,
        clear: async () => 0,
      },
      close: async () => {
        isOpen = false
      },
    }
    const cache = createCache({
      tiers: [memory(), far],
      insight: () => ({ close: () => Promise.reject(new Error('broken')) }),
    })
    const warnings: string[] = []
    cache.on('warning', ({ message }) => warnings.push(message))
    await cache.close()
    expect(isOpen).toBe(false)
    expect(warnings).toEqual(['insight on this cache could not be closed'])
  })
})
