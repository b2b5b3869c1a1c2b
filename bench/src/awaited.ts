// Awaited read-through calls, as services write them: `await cache.getOrSet(key, loader)` for a cached value.
import { ClientSideCache, GlideClient, TimeUnit } from '@valkey/valkey-glide'
import { BentoCache, bentostore } from 'bentocache'
import { memoryDriver } from 'bentocache/drivers/memory'
import { createCache as createCacheManager } from 'cache-manager'
import { Cacheable } from 'cacheable'
import Keyv from 'keyv'
import { LRUCache } from 'lru-cache'
import { createCache, memory } from 'millpond'
import { createMemoryStorage, defineCachedFunction } from 'ocache'
import { createClient } from 'redis'
import { startRedisServer } from './consistency/redis-server.ts'
import { TTL_MS } from './contenders.ts'

export const AWAITED_ROWS = [
  'getOrSet hit prebuilt',
  'getOrSet hit fresh',
  'getOrSet hit, object',
  'getOrSet miss',
  '100 missing, a key',
  'set',
  'set of 100, a key',
] as const
export type AwaitedRow = (typeof AWAITED_ROWS)[number]

interface AwaitedCache {
  /** Loads or sets many keys in one call; without it they are loaded, or set, concurrently. */
  getOrSetMany?(
    keys: readonly string[],
    load: (keys: readonly string[]) => Promise<readonly unknown[]>,
  ): Promise<unknown>
  setMany?(entries: readonly (readonly [string, unknown])[]): Promise<unknown>
  getOrSet(key: string, load: () => Promise<unknown>): Promise<unknown>
  set(key: string, value: unknown): Promise<unknown>
  /** Ends everything that would keep the process alive. */
  close?(): Promise<void>
}

interface AwaitedContender {
  readonly name: string
  readonly note?: string
  /** Only reads: it has no comparable `set`. */
  readonly rows?: 'reads'
  /** The server that it needs. */
  readonly server?: 'redis'
  make(): AwaitedCache | Promise<AwaitedCache>
}

const CAPACITY = 1_000
/** Long enough for the clock of `process.cpuUsage`; a slow library does fewer rounds, not shorter ones. */
const BATCH_MS = 80
const BATCHES = 5
/** Long enough for V8's last compiler to finish, as in `rows.ts`: a load runs much more code than a hit. */
const WARM_MS = 1_500

