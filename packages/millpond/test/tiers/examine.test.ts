// What an examination of a store says: of servers that are well, that want something else, and of places where there is
// none.
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Tier, TierStep } from '../../src/core/contracts.ts'
import { createCache, memory } from '../../src/index.ts'
import { Examination } from '../../src/tiers/examination.ts'
import { file } from '../../src/tiers/file/index.ts'
import { memcached } from '../../src/tiers/memcached/index.ts'
import { postgres } from '../../src/tiers/postgres/index.ts'
import { reach } from '../../src/tiers/reach.ts'
import { redis } from '../../src/tiers/redis/index.ts'
import { sqlite } from '../../src/tiers/sqlite/index.ts'
import { selfSigned } from '../services/certificate.ts'
import {
  describeWith,
  freePort,
  PATIENCE,
  startCluster,
  startMemcached,
  startPostgres,
  startRedis,
} from '../services/index.ts'

const SECRET = 'c0rrect-h0rse'

/** Each step as `step verdict`, and the whole; what is not well says what to do, and nothing shows the secret. */
async function examine(tier: Tier): Promise<{ told: string[]; steps: readonly TierStep[] }> {
  try {
    const steps = (await tier.examine?.()) ?? []
    for (const { verdict, remedy, ms } of steps) {
      expect(remedy !== undefined, JSON.stringify(steps)).toBe(verdict !== 'ok')
      expect(ms).toBeGreaterThanOrEqual(0)
    }
    expect(JSON.stringify(steps)).not.toContain(SECRET)
    // How soon a ping is answered is the machine's affair.
    return {
      told: steps.map(({ step, verdict }) =>
        step === 'ping' && verdict === 'warning' ? 'ping ok' : `${step} ${verdict}`,
      ),
      steps,
    }
  } finally {
    await tier.close()
  }
}

test('a server whose round trips take long is a warning, whose remedy is a place nearer by', async () => {
  const examination = new Examination(20_000)
  expect(
    await examination.ping(
      'far:1',
      () => new Promise((resolve) => setTimeout(resolve, 25)),
      () => 'none',
    ),
  ).toBe(true)
  expect(examination.steps).toMatchObject([
    { step: 'ping', at: 'far:1', verdict: 'warning', remedy: expect.stringContaining('nearer') },
  ])
})

describe('where there is no server', () => {
  test('the step that fails is the last, and says what to do', async () => {
    const port = await freePort()
    for (const tier of [
      redis({ url: `redis://me:${SECRET}@127.0.0.1:${port}`, ...PATIENCE }),
      postgres({ url: `postgres://me:${SECRET}@127.0.0.1:${port}/shop`, ...PATIENCE }),
      memcached({ servers: `127.0.0.1:${port}`, username: 'me', password: SECRET, ...PATIENCE }),
    ]) {
      const { told, steps } = await examine(tier)
      expect(told).toEqual(['connect failed'])
      expect(steps[0]?.remedy).toContain(`nothing listens at 127.0.0.1:${port}`)
    }
  })

  test('an unknown host name is reported as such', async () => {
    const { told } = await examine(redis({ host: 'no-such-host.invalid' }))
    expect(told).toEqual(['resolve failed'])
  })

  test('a server that accepts and closes is told from one that is not there', async () => {
    const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1')
    await new Promise((done) => server.once('listening', done))
    const address = server.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    for (const tier of [
      redis({ port, ...PATIENCE }),
      postgres({ url: `postgres://me:${SECRET}@127.0.0.1:${port}/shop`, ...PATIENCE }),
      memcached({ servers: `127.0.0.1:${port}`, ...PATIENCE }),
    ])
      expect((await examine(tier)).told).toEqual(['connect ok', 'authenticate failed'])
    expect((await examine(redis({ port, tls: true, ...PATIENCE }))).told).toEqual(['connect ok', 'tls failed'])
    server.close()
  })
})

