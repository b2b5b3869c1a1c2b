// The store's SQLite file, behind the query builder's interface. Text is read as bytes: libsql aborts the process on
// text that is not UTF-8, which a damaged file may contain.
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import type { SqliteDatabase, SqliteStatement } from 'kysely'
import Sqlite from 'libsql'

/** Milliseconds that a statement waits for another process's lock. */
const BUSY_MS = 5000
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export function openSqlite(path: string): SqliteDatabase {
  if (path !== ':memory:') mkdirSync(dirname(path), { recursive: true })
  const database = new Sqlite(path, { timeout: BUSY_MS })
  // Full: an acknowledged change and its audit row survive a power failure.
  database.exec(
    'pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on; pragma secure_delete = on',
  )
  return { close: () => database.close(), prepare: (sql) => withBytes(database, sql) }
}

function withBytes(database: Sqlite.Database, sql: string): SqliteStatement {
  const plain = database.prepare(sql)
  // The tables have no binary columns, so bytes are text. A statement that changes rows cannot be a subquery.
  if (!plain.reader || !/^\s*(select|with)\b/i.test(sql)) return plain
  const columns = plain.columns().map(({ name }) => `"${name.replaceAll('"', '""')}"`)
  const read = columns.map(
    (name) => `case typeof(${name}) when 'text' then cast(${name} as blob) else ${name} end as ${name}`,
  )
  const statement = database.prepare(`select ${read.join(', ')} from (${sql})`)
  return {
    reader: true,
    all: (values) => statement.all(...values).map(decoded),
    run: (values) => plain.run(...values),
    *iterate(values) {
      for (const row of statement.iterate(...values)) yield decoded(row)
    },
  }
}

function decoded(row: unknown): unknown {
  return Object.fromEntries(
    Object.entries(row instanceof Object ? row : {}).map(([name, value]) => [name, text(name, value)]),
  )
}

function text(name: string, value: unknown): unknown {
  if (!(value instanceof ArrayBuffer || value instanceof Uint8Array)) return value
  try {
    return decoder.decode(value)
  } catch (cause) {
    throw new Error(`the file is damaged: its column ${name} holds text that is not UTF-8`, { cause })
  }
}
