// SQLite through libsql: prebuilt, synchronous, one connection.
import { accessSync, constants, existsSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { type Dialect, SqliteDialect } from 'kysely'
import Sqlite from 'libsql'
import { StartError } from '../start-error.ts'

/** Milliseconds that a statement waits for another process's lock. */
const BUSY_MS = 2_000

export function sqliteDialect(path: string): { dialect: Dialect; location: string } {
  const database = open(path)
  return { dialect: new SqliteDialect({ database }), location: path }
}

function open(path: string): InstanceType<typeof Sqlite> {
  let database: InstanceType<typeof Sqlite> | undefined
  try {
    if (path !== ':memory:') mkdirSync(dirname(path), { recursive: true })
    if (existsSync(path)) accessSync(path, constants.R_OK | constants.W_OK)
    database = new Sqlite(path, { timeout: BUSY_MS })
    database.exec('pragma journal_mode = wal; pragma synchronous = normal; pragma foreign_keys = on; pragma cache_size = -65536')
    database.prepare('select count(*) from sqlite_master').get()
    return database
  } catch (error) {
    database?.close()
    const reason = error instanceof Error ? error.message : String(error)
    throw new StartError(`cannot open the database ${path} (${reason}): choose a writable folder with --dir, or remove the file`, {
      cause: error,
    })
  }
}
