// Many writes to few keys, at a steady pace: how many of them reach a real SQLite database, by its own count.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import Database from 'libsql'
import { createCache, memory, type WriteBehindOptions } from 'millpond'
import { sqlite } from 'millpond/tiers/sqlite'

export interface Pace {
  readonly perSecond: number
  readonly seconds: number
  readonly keys: number
  readonly told: WriteBehindOptions
  /** With a SQLite tier below memory, which every write reaches before it is acknowledged. */
  readonly isShared: boolean
}

export interface Coalesced {
  readonly writes: number
  /** Acknowledged a second. */
  readonly acked: number
  /** The share of one core, by the process's own CPU time: writes, queue and source together. */
  readonly ofCore: number
  /** Transactions of the source. */
  readonly calls: number
  /** Rows that have changed, as the database reports. */
  readonly written: number
}

/** After a pause the machine does not catch up at once: the missed writes show in the rate. */
const MOST_AT_ONCE = 1000

/** @throws if the database does not have the last write of each key at the end. */
export async function coalesced({ perSecond, seconds, keys, told, isShared }: Pace): Promise<Coalesced> {
  const folder = mkdtempSync(join(tmpdir(), 'millpond-bench-'))
  const source = openSource(join(folder, 'source.db'))
  const cache = createCache(isShared ? { tiers: [memory(), sqlite({ path: join(folder, 'cache.db') })] } : {})
  try {
    const items = cache.collection<number, number>('item', {
      storeMany: async (writes) => source.store(writes),
      write: 'write-behind',
      writeBehind: { ...(told.durability !== 'memory' && { journal: join(folder, 'journal') }), ...told },
    })
    await cache.ready()
    const began = performance.now()
    const cpu = process.cpuUsage()
    const passed = (): number => (performance.now() - began) / 1000
    let writes = 0
    for (; passed() < seconds; await sleep(5)) {
      const some = Math.min(MOST_AT_ONCE, Math.floor(passed() * perSecond) - writes)
      const from = writes
      writes += some
      await Promise.all(Array.from({ length: some }, (_, index) => items.set((from + index) % keys, from + index)))
    }
    const { user, system } = process.cpuUsage(cpu)
    const [acked, ofCore] = [writes / passed(), (user + system) / 1e6 / passed()]
    await items.flush()
    if (source.before(writes - keys) !== 0) throw new Error('the database does not have the last write of each key')
    return { writes, acked, ofCore, ...source.counts() }
  } finally {
    await cache.close()
    source.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

function openSource(path: string) {
  const database = new Database(path)
  database.exec(
    'PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; CREATE TABLE item (id INTEGER PRIMARY KEY, value INTEGER NOT NULL)',
  )
  const put = database.prepare(
    'INSERT INTO item (id, value) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET value = excluded.value',
  )
  let calls = 0
  let written = 0
  return {
    store(writes: readonly { readonly id: number; readonly value: number }[]): void {
      database.exec('BEGIN IMMEDIATE')
      for (const { id, value } of writes) written += Number(put.run(id, value).changes)
      database.exec('COMMIT')
      calls++
    },
    /** How many rows have an older value. */
    before: (value: number): unknown =>
      Reflect.get(Object(database.prepare('SELECT count(*) AS n FROM item WHERE value < ?').get(value)), 'n'),
    counts: () => ({ calls, written }),
    close: () => database.close(),
  }
}