describeWith('redis', 'Redis', () => {
  test('as the tuning page configures it starts, and leaves nothing to say', async () => {
    const page = readFileSync(new URL('../../../../docs/guide/tuning.md', import.meta.url), 'utf8')
    const [, config = ''] = /^```\n# redis\.conf\n([\s\S]*?)^```/m.exec(page) ?? []
    const settings = config.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
    expect(settings.length).toBeGreaterThan(5)
    const args = settings.flatMap((line) => {
      const [name = '', ...value] = line.split(' ')
      return [`--${name}`, value.join(' ').replace(/^""$/, '')]
    })
    const server = await startRedis({ args })
    const { told } = await examine(redis({ url: server.url, ...PATIENCE }))
    expect(told).toEqual(['connect ok', 'authenticate ok', 'ping ok', 'server ok', 'settings ok'])
  })

  test('is reached, and its settings are judged', async () => {
    const server = await startRedis()
    const { told, steps } = await examine(redis({ url: server.url, ...PATIENCE }))
    expect(told).toEqual(['connect ok', 'authenticate ok', 'ping ok', 'server ok', 'settings warning'])
    expect(steps[3]?.detail).toMatch(/^(Redis|Valkey) \d+\.\d+\S*, master$/)
    expect(steps[4]?.remedy).toContain('set maxmemory')
    for (const [policy, remedy] of [
      ['noeviction', 'volatile-lru'],
      ['allkeys-lru', 'prefer a volatile'],
      ['volatile-lru', undefined],
    ] as const) {
      await server.command('CONFIG', 'SET', 'maxmemory', '64mb', 'maxmemory-policy', policy)
      const last = (await examine(redis({ url: server.url, ...PATIENCE }))).steps.at(-1)
      if (remedy === undefined) expect(last).not.toHaveProperty('remedy')
      else expect(last?.remedy).toContain(remedy)
    }
    await server.stop()
  })

  test('a wrong password, none, and a right that is missing are told apart', async () => {
    const rules = '~* &* -@all +ping +info +select'
    const server = await startRedis({ acl: { user: 'me', password: SECRET, rules } })
    const { host, port } = server
    expect((await examine(redis({ url: server.url, ...PATIENCE }))).told.slice(0, 3)).toEqual([
      'connect ok',
      'authenticate ok',
      'ping ok',
    ])
    const wrong = await examine(redis({ host, port, username: 'me', password: `${SECRET}!`, ...PATIENCE }))
    expect(wrong.told).toEqual(['connect ok', 'authenticate failed'])
    expect(wrong.steps[1]?.remedy).toContain('is wrong')
    expect((await examine(redis({ host, port, ...PATIENCE }))).steps[1]?.remedy).toContain('requires a password')
    await server.command('ACL', 'SETUSER', 'me', '-info')
    expect((await examine(redis({ url: server.url, ...PATIENCE }))).steps.at(-1)).toMatchObject({
      step: 'server',
      verdict: 'failed',
    })
    await server.stop()
  })

  test('TLS: without its authority, with it, and unchecked', async () => {
    const server = await startRedis({ tls: true })
    const unknown = await examine(redis({ url: server.url, ...PATIENCE }))
    expect(unknown.told).toEqual(['connect ok', 'tls failed'])
    expect(unknown.steps[1]?.remedy).toContain('give the CA')
    const known = await examine(redis({ url: server.url, tls: { ca: server.ca }, ...PATIENCE }))
    expect(known.told.slice(0, 4)).toEqual(['connect ok', 'tls ok', 'authenticate ok', 'ping ok'])
    expect(known.steps[1]?.detail).toMatch(/^TLSv1\.3, certificate valid for \d+ more days$/)
    expect((await examine(redis({ url: server.url, tls: { rejectUnauthorized: false }, ...PATIENCE }))).told[1]).toBe(
      'tls warning',
    )
    expect((await examine(redis({ port: server.port, ...PATIENCE }))).told).toEqual([
      'connect ok',
      'authenticate failed',
    ])
    await server.stop()
  })

  test('S6 a certificate is judged by the address that is connected to, as by the tier itself', async () => {
    const valid: string[] = []
    for (const tls of [
      selfSigned({ names: ['cache.example'] }),
      selfSigned({ addresses: [] }),
      selfSigned({ until: '240101' }),
    ]) {
      const server = await startRedis({ tls })
      for (const host of ['127.0.0.1', 'localhost']) {
        const open = (): Tier => redis({ host, port: server.port, tls: { ca: server.ca }, ...PATIENCE })
        const { steps } = await examine(open())
        const step = steps.find(({ step }) => step === 'tls')
        const cache = createCache({ name: 'certificates', tiers: [memory(), open()] })
        const isReached = await cache.set('a', 1).then(
          () => true,
          () => false,
        )
        await cache.close()
        expect(isReached).toBe(step?.verdict === 'ok')
        valid.push(`${host}: ${step?.verdict === 'ok' ? 'ok' : step?.remedy?.split(/[,:]/)[0]}`)
      }
      await server.stop()
    }
    expect(valid).toEqual([
      '127.0.0.1: ok',
      'localhost: the certificate is not for localhost',
      '127.0.0.1: the certificate is not for 127.0.0.1',
      'localhost: ok',
      '127.0.0.1: the certificate has expired',
      'localhost: the certificate has expired',
    ])
  })

  test.each(['ioredis', 'redis'] as const)(
    'S6 a client certificate: none, a foreign one, the right one (%s)',
    async (driver) => {
      const server = await startRedis({ tls: true })
      await server.command('CONFIG', 'SET', 'tls-auth-clients', 'yes')
      const of = (own: object) =>
        examine(redis({ url: server.url, driver, tls: { ca: server.ca, ...own }, ...PATIENCE }))
      const none = (await of({})).steps.at(-1)
      expect(none).toMatchObject({ step: 'tls', detail: 'TLS: tlsv13 alert certificate required' })
      expect(none?.remedy).toBe(
        'the server requires a certificate of this client: give it with its key, tls: { cert, key }',
      )
      expect((await of(selfSigned())).steps.at(-1)?.remedy).toContain("the server refuses this client's certificate")
      expect((await of({ maxVersion: 'TLSv1.2' })).steps.at(-1)).toMatchObject({
        step: 'tls',
        remedy: expect.stringContaining('a client without a certificate'),
      })
      expect((await of({ ...server.certificate })).told.slice(0, 4)).toEqual([
        'connect ok',
        'tls ok',
        'authenticate ok',
        'ping ok',
      ])
      await server.stop()
    },
  )

  test('a replica is told from a master, and one that hangs from one that answers', async () => {
    const server = await startRedis()
    const port = await freePort()
    await server.command('REPLICAOF', '127.0.0.1', port)
    expect((await examine(redis({ url: server.url, ...PATIENCE }))).steps.at(-1)).toMatchObject({
      step: 'server',
      verdict: 'failed',
      remedy: expect.stringContaining('name the master'),
    })
    server.pause()
    expect((await examine(redis({ url: server.url, connectTimeout: 200 }))).told).toEqual([
      'connect ok',
      'authenticate failed',
    ])
    server.resume()
    await server.stop()
  })

  test('each node of a cluster is examined', async () => {
    const group = await startCluster({ masters: 3, replicasEach: 0 })
    const cluster = group.addresses
    const { told } = await examine(redis({ cluster, ...PATIENCE }))
    expect(told.filter((one) => one === 'server ok')).toHaveLength(cluster.length)
    const [first] = cluster
    expect(
      (await examine(redis({ host: first?.host ?? '', port: first?.port ?? 0, ...PATIENCE }))).steps.at(-1),
    ).toMatchObject({
      remedy: expect.stringContaining('give cluster'),
    })
    await group.stop()
  })
})

