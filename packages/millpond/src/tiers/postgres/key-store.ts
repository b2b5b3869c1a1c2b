// Tenants' keys in a PostgreSQL table, for processes on many hosts: never in the schema of the entries, whose backups
// would then contain the keys.
import { checkOptions, flag, required, type Shape, withMethods } from '../../core/checks.ts'
import type { KeyStore } from '../../core/contracts.ts'
import { MillpondError, reasonOf, show } from '../../core/errors.ts'
import { sqlState } from './sql-state.ts'

/** The parts of pg's Pool (or Client) that are used. */
export interface PostgresKeyStorePool {
  /** Runs one statement with the values of `$1`, `$2`; rejects with the server's error. */
  query(text: string, values?: unknown[]): Promise<{ readonly rows: unknown[]; readonly rowCount: number | null }>
}

export interface PostgresKeyStoreOptions {
  /**
   * Connects to the primary of a different database than that of the entries, preferably on a different server. It
   * stays open after `close`.
   */
  readonly pool: PostgresKeyStorePool
  /** Default `millpond_tenant_key`; `schema.table` is possible. */
  readonly table?: string | undefined
  /**
   * `false`: the table exists already (see `postgresKeyStoreSchema`), and this user may not create it. Default true.
   */
  readonly install?: boolean | undefined
}

const TABLE = /^[a-z_][a-z0-9_]{0,40}(\.[a-z_][a-z0-9_]{0,40})?$/
const STEP = 500
/** Shredding must survive a crash of the server, whatever the session's own setting is. */
const DURABLY = "(SELECT set_config('synchronous_commit', 'on', true) AS is_on) s"
/** Sessions stricter than READ COMMITTED report a concurrent change as one of these errors. */
const OVERTAKEN = ['40001', '40P01']

/** The statement that creates the table; harmless if it exists. */
export function postgresKeyStoreSchema(table = 'millpond_tenant_key'): string {
  return `CREATE TABLE IF NOT EXISTS ${checkTable(table)} (tenant text COLLATE "C" PRIMARY KEY, record text NOT NULL);\n`
}

const OPTIONS: Shape<PostgresKeyStoreOptions> = {
  pool: required(withMethods<PostgresKeyStorePool>('a pool of pg', 'query')),
  table: (value) => checkTable(value),
  install: flag,
}

/**
 * Keeps tenants' keys (wrapped, see `tenantKeyring`) in a table, the same for all processes that reach the database;
 * also the record of a `storedKeyring`. A change is one compare-and-set statement. The server itself keeps replaced
 * versions: in the table's file until `VACUUM FULL` has rewritten it, in its write-ahead log until that is recycled, in
 * archives, replicas and backups. Shredding is only as final as these.
 * @throws MillpondError `OPTION_INVALID`. Calls reject with `KEYRING_UNREACHABLE`, and with `CLOSED` after `close`.
 */
export function postgresKeyStore(options: PostgresKeyStoreOptions): KeyStore {
  checkOptions<PostgresKeyStoreOptions>(options, OPTIONS, 'postgresKeyStore')
  const { pool } = options
  const table = checkTable(options.table ?? 'millpond_tenant_key')
  let installed: Promise<unknown> | undefined = options.install === false ? Promise.resolve() : undefined
  let isClosed = false
  const run = async (sql: string, values: unknown[]): ReturnType<PostgresKeyStorePool['query']> => {
    if (isClosed) throw new MillpondError('CLOSED', '[postgres] key store: it is closed')
    try {
      installed ??= install(pool, table).catch((error: unknown) => {
        installed = undefined
        throw error
      })
      await installed
      return await pool.query(sql, values)
    } catch (cause) {
      throw new MillpondError('KEYRING_UNREACHABLE', `[postgres] key store: ${reasonOf(cause)}`, { cause })
    }
  }
  return {
    async get(tenant) {
      const { rows } = await run(`SELECT record FROM ${table} WHERE tenant = $1`, [tenant])
      return rows[0] === undefined ? undefined : textIn(rows[0], 'record')
    },
    async put(tenant, record, before) {
      try {
        const { rowCount } =
          before === undefined
            ? await run(
                `INSERT INTO ${table} (tenant, record) SELECT $1, $2 FROM ${DURABLY} WHERE s.is_on = 'on' ON CONFLICT DO NOTHING`,
                [tenant, record],
              )
            : await run(
                `UPDATE ${table} SET record = $2 FROM ${DURABLY} WHERE tenant = $1 AND record = $3 AND s.is_on = 'on'`,
                [tenant, record, before],
              )
        return rowCount === 1
      } catch (error) {
        if (error instanceof MillpondError && OVERTAKEN.includes(sqlState(error.cause) ?? '')) return false
        throw error
      }
    },
    async *list() {
      for (let after = ''; ; ) {
        const { rows } = await run(`SELECT tenant FROM ${table} WHERE tenant > $1 ORDER BY tenant LIMIT ${STEP}`, [
          after,
        ])
        const tenants = rows.map((row) => textIn(row, 'tenant'))
        if (tenants.length > 0) yield tenants
        if (tenants.length < STEP) return
        after = tenants.at(-1) ?? ''
      }
    },
    async close() {
      isClosed = true
    },
  }
}

/**
 * One simple query is one transaction; the lock keeps two processes that start together from creating the table twice.
 */
async function install(pool: PostgresKeyStorePool, table: string): Promise<void> {
  await pool.query(`SELECT pg_advisory_xact_lock(7262361502319); ${postgresKeyStoreSchema(table)}`)
}

function checkTable(table: unknown): string {
  if (typeof table === 'string' && TABLE.test(table)) return table
  throw new MillpondError(
    'OPTION_INVALID',
    `postgresKeyStore.table: ${show(table)} is not a table name: use lower-case letters, digits and "_", optionally with a schema and a dot in front`,
  )
}

function textIn(row: unknown, column: string): string {
  const value: unknown = typeof row === 'object' && row !== null ? Reflect.get(row, column) : undefined
  if (typeof value === 'string') return value
  throw new TypeError(`a row has no ${column}`)
}
