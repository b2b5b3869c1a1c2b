// `npm run bench -- --rows sources`: what acknowledging a write costs behind a journal, and how many of the writes the source sees.
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createCache, memory, type WriteBehindOptions } from 'millpond'
import { printTable } from './table.ts'

const WRITES = 200_000
const TOGETHER = 500
const VALUE = 'x'.repeat(200)
const COALESCED_WRITES = 150_000
const SYNCS = 500
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
  progress(`write-behind: ${SYNCS} writes one after another, beside bare fdatasync`)
  const [bare, ours] = [bareSyncs(), await oneByOne()]
  printTable([
    [`${SYNCS} times, one after another`, 'per second', 'share of the bare one'],
    ['bare write and fdatasync', bare.toFixed(0), '1'],
    ['journal-sync', ours.toFixed(0), (ours / bare).toFixed(2)],
  ])
  console.log()
  const lines: string[][] = []
  for (const maxBatch of [100, 2 * COALESCED_KEYS]) {
    progress(`write-behind: ${COALESCED_WRITES} writes to ${COALESCED_KEYS} keys, maxBatch ${maxBatch}`)
    const { calls, written, perSecond } = await coalesced(maxBatch)
    const ratio = (COALESCED_WRITES / written).toFixed(1)
    lines.push([String(maxBatch), perSecond.toFixed(0), String(calls), String(written), ratio])
  }
  printTable([
    [`maxBatch, ${COALESCED_WRITES} writes to ${COALESCED_KEYS} keys`, 'writes/s', 'calls of the source', 'rows written', 'writes per row'],
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

/** What the disk itself can do. */
function bareSyncs(): number {
  const folder = mkdtempSync(join(tmpdir(), 'millpond-bench-'))
  const file = openSync(join(folder, 'bare'), 'ax')
  try {
    const began = performance.now()
    for (let at = 0; at < SYNCS; at++) {
      writeSync(file, VALUE)
      fdatasyncSync(file)
    }
    return SYNCS / ((performance.now() - began) / 1000)
  } finally {
    closeSync(file)
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Each acknowledged before the next begins, so that no two share a sync. */
async function oneByOne(): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'millpond-bench-'))
  const cache = createCache()
  try {
    const items = cache.collection<number, string>('item', {
      storeMany: async () => undefined,
      write: 'write-behind',
      writeBehind: { durability: 'journal-sync', journal: join(folder, 'journal'), maxDelay: '1m' },
    })
    await cache.ready()
    const began = performance.now()
    for (let at = 0; at < SYNCS; at++) await items.set(at, VALUE)
    return SYNCS / ((performance.now() - began) / 1000)
  } finally {
    await cache.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Ten thousand writes a second to few keys, and a source that takes 5 ms for each call. */
async function coalesced(maxBatch: number): Promise<{ readonly calls: number; readonly written: number; readonly perSecond: number }> {
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
    const began = performance.now()
    for (let at = 0; at < COALESCED_WRITES; at += 100)
      await Promise.all([sleep(10), ...Array.from({ length: 100 }, (_, index) => items.set((at + index) % COALESCED_KEYS, at))])
    const perSecond = COALESCED_WRITES / ((performance.now() - began) / 1000)
    await items.flush()
    return { calls, written, perSecond }
  } finally {
    await cache.close()
    rmSync(folder, { recursive: true, force: true })
  }
}
