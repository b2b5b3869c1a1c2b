// The cost, per library, of values that neither the writer nor a reader can modify inside the cache.
import { CacheableMemory } from 'cacheable'
import { LRUCache } from 'lru-cache'
import { createCache, memory } from 'millpond'
import { measureAwaited } from './awaited.ts'
import { measure } from './rows.ts'

export const ISOLATED_ROWS = ['hit, object', 'set, object', 'hit, object with dates', 'set, object with dates'] as const
type IsolatedRow = (typeof ISOLATED_ROWS)[number]
export const ISOLATED_OVER = 'lru-cache, structuredClone'

interface IsolatedContender {
  readonly name: string
  readonly note: string
  make(): { get(key: string): unknown; set(key: string, value: object): unknown }
}

const CAPACITY = 1_000

export const isolatedContenders: readonly IsolatedContender[] = [
  {
    name: 'millpond, isolated',
    note: 'cloned and frozen once, by set; all hits share the frozen copy, but for what freezing cannot protect: a Date is copied on each hit',
    make() {
      const cache = createCache({ tiers: [memory({ maxEntries: CAPACITY })] })
      return { get: (key) => cache.peek(key), set: (key, value) => cache.set(key, value) }
    },
  },
  {
    name: ISOLATED_OVER,
    note: 'cloned by hand on set and on each hit',
    make() {
      const cache = new LRUCache<string, object>({ max: CAPACITY })
      return {
        get: (key) => structuredClone(cache.get(key)),
        set: (key, value) => cache.set(key, structuredClone(value)),
      }
    },
  },
  {
    name: 'lru-cache, JSON',
    note: 'holds JSON text, parsed on each hit; plain JSON values only',
    make() {
      const cache = new LRUCache<string, string>({ max: CAPACITY })
      return {
        get: (key) => JSON.parse(cache.get(key) ?? 'null'),
        set: (key, value) => cache.set(key, JSON.stringify(value)),
      }
    },
  },
  {
    name: 'CacheableMemory, useClone',
    note: 'its default: clones on set and on each hit',
    make() {
      const cache = new CacheableMemory({ lruSize: CAPACITY, useClone: true })
      return { get: (key) => cache.get(key), set: (key, value) => cache.set(key, value) }
    },
  },
]

/** The same with times, as an ORM returns them. */
function datedRecord(i: number): object {
  return { ...record(i), createdAt: new Date(1_700_000_000_000 + i), updatedAt: new Date(1_750_000_000_000 + i) }
}

/** About 300 bytes as JSON, two levels deep: a row with its relations. */
function record(i: number): object {
  return {
    id: i,
    name: `name ${i}`,
    mail: `name${i}@example.com`,
    isActive: i % 2 === 0,
    balance: i * 1.25,
    roles: ['viewer', 'manager'],
    address: { street: `${i} Mill Lane`, city: 'Ashford', zip: `${10_000 + i}` },
    orders: [
      { id: 3 * i, total: 12.5, items: 3 },
      { id: 3 * i + 1, total: 99.9, items: 1 },
    ],
  }
}

/** Each `set` is awaited, for every library, since ours is asynchronous. */
export async function runIsolated(name: string): Promise<{ row: IsolatedRow; ns: number }[]> {
  const contender = isolatedContenders.find((one) => one.name === name)
  if (contender === undefined) throw new Error(`no isolated contender ${name}`)
  const cache = contender.make()
  return [
    ...(await rowsOf(cache, name, record, ['hit, object', 'set, object'])),
    ...(await rowsOf(cache, name, datedRecord, ['hit, object with dates', 'set, object with dates'])),
  ]
}

async function rowsOf(
  cache: ReturnType<IsolatedContender['make']>,
  name: string,
  make: (i: number) => object,
  [hitRow, setRow]: readonly [IsolatedRow, IsolatedRow],
): Promise<{ row: IsolatedRow; ns: number }[]> {
  const keys = Array.from({ length: CAPACITY }, (_, i): string => JSON.parse(`"user:profile:${1_000_000 + i}"`))
  const records = keys.map((_, i) => make(i))
  for (const [i, key] of keys.entries()) await cache.set(key, records[i] as object)
  for (const [i, key] of keys.entries()) expectApart(name, cache.get(key), records[i])
  const hit = measure(1 << 20, (count) => {
    for (let i = 0; i < count; i++)
      if (cache.get(keys[i % CAPACITY] as string) == null) throw new Error(`${name} missed`)
  })
  const set = await measureAwaited(async (i) =>
    cache.set(keys[i % CAPACITY] as string, records[i % CAPACITY] as object),
  )
  return [
    { row: hitRow, ns: hit },
    { row: setRow, ns: set },
  ]
}

function expectApart(name: string, held: unknown, given: unknown): void {
  if (held === given || JSON.stringify(held) !== JSON.stringify(given)) throw new Error(`${name} does not isolate`)
}