describeWith('postgres', 'PostgreSQL', () => {
  test('is reached; a user, a database and a schema that are not there are told apart', async () => {
    const server = await startPostgres()
    const { told, steps } = await examine(postgres({ url: server.url, ...PATIENCE }))
    expect(told).toEqual(['connect ok', 'authenticate ok', 'ping ok', 'server ok', 'settings ok'])
    expect(steps[3]?.detail).toMatch(/^PostgreSQL \d+/)
    const of = async (url: string, options = {}) =>
      (await examine(postgres({ url, ...PATIENCE, ...options }))).steps.at(-1)
    expect(await of(server.url.replace(/postgres$/, 'nowhere'))).toMatchObject({
      step: 'authenticate',
      remedy: expect.stringContaining('CREATE DATABASE'),
    })
    expect(await of(`${server.url}?sslmode=require`)).toMatchObject({ step: 'tls', verdict: 'failed' })
    expect(await of(server.url, { install: false, schema: 'apart' })).toMatchObject({
      step: 'settings',
      remedy: expect.stringContaining('postgresSchema()'),
    })
    await server.query("ALTER DATABASE postgres SET default_transaction_read_only = 'on'")
    expect(await of(server.url)).toMatchObject({ step: 'server', verdict: 'failed', detail: 'it is read-only' })
    await server.stop()
  })
})

