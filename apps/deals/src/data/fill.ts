// Fills an empty database fast: rows travel as one JSON parameter per batch, in one transaction.
import { CompiledQuery, sql } from 'kysely'
import type { Database, Writer } from '../db/database.ts'
import type { Engine } from '../db/engine.ts'
import { type AddRow, type Column, TABLES, type TableName } from './rows.ts'

const BATCH = 4_000
const NAMES = Object.keys(TABLES) as TableName[] // the keys of a const object are its literal keys
const WITH_SEQUENCE: readonly TableName[] = [
  'organizations',
  'teams',
  'users',
  'roles',
  'deals',
  'milestones',
  'activities',
  'payments',
]

export interface Fill {
  /** How the data was made: a start with the same description keeps it. */
  readonly source: string
  /** Adds rows, and yields now and then the number of finished deals: at these points rows may be flushed. */
  readonly produce: (add: AddRow) => Iterable<number>
  readonly progress?: (deals: number) => void
}

/** Replaces all data. All or nothing: an interrupted fill leaves what was there. */
export async function fill(db: Database, { source, produce, progress }: Fill): Promise<Record<TableName, number>> {
  return db.write(async (tx) => {
    await empty(tx)
    const counts = await insertAll(tx, db.engine, produce, progress ?? (() => undefined))
    if (db.engine === 'postgres') await resetSequences(tx)
    const newest = await newestDay(tx)
    const entries = { source, filled_at: Date.now(), newest_day: newest, dataset: crypto.randomUUID().slice(0, 8) }
    for (const [key, value] of Object.entries(entries)) {
      await tx
        .insertInto('meta')
        .values({ key, value: String(value) })
        .onConflict((c) => c.column('key').doUpdateSet({ value: String(value) }))
        .execute()
    }
    return counts
  })
}

type Counts = Record<TableName, number>

async function insertAll(
  tx: Writer,
  engine: Engine,
  produce: Fill['produce'],
  progress: (deals: number) => void,
): Promise<Counts> {
  const counts = Object.fromEntries(NAMES.map((name) => [name, 0])) as Counts
  const waiting = new Map<TableName, unknown[][]>(NAMES.map((name) => [name, []]))
  let held = 0
  const flush = async () => {
    for (const [name, rows] of waiting) {
      if (rows.length > 0) await tx.executeQuery(insertion(engine, name, rows))
      waiting.set(name, [])
    }
    held = 0
  }
  const add: AddRow = (table, row) => {
    const values: Readonly<Record<string, unknown>> = row
    waiting.get(table)?.push(TABLES[table].map((column) => values[column.name] ?? null))
    counts[table]++
    held++
  }
  for (const deals of produce(add)) {
    progress(deals)
    if (held >= BATCH) await flush()
  }
  await flush()
  return counts
}

function insertion(engine: Engine, table: TableName, rows: unknown[][]): CompiledQuery {
  const columns: readonly Column[] = TABLES[table]
  const names = columns.map((column) => column.name).join(', ')
  const part = (column: Column, index: number) =>
    engine === 'sqlite' ? `value ->> ${index}` : `(value ->> ${index})::${column.type}`
  const source = engine === 'sqlite' ? 'json_each(?)' : 'json_array_elements($1::json)'
  return CompiledQuery.raw(`insert into ${table} (${names}) select ${columns.map(part).join(', ')} from ${source}`, [
    JSON.stringify(rows),
  ])
}

async function empty(tx: Writer): Promise<void> {
  for (const table of ['pending_invalidations', 'data_versions', ...NAMES.toReversed()]) {
    await sql`delete from ${sql.table(table)}`.execute(tx)
  }
}

async function resetSequences(tx: Writer): Promise<void> {
  for (const table of WITH_SEQUENCE) {
    await sql`select setval(pg_get_serial_sequence(${table}, 'id'), coalesce((select max(id) from ${sql.table(table)}), 0) + 1, false)`.execute(
      tx,
    )
  }
}

/** "Now" for statistics: the newest date that says something happened. */
async function newestDay(tx: Writer): Promise<number> {
  const { rows } = await sql<{ day: number | null }>`
    select max(day) as day from (
      select max(opened_day) as day from deals union all select max(closed_day) from deals
      union all select max(day) from activities union all select max(paid_day) from payments) as days`.execute(tx)
  return rows[0]?.day ?? Math.floor(Date.now() / 86_400_000)
}
