// Processes end (G19): unless somebody waits for something, no cache keeps one alive, closed or not; and closing leaves
// nothing behind.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createCache, memory } from '../../src/index.ts'
import { fakeClock } from '../../src/testing/index.ts'
import { redis } from '../../src/tiers/redis/index.ts'
import {
  describeWith,
  freePort,
  type PostgresService,
  type RedisService,
  type Service,
  startMemcached,
  startPostgres,
  startRedis,
  until,
} from '../services/index.ts'

const dist = (file: string): string => pathToFileURL(fileURLToPath(new URL(`../../dist/${file}`, import.meta.url))).href
let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'millpond-exits-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** How long an answer is waited for: far longer than a test, so that what is left of such a wait shows. */
const PATIENT = "commandTimeout: '5m', connectTimeout: '5m'"

/**
 * A program that uses a cache over the tiers and never closes it, unless `after` says so. Answers what it printed once
 * it has ended by itself.
 */
async function ends(imports: string, tiers: string, after = ''): Promise<string> {
  const file = join(folder, `${imports.length}-${Math.random()}.mjs`)
  writeFileSync(
    file,
    `import { createCache, memory } from '${dist('index.js')}'
${imports}
const cache = createCache({ tiers: [memory(), ${tiers}] })
const loaded = await cache.getOrSet('a', async () => 'loaded')
await cache.set('b', 1, { tags: ['t'] }).catch(() => {})
await cache.get('c')
console.log(loaded)
${after}`,
  )
  const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'] })
  let printed = ''
  child.stdout.on('data', (bytes: Buffer) => {
    printed += bytes
  })
  // Not a time to be judged: what never ends is ended, and says so; where there is no processor it may not even have
  // begun.
  const timer = setTimeout(() => child.kill('SIGKILL'), 20_000)
  const [code, signal] = await once(child, 'exit')
  clearTimeout(timer)
  if (signal === 'SIGKILL')
    throw new Error(`the program, which has printed ${JSON.stringify(printed)}, has not ended: timed out in 20000ms`)
  return `${printed.trim()} ${signal ?? code}`
}

test('memory alone, SQLite, a folder of files', async () => {
  expect(await ends('', '')).toBe('loaded 0')
  expect(
    await ends(
      `import { sqlite } from '${dist('tiers/sqlite/index.js')}'`,
      `sqlite({ path: '${join(folder, 'cache.db')}' })`,
    ),
  ).toBe('loaded 0')
})

test('waits of months are no waits of a millisecond, and keep no process (node-cache 157)', async () => {
  const months = `process.on('warning', ({ message }) => console.log(message))
await cache.set('c', 1, { ttl: '60d', staleFor: '60d' })
await cache.getOrSet('d', async () => 2, { timeout: { soft: '50d', hard: '60d' } })
await cache.schedule({ tags: ['t'] }, { in: '60d' })
await cache.schedule({ tags: ['t'] }, { at: new Date('2999-01-01') })
await new Promise((resolve) => setTimeout(resolve, 20))
console.log(await cache.get('c'))`
  expect(await ends('', '', months)).toBe('loaded\n1 0')
})

describe('a server that is not there, while it is looked for', () => {
  const AT = '127.0.0.1'
  const kinds: [name: string, tier: 'redis' | 'postgres' | 'memcached', made: (port: number) => string][] = [
    ['Redis by ioredis', 'redis', (port) => `redis({ url: 'redis://${AT}:${port}' })`],
    ['Redis by node-redis', 'redis', (port) => `redis({ url: 'redis://${AT}:${port}', driver: 'redis' })`],
    [
      'Sentinel by ioredis',
      'redis',
      (port) => `redis({ sentinels: [{ host: '${AT}', port: ${port} }], name: 'main' })`,
    ],
    [
      'Sentinel by node-redis',
      'redis',
      (port) => `redis({ sentinels: [{ host: '${AT}', port: ${port} }], name: 'main', driver: 'redis' })`,
    ],
    ['Redis Cluster', 'redis', (port) => `redis({ cluster: [{ host: '${AT}', port: ${port} }] })`],
    ['PostgreSQL', 'postgres', (port) => `postgres({ url: 'postgres://postgres@${AT}:${port}/postgres' })`],
    // It keeps no ledger.
    [
      'Memcached below Redis',
      'memcached',
      (port) => `redis({ url: 'redis://${AT}:${port}' }), memcached({ servers: '${AT}:${port}' })`,
    ],
  ]

  test.each(kinds)(
    '%s: the process ends, with a cache that is closed and one that is not',
    async (_name, tier, made) => {
      const port = await freePort()
      const closed = `const other = createCache({ name: 'other', tiers: [memory(), ${made(port)}] })
const late = other.get('a')
await other.close()
await late.catch(() => {})`
      const imports = [...new Set([tier, 'redis'])].map(
        (name) => `import { ${name} } from '${dist(`tiers/${name}/index.js`)}'`,
      )
      expect(await ends(imports.join('\n'), made(port), closed)).toBe('loaded 0')
    },
  )
})

