// The data: SQLite by default, PostgreSQL by a URL, behind one query builder that counts what it asks.
import { Kysely, type KyselyConfig, type Transaction } from 'kysely'
import type { Engine } from './engine.ts'
import { migrate } from './migrations.ts'
import { postgresDialect } from './postgres.ts'
import type { Schema } from './schema.ts'
import { sqliteDialect } from './sqlite.ts'

export type Reader = Kysely<Schema> | Transaction<Schema>
export type Writer = Transaction<Schema>

export interface Database {
  readonly engine: Engine
  /** As shown to people: a path, or a URL without its password. */
  readonly location: string
  readonly kysely: Kysely<Schema>
  /** How many statements were sent since the start. */
  readonly queries: () => number
  /** Runs `read` in one snapshot: nothing that it sees changes under it. */
  snapshot<T>(read: (tx: Reader) => Promise<T>): Promise<T>
  write<T>(work: (tx: Writer) => Promise<T>): Promise<T>
  close(): Promise<void>
}

/** Where the data lives: a file, or a PostgreSQL URL. */
export type Where = { readonly engine: 'sqlite'; readonly path: string } | { readonly engine: 'postgres'; readonly url: string }

/** Opens and migrates. Throws `StartError` for a database that cannot be used. */
export async function openDatabase(where: Where): Promise<Database> {
  let count = 0
  const { dialect, location } = where.engine === 'sqlite' ? sqliteDialect(where.path) : await postgresDialect(where.url)
  const config: KyselyConfig = {
    dialect,
    log: () => {
      count++
    },
  }
  const kysely = new Kysely<Schema>(config)
  try {
    await migrate(kysely, where.engine, location)
  } catch (error) {
    await kysely.destroy()
    throw error
  }
  return {
    engine: where.engine,
    location,
    kysely,
    queries: () => count,
    snapshot: (read) => kysely.transaction().setIsolationLevel('repeatable read').setAccessMode('read only').execute(read),
    write: (work) => kysely.transaction().execute(work),
    close: () => kysely.destroy(),
  }
}
