// `npm run bench -- --rows values`: what values of some shapes weigh in memory, and what it costs to store them so that
// callers cannot change them.
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

/** Built as a service or a driver would: none shares a part with another. */
const VALUES: Readonly<Record<string, (i: number) => unknown>> = {
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
  'a list of ten numbers': (i) => Array.from({ length: 10 }, (_, at) => i + at),
  'a list of ten fractions': (i) => Array.from({ length: 10 }, (_, at) => i + at / 7),
  'a text of 500 characters': (i) => JSON.parse(`"${String(i).padEnd(500, 'x')}"`),
  'a whole number': (i) => i,
  'a fraction': (i) => i + 0.5,
}

/**
 * Bytes of a value of some shape with its bookkeeping in the cache; the cost of a set relative to storing its JSON
 * text.
 */
export interface ValueFigures {
  readonly value: string
  readonly ours: number
  readonly lru: number
  readonly json: number
  readonly set: Spread
  readonly setAsItIs: Spread
}

type Spread = ReturnType<typeof spread>

/** `isJson`: prints only the figures, as JSON. */
export async function benchValues(rounds: number, progress: (line: string) => void, isJson: boolean): Promise<void> {
  setFlagsFromString('--expose-gc')
  globalThis.gc = runInNewContext('gc')
  const figures: ValueFigures[] = []
  for (const [value, make] of Object.entries(VALUES)) {
    progress(`values: ${value}`)
    figures.push({ value, ...(await bytesOf(make)), ...costsOf(make, rounds) })
  }
  if (isJson) console.log(JSON.stringify(figures))
  else print(figures)
}

function print(figures: readonly ValueFigures[]): void {
  console.log(
    '\nBytes of one value in the heap, with its place in the cache; cost of one set over storing its JSON in lru-cache, in the same round: median and half',
  )
  console.log(
    'the spread between quarters. JSON is text, which nobody can change either; it makes text of dates, and each hit must parse it.\n',
  )
  const told = ({ median, low, high }: Spread) => `${median.toFixed(2)} ± ${((high - low) / 2).toFixed(2)}`
  printTable([
    ['value', 'millpond, bytes', 'lru-cache, bytes', 'its JSON in lru-cache', 'set', 'set as it is in lru-cache'],
    ...figures.map(({ value, ours, lru, json, set, setAsItIs }) => [
      value,
      ...[ours, lru, json].map((bytes) => bytes.toFixed(0)),
      told(set),
      told(setAsItIs),
    ]),
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
  const cache = new LRUCache<string, object>({ max: COUNT })
  return (key, value) => {
    cache.set(key, value as object)
  }
}

const asJson =
  (put: Put): Put =>
  (key, value) =>
    put(key, JSON.stringify(value))

async function bytesOf(make: (i: number) => unknown): Promise<Pick<ValueFigures, 'ours' | 'lru' | 'json'>> {
  const bytes: number[] = []
  for (const open of [ours, lru, () => asJson(lru())]) {
    // Runs before the measurement, so that compiled code and hidden classes are not counted.
    await growth(open, make)
    bytes.push(await growth(open, make))
  }
  const [own = Number.NaN, theirs = Number.NaN, json = Number.NaN] = bytes
  return { ours: own, lru: theirs, json }
}

async function growth(open: () => Put, make: (i: number) => unknown): Promise<number> {
  const keys = Array.from({ length: COUNT }, (_, i): string => JSON.parse(`"value:${1_000_000 + i}"`))
  const before = await inUse()
  const put = open()
  for (let i = 0; i < COUNT; i++) put(keys[i] as string, make(i))
  const after = await inUse()
  put(keys[0] as string, {})
  return (after - before) / COUNT
}

function costsOf(make: (i: number) => unknown, rounds: number): Pick<ValueFigures, 'set' | 'setAsItIs'> {
  const values = Array.from({ length: SETS }, (_, i) => make(i))
  const keys = values.map((_, i) => `value:${i}`)
  const ways = { ours: ours(), asItIs: lru(), json: asJson(lru()) }
  const costs = { ours: [] as number[], asItIs: [] as number[], json: [] as number[] }
  for (let round = -WARM_UP; round < rounds; round++) {
    for (const way of ['ours', 'asItIs', 'json'] as const) {
      const put = ways[way]
      const before = process.cpuUsage()
      for (let turn = 0; turn < 10; turn++) for (let i = 0; i < SETS; i++) put(keys[i] as string, values[i])
      const { user, system } = process.cpuUsage(before)
      if (round >= 0) costs[way].push(user + system)
    }
  }
  const overJson = (own: readonly number[]) => spread(own.map((cost, round) => cost / (costs.json[round] ?? 1)))
  return { set: overJson(costs.ours), setAsItIs: overJson(costs.asItIs) }
}
