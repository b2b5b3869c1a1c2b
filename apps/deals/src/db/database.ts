// The data: SQLite by default, PostgreSQL by a URL, behind one query builder that counts its statements.
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
  /** For display: a path, or a URL without its password. */
  readonly location: string
  readonly kysely: Kysely<Schema>
  /** How many statements were sent since the start; for `apart`, only its own. */
  readonly queries: () => number
  /** Runs `read` in one snapshot. */
  snapshot<T>(read: (tx: Reader) => Promise<T>): Promise<T>
  write<T>(work: (tx: Writer) => Promise<T>): Promise<T>
  /** The same data for work that is counted by itself (in the whole, too). */
  apart(): Database
  close(): Promise<void>
}

/** Where the data lives: a file, or a PostgreSQL URL. */
export type Where =
  | { readonly engine: 'sqlite'; readonly path: string }
  | { readonly engine: 'postgres'; readonly url: string }

/** Beginning and ending a transaction are statements, too. */
const FRAME = 2

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
  const asDatabase = (through: Kysely<Schema>, queries: () => number): Database => ({
    engine: where.engine,
    location,
    kysely: through,
    queries,
    snapshot: (read) =>
      through.transaction().setIsolationLevel('repeatable read').setAccessMode('read only').execute(read),
    write: (work) => through.transaction().execute(work),
    apart: () => {
      let own = 0
      const counted = kysely.withPlugin({
        transformQuery: ({ node }) => {
          own++
          return node
        },
        transformResult: async ({ result }) => result,
      })
      const view = asDatabase(counted, () => own)
      const framed = <T>(work: Promise<T>): Promise<T> => {
        own += FRAME
        return work
      }
      return { ...view, snapshot: (read) => framed(view.snapshot(read)), write: (work) => framed(view.write(work)) }
    },
    close: () => kysely.destroy(),
  })
  return asDatabase(kysely, () => count)
}