export const awaitedContenders: readonly AwaitedContender[] = [
  {
    name: 'Map behind async',
    note: 'no TTL, no limit, no single flight',
    make() {
      const map = new Map<string, unknown>()
      return {
        async getOrSet(key, load) {
          const held = map.get(key)
          if (held !== undefined) return held
          const value = await load()
          map.set(key, value)
          return value
        },
        async set(key, value) {
          map.set(key, value)
        },
      }
    },
  },
  {
    name: 'millpond',
    make() {
      const cache = createCache({ tiers: [memory({ maxEntries: CAPACITY })], defaults: { ttl: TTL_MS } })
      return {
        getOrSet: (key, load) => cache.getOrSet(key, load),
        set: (key, value) => cache.set(key, value),
        getOrSetMany: (keys, load) => cache.getOrSetMany(keys, { load }),
        setMany: (entries) => cache.setMany(entries),
      }
    },
  },
  {
    name: 'lru-cache fetch',
    note: 'the loader is fixed at construction',
    make() {
      const cache = new LRUCache<string, object>({ max: CAPACITY, ttl: TTL_MS, fetchMethod: async (key) => ({ key }) })
      return {
        getOrSet: (key) => cache.fetch(key),
        async set(key, value) {
          cache.set(key, value as object)
        },
      }
    },
  },
  {
    name: 'cache-manager wrap',
    make() {
      const cache = createCacheManager({ ttl: TTL_MS })
      return { getOrSet: (key, load) => cache.wrap(key, load), set: (key, value) => cache.set(key, value) }
    },
  },
  {
    name: 'cacheable getOrSet',
    make() {
      const cache = new Cacheable({ ttl: TTL_MS })
      return { getOrSet: (key, load) => cache.getOrSet(key, load), set: (key, value) => cache.set(key, value) }
    },
  },
  {
    name: 'bentocache getOrSet',
    make() {
      const cache = new BentoCache({
        default: 'memory',
        ttl: TTL_MS,
        stores: { memory: bentostore().useL1Layer(memoryDriver({ maxItems: CAPACITY })) },
      })
      return {
        getOrSet: (key, load) => cache.getOrSet({ key, factory: load }),
        set: (key, value) => cache.set({ key, value }),
      }
    },
  },
  {
    name: 'keyv get',
    note: 'no getOrSet: get, and set on a miss',
    make() {
      const cache = new Keyv({ ttl: TTL_MS })
      return {
        async getOrSet(key, load) {
          const held = await cache.get(key)
          if (held !== undefined) return held
          const value = await load()
          await cache.set(key, value)
          return value
        },
        set: (key, value) => cache.set(key, value),
      }
    },
  },
  {
    name: 'ocache',
    note: 'the loader is fixed at construction; no set of its own',
    rows: 'reads',
    make() {
      const source = new Map<string, unknown>()
      const cached = defineCachedFunction((key: string) => source.get(key) ?? 'a value from the source', {
        name: 'bench',
        maxAge: TTL_MS / 1000,
        getKey: (key) => key,
        storage: createMemoryStorage(),
      })
      return {
        getOrSet: (key) => cached(key),
        async set(key, value) {
          source.set(key, value)
          await cached.invalidate(key)
          await cached(key)
        },
      }
    },
  },
  {
    name: 'node-redis, client-side cache',
    server: 'redis',
    note: 'a Redis beside it says what has changed, and a set goes there; texts alone, so values are JSON; no getOrSet: get, and set on a miss',
    async make() {
      const server = await startRedisServer()
      const client = createClient({
        url: server.url,
        RESP: 3,
        clientSideCache: { ttl: TTL_MS, maxEntries: CAPACITY, evictPolicy: 'LRU' },
      })
      client.on('error', () => undefined)
      await client.connect()
      const set = (key: string, value: unknown): Promise<unknown> =>
        client.set(key, JSON.stringify(value), { PX: TTL_MS })
      return {
        async getOrSet(key, load) {
          const held = await client.get(key)
          if (held !== null) return JSON.parse(held)
          const value = await load()
          await set(key, value)
          return value
        },
        set,
        async close() {
          client.destroy()
          await server.close()
        },
      }
    },
  },
  {
    name: 'valkey-glide, client-side cache',
    server: 'redis',
    note: 'as node-redis; its cache lies in its core, a library in Rust that is asked over a socket for each hit, too',
    async make() {
      const server = await startRedisServer()
      const client = await GlideClient.createClient({
        addresses: [{ host: '127.0.0.1', port: server.port }],
        // Its default of 250 ms is too short for a busy machine.
        requestTimeout: 5_000,
        clientSideCache: new ClientSideCache({ maxCacheKb: 4_096, entryTtlMs: TTL_MS, serverAssisted: true }),
      })
      const expiry = { type: TimeUnit.Milliseconds, count: TTL_MS }
      const set = (key: string, value: unknown): Promise<unknown> => client.set(key, JSON.stringify(value), { expiry })
      return {
        async getOrSet(key, load) {
          const held = await client.get(key)
          if (held !== null) return JSON.parse(held.toString())
          const value = await load()
          await set(key, value)
          return value
        },
        set,
        async close() {
          client.close()
          await server.close()
        },
      }
    },
  },
]

