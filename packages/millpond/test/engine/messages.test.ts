// What is said when a shared tier cannot be used: why, in the line itself, and when it is back; over every server and
// every driver.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Cache, type CacheOptions, createCache, memory, type Tier } from 'millpond'
import { memcached } from 'millpond/tiers/memcached'
import { postgres } from 'millpond/tiers/postgres'
import { redis } from 'millpond/tiers/redis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  describeWith,
  freePort,
  PATIENCE,
  patient,
  type Service,
  startMemcached,
  startPostgres,
  startRedis,
  until,
} from '../services/index.ts'

type Tiers = NonNullable<CacheOptions['tiers']>

const NO_HOST = 'no-such-host.invalid'
const UNKNOWN = /ENOTFOUND|EAI_AGAIN/
const REFUSED = /ECONNREFUSED/

async function withCache(tiers: Tiers, look: (cache: Cache, warnings: string[]) => Promise<void>): Promise<void> {
  const cache = createCache({ tiers: [memory(), ...tiers] })
  const warnings: string[] = []
  cache.on('warning', ({ message }) => warnings.push(message))
  try {
    await look(cache, warnings)
  } finally {
    await cache.close()
  }
}

/** Where the tier keeps the ledger: a write cannot be told, and says why. */
async function expectNamed(tiers: Tiers, reason: RegExp): Promise<void> {
  await withCache(tiers, async (cache, warnings) => {
    await expect(cache.set('k', 1)).rejects.toMatchObject({
      code: 'LEDGER_UNREACHABLE',
      message: expect.stringMatching(reason),
    })
    await expect(cache.set('k', 1)).rejects.toThrow(/^\[millpond\] cache:default: the invalidation/)
    expect(warnings[0]).toMatch(reason)
    await cache.get('k')
    const { tiers: looked } = await cache.explain('k')
    expect(looked[1]?.detail).toMatch(reason)
    expect(warnings.join(' ')).not.toContain('::')
  })
}

/**
 * The server says why in its own time, however busy the machine is: a deadline that passes before has nothing to say
 * but that.
 */
const alone = (tier: Tier): Tiers => [patient(tier)]

/** The first contact takes its time where others work too. */
const reached = (cache: Cache): Promise<unknown> =>
  until('the server to be reached', () =>
    cache.set('k', 1).then(
      () => true,
      () => false,
    ),
  )

async function expectBack(server: Pick<Service, 'kill' | 'restart'>, tiers: Tiers): Promise<void> {
  await withCache(tiers, async (cache, warnings) => {
    await reached(cache)
    await server.kill()
    await until('the cache to say that it is gone', async () => {
      await cache.get('k')
      return warnings.some((line) => /does not answer \(/.test(line))
    })
    await server.restart()
    await until('the cache to say that it is back', async () => {
      await cache.get('k')
      return warnings.some((line) => line.includes('the shared ledger answers again'))
    })
  })
}

describeWith('redis', 'a Redis that cannot be used', () => {
  let server: Service
  let own: Service
  beforeAll(async () => {
    server = await startRedis({ acl: { user: 'app', password: 'right', rules: '~* &* +@all' } })
    own = await startRedis()
  })
  afterAll(async () => {
    await server.stop()
    await own.stop()
  })

  describe.each(['ioredis', 'redis'] as const)('by %s', (driver) => {
    const at = (url: string): Tiers => alone(redis({ url, driver, ...PATIENCE }))

    test.each<[string, () => Promise<string>, RegExp]>([
      ['a wrong password', async () => server.url.replace('right', 'wrong'), /WRONGPASS/],
      ['an unknown host', async () => `redis://${NO_HOST}:6379`, UNKNOWN],
      ['a refused port', async () => `redis://127.0.0.1:${await freePort()}`, REFUSED],
    ])('%s is named to the caller, to listeners and by explain', async (_what, url, reason) =>
      expectNamed(at(await url()), reason),
    )

    test('a line says when it is back', () => expectBack(own, alone(redis({ url: own.url, driver, ...PATIENCE }))))
  })
})

describeWith('postgres', 'a PostgreSQL that cannot be used', () => {
  let server: Service
  let folder = ''
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'millpond-hba-'))
    const rules = join(folder, 'pg_hba.conf')
    writeFileSync(rules, 'host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n')
    chmodSync(folder, 0o755)
    const started = await startPostgres({ args: ['-c', `hba_file=${rules}`] })
    server = started
    await started.query("CREATE ROLE app LOGIN PASSWORD 'right'")
  })
  afterAll(async () => {
    await server.stop()
    rmSync(folder, { recursive: true })
  })

  test.each<[string, () => Promise<string>, RegExp]>([
    [
      'a wrong password',
      async () => server.url.replace('postgres@', 'app:wrong@'),
      /password authentication failed for user "app"/,
    ],
    ['an unknown host', async () => `postgres://${NO_HOST}/postgres`, UNKNOWN],
    ['a refused port', async () => `postgres://127.0.0.1:${await freePort()}/postgres`, REFUSED],
    ['an unknown database', async () => server.url.replace(/postgres$/, 'none'), /database "none" does not exist/],
  ])('%s is named to the caller, to listeners and by explain', async (_what, url, reason) =>
    expectNamed(alone(postgres({ url: await url(), ...PATIENCE })), reason),
  )

  test('a line says when it is back', () => expectBack(server, alone(postgres({ url: server.url, ...PATIENCE }))))
})

