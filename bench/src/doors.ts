// `npm run bench:doors`: each adapter over a memory cache, compared with the library that it replaces, through the same
// methods. CPU time of awaited calls, one after the other.
import { parseArgs } from 'node:util'
import { InMemoryLRUCache } from '@apollo/utils.keyvaluecache'
import { BentoCache, bentostore } from 'bentocache'
import { memoryDriver } from 'bentocache/drivers/memory'
import { createCache as createManager } from 'cache-manager'
import { CacheableMemory } from 'cacheable'
import { Keyv } from 'keyv'
import { createCache } from 'millpond'
import { apolloCache } from 'millpond/apollo'
import { bentocache } from 'millpond/compat/bentocache'
import { cacheManager } from 'millpond/compat/cache-manager'
import { keyvStore } from 'millpond/keyv'
import { ocacheStorage } from 'millpond/ocache'
import { unstorageDriver } from 'millpond/unstorage'
import { createMemoryStorage } from 'ocache'
import { createStorage } from 'unstorage'
import lruCacheDriver from 'unstorage/drivers/lru-cache'
import memoryStorageDriver from 'unstorage/drivers/memory'
import { ORM_KEYS, openOrms, type Query } from './orms.ts'
import { printTable } from './table.ts'

const HELP = `usage: npm run bench:doors -- [options]
  --orms          the adapters of ORMs instead, over a PostgreSQL on this machine
  --rounds N      rounds of each, in turn (default 9)
  --ms N          how long each takes in a round (default 80)`

const KEYS = 1000
const TTL_MS = 600_000
const keys = Array.from({ length: KEYS }, (_, at) => `user:profile:${1_000_000 + at}`)
const userOf = (at: number) => ({
  id: at,
  name: `user ${at}`,
  roles: ['reader', 'writer'],
  address: { city: 'Delft', zip: '2611' },
  score: at / 7,
})

type Call = (key: string, at: number) => Promise<unknown>
interface Contender {
  readonly get: Call
  readonly set: Call
  /** A read-through call that hits. */
  readonly wrap?: Call
}
interface Door {
  readonly name: string
  readonly old: Contender
  readonly door: Contender
}