/** Nanoseconds of CPU per operation, per row. */
export async function runAwaited(name: string): Promise<{ row: AwaitedRow; ns: number }[]> {
  const contender = awaitedContenders.find((one) => one.name === name)
  if (contender === undefined) throw new Error(`no awaited contender ${name}`)
  const cache = await contender.make()
  try {
    const samples = await samplesOf(cache)
    return contender.rows === 'reads' ? samples.filter(({ row }) => !row.startsWith('set')) : samples
  } finally {
    await cache.close?.()
  }
}

async function samplesOf(cache: AwaitedCache): Promise<{ row: AwaitedRow; ns: number }[]> {
  const keys = Array.from({ length: CAPACITY }, (_, i): string => JSON.parse(`"user:profile:${1_000_000 + i}"`))
  for (const [i, key] of keys.entries()) await cache.set(key, `value ${i}`)
  const load = (): Promise<unknown> => Promise.reject(new Error('a hit was expected'))
  const samples: { row: AwaitedRow; ns: number }[] = [
    {
      row: 'getOrSet hit prebuilt',
      ns: await measureAwaited((i) => cache.getOrSet(keys[i % CAPACITY] as string, load)),
    },
    {
      row: 'getOrSet hit fresh',
      ns: await measureAwaited((i) => cache.getOrSet(`user:profile:${1_000_000 + (i % CAPACITY)}`, load)),
    },
    { row: 'set', ns: await measureAwaited((i) => cache.set(keys[i % CAPACITY] as string, 'another value')) },
  ]
  for (const [i, key] of keys.entries())
    await cache.set(key, { id: i, name: `name ${i}`, roles: ['viewer', 'manager'], address: { city: 'x', zip: i } })
  let next = 2_000_000
  const read = async (): Promise<unknown> => 'a value from the source'
  samples.push({
    row: 'getOrSet hit, object',
    ns: await measureAwaited((i) => cache.getOrSet(keys[i % CAPACITY] as string, load)),
  })
  samples.push({ row: 'getOrSet miss', ns: await measureAwaited(() => cache.getOrSet(`user:profile:${next++}`, read)) })
  const fresh = (): string[] => Array.from({ length: MANY }, () => `user:profile:${next++}`)
  const loadAll = (cache.getOrSetMany ?? sideBySide(cache)).bind(cache)
  const setAll = (cache.setMany ?? oneByOne(cache)).bind(cache)
  const readAll = async (missing: readonly string[]): Promise<unknown[]> => missing.map(() => 'a value from the source')
  samples.push({ row: '100 missing, a key', ns: (await measureAwaited(() => loadAll(fresh(), readAll))) / MANY })
  samples.push({
    row: 'set of 100, a key',
    ns: (await measureAwaited(() => setAll(fresh().map((key) => [key, 'a value'])))) / MANY,
  })
  return samples
}

const MANY = 100

function sideBySide({ getOrSet }: AwaitedCache): NonNullable<AwaitedCache['getOrSetMany']> {
  return (keys, load) => Promise.all(keys.map((key) => getOrSet(key, () => load([key]).then(([value]) => value))))
}

function oneByOne({ set }: AwaitedCache): NonNullable<AwaitedCache['setMany']> {
  return (entries) => Promise.all(entries.map(([key, value]) => set(key, value)))
}

/** Nanoseconds of CPU per awaited operation. */
export async function measureAwaited(run: (i: number) => Promise<unknown>): Promise<number> {
  let count = 1_000
  let ns = 0
  for (let warm = 0; warm < WARM_MS * 1e6; warm += ns * count) {
    ns = await timed(count, run)
    if (ns * count < BATCH_MS * 5e5) count *= 2
  }
  const results: number[] = []
  for (let i = 0; i < BATCHES; i++) results.push(await timed(Math.ceil((BATCH_MS * 1e6) / ns), run))
  return results.sort((a, b) => a - b)[BATCHES >> 1] as number
}

async function timed(count: number, run: (i: number) => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage()
  for (let i = 0; i < count; i++) await run(i)
  const { user, system } = process.cpuUsage(before)
  return Math.max(1, (user + system) * 1000) / count
}
