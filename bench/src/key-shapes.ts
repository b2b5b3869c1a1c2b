// `npm run bench -- --rows keys`: a memory hit by the shape of its key, compared with a Map and lru-cache in the same
// round, for existing keys and for keys built for the call.
import { LRUCache } from 'lru-cache'
import { createCache, type Key, memory } from 'millpond'
import { randomFrom, spread } from './numbers.ts'
import { printTable } from './table.ts'

const HITS = 1 << 18
const WARM_UP = 3

/** Digits that look random and are the same in each run. */
function hex(i: number, digits: number): string {
  let text = ''
  for (let hash = i + 1; text.length < digits; ) {
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) + 0x9e3779b9
    text += (hash >>> 0).toString(16).padStart(8, '0')
  }
  return text.slice(0, digits)
}

const SHAPES: Readonly<Record<string, (i: number) => Key>> = {
  'short: u17': (i) => `u${i}`,
  'number at the end: v1:user_perms:17': (i) => `v1:user_perms:${i}`,
  'number before 8 equal characters: user:17:profile': (i) => `user:${i}:profile`,
  'number before 36 equal characters': (i) => `v1:organizations:statistics:${i}:days=30:type=overview:locale=en`,
  'URL with a query': (i) => `/api/cached/organizations/${i}/statistics/?days=30&type=overview`,
  'two numbers: org:17:users:4:rights': (i) => `org:${i % 300}:users:${Math.floor(i / 300)}:rights`,
  UUID: (i) => `${hex(i, 8)}-${hex(~i, 4)}-4${hex(i ^ 77, 3)}-a${hex(i ^ 99, 3)}-${hex(i * 3, 12)}`,
  '64 hex digits': (i) => hex(i, 64),
  "tuple: ['user', 17], as JSON for the others": (i) => ['user', i],
}

/** The key as a string, for caches that take no tuples. */
const textOf = (key: Key): string => (typeof key === 'string' ? key : JSON.stringify(key))

export async function benchKeyShapes(
  sizes: readonly number[],
  rounds: number,
  progress: (line: string) => void,
): Promise<void> {
  console.log(
    '\nA hit, cost over lru-cache in the same round (less is better): median and half the spread between quarters.',
  )
  console.log(
    'Built: the key is made for the call; what making it costs alone is the third column, over the same. Nothing can be cheaper.',
  )
  for (const size of sizes) {
    const rows: string[][] = []
    for (const [name, make] of Object.entries(SHAPES)) {
      progress(`keys: ${name}, ${size.toLocaleString('en')} entries`)
      const row = await shapeRow(make, size, rounds)
      rows.push([name, ...row])
      // A large size takes minutes: results so far are printed in case it is interrupted.
      progress(`  at hand ${row[0]}, built ${row[1]}, building alone ${row[2]}`)
    }
    console.log(`\n## ${size.toLocaleString('en')} entries\n`)
    printTable([['shape of key', 'at hand', 'built', 'building alone', 'Map, at hand', 'Map, built'], ...rows])
  }
}

async function shapeRow(make: (i: number) => Key, size: number, rounds: number): Promise<string[]> {
  const cache = await createCache({ name: 'keys', tiers: [memory({ maxEntries: size * 2 })] })
  const lru = new LRUCache<string, number>({ max: size * 2 })
  const map = new Map<string, number>()
  for (let i = 0; i < size; i++) {
    await cache.set(make(i), i)
    lru.set(textOf(make(i)), i)
    map.set(textOf(make(i)), i)
  }
  const atHand = Array.from({ length: size }, (_, i) => make(i))
  // Reads every key once, so that its first timed reader does not pay for flattening the string.
  for (const key of atHand) if (!map.has(textOf(key))) throw new Error(`${key} is not there`)
  // Drawn anew each time: with a repeating order the processor could learn the branches, for small sizes.
  const random = randomFrom(17)
  const order = Uint32Array.from({ length: HITS }, () => Math.floor(random() * size))
  let sum = 0
  const ways: Record<string, () => void> = {
    'lru-cache at hand': () => {
      for (const i of order) sum += lru.get(textOf(atHand[i] as Key)) ?? 0
    },
    'lru-cache built': () => {
      for (const i of order) sum += lru.get(textOf(make(i))) ?? 0
    },
    'at hand': () => {
      for (const i of order) sum += cache.peek<number>(atHand[i] as Key) ?? 0
    },
    built: () => {
      for (const i of order) sum += cache.peek<number>(make(i)) ?? 0
    },
    building: () => {
      for (const i of order) sum += textOf(make(i)).charCodeAt(0)
    },
    'map at hand': () => {
      for (const i of order) sum += map.get(textOf(atHand[i] as Key)) ?? 0
    },
    'map built': () => {
      for (const i of order) sum += map.get(textOf(make(i))) ?? 0
    },
  }
  const costs: Record<string, number[]> = {}
  for (let round = -WARM_UP; round < rounds; round++) {
    for (const [way, run] of Object.entries(ways)) {
      const cost = cpuOf(run)
      if (round >= 0) costs[way] = [...(costs[way] ?? []), cost]
    }
  }
  await cache.close()
  if (!Number.isSafeInteger(sum)) throw new Error(`${sum} is no sum of what was stored`)
  const over = (way: string, base: string): string => {
    const bases = costs[base] as number[]
    const { median, low, high } = spread((costs[way] as number[]).map((cost, round) => cost / (bases[round] as number)))
    return `${median.toFixed(2)} ± ${((high - low) / 2).toFixed(2)}`
  }
  return [
    over('at hand', 'lru-cache at hand'),
    over('built', 'lru-cache built'),
    over('building', 'lru-cache built'),
    over('map at hand', 'lru-cache at hand'),
    over('map built', 'lru-cache built'),
  ]
}

function cpuOf(run: () => void): number {
  const before = process.cpuUsage()
  run()
  const { user, system } = process.cpuUsage(before)
  return user + system
}
