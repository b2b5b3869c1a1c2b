// `npm run bench -- --rows growth`: the longest single `set` while a cache grows from empty, by the shape of its keys,
// compared with a Map and lru-cache.
import { PerformanceObserver } from 'node:perf_hooks'
import { LRUCache } from 'lru-cache'
import { createMemoryStore } from 'millpond/memory'
import { benchClock } from './clock.ts'
import { printTable } from './table.ts'

/** Shorter than this does not count as a pause. */
const SHORT_MS = 1

interface Pause {
  readonly at: number
  readonly begin: number
  readonly ms: number
}

/** When the garbage collector ran, in milliseconds: its work is for the whole process, not for a single `set`. */
const collections: { readonly begin: number; readonly ms: number }[] = []
const observer = new PerformanceObserver((list) => {
  for (const { startTime, duration } of list.getEntries()) collections.push({ begin: startTime, ms: duration })
})

/** Digits that look random and are the same in each run. */
const digits = (i: number): string =>
  [1, 2, 3, 4].map((n) => (Math.imul(i + n, 0x9e3779b1) >>> 0).toString(16).padStart(8, '0')).join('')

const SHAPES: Readonly<Record<string, (i: number) => string>> = {
  'number at the end': (i) => `v1:user_perms:${i}`,
  'number before equal characters': (i) => `user:${i}:profile`,
  'short: u17': (i) => `u${i}`,
  '32 hex digits': digits,
}

type Add = (key: string, value: number) => void

const CONTENDERS: Readonly<Record<string, (capacity: number) => Add>> = {
  'millpond store': (capacity) => addTo(capacity, Infinity),
  'millpond store, TTL': (capacity) => addTo(capacity, 300_000),
  'Map (floor)': () => {
    const map = new Map<string, number>()
    return (key, value) => map.set(key, value)
  },
  'lru-cache': (capacity) => {
    const cache = new LRUCache<string, number>({ max: capacity })
    return (key, value) => cache.set(key, value)
  },
}

function addTo(capacity: number, ttlMs: number): Add {
  const clock = benchClock()
  const near = createMemoryStore({ maxEntries: capacity }, { clock }).space('')
  const tags: readonly string[] = []
  return (key, value) => {
    const now = clock.coarse
    near.set(key, { value, createdAt: now, freshUntil: now + ttlMs, staleUntil: now + ttlMs, tags, asOf: 0 })
  }
}

export async function benchGrowth(sizes: readonly number[], progress: (line: string) => void): Promise<void> {
  observer.observe({ entryTypes: ['gc'] })
  console.log(
    '\nThe longest `set` while a cache grows, in milliseconds of the clock, without what the garbage collector took of it: run it where little else runs.',
  )
  console.log(
    'Limits are twice what comes, so that nobody knows the end; the constructor of lru-cache takes all of its memory at once, and is a column of its own.',
  )
  for (const size of sizes) {
    const rows: string[][] = []
    for (const [name, key] of Object.entries(SHAPES)) {
      for (const [contender, make] of Object.entries(CONTENDERS)) {
        progress(`growth: ${contender}, ${name}, ${size.toLocaleString('en')} entries`)
        rows.push([`${contender}: ${name}`, ...(await growthRow(make, key, size))])
      }
    }
    console.log(`\n## ${size.toLocaleString('en')} entries\n`)
    printTable([
      ['keys', 'to make', 'longest', 'at entry', 'next', 'at entry', 'above 10 ms', 'longest collection'],
      ...rows,
    ])
  }
  observer.disconnect()
}

async function growthRow(make: (capacity: number) => Add, key: (i: number) => string, size: number): Promise<string[]> {
  collections.length = 0
  const begin = performance.now()
  const add = make(size * 2)
  const toMake = performance.now() - begin
  const pauses: Pause[] = []
  for (let at = 0; at < size; at++) {
    const text = key(at)
    const before = performance.now()
    add(text, at)
    const ms = performance.now() - before
    if (ms >= SHORT_MS) pauses.push({ at, begin: before, ms })
  }
  // The observer is notified in a later turn.
  await new Promise((resolve) => setTimeout(resolve, 20))
  const own = pauses
    .map(({ at, begin, ms }) => ({ at, ms: ms - collected(begin, begin + ms) }))
    .sort((a, b) => b.ms - a.ms)
  const [longest, next] = own
  return [
    toMake.toFixed(1),
    ...[longest, next].flatMap((pause) =>
      pause === undefined ? [`< ${SHORT_MS}`, ''] : [pause.ms.toFixed(1), pause.at.toLocaleString('en')],
    ),
    `${own.filter(({ ms }) => ms > 10).length}`,
    Math.max(0, ...collections.map(({ ms }) => ms)).toFixed(1),
  ]
}

function collected(from: number, to: number): number {
  return collections.reduce(
    (sum, { begin, ms }) => sum + Math.max(0, Math.min(to, begin + ms) - Math.max(from, begin)),
    0,
  )
}