describeWith('redis', 'a Memcached that cannot be used, beside a Redis that can', () => {
  describeWith('memcached', 'servers', () => {
    let server: Service
    let ledger: Service
    beforeAll(async () => {
      ledger = await startRedis()
      server = await startMemcached({ auth: { username: 'app', password: 'right' } })
    })
    afterAll(async () => {
      await server.stop()
      await ledger.stop()
    })
    type Options = Parameters<typeof memcached>[0]
    const login = { username: 'app', password: 'right' }

    test.each<[string, () => Promise<Options>, RegExp]>([
      [
        'a wrong password',
        async () => ({ servers: `127.0.0.1:${server.port}`, username: 'app', password: 'wrong' }),
        /authentication failure|password/i,
      ],
      ['an unknown host', async () => ({ servers: `${NO_HOST}:11211` }), UNKNOWN],
      ['a refused port', async () => ({ servers: `127.0.0.1:${await freePort()}` }), REFUSED],
    ])('%s fails no call, and is named to listeners and by explain', async (_what, options, reason) => {
      await withCache(
        [patient(memcached({ ...(await options()), ...PATIENCE })), patient(redis({ url: ledger.url, ...PATIENCE }))],
        async (cache) => {
          const errors: string[] = []
          cache.on('tierError', ({ tier, error }) => errors.push(`${tier}: ${error}`))
          expect(await cache.getOrSet('k', () => 'loaded')).toBe('loaded')
          expect(await cache.get('other')).toBeUndefined()
          const { tiers } = await cache.explain('other')
          expect(tiers[1]?.detail).toMatch(reason)
          expect(errors[0]).toMatch(/^memcached: MillpondError: \[millpond\]/)
          expect(errors[0]).toMatch(reason)
        },
      )
    })

    test('what was not there is used when it is back', async () => {
      await withCache(
        [
          patient(memcached({ servers: `127.0.0.1:${server.port}`, ...login, ...PATIENCE })),
          patient(redis({ url: ledger.url, ...PATIENCE })),
        ],
        async (cache, warnings) => {
          await reached(cache)
          await server.kill()
          await until(
            'explain to say that it is gone',
            async () => (await cache.explain('k')).tiers[1]?.detail !== undefined,
          )
          await server.restart()
          await until('it to hold what is set', async () => {
            await reached(cache)
            await cache.flush()
            return (await cache.explain('k')).tiers[1]?.state === 'fresh'
          })
          expect(warnings.filter((line) => !line.includes('ledger'))).toEqual([])
        },
      )
    })
  })
})