const { values } = parseArgs({
  options: {
    orms: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '9' },
    ms: { type: 'string', default: '80' },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) console.log(HELP)
else if (values.orms) await compareOrms(Number(values.rounds), Number(values.ms))
else await compare(Number(values.rounds), Number(values.ms))

async function compare(rounds: number, ms: number): Promise<void> {
  const rows: string[][] = []
  for (const { name, old, door } of [
    keyv(),
    keyvBounded(),
    keyvPlain(),
    managerBounded(),
    manager(),
    bento(),
    ...unstorage(),
    apollo(),
    ocache(),
  ]) {
    for (const one of [old, door]) for (const [at, key] of keys.entries()) await one.set(key, at)
    for (const verb of ['get', 'set', 'wrap'] as const) {
      const [before, after] = [old[verb], door[verb]]
      if (before === undefined || after === undefined) continue
      const pairs: [number, number][] = []
      for (let round = -1; round < rounds; round++) {
        const pair: [number, number] = [await microseconds(before, ms), await microseconds(after, ms)]
        // The first is for V8.
        if (round >= 0) pairs.push(pair)
      }
      const ratio = median(pairs.map(([a, b]) => b / a))
      rows.push([
        `${name}: ${verb}`,
        median(pairs.map(([a]) => a)).toFixed(2),
        median(pairs.map(([, b]) => b)).toFixed(2),
        ratio.toFixed(2),
      ])
    }
  }
  printTable([['', 'replaced, us', 'door, us', 'ratio'], ...rows])
  console.log(
    `CPU microseconds of an awaited call, ${KEYS} keys that are held; ratio: median of ${rounds} rounds in turn.`,
  )
  process.exit(0) // a driver keeps a timer
}

/** CPU time of this process, without that of PostgreSQL, and the time that a caller waits. */
async function compareOrms(rounds: number, ms: number): Promise<void> {
  const { rows, close } = await openOrms()
  const lines: string[][] = []
  for (const { name, database, own, adapter } of rows) {
    const contenders = [database, own, adapter]
    const taken: (Took | undefined)[][] = []
    for (let round = -1; round < rounds; round++) {
      const row: (Took | undefined)[] = []
      for (const one of contenders) row.push(one === undefined ? undefined : await taking(one, ms))
      if (round >= 0) taken.push(row)
    }
    const cell = (at: number): string => {
      const all = taken.flatMap((row) => row[at] ?? [])
      return all.length === 0
        ? ''
        : `${median(all.map(({ cpu }) => cpu)).toFixed(0)} / ${median(all.map(({ wall }) => wall)).toFixed(0)}`
    }
    const ratio = (at: number): string => {
      const all = taken.flatMap((row) =>
        row[at] === undefined || row[2] === undefined ? [] : row[2].cpu / row[at].cpu,
      )
      return all.length === 0 ? '' : median(all).toFixed(2)
    }
    lines.push([name, cell(0), cell(1), cell(2), ratio(0), ratio(1)])
  }
  printTable([['', 'database', "ORM's cache", 'adapter', 'to database', "to ORM's"], ...lines])
  console.log(
    `One row of ${ORM_KEYS} by its key, one query after the other; microseconds of CPU of this process / until the answer. Ratios: of CPU, median of ${rounds} rounds in turn.`,
  )
  await close()
  process.exit(0) // the pools are open
}

interface Took {
  readonly cpu: number
  readonly wall: number
}

async function taking(query: Query, ms: number): Promise<Took> {
  const began = performance.now()
  const before = process.cpuUsage()
  let calls = 0
  while (performance.now() < began + ms) for (let id = 1; id <= ORM_KEYS; id++, calls++) await query(id)
  const { user, system } = process.cpuUsage(before)
  return { cpu: (user + system) / calls, wall: ((performance.now() - began) * 1000) / calls }
}

function keyv(): Door {
  const of = (store: Keyv): Contender => ({
    get: (key) => store.get(key),
    set: (key, at) => store.set(key, userOf(at), TTL_MS),
  })
  return {
    name: 'Keyv, Map',
    old: of(new Keyv()),
    door: of(new Keyv({ store: keyvStore(createCache({ name: 'keyv' })) })),
  }
}

/** A bounded memory store that copies its values, as cache-manager's documentation recommends. */
function bounded(): Keyv {
  return new Keyv({ store: new CacheableMemory({ ttl: TTL_MS, lruSize: 2 * KEYS }) })
}

function keyvBounded(): Door {
  const of = (store: Keyv): Contender => ({
    get: (key) => store.get(key),
    set: (key, at) => store.set(key, userOf(at), TTL_MS),
  })
  return {
    name: 'Keyv, CacheableMemory',
    old: of(bounded()),
    door: of(new Keyv({ store: keyvStore(createCache({ name: 'bounded' })) })),
  }
}

function managerBounded(): Door {
  const of = (one: Pick<ReturnType<typeof cacheManager>, 'get' | 'set' | 'wrap'>): Contender => ({
    get: (key) => one.get(key),
    set: (key, at) => one.set(key, userOf(at)),
    wrap: (key, at) => one.wrap(key, () => userOf(at)),
  })
  return {
    name: 'cache-manager, CacheableMemory / cacheManager',
    old: of(createManager({ stores: [bounded()], ttl: TTL_MS }) as never),
    door: of(cacheManager(createCache({ name: 'managed' }), { ttl: TTL_MS })),
  }
}

function unstorage(): Door[] {
  type Driver = Parameters<typeof createStorage>[0] extends infer O | undefined
    ? NonNullable<O extends { driver?: infer D } ? D : never>
    : never
  const of = (driver: Driver): Contender => {
    const storage = createStorage({ driver })
    return { get: (key) => storage.getItem(key), set: (key, at) => storage.setItem(key, userOf(at)) }
  }
  const door = (name: string): Contender => of(unstorageDriver(createCache({ name })))
  return [
    { name: 'unstorage, memory', old: of(memoryStorageDriver()), door: door('unbounded') },
    { name: 'unstorage, lru-cache', old: of(lruCacheDriver({ max: 2 * KEYS })), door: door('lru') },
  ]
}

function apollo(): Door {
  const of = (one: Pick<InMemoryLRUCache, 'get' | 'set'>): Contender => ({
    get: (key) => one.get(key),
    set: (key, at) => one.set(key, JSON.stringify(userOf(at)), { ttl: TTL_MS / 1000 }),
  })
  return {
    name: 'Apollo, InMemoryLRUCache',
    old: of(new InMemoryLRUCache()),
    door: of(apolloCache(createCache({ name: 'apollo' }))),
  }
}

function ocache(): Door {
  const of = (one: Pick<ReturnType<typeof ocacheStorage>, 'get' | 'set'>): Contender => ({
    get: (key) => one.get(key),
    set: (key, at) => one.set(key, userOf(at), { ttl: TTL_MS / 1000 }),
  })
  const old = createMemoryStorage()
  return { name: 'ocache, its memory', old: of(old as never), door: of(ocacheStorage(createCache({ name: 'ocache' }))) }
}

/** As cache-manager creates its own: values are not serialized. */
function keyvPlain(): Door {
  const of = (store: Keyv): Contender => {
    store.serialize = undefined
    store.deserialize = undefined
    const one = createManager({ stores: [store], ttl: TTL_MS })
    return {
      get: (key) => one.get(key),
      set: (key, at) => one.set(key, userOf(at)),
      wrap: (key, at) => one.wrap(key, () => userOf(at)),
    }
  }
  return {
    name: 'cache-manager, its memory / over keyvStore',
    old: of(new Keyv()),
    door: of(new Keyv({ store: keyvStore(createCache({ name: 'plain' })) })),
  }
}

function manager(): Door {
  const of = (one: Pick<ReturnType<typeof cacheManager>, 'get' | 'set' | 'wrap'>): Contender => ({
    get: (key) => one.get(key),
    set: (key, at) => one.set(key, userOf(at)),
    wrap: (key, at) => one.wrap(key, () => userOf(at)),
  })
  const old = createManager({ ttl: TTL_MS })
  return {
    name: 'cache-manager, its memory / cacheManager',
    old: of(old as never),
    door: of(cacheManager(createCache({ name: 'manager' }), { ttl: TTL_MS })),
  }
}

function bento(): Door {
  const of = (one: Pick<ReturnType<typeof bentocache>, 'get' | 'set' | 'getOrSet'>): Contender => ({
    get: (key) => one.get({ key }),
    set: (key, at) => one.set({ key, value: userOf(at) }),
    wrap: (key, at) => one.getOrSet({ key, factory: () => userOf(at) }),
  })
  const store = bentostore().useL1Layer(memoryDriver({ maxItems: KEYS }))
  const old = new BentoCache({ default: 'memory', ttl: TTL_MS, stores: { memory: store } })
  return {
    name: 'bentocache, its memory / bentocache',
    old: of(old as never),
    door: of(bentocache(createCache({ name: 'bento' }), { ttl: TTL_MS })),
  }
}

async function microseconds(call: Call, ms: number): Promise<number> {
  const end = performance.now() + ms
  const before = process.cpuUsage()
  let calls = 0
  while (performance.now() < end) for (let at = 0; at < KEYS; at++, calls++) await call(keys[at] ?? '', at)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / calls
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
