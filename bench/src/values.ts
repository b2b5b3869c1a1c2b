// `npm run bench -- --rows values`: what values of some shapes weigh in memory, and what it costs to store them so that
// nobody else can change them.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { LRUCache } from 'lru-cache'
import { createMemoryStore } from 'millpond/memory'
import { inUse } from './bytes.ts'
import { benchClock } from './clock.ts'
import { spread } from './numbers.ts'
import { printTable } from './table.ts'

const COUNT = 20_000
const SETS = 2_000
const WARM_UP = 5

/** Written out, as a service or a driver makes them: none shares a part with another. */
const VALUES: Readonly<Record<string, (i: number) => object>> = {
  'one field: { id }': (i) => ({ id: i }),
  'small row: 3 fields': (i) => ({ id: i, name: 'a name', active: true }),
  'row of 8 fields': (i) => ({
    id: i,
    name: 'a name',
    email: 'a@example.org',
    city: 'x',
    zip: 1000,
    age: 40,
    active: true,
    role: null,
  }),
  'row of 12 fields': (i) => ({ id: i, a: 1, b: 2, c: 3, d: 4, e: 5, f: 6, g: 7, h: 8, j: 9, k: 10, l: 11 }),
  'ten rows of 3 fields': (i) => Array.from({ length: 10 }, (_, at) => ({ id: i + at, name: 'a name', price: at })),
  'nested answer': (i) => ({
    user: { id: i, org: { id: 3, name: 'an organization' } },
    roles: ['admin', 'editor'],
    can: { read: true, write: false },
  }),
  'with two dates': (i) => ({ id: i, createdAt: new Date(1.7e12 + i), until: new Date(1.8e12 + i) }),
  'with a long text': (i) => ({ id: i, body: JSON.parse(`"${i} ${'x'.repeat(500)}"`) }),
  'with two fractions': (i) => ({ id: i, price: i + 0.5, tax: i / 7 }),
}

export async function benchValues(rounds: number, progress: (line: string) => void): Promise<void> {
  setFlagsFromString('--expose-gc')
  globalThis.gc = runInNewContext('gc')
  const rows: string[][] = []
  for (const [name, make] of Object.entries(VALUES)) {
    progress(`values: ${name}`)
    rows.push([name, ...(await bytesOf(make)), ...costsOf(make, rounds)])
  }
  console.log(
    '\nBytes of one value in the heap, with its place in the cache; cost of one set over storing its JSON in lru-cache, in the same round: median and half',
  )
  console.log(
    'the spread between quarters. JSON is text, which nobody can change either; it makes text of dates, and each hit must parse it.\n',
  )
  printTable([
    ['value', 'millpond, bytes', 'lru-cache, bytes', 'its JSON in lru-cache', 'set', 'set as it is in lru-cache'],
    ...rows,
  ])
}

type Put = (key: string, value: unknown) => void

function ours(): Put {
  const clock = benchClock()
  const space = createMemoryStore({ maxEntries: COUNT, pressure: false }, { clock }).space('')
  const none: readonly string[] = []
  return (key, value) => {
    space.set(key, { value, createdAt: clock.coarse, freshUntil: Infinity, staleUntil: Infinity, tags: none, asOf: 0 })
  }
}

function lru(): Put {
  const cache = new LRUCache<string, object | string>({ max: COUNT })
  return (key, value) => {
    cache.set(key, value as object)
  }
}

const asJson =
  (put: Put): Put =>
  (key, value) =>
    put(key, JSON.stringify(value))

async function bytesOf(make: (i: number) => object): Promise<string[]> {
  const bytes: string[] = []
  for (const open of [ours, lru, () => asJson(lru())]) {
    // Compiled code and hidden classes are no values: they are made before the measure.
    await growth(open, make)
    bytes.push((await growth(open, make)).toFixed(0))
  }
  return bytes
}

async function growth(open: () => Put, make: (i: number) => object): Promise<number> {
  const keys = Array.from({ length: COUNT }, (_, i): string => JSON.parse(`"value:${1_000_000 + i}"`))
  const before = await inUse()
  const put = open()
  for (let i = 0; i < COUNT; i++) put(keys[i] as string, make(i))
  const after = await inUse()
  put(keys[0] as string, {})
  return (after - before) / COUNT
}

function costsOf(make: (i: number) => object, rounds: number): string[] {
  const values = Array.from({ length: SETS }, (_, i) => make(i))
  const keys = values.map((_, i) => `value:${i}`)
  const ways = { ours: ours(), asItIs: lru(), json: asJson(lru()) }
  const costs: Record<string, number[]> = { ours: [], asItIs: [], json: [] }
  for (let round = -WARM_UP; round < rounds; round++) {
    for (const [way, put] of Object.entries(ways)) {
      const before = process.cpuUsage()
      for (let turn = 0; turn < 10; turn++) for (let i = 0; i < SETS; i++) put(keys[i] as string, values[i])
      const { user, system } = process.cpuUsage(before)
      if (round >= 0) costs[way]?.push(user + system)
    }
  }
  return ['ours', 'asItIs'].map((way) => {
    const { median, low, high } = spread(
      (costs[way] as number[]).map((cost, round) => cost / (costs.json?.[round] ?? 1)),
    )
    return `${median.toFixed(2)} ± ${((high - low) / 2).toFixed(2)}`
  })
}
