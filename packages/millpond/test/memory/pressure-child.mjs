// Writes several times what the heap can hold into a store without limits, without ever yielding.
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const [folder] = process.argv.slice(2)
const { createMemoryStore } = await import(pathToFileURL(join(folder, 'src/memory/index.js')).href)
const clock = { now: () => Date.now(), monotonic: () => performance.now(), coarse: Date.now(), after: () => () => {} }
const store = createMemoryStore({ maxEntries: Infinity }, { clock })
const near = store.space('')
for (let i = 0; i < 500_000; i++) {
  near.set(`key ${i}`, {
    value: { i, text: `${i} ${'x'.repeat(300)}`.toUpperCase() },
    createdAt: 0,
    freshUntil: Infinity,
    staleUntil: Infinity,
    tags: [],
    asOf: 0,
  })
}
process.stdout.write(JSON.stringify({ entries: store.entries, pushedOut: store.evictions.memory_pressure ?? 0 }))
