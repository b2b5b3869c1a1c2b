// SQLite through libsql: prebuilt, synchronous, one connection.
import { accessSync, constants, existsSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { type Dialect, type SqliteDatabase, SqliteDialect, type SqliteStatement } from 'kysely'
import Sqlite from 'libsql'
import { isError } from 'millpond/options'
import { StartError } from '../start-error.ts'

/** Milliseconds that a statement waits for another process's lock. */
const BUSY_MS = 2_000
/** Run directly: libsql leaves a prepared statement that met a lock half-way. */
const FRAME = /^(begin|commit|rollback)$/
const READS = /^select /

export function sqliteDialect(path: string): { dialect: Dialect; location: string } {
  const database = open(path)
  return { dialect: new SqliteDialect({ database: withKeptStatements(database) }), location: path }
}

/** The most recently used ones: statements differ by the number of values in a list. */
const KEPT = 256

/** Kysely prepares a statement for each query, which for reads takes a quarter of the query's time. */
function withKeptStatements(database: Sqlite.Database): SqliteDatabase {
  const kept = new Map<string, SqliteStatement>()
  const frame = (sql: string): SqliteStatement => ({
    reader: false,
    all: () => [],
    run: () => {
      database.exec(sql)
      return { changes: 0, lastInsertRowid: 0 }
    },
    iterate: () => [].values(),
  })
  return {
    prepare: (sql) => {
      if (FRAME.test(sql)) return frame(sql)
      if (!READS.test(sql)) return database.prepare(sql)
      const statement = kept.get(sql) ?? database.prepare(sql)
      kept.delete(sql)
      kept.set(sql, statement)
      for (const [oldest] of kept) {
        if (kept.size <= KEPT) break
        kept.delete(oldest)
      }
      return statement
    },
    close: () => {
      kept.clear()
      database.close()
    },
  }
}

function open(path: string): InstanceType<typeof Sqlite> {
  let database: InstanceType<typeof Sqlite> | undefined
  try {
    if (path !== ':memory:') mkdirSync(dirname(path), { recursive: true })
    if (existsSync(path)) accessSync(path, constants.R_OK | constants.W_OK)
    database = new Sqlite(path, { timeout: BUSY_MS })
    database.exec(
      'pragma journal_mode = wal; pragma synchronous = normal; pragma foreign_keys = on; pragma cache_size = -65536',
    )
    database.prepare('select count(*) from sqlite_master').get()
    return database
  } catch (error) {
    database?.close()
    const reason = isError(error) ? error.message : String(error)
    throw new StartError(
      `cannot open the database ${path} (${reason}): choose a writable folder with --dir, or remove the file`,
      {
        cause: error,
      },
    )
  }
}
