// `npm run bench -- --rows served`: what a cache costs whose entries Redis has, and what storing them there costs,
// beside the barest client with JSON: CPU time of this process, both in turn, as ratios.
import { loadavg } from 'node:os'
import { Redis } from 'ioredis'
import { createCache, memory } from 'millpond'
import { redis } from 'millpond/tiers/redis'
import { VALUE } from '../consistency/cpu-task.ts'
import { startRedisServer } from '../consistency/redis-server.ts'
import { printTable } from '../table.ts'

const KEYS = Array.from({ length: 5000 }, (_, at) => `cpu:${at}`)
/** Far fewer than there are keys, so that each read goes to the server. */
const IN_MEMORY = 100
const TTL_MS = 3_600_000
/** Before the first measurement: until the compiler is done. */
const WARM_UPS = 8

type Item = readonly [key: string, value: typeof VALUE]

interface Way {
  get(key: string): Promise<unknown>
  getMany(keys: readonly string[]): Promise<readonly unknown[]>
  set(items: readonly Item[]): Promise<unknown>
}

interface Row {
  readonly name: string
  /** Keys of one call, calls of one measurement, and how many of them are under way at a time. */
  readonly size: number
  readonly calls: number
  readonly atOnce: number
  run(way: Way, keys: readonly string[]): Promise<void>
}

const ROWS: readonly Row[] = [
  {
    name: 'get of one key',
    size: 1,
    calls: 3000,
    atOnce: 64,
    run: async (way, [key = '']) => mustBe(await way.get(key)),
  },
  {
    name: 'get of 100 keys',
    size: 100,
    calls: 80,
    atOnce: 4,
    run: async (way, keys) => (await way.getMany(keys)).forEach(mustBe),
  },
  { name: 'set of one key', size: 1, calls: 3000, atOnce: 64, run: setOf },
  { name: 'set of 100 keys', size: 100, calls: 40, atOnce: 4, run: setOf },
]

async function setOf(way: Way, keys: readonly string[]): Promise<void> {
  await way.set(keys.map((key, at) => [key, { ...VALUE, id: at }]))
}

function mustBe(value: unknown): void {
  if (value === undefined || value === null) throw new Error('a key that was stored is not there')
}

/** A line a row: medians of the rounds. */
export async function benchServed(rounds: number, progress: (line: string) => void): Promise<void> {
  const server = await startRedisServer()
  const client = new Redis(server.url)
  const cache = createCache({
    name: 'served',
    tiers: [
      memory({ maxEntries: IN_MEMORY }),
      { use: redis({ url: server.url, commandTimeout: '60s' }), timeout: '60s' },
    ],
    defaults: { ttl: TTL_MS },
  })
  const bare: Way = {
    get: async (key) => JSON.parse((await client.get(key)) ?? 'null'),
    getMany: async (keys) => (await client.mget([...keys])).map((text) => JSON.parse(text ?? 'null')),
    async set(items) {
      const [first] = items
      if (items.length === 1 && first !== undefined) return client.set(first[0], JSON.stringify(first[1]), 'PX', TTL_MS)
      const pipeline = client.pipeline()
      for (const [key, value] of items) pipeline.set(key, JSON.stringify(value), 'PX', TTL_MS)
      return pipeline.exec()
    },
  }
  const ours: Way = {
    get: (key) => cache.get(key),
    getMany: (keys) => cache.getMany(keys),
    set: (items) => {
      const [first] = items
      return items.length === 1 && first !== undefined ? cache.set(...first) : cache.setMany(items)
    },
  }
  const load = loadavg()[0] ?? 0
  try {
    for (const way of [bare, ours])
      for (let from = 0; from < KEYS.length; from += 500) await setOf(way, KEYS.slice(from, from + 500))
    const lines = [['served by Redis', 'bare us a key', 'ours us a key', 'ratio', 'half spread']]
    for (const row of ROWS) {
      progress(row.name)
      lines.push(await measured(row, bare, ours, rounds))
    }
    const at = new Date().toISOString().slice(0, 16)
    console.log(
      `Redis ${server.version}, Node ${process.versions.node}, ${at}, load ${load.toFixed(1)} to ${(loadavg()[0] ?? 0).toFixed(1)}; bare: ioredis with JSON.parse and JSON.stringify\n`,
    )
    printTable(lines)
  } finally {
    client.disconnect()
    await cache.close()
    await server.close()
  }
}

async function measured(row: Row, bare: Way, ours: Way, rounds: number): Promise<string[]> {
  for (let round = 0; round < WARM_UPS; round++) for (const way of [bare, ours]) await cpuOf(row, way)
  const pairs: { readonly bare: number; readonly ours: number }[] = []
  for (let round = 0; round < rounds; round++) {
    // Every second round in reverse order, so that neither always follows the other.
    const first = await cpuOf(row, round % 2 === 0 ? bare : ours)
    const second = await cpuOf(row, round % 2 === 0 ? ours : bare)
    pairs.push(round % 2 === 0 ? { bare: first, ours: second } : { bare: second, ours: first })
  }
  const ratios = sorted(pairs.map((pair) => pair.ours / pair.bare))
  const at = (share: number): number => ratios[Math.floor((ratios.length - 1) * share)] ?? Number.NaN
  const middle = (figures: readonly number[]): string => (sorted(figures)[figures.length >> 1] ?? Number.NaN).toFixed(2)
  return [
    row.name,
    middle(pairs.map((pair) => pair.bare)),
    middle(pairs.map((pair) => pair.ours)),
    at(0.5).toFixed(2),
    ((at(0.75) - at(0.25)) / 2).toFixed(2),
  ]
}

const sorted = (figures: readonly number[]): number[] => [...figures].sort((a, b) => a - b)

/** One after the other in this order: a key that was just read would be found in memory. */
const PLACES = KEYS.map((_, at) => (at * 7) % KEYS.length)
let next = 0

/** CPU microseconds a key. */
async function cpuOf({ run, calls, atOnce, size }: Row, way: Way): Promise<number> {
  let begun = 0
  const lane = async (): Promise<void> => {
    while (begun < calls) {
      begun++
      const from = next++ % (KEYS.length / size)
      const at = size === 1 ? (PLACES[from] ?? 0) : from * size
      await run(way, KEYS.slice(at, at + size))
    }
  }
  const before = process.cpuUsage()
  await Promise.all(Array.from({ length: atOnce }, lane))
  const { user, system } = process.cpuUsage(before)
  return (user + system) / (calls * size)
}