describeWith('redis', 'with a Redis server', () => {
  let server: RedisService
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server.stop())

  test('the process ends', async () => {
    expect(
      await ends(`import { redis } from '${dist('tiers/redis/index.js')}'`, `redis({ url: '${server.url}' })`),
    ).toBe('loaded 0')
  })

  test.each(['ioredis', 'redis'])(
    'by %s, with patience: nothing of it is left to wait for, closed or not',
    async (driver) => {
      const made = `redis({ url: '${server.url}', driver: '${driver}', ${PATIENT} })`
      const closed = `const other = createCache({ name: 'other', tiers: [memory(), ${made}] })
await other.get('a')
await other.close()`
      expect(await ends(`import { redis } from '${dist('tiers/redis/index.js')}'`, made, closed)).toBe('loaded 0')
    },
  )

  test('a stream of writes keeps none, of a server that is there or not, closed or not', async () => {
    const behind = (url: string, end: string): string => `cache.collection('item', {
  store: async () => {}, write: 'write-behind', writeBehind: { stream: { url: '${url}', assumeDurable: true } },
})
${end}`
    const away = `redis://127.0.0.1:${await freePort()}`
    const programs = [server.url, away].flatMap((url) =>
      ['', 'await cache.close()'].map((end) => ends('', '', behind(url, end))),
    )
    expect(await Promise.all(programs)).toEqual(programs.map(() => 'loaded 0'))
  })

  test('a cache that is closed during its first call leaves no connection', async () => {
    for (let count = 0; count < 3; count++) {
      const cache = createCache({ tiers: [memory(), redis({ url: server.url })] })
      const first = cache.get('k').catch(() => undefined)
      await cache.close()
      await first
    }
    await until('the server to be left alone', async () => {
      const list = String(await server.command('CLIENT', 'LIST'))
      return list.trim().split('\n').length === 1
    })
  })

  describeWith('memcached', 'and Memcached', () => {
    let memcached: Service
    beforeAll(async () => {
      memcached = await startMemcached()
    })
    afterAll(() => memcached.stop())

    test('the process ends', async () => {
      const imports = `import { redis } from '${dist('tiers/redis/index.js')}'\nimport { memcached } from '${dist('tiers/memcached/index.js')}'`
      const tiers = `redis({ url: '${server.url}' }), memcached({ servers: '127.0.0.1:${memcached.port}', ${PATIENT} })`
      expect(await ends(imports, tiers)).toBe('loaded 0')
    })
  })
})

describeWith('postgres', 'with a PostgreSQL server', () => {
  let server: PostgresService
  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(() => server.stop())

  test('the process ends', async () => {
    expect(
      await ends(
        `import { postgres } from '${dist('tiers/postgres/index.js')}'`,
        `postgres({ url: '${server.url}', ${PATIENT} })`,
      ),
    ).toBe('loaded 0')
  })
})

describe('close', () => {
  test('does not wait for ever for a refresh that hangs, and says so', async () => {
    const clock = fakeClock()
    const cache = createCache({ clock, defaults: { ttl: '1s', staleFor: '1h', timeout: { hard: 0 } } })
    const warnings: string[] = []
    cache.on('warning', ({ message }) => warnings.push(message))
    await cache.set('k', 1)
    await clock.advance(2000)
    expect(await cache.getOrSet('k', () => new Promise<number>(() => {}))).toBe(1)
    let isClosed = false
    const closed = cache.close().then(() => {
      isClosed = true
    })
    await new Promise((resolve) => setImmediate(resolve))
    expect(isClosed).toBe(false)
    await clock.advance(6000)
    await closed
    expect(warnings).toEqual([expect.stringContaining('background work was still running')])
  })

  test('says which scheduled invalidations of this process will not happen', async () => {
    const cache = createCache()
    const warnings: string[] = []
    cache.on('warning', ({ message }) => warnings.push(message))
    await cache.schedule({ tags: ['a'] }, { in: '5m' })
    await cache.schedule({ tags: ['b'] }, { in: '5m' })
    await cache.close()
    expect(warnings).toEqual([expect.stringMatching(/^2 scheduled invalidations of this process will not happen/)])
  })
})
