// Wrong options: one clear line with the value and the remedy, before anything is opened or made.
import { describe, expect, test } from 'vitest'
import { readLoadOptions } from '../src/load/options.ts'
import { readSettings } from '../src/settings.ts'
import { StartError } from '../src/start-error.ts'

const refusal = (args: readonly string[], env: Record<string, string> = {}): string => {
  try {
    readSettings(args, env)
  } catch (error) {
    if (error instanceof StartError) return error.message
    throw error
  }
  return 'accepted'
}

test.each([
  [['--colour', 'red'], {}, /'--colour'.*--help/],
  [['extra'], {}, /'extra'.*--help/],
  [['--host', ''], {}, /--host "" is empty: give a value, or leave it out/],
  [['--dir='], {}, /--dir "" is empty/],
  [['--port', 'http'], {}, /--port "http" .* 0 to 65535/],
  [[], { PORT: '70000' }, /PORT "70000"/],
  [['--deals=-5'], {}, /--deals "-5" .* from 0/],
  [['--deals', '-5'], {}, /--deals "-5" .* from 0/],
  [['--organizations', '10', '--users', '5'], {}, /--users 5 is too few for 10 organisations/],
  [['--data', '/x', '--deals', '5'], {}, /--data brings its own data/],
  [['--as-of', '2017-02-30'], {}, /--as-of "2017-02-30" is not a date/],
  [['--edge-port', 'x'], {}, /--edge-port "x"/],
  [[], { CDN_PROXY_ADMIN: '127.0.0.1:9090' }, /"127\.0\.0\.1:9090".*address/],
  [[], { CLOUDFLARE_ZONE_ID: 'a' }, /CLOUDFLARE_ZONE_ID is set but CLOUDFLARE_API_TOKEN is not/],
  [['--edge-port', '8081', '--nodes', '2'], {}, /leave out --nodes/],
  [['--edge-port', '8081', '--cache', 'off'], {}, /leave out --cache off/],
  [['--regions', 'us-east-1'], {}, /--regions "us-east-1": give from 2 to 16 regions/],
  [['--regions', 'us,eu,US'], {}, /--regions "us,eu,US": "US" is there twice/],
  [['--regions', 'us,eu:west'], {}, /--regions "us,eu:west": "eu:west" is not the name of a region/],
  [['--regions', 'us,,eu'], {}, /--regions "us,,eu": "" is not the name/],
  [['--regions', ''], {}, /--regions "" is empty: give a value, or leave it out/],
  [['--regions', 'us,../eu'], {}, /"..\/eu" is not the name/],
  [['--regions', 'us,eu', '--nodes', '2'], {}, /--regions .* leave out --nodes/],
  [['--regions', 'us,eu', '--cache', 'off'], {}, /--regions .* leave out --cache off/],
  [['--regions', 'us,eu', '--edge-port', '8081'], {}, /--edge-port .* leave out --regions/],
  [['--regions', 'us,eu'], { DEALS_NODE: '3' }, /DEALS_NODE 3 .* 2 regions/],
  [['--cache', 'maybe'], {}, /--cache "maybe".*on or off/],
  [[], { REDIS_URL: 'localhost:6379' }, /REDIS_URL "localhost:6379".*redis:\/\//],
  [[], { REDIS_URL: 'http://x' }, /REDIS_URL "http:\/\/x"/],
  [[], { DATABASE_URL: 'mysql://u:secret@h/db' }, /DATABASE_URL "mysql:\/\/\*\*\*@h\/db".*postgres/],
  [[], { CACHE_DEFAULT_TIMEOUT: 'soon' }, /CACHE_DEFAULT_TIMEOUT "soon".*whole number/],
  [[], { CACHE_WARMING_ENABLED: 'perhaps' }, /CACHE_WARMING_ENABLED "perhaps".*true or false/],
  [[], { CACHE_KEY_PREFIX: 'a:b' }, /CACHE_KEY_PREFIX "a:b"/],
  [[], { DEALS_TOKEN_SECRET: 'short' }, /at least 32/],
])('%j %j is refused in one line', (args, env, message) => {
  const line = refusal(args, env)
  expect(line).toMatch(message)
  expect(line).not.toContain('\n')
  expect(line).not.toContain('secret@')
})

test('an edge of its own stands before a process that is alone, on this machine, and has none elsewhere', () => {
  const own = (args: readonly string[], env: Record<string, string> = {}) => readSettings(args, env)?.edgePort
  expect(own([])).toBe(0)
  expect(own(['--edge-port', '8081', '--host', '0.0.0.0'])).toBe(8081)
  for (const args of [
    ['--edge-port', 'off'],
    ['--nodes', '2'],
    ['--regions', 'us,eu'],
    ['--cache', 'off'],
    ['--host', '0.0.0.0'],
  ])
    expect(own(args), args.join(' ')).toBeUndefined()
  const env = { CDN_PROXY_ADMIN: 'http://127.0.0.1:9090, http://127.0.0.1:9091' }
  expect(own([], env)).toBeUndefined()
  expect(readSettings([], env)?.edges.map(({ name }) => name)).toEqual(['proxy-1', 'proxy-2'])
})

test('insight is off, on by one option, and each part of it by the environment, which has the last word', () => {
  const insight = (args: readonly string[], env: Record<string, string> = {}) => readSettings(args, env)?.cache.insight
  const none = {
    isWatching: false,
    isPredicting: false,
    isLoadingAhead: false,
    freshness: undefined,
    isChoosingTtl: false,
  }
  expect(insight([])).toEqual(none)
  expect(insight(['--insight', 'on'])).toEqual({
    ...none,
    isWatching: true,
    isPredicting: true,
    isLoadingAhead: true,
    isChoosingTtl: true,
  })
  expect(insight([], { CACHE_ANALYTICS_ENABLED: 'true' })).toEqual({ ...none, isWatching: true })
  expect(insight([], { CACHE_ADAPTIVE_TTL_ENABLED: 'yes' })).toEqual({ ...none, isChoosingTtl: true })
  expect(insight([], { CACHE_TTL_LEARNING_ENABLED: 'yes' })).toEqual({ ...none, isChoosingTtl: true })
  expect(insight(['--insight', 'on'], { CACHE_TTL_LEARNING_ENABLED: 'off' })?.isChoosingTtl).toBe(false)
  expect(() => insight([], { CACHE_TTL_LEARNING_ENABLED: 'yes', CACHE_ADAPTIVE_TTL_ENABLED: 'no' })).toThrow(
    'switch the same thing, and say the opposite',
  )
  expect(insight([], { CACHE_PREDICTIVE_LOADING_ENABLED: '1' })).toEqual({
    ...none,
    isWatching: true,
    isPredicting: true,
    isLoadingAhead: true,
  })
  expect(insight(['--insight', 'on'], { CACHE_PREDICTIVE_LOADING_ENABLED: 'false' })).toMatchObject({
    isPredicting: true,
    isLoadingAhead: false,
  })
  const checks = { CACHE_FRESHNESS_CHECKS_ENABLED: 'true', CACHE_FRESHNESS_CHECKS_INTERVAL: '2' }
  expect(insight([], checks)).toEqual({ ...none, isWatching: true, freshness: { every: 2000, objective: 0.01 } })
  expect(insight([], { ...checks, CACHE_STALENESS_OBJECTIVE: '.05' })?.freshness?.objective).toBe(0.05)
  expect(() => readSettings([], { ...checks, CACHE_STALENESS_OBJECTIVE: '1 %' })).toThrow(
    'CACHE_STALENESS_OBJECTIVE "1 %" is not understood: give a share of reads from 0.004 on',
  )
  expect(refusal(['--insight', 'maybe'])).toMatch(/--insight "maybe".*on or off/)
  expect(() => readLoadOptions(['--insight', 'maybe'])).toThrow('--insight "maybe" is not valid: give on, off or ab')
  expect(() => readLoadOptions(['--insight', 'ab', '--plant', 'org:'])).toThrow(
    '--plant works only with --insight on or off',
  )
})

test('the level of log lines is one that there is', () => {
  expect(readSettings(['--log-level', 'warn'], {})).toMatchObject({ logLevel: 'warn' })
  expect(readSettings([], {})).toMatchObject({ logLevel: undefined })
  expect(() => readSettings(['--log-level', 'loud'], {})).toThrow(
    '--log-level "loud" is not understood: give debug, info, warn or error',
  )
})

test('a Redis Cluster is named by its nodes, and by nothing beside', () => {
  expect(readSettings([], { REDIS_CLUSTER: 'a:6379, [::1]:7000' })?.cache.redisCluster).toEqual([
    { host: 'a', port: 6379 },
    { host: '::1', port: 7000 },
  ])
  for (const wrong of ['a', 'a:0', 'a:6379,', 'user:secret@a:6379'])
    expect(() => readSettings([], { REDIS_CLUSTER: wrong })).toThrow(
      'is not understood: give nodes as host:port,host:port',
    )
  expect(() => readSettings([], { REDIS_CLUSTER: 'user:secret@a:6379' })).not.toThrow(/secret/)
  expect(() => readSettings([], { REDIS_CLUSTER: 'a:6379', REDIS_URL: 'redis://b' })).toThrow('given beside REDIS_URL')
})

test('tokens that are known beforehand are long', () => {
  expect(() => readSettings([], { DEALS_METRICS_TOKEN: 'short' })).toThrow(
    'DEALS_METRICS_TOKEN is not a token: give at least 32',
  )
  expect(readSettings([], { MILLPOND_ADMIN_TOKEN: 'x'.repeat(32) })?.adminToken).toBe('x'.repeat(32))
})

describe('T14 settings by environment', () => {
  test('redis by URL, or by host, port and database', () => {
    const redis = (env: Record<string, string>) => readSettings([], env)?.cache.redisUrl
    expect(redis({})).toBeUndefined()
    expect(redis({ REDIS_URL: '' })).toBeUndefined()
    expect(redis({ REDIS_HOST: 'cache.internal' })).toBe('redis://cache.internal:6379/0')
    expect(redis({ REDIS_HOST: 'h', REDIS_PORT: '6380', REDIS_DB: '2' })).toBe('redis://h:6380/2')
    expect(redis({ REDIS_URL: 'rediss://u:p@h:1/3', REDIS_HOST: 'other' })).toBe('rediss://u:p@h:1/3')
  })

  test('seconds become milliseconds, switches switch', () => {
    const env = {
      CACHE_DEFAULT_TIMEOUT: '60',
      CACHE_WARMING_INTERVAL: '30',
      CACHE_WARMING_ENABLED: 'no',
      CACHE_INVALIDATION_ENABLED: '0',
    }
    expect(readSettings([], env)?.cache).toMatchObject({
      defaultTtlMs: 60_000,
      warmEveryMs: 30_000,
      isWarming: false,
      isInvalidating: false,
      isMonitoring: true,
    })
  })

  test('invalidation in one process alone is refused', () => {
    expect(readSettings([], { CACHE_DISTRIBUTED_INVALIDATION_ENABLED: 'yes' })?.cache.isInvalidating).toBe(true)
    expect(() => readSettings([], { CACHE_DISTRIBUTED_INVALIDATION_ENABLED: 'no' })).toThrow('cannot be kept in one')
  })

  test('the command line wins over PORT', () => {
    expect(readSettings([], { PORT: '9000' })?.port).toBe(9000)
    expect(readSettings(['--port', '9001'], { PORT: '9000' })?.port).toBe(9001)
  })
})

test('the load run refuses wrong options in the same way', () => {
  expect(() => readLoadOptions(['--rate', 'fast'])).toThrow(/--rate "fast".*whole number/)
  expect(() => readLoadOptions(['--speed', '1'])).toThrow(StartError)
  expect(readLoadOptions(['--help'])).toBeUndefined()
})

test.each([['--help'], ['-h']])('%s asks for help', (flag) => {
  expect(readSettings([flag], {})).toBeUndefined()
  expect(readLoadOptions([flag])).toBeUndefined()
})
