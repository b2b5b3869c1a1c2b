// Batches of very many keys over real servers: what makes progress is read whole, and what fails is told.
import { type Cache, createCache, type TierConfiguration } from 'millpond'
import { expect, onTestFinished, test } from 'vitest'
import { type FaultProxy, startFaultProxy } from '../../src/testing/fault-proxy.ts'
import { file } from '../../src/tiers/file/index.ts'
import { memcached } from '../../src/tiers/memcached/index.ts'
import { postgres } from '../../src/tiers/postgres/index.ts'
import { redis } from '../../src/tiers/redis/index.ts'
import { sqlite } from '../../src/tiers/sqlite/index.ts'
import { sized } from '../form.ts'
import {
  describeWith,
  PATIENCE,
  patient,
  startCluster,
  startMemcached,
  startPostgres,
  startRedis,
} from '../services/index.ts'
import { temporaryFolder } from './folder.ts'

/** A first fault was found with so many keys over Redis. */
const COUNT = 100_000
const FEWER = sized(20_000, COUNT)
const LONG = { timeout: 180_000 }

const newFile = temporaryFolder()

const keysOf = (count: number): string[] => Array.from({ length: count }, (_, at) => `k${at}`)

/** How many keys have their value. */
const right = (values: readonly unknown[]): number => values.filter((value, at) => value === at).length

async function here<T extends { stop(): Promise<unknown> }>(starting: Promise<T>): Promise<T> {
  const server = await starting
  onTestFinished(() => server.stop().then(() => {}))
  return server
}

async function behindProxy(port: number): Promise<FaultProxy> {
  const proxy = await startFaultProxy({ to: { port } })
  onTestFinished(() => proxy.close())
  return proxy
}

/** A cache that has stored a batch with patience, and reads from the named tier within its usual time. */
async function filled(
  name: string,
  count: number,
  ...tiers: readonly TierConfiguration[]
): Promise<{ readonly cache: Cache; readonly keys: string[]; readonly errors: string[] }> {
  const cache = createCache({ name: 'large', tiers })
  const errors: string[] = []
  cache.on('tierError', ({ tier, verb, error }) => errors.push(`${tier} ${verb}: ${String(error)}`))
  onTestFinished(() => cache.close())
  const keys = keysOf(count)
  await cache.setMany(keys.map((key, at) => [key, at]))
  await cache.flush()
  await cache.configure({ tiers: { [name]: { timeout: '250ms' } } })
  return { cache, keys, errors }
}

async function expectWhole({ cache, keys, errors }: Awaited<ReturnType<typeof filled>>): Promise<void> {
  expect(right(await cache.getMany(keys))).toBe(keys.length)
  expect(errors).toEqual([])
}

async function expectPart({ cache, keys, errors }: Awaited<ReturnType<typeof filled>>): Promise<void> {
  const values = await cache.getMany(keys)
  expect(values.filter((value, at) => value !== undefined && value !== at)).toEqual([])
  expect(right(values)).toBeGreaterThan(0)
  expect(right(values)).toBeLessThan(keys.length)
  expect(errors.length).toBeGreaterThan(0)
}

async function postgresBehindProxy(): Promise<{ readonly proxy: FaultProxy; readonly url: string }> {
  const server = await here(startPostgres())
  const proxy = await behindProxy(server.port)
  const url = new URL(server.url)
  url.port = String(proxy.port)
  return { proxy, url: url.href }
}

/** Every answer comes, each 20 ms late. */
const LATE = { kind: 'delay', ms: 20, direction: 'down' } as const

describeWith('redis', 'a large batch over redis', () => {
  test('T10: is read whole over a connection that delays each answer by 20 ms', LONG, async () => {
    const server = await here(startRedis())
    const proxy = await behindProxy(server.port)
    const batch = await filled('redis', COUNT, patient(redis({ ...PATIENCE, url: proxy.url() })))
    await proxy.set(LATE)
    await expectWhole(batch)
  })

  test('T10: is read whole from a cluster', LONG, async () => {
    const cluster = await here(startCluster())
    const batch = await filled('redis', FEWER, patient(redis({ ...PATIENCE, cluster: cluster.addresses })))
    await expectWhole(batch)
  })
})

describeWith('postgres', 'a large batch over postgres', () => {
  test('T10: is read whole over a connection that delays each answer by 20 ms', LONG, async () => {
    const { proxy, url } = await postgresBehindProxy()
    const batch = await filled('postgres', FEWER, patient(postgres({ ...PATIENCE, url })))
    await proxy.set(LATE)
    await expectWhole(batch)
  })

  test(
    'T10: of one whose connections break on the way, what was answered is kept, and the rest is told',
    LONG,
    async () => {
      const { proxy, url } = await postgresBehindProxy()
      const batch = await filled('postgres', FEWER, patient(postgres({ ...PATIENCE, url })))
      await proxy.set({ kind: 'cut', afterBytes: 300_000, direction: 'down' })
      await expectPart(batch)
    },
  )
})

// The ledger is in a store of its own, which holds the entries as well, until it is asked for none of them.
describeWith('memcached', 'a large batch over memcached', () => {
  describeWith('redis', 'beside a ledger in redis', () => {
    const open = async () => {
      const [server, ledger] = await Promise.all([here(startMemcached()), here(startRedis())])
      const proxy = await behindProxy(server.port)
      const tier = memcached({ ...PATIENCE, servers: [{ host: '127.0.0.1', port: proxy.port }] })
      const batch = await filled('memcached', FEWER, patient(tier), patient(redis({ ...PATIENCE, url: ledger.url })))
      await batch.cache.configure({ tiers: { redis: { enabled: false } } })
      return { proxy, batch }
    }

    test('T10: is read whole over a connection that delays each answer by 20 ms', LONG, async () => {
      const { proxy, batch } = await open()
      await proxy.set(LATE)
      await expectWhole(batch)
    })

    test(
      'T10: of one whose connections break on the way, what was answered is kept, and the rest is told',
      LONG,
      async () => {
        const { proxy, batch } = await open()
        await proxy.set({ kind: 'cut', afterBytes: 300_000, direction: 'down' })
        await expectPart(batch)
      },
    )
  })
})

test('T10: a batch of 100,000 keys over sqlite is read whole', LONG, async () => {
  await expectWhole(await filled('sqlite', COUNT, patient(sqlite({ path: newFile() }))))
})

test('T10: a large batch over files is read whole', LONG, async () => {
  const tiers = [patient(file({ path: newFile('files') })), patient(sqlite({ path: newFile() }))]
  const batch = await filled('file', FEWER, ...tiers)
  await batch.cache.configure({ tiers: { sqlite: { enabled: false } } })
  await expectWhole(batch)
})
