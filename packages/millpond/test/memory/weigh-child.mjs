// Fills a store with one kind of load and prints what the store counted beside what the heap grew by.
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const [folder, load] = process.argv.slice(2)
const { createMemoryStore } = await import(pathToFileURL(join(folder, 'src/memory/index.js')).href)

const text = (length, i, unit = 'x') => JSON.parse(JSON.stringify(`${i} ${unit.repeat(length)}`))
const record = (i) =>
  JSON.parse(
    JSON.stringify({
      id: i,
      name: text(12, i),
      email: `${i}@example.org`,
      score: i / 7,
      active: i % 2 === 0,
      address: { street: text(14, i), city: 'x', zip: i },
    }),
  )
const named = (count, name) =>
  JSON.parse(JSON.stringify(Object.fromEntries(Array.from({ length: count }, (_, j) => [name(j), j]))))
const loads = {
  strings: (i) => text(i % 200, i),
  numbers: (i) => (i % 2 === 0 ? i : i / 3),
  records: record,
  wide: (i) => text(i % 100, i, '\u6f22'),
  ids: (i) => Array.from({ length: 10 }, (_, j) => ({ id: 10 * i + j })),
  bare: (i) =>
    Array.from({ length: 10 }, (_, j) =>
      Object.assign(Object.create(null), { id: 10 * i + j, a: 1, b: 2, c: 3, d: 4, e: 5 }),
    ),
  lists: (i) => Array.from({ length: i % 20 }, (_, j) => ({ j, name: text(j, i) })),
  collections: (i) =>
    i % 3 === 0
      ? new Map([
          ['a', i],
          ['b', text(9, i)],
        ])
      : i % 3 === 1
        ? new Set([i, i + 1, i + 2])
        : Buffer.alloc(i % 900),
}
/** One character beyond Latin-1 makes all of a text twice as long. */
const page = `${'x'.repeat(5000)}\u2019${'y'.repeat(5000)}`
const rarer = {
  pages: (i) => text(1, i, page),
  bytes: (i) => {
    const value = Buffer.from(String(i).padEnd(100))
    // What a service does between two sets: its own small buffers lie around those that are kept, if they are kept
    // where they came from.
    for (let j = 0; j < 4; j++) Buffer.from(page.slice(0, 400))
    return value
  },
  // Names that are data: V8 shares neither them nor a hidden class with any other object.
  'many names': () => named(1000, () => randomUUID()),
  'some names': (i) => named(30, (j) => `user:${i * 30 + j}`),
  'long names': () => named(10, () => randomUUID()),
  tagged: record,
  'many tags': (i) => i,
}
const tagsOf = {
  tagged: (i) => ['users', text(0, i % 50, ''), text(4, i)],
  'many tags': (i) => Array.from({ length: 20 }, (_, j) => text(j, i)),
}
const kinds = Object.values(loads)
const make = load === 'mixed' ? (i) => kinds[i % kinds.length](i) : { ...loads, ...rarer }[load]
/** A third shows the same ratios, within five hundredths; `npm run long` takes all. */
const isLong = process.env.MILLPOND_FORM === 'long'
const COUNT =
  {
    numbers: isLong ? 200_000 : 60_000,
    pages: 1_000,
    'many tags': 10_000,
    'many names': 100,
    'some names': 5_000,
    'long names': 5_000,
  }[load] ?? (isLong ? 60_000 : 20_000)

async function inUse() {
  for (let i = 0; i < 4; i++) {
    globalThis.gc()
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

const clock = { now: () => 1e12, monotonic: () => 0, coarse: 1e12, after: () => () => {} }
const before = await inUse()
const store = createMemoryStore({ maxEntries: COUNT, pressure: false }, { clock })
const near = store.space('')
for (let i = 0; i < COUNT; i++) {
  const tags = tagsOf[load]?.(i) ?? []
  near.set(text(6, i, 'k'), {
    value: make(i),
    createdAt: 1e12,
    freshUntil: 1e12 + 60_000,
    staleUntil: 1e12 + 60_000,
    tags,
    asOf: 1,
  })
}
const grew = (await inUse()) - before
process.stdout.write(JSON.stringify({ counted: store.bytes, grew, entries: near.size }))
