// `npm run bench -- --rows sources`: what acknowledging a write costs behind a journal, and how many of the writes the source sees.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createCache, memory, type WriteBehindOptions } from 'millpond'
import { printTable } from './table.ts'

const WRITES = 200_000
const TOGETHER = 500
const VALUE = 'x'.repeat(200)
const COALESCED_WRITES = 30_000
const COALESCED_KEYS = 1000

interface Run {
  readonly perSecond: number
  /** Of one core, by the process's own CPU time, so that what else the machine does counts little. */
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
  const lines: string[][] = []
  for (const maxBatch of [100, 2 * COALESCED_KEYS]) {
    progress(`write-behind: ${COALESCED_WRITES} writes to ${COALESCED_KEYS} keys, maxBatch ${maxBatch}`)
    const { calls, written } = await coalesced(maxBatch)
    lines.push([String(maxBatch), String(calls), String(written), (COALESCED_WRITES / written).toFixed(1)])
  }
  printTable([
    [`maxBatch, ${COALESCED_WRITES} writes to ${COALESCED_KEYS} keys`, 'calls of the source', 'rows written', 'writes per row'],
    ...lines,
  ])
}

/** Writes of 200 bytes to keys of their own, so many at a time, over a source that takes all at once. */
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

/** Ten thousand writes a second to few keys, and a source that takes 5 ms for each call. A full batch does not wait for its second. */
async function coalesced(maxBatch: number): Promise<{ readonly calls: number; readonly written: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'millpond-bench-'))
  const cache = createCache()
  let calls = 0
  let written = 0
  try {
    const items = cache.collection<number, number>('item', {
      storeMany: async (writes) => {
        await sleep(5)
        calls++
        written += writes.length
      },
      write: 'write-behind',
      writeBehind: { journal: join(folder, 'journal'), maxBatch },
    })
    for (let at = 0; at < COALESCED_WRITES; at += 100)
      await Promise.all([sleep(10), ...Array.from({ length: 100 }, (_, index) => items.set((at + index) % COALESCED_KEYS, at))])
    await cache.flush()
    return { calls, written }
  } finally {
    await cache.close()
    rmSync(folder, { recursive: true, force: true })
  }
}
