// `npm run bench -- --rows sources`: the cost of acknowledging a write, and how many of the writes reach a SQLite
// database. For the journal by itself see journal.ts.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createCache, memory, type WriteBehindOptions } from 'millpond'
import { coalesced } from './coalesced.ts'
import { printTable } from './table.ts'

const WRITES = 200_000
const TOGETHER = 500
const VALUE = 'x'.repeat(200)
const PACE = { perSecond: 10_000, seconds: 10, keys: 1000 } as const
const GOALS = { fewer: 10, ofPace: 0.99 }
/**
 * With the defaults, which use a journal; without a journal; with earlier writes to the source; and for a cache with a
 * shared tier, which gets every write at once.
 */
const COLLECTIONS: readonly {
  readonly name: string
  readonly told: WriteBehindOptions
  readonly isShared?: boolean
}[] = [
  { name: 'as it is', told: {} },
  { name: "durability: 'memory'", told: { durability: 'memory' } },
  { name: "maxDelay: '1s'", told: { maxDelay: '1s' } },
  { name: 'as it is, over memory and SQLite', told: {}, isShared: true },
]

interface Run {
  readonly perSecond: number
  /** Per second of one core, by the process's own CPU time, so that other work of the machine counts little. */
  readonly perCore: number
}

export async function benchSources(progress: (line: string) => void): Promise<void> {
  const rows: string[][] = []
  for (const durability of ['memory', 'journal', 'journal-sync'] as const) {
    progress(`write-behind: ${durability}`)
    const { perSecond, perCore } = await acknowledged(durability, durability === 'journal-sync' ? WRITES / 10 : WRITES)
    rows.push([durability, perSecond.toFixed(0), perCore.toFixed(0)])
  }
  printTable([['durability', 'writes acknowledged/s', 'per second of one core'], ...rows])
  console.log()
  const { perSecond, seconds, keys } = PACE
  const lines: string[][] = []
  for (const { name, told, isShared = false } of COLLECTIONS) {
    progress(`write-behind: ${perSecond} writes a second to ${keys} keys for ${seconds} s, ${name}`)
    const { writes, calls, written, acked, ofCore } = await coalesced({ ...PACE, told, isShared })
    const isKept = writes / written >= GOALS.fewer && acked >= GOALS.ofPace * perSecond
    const rates = [String(perSecond), acked.toFixed(0), ofCore.toFixed(2)]
    const figures = [
      ...rates,
      String(calls),
      String(written),
      (writes / calls).toFixed(0),
      (writes / written).toFixed(1),
    ]
    lines.push([name, ...figures, isKept ? 'kept' : 'missed'])
  }
  const goal = `${perSecond.toLocaleString('en')}/s, ${GOALS.fewer} to a row`
  printTable([
    [
      `to ${keys} keys for ${seconds} s`,
      'offered/s',
      'acknowledged/s',
      'of a core',
      'transactions',
      'rows written',
      'writes to one',
      'to a row',
      goal,
    ],
    ...lines,
  ])
}

/** Writes of 200 bytes to distinct keys, several at a time, over a source that accepts all at once. */
async function acknowledged(durability: NonNullable<WriteBehindOptions['durability']>, writes: number): Promise<Run> {
  const folder = mkdtempSync(join(tmpdir(), 'millpond-bench-'))
  const cache = createCache({ tiers: [memory({ maxEntries: 1000 })] })
  try {
    const items = cache.collection<number, string>('item', {
      storeMany: async () => undefined,
      write: 'write-behind',
      writeBehind: {
        durability,
        maxBatch: 10_000,
        maxQueued: writes,
        ...(durability !== 'memory' && { journal: join(folder, 'journal') }),
      },
    })
    await cache.ready()
    const began = performance.now()
    const cpu = process.cpuUsage()
    for (let at = 0; at < writes; at += TOGETHER)
      await Promise.all(Array.from({ length: TOGETHER }, (_, index) => items.set(at + index, VALUE)))
    const { user, system } = process.cpuUsage(cpu)
    return { perSecond: writes / ((performance.now() - began) / 1000), perCore: writes / ((user + system) / 1e6) }
  } finally {
    await cache.close()
    rmSync(folder, { recursive: true, force: true })
  }
}
