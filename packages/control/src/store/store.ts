// The control plane's own store: SQLite by default, PostgreSQL by a URL, behind one query builder.
import { type Dialect, Kysely, PostgresDialect, SqliteDialect, sql, type Transaction } from 'kysely'
import { MillpondError } from 'millpond'
import { isError } from '../is-error.ts'
import { type Engine, migrate } from './migrations.ts'
import type { Schema } from './schema.ts'
import { openSqlite } from './sqlite.ts'

export type Reader = Kysely<Schema>
export type Writer = Transaction<Schema>

export interface Store {
  /** The kind of database. */
  readonly engine: Engine
  /** For display: a path, or a URL without its password. */
  readonly location: string
  /** Queries outside of a transaction. */
  readonly read: Reader
  /** One transaction, serialised over all processes: each may append to the audit log, whose chain has one end. */
  write<T>(work: (tx: Writer) => Promise<T>): Promise<T>
  /** The store's own clock, epoch milliseconds: times of several machines are never compared. */
  now(tx?: Writer): Promise<number>
  /** Closes the connections; waits for transactions in progress. */
  close(): Promise<void>
}

const POOL_SIZE = 5
const CONNECT_MS = 5000
const INT8 = 20

/**
 * Opens and migrates.
 * @param where a `postgres://` URL, or a file's path (created with its folder); `:memory:` for tests
 * @throws MillpondError `TIER_FAILED` if it cannot be opened, `SCHEMA_NEWER` for a store of a later release.
 */
export async function openStore(where: string): Promise<Store> {
  const isUrl = /^postgres(ql)?:\/\//.test(where)
  const engine: Engine = isUrl ? 'postgres' : 'sqlite'
  const location = isUrl ? withoutPassword(where) : where
  const turns = oneByOne()
  let db: Kysely<Schema> | undefined
  try {
    db = new Kysely<Schema>({
      dialect: isUrl ? await postgres(where) : new SqliteDialect({ database: openSqlite(where) }),
    })
    await migrate(db, engine, location)
  } catch (error) {
    await db?.destroy().catch(() => {})
    if (error instanceof MillpondError) throw error
    const reason = isError(error) && error.message !== '' ? error.message : 'no answer'
    throw new MillpondError(
      'TIER_FAILED',
      `the control plane's store ${location} cannot be opened (${reason}): name another one`,
      {
        cause: error,
      },
    )
  }
  const kysely = db
  const clock =
    engine === 'sqlite'
      ? sql`cast((julianday('now') - 2440587.5) * 86400000 as integer)`
      : sql`(extract(epoch from clock_timestamp()) * 1000)::bigint`
  return {
    engine,
    location,
    read: kysely,
    // SQLite has one connection here. Over PostgreSQL a burst of transactions would hold all connections while one
    // after the other has the lock, and the one that has it may need another connection for a read.
    write: (work) =>
      turns(() =>
        kysely.transaction().execute(async (tx) => {
          if (engine === 'postgres') await tx.selectFrom('audit_head').select('seq').forUpdate().execute()
          return work(tx)
        }),
      ),
    async now(tx) {
      const { rows } = await sql<{ now: number }>`select ${clock} as now`.execute(tx ?? kysely)
      return Number(rows[0]?.now)
    },
    close: () => kysely.destroy(),
  }
}

async function postgres(url: string): Promise<Dialect> {
  const { default: pg } = await import('pg').catch((error: unknown) => {
    throw new MillpondError('OPTION_INVALID', "a PostgreSQL store needs the package pg: 'npm install pg'", {
      cause: error,
    })
  })
  const types = {
    getTypeParser: (oid: number, format?: 'text' | 'binary') =>
      oid === INT8
        ? Number
        : format === 'binary'
          ? pg.types.getTypeParser(oid, 'binary')
          : pg.types.getTypeParser(oid, 'text'),
  }
  const pool = new pg.Pool({ connectionString: url, max: POOL_SIZE, connectionTimeoutMillis: CONNECT_MS, types })
  // An idle connection that the server closes must not end the process; the next query opens another.
  pool.on('error', () => undefined)
  try {
    await pool.query('select 1')
  } catch (error) {
    await pool.end()
    throw error
  }
  return new PostgresDialect({ pool })
}

function withoutPassword(url: string): string {
  const shown = new URL(url)
  if (shown.password !== '') shown.password = '***'
  for (const name of [...shown.searchParams.keys()])
    if (/password|secret/i.test(name)) shown.searchParams.set(name, '***')
  return shown.href
}

function oneByOne(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve()
  return (work) => {
    const next = last.then(work, work)
    last = next.catch(() => {})
    return next
  }
}