describeWith('memcached', 'Memcached', () => {
  test('is reached; a login, the size of items and small memory are judged', async () => {
    const auth = { username: 'me', password: SECRET }
    const server = await startMemcached({ args: ['-m', '128'], auth })
    const servers = `127.0.0.1:${server.port}`
    const { told, steps } = await examine(memcached({ servers, ...auth, ...PATIENCE }))
    expect(told).toEqual(['connect ok', 'authenticate ok', 'ping ok', 'server ok', 'settings ok'])
    expect(steps[3]?.detail).toMatch(/^Memcached \d/)
    expect((await examine(memcached({ servers, ...PATIENCE }))).steps.at(-1)).toMatchObject({
      step: 'authenticate',
      remedy: 'give username and password',
    })
    expect(
      (await examine(memcached({ servers, username: 'me', password: 'wrong', ...PATIENCE }))).steps.at(-1)?.remedy,
    ).toContain('correct username')
    expect(
      (await examine(memcached({ servers, ...auth, maxItemBytes: 8_388_608, ...PATIENCE }))).steps.at(-1),
    ).toMatchObject({
      step: 'settings',
      verdict: 'failed',
    })
    await server.stop()
  })
})

describe('what lies on a disk', () => {
  test('a file and a folder are examined, and one that was taken away', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'millpond-examine-'))
    expect((await examine(sqlite({ path: join(folder, 'cache.db'), maxBytes: 1_048_576 }))).told).toEqual([
      'open ok',
      'ping ok',
      'server ok',
      'settings ok',
    ])
    const large = await examine(sqlite({ path: join(folder, 'large.db'), maxBytes: Number.MAX_SAFE_INTEGER }))
    expect(large.steps[0]).toMatchObject({
      step: 'open',
      verdict: 'warning',
      remedy: expect.stringContaining('make room'),
    })
    expect((await examine(file({ path: join(folder, 'entries'), maxBytes: 1_048_576 }))).told).toEqual([
      'open ok',
      'ping ok',
    ])
    const gone = file({ path: join(folder, 'gone') })
    await gone.read(['a'])
    if (process.getuid?.() !== 0) {
      chmodSync(join(folder, 'gone'), 0o500)
      expect((await examine(gone)).told).toEqual(['open failed'])
      chmodSync(join(folder, 'gone'), 0o700)
    } else await gone.close()
    rmSync(folder, { recursive: true, force: true })
  })
})

test('a way that opens too late is closed again', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const closed = new Promise<void>((resolve) => {
    server.once('connection', (socket) => socket.resume().once('close', () => resolve()))
  })
  const reached = reach(new Examination(1), { host: '127.0.0.1', port })
  // The connection is begun, and its time is over before its answer can be seen.
  await Promise.resolve()
  for (const until = performance.now() + 5; performance.now() < until; );
  expect(await reached).toBeUndefined()
  await closed
  server.close()
})

test('a tier of somebody else that throws where it should answer fails alone', async () => {
  const broken: Tier = {
    name: 'broken',
    scope: 'process',
    durable: false,
    read: () => Promise.resolve([]),
    write: () => Promise.resolve([]),
    drop: () => Promise.resolve(0),
    clear: () => Promise.resolve(0),
    close: () => Promise.resolve(),
    examine: () => {
      throw new Error('not thought of')
    },
  }
  const cache = createCache({ tiers: [memory(), broken, sqlite({ path: ':memory:' })] })
  const examined = await cache.examine()
  expect(examined.map(({ tier, ok }) => `${tier} ${ok}`)).toEqual(['broken false', 'sqlite true'])
  expect(examined[0]?.steps[0]?.detail).toContain('not thought of')
  await cache.close()
})

test('a cache examines its tiers, also one that is switched off; memory has nothing to reach', async () => {
  const port = await freePort()
  const cache = createCache({
    name: 'examined',
    tiers: [memory(), { use: redis({ port }), enabled: false }, sqlite({ path: ':memory:' })],
  })
  const examined = await cache.examine()
  expect(examined.map(({ tier, ok }) => `${tier} ${ok}`)).toEqual(['redis false', 'sqlite true'])
  await cache.close()
})
