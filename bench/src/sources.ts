// `npm run bench -- --rows sources`: what acknowledging a write costs behind a journal, and how many of the writes a SQLite database sees. The journal by itself: journal.ts.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import Database from 'libsql'
import { createCache, memory, type WriteBehindOptions } from 'millpond'
import { printTable } from './table.ts'

const WRITES = 200_000
const TOGETHER = 500
const VALUE = 'x'.repeat(200)
/** Ten thousand a second for so long, to so many keys. */
const PACE = { perSecond: 10_000, seconds: 15, keys: 1000 }
const FEWER = 10
const MOST_AT_ONCE = 1000

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
  const { keys } = PACE
  const lines: string[][] = []
  for (const maxBatch of [undefined, 2 * keys]) {
    progress(`write-behind: ${PACE.perSecond} writes a second to ${keys} keys for ${PACE.seconds} s, maxBatch ${maxBatch ?? 'as it is'}`)
    const { writes, calls, written, perSecond } = await coalesced(maxBatch)
    const goal = `${FEWER}: ${writes / written >= FEWER ? 'kept' : 'missed'}`
    lines.push([String(maxBatch ?? 'default'), perSecond.toFixed(0), String(calls), String(written), (writes / written).toFixed(1), goal])
  }
  printTable([
    [`maxBatch, writes to ${keys} keys over SQLite`, 'writes/s', 'transactions', 'rows written', 'writes per row', 'goal'],
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

interface Coalesced {
  readonly writes: number
  readonly calls: number
  readonly written: number
  readonly perSecond: number
}

/** At a steady pace as far as the machine goes along; a row of the database for each write that reaches it. */
async function coalesced(maxBatch: number | undefined): Promise<Coalesced> {
  const folder = mkdtempSync(join(tmpdir(), 'millpond-bench-'))
  const database = new Database(join(folder, 'source.db'))
  database.exec(
    'PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; CREATE TABLE item (id INTEGER PRIMARY KEY, value INTEGER NOT NULL)',
  )
  const put = database.prepare('INSERT INTO item (id, value) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET value = excluded.value')
  const cache = createCache()
  let calls = 0
  let written = 0
  try {
    const items = cache.collection<number, number>('item', {
      storeMany: async (writes) => {
        database.exec('BEGIN IMMEDIATE')
        for (const { id, value } of writes) written += Number(put.run(id, value).changes)
        database.exec('COMMIT')
        calls++
      },
      write: 'write-behind',
      writeBehind: { journal: join(folder, 'journal'), ...(maxBatch !== undefined && { maxBatch }) },
    })
    await cache.ready()
    const began = performance.now()
    const passed = (): number => (performance.now() - began) / 1000
    let writes = 0
    for (; passed() < PACE.seconds; await sleep(5)) {
      // A machine that stood still is not caught up with at once: what it could not do shows in the rate.
      const some = Math.min(MOST_AT_ONCE, Math.floor(passed() * PACE.perSecond) - writes)
      const from = writes
      writes += some
      await Promise.all(Array.from({ length: some }, (_, index) => items.set((from + index) % PACE.keys, from + index)))
    }
    const perSecond = writes / passed()
    await items.flush()
    const wrong = database.prepare('SELECT count(*) AS n FROM item WHERE value < ?').get(writes - PACE.keys)
    if (Reflect.get(Object(wrong), 'n') !== 0) throw new Error('the database does not have the last write of each key')
    return { writes, calls, written, perSecond }
  } finally {
    await cache.close()
    database.close()
    rmSync(folder, { recursive: true, force: true })
  }
}
