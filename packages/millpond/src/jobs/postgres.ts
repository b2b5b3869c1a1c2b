// The job table in PostgreSQL: rows are claimed with FOR UPDATE SKIP LOCKED, times are the server's.
import { checkOptions, flag, required, type Shape, withMethods } from '../core/checks.ts'
import { MillpondError, show } from '../core/errors.ts'
import type { Claimed, JobDue, JobStore, ListOptions, NewJob } from '../core/jobs.ts'
import {
  inTime,
  queueName,
  resolveList,
  resolveRetention,
  SERVER,
  type ServerOptions,
  stepMs,
  storeFailed,
} from './checks.ts'
import { JOB_COLUMNS, jobOf } from './sql-row.ts'

/** The used part of pg's Pool (or Client). */
export interface PostgresJobsPool {
  /** Runs a statement with parameters. */
  query(text: string, values?: unknown[]): Promise<{ readonly rows: unknown[]; readonly rowCount: number | null }>
}

export interface PostgresJobsOptions extends ServerOptions {
  /** It stays open after `close`. */
  readonly pool: PostgresJobsPool
  /** Default `millpond_jobs`; `schema.table` is possible. */
  readonly table?: string | undefined
  /** `false`: the table exists already (see `postgresJobsSchema`), and this user may not create it. Default true. */
  readonly install?: boolean | undefined
}

const TABLE = /^[a-z_][a-z0-9_]{0,40}(\.[a-z_][a-z0-9_]{0,40})?$/
const NOW = '(extract(epoch FROM statement_timestamp()) * 1000)::bigint'

/** The statements that create the table and its indexes; idempotent. */
export function postgresJobsSchema(table = 'millpond_jobs'): string {
  const name = checkTable(table)
  const short = name.slice(name.indexOf('.') + 1)
  return `
CREATE TABLE IF NOT EXISTS ${name} (
  queue text NOT NULL, id text COLLATE "C" NOT NULL, kind text NOT NULL, payload text NOT NULL, state text NOT NULL,
  due_at bigint NOT NULL, created_at bigint NOT NULL, attempts integer NOT NULL, ready_at bigint NOT NULL,
  lease text, error text, expires_at bigint,
  PRIMARY KEY (queue, id)
);
CREATE INDEX IF NOT EXISTS ${short}_ready ON ${name} (queue, ready_at) WHERE state IN ('waiting', 'running');
CREATE INDEX IF NOT EXISTS ${short}_gone ON ${name} (expires_at) WHERE expires_at IS NOT NULL;
`
}

const OPTIONS: Shape<PostgresJobsOptions> = {
  ...SERVER,
  pool: required(withMethods<PostgresJobsPool>('a pool of pg', 'query')),
  table: (value) => checkTable(value),
  install: flag,
}

/** The table is created on first use, unless `install` is false. */
export function postgresJobs(options: PostgresJobsOptions): JobStore {
  checkOptions<PostgresJobsOptions>(options, OPTIONS, 'postgresJobs')
  const { pool } = options
  const table = checkTable(options.table ?? 'millpond_jobs')
  const queue = queueName(options)
  const { keepDoneMs, keepFailedMs } = resolveRetention(options)
  let installed: Promise<unknown> | undefined = options.install === false ? Promise.resolve() : undefined
  const timeoutMs = stepMs(options)
  let isClosed = false

  const step = async (what: string, sql: string, values: unknown[]): Promise<{ rows: unknown[]; count: number }> => {
    if (isClosed) throw new MillpondError('CLOSED', '[postgres] jobs: the store is closed')
    try {
      const { rows, rowCount } = await inTime('postgres', what, timeoutMs, run(sql, values))
      return { rows, count: rowCount ?? 0 }
    } catch (error) {
      throw storeFailed('postgres', what, error)
    }
  }
  const run = async (sql: string, values: unknown[]): ReturnType<PostgresJobsPool['query']> => {
    installed ??= install(pool, table).catch((error: unknown) => {
      installed = undefined
      throw error
    })
    await installed
    return pool.query(sql, values)
  }
  const changed = async (what: string, sql: string, ...values: unknown[]): Promise<boolean> =>
    (await step(what, sql, values)).count > 0
  const leasedBy = "queue = $1 AND id = $2 AND lease = $3 AND state = 'running'"
  const live = `(expires_at IS NULL OR expires_at > ${NOW})`

  return {
    name: 'postgres',
    add: ({ id, kind, payload, due }: NewJob) => {
      const dueAt = dueAtOf(due, '$5')
      const sql = `WITH gone AS (DELETE FROM ${table} WHERE expires_at <= ${NOW} AND NOT (queue = $1 AND id = $2))
        INSERT INTO ${table} AS held (queue, id, kind, payload, state, due_at, created_at, attempts, ready_at)
        VALUES ($1, $2, $3, $4, 'waiting', ${dueAt}, ${NOW}, 0, ${dueAt})
        ON CONFLICT (queue, id) DO UPDATE SET kind = excluded.kind, payload = excluded.payload, state = 'waiting', due_at = excluded.due_at, created_at = excluded.created_at,
          attempts = 0, ready_at = excluded.ready_at, lease = NULL, error = NULL, expires_at = NULL
        WHERE held.expires_at <= ${NOW}`
      return changed('add', sql, queue, id, kind, payload, msOf(due))
    },
    async get(id) {
      const { rows } = await step(
        'get',
        `SELECT ${JOB_COLUMNS} FROM ${table} WHERE queue = $1 AND id = $2 AND ${live}`,
        [queue, id],
      )
      return rows[0] === undefined ? undefined : jobOf(rows[0])
    },
    async list(given?: ListOptions) {
      const { states, kind, limit, offset } = resolveList(given)
      const sql = `SELECT ${JOB_COLUMNS} FROM ${table} WHERE queue = $1 AND ${live} AND state = ANY($2) AND ($3::text IS NULL OR kind = $3) ORDER BY due_at, id LIMIT $4 OFFSET $5`
      return (await step('list', sql, [queue, states, kind ?? null, limit, offset])).rows.map(jobOf)
    },
    cancel: (id) =>
      changed(
        'cancel',
        `DELETE FROM ${table} WHERE queue = $1 AND id = $2 AND state IN ('waiting', 'failed')`,
        queue,
        id,
      ),
    async claim(kinds, limit, lease, leaseMs): Promise<Claimed> {
      const open = "queue = $1 AND state IN ('waiting', 'running') AND kind = ANY($2)"
      const sql = `WITH picked AS (
          SELECT queue, id FROM ${table} WHERE ${open} AND ready_at <= ${NOW} ORDER BY ready_at, id LIMIT $3 FOR UPDATE SKIP LOCKED
        )
        UPDATE ${table} AS held SET state = 'running', lease = $4, attempts = attempts + 1, ready_at = ${NOW} + $5::bigint
        FROM picked WHERE held.queue = picked.queue AND held.id = picked.id RETURNING ${columnsOf('held')}`
      const { rows } = await step('claim', sql, [queue, kinds, limit, lease, Math.ceil(leaseMs)])
      const next = await step('claim', `SELECT min(ready_at) - ${NOW} AS left FROM ${table} WHERE ${open}`, [
        queue,
        kinds,
      ])
      const left: unknown = next.rows.map((row) =>
        typeof row === 'object' && row !== null ? Reflect.get(row, 'left') : undefined,
      )[0]
      const jobs = rows.map(jobOf).sort((a, b) => a.dueAt - b.dueAt || (a.id < b.id ? -1 : 1))
      return { jobs, nextInMs: left === null || left === undefined ? undefined : Math.max(0, Number(left)) }
    },
    renew: (id, lease, leaseMs) =>
      changed(
        'renew',
        `UPDATE ${table} SET ready_at = ${NOW} + $4::bigint WHERE ${leasedBy}`,
        queue,
        id,
        lease,
        Math.ceil(leaseMs),
      ),
    complete: (id, lease) =>
      changed(
        'complete',
        `UPDATE ${table} SET state = 'done', lease = NULL, expires_at = ${NOW} + $4::bigint WHERE ${leasedBy}`,
        queue,
        id,
        lease,
        keepDoneMs,
      ),
    fail: (id, lease, error, retryInMs) =>
      retryInMs === undefined
        ? changed(
            'fail',
            `UPDATE ${table} SET state = 'failed', lease = NULL, error = $4, expires_at = ${NOW} + $5::bigint WHERE ${leasedBy}`,
            queue,
            id,
            lease,
            error,
            keepFailedMs,
          )
        : changed(
            'fail',
            `UPDATE ${table} SET state = 'waiting', lease = NULL, error = $4, ready_at = ${NOW} + $5::bigint WHERE ${leasedBy}`,
            queue,
            id,
            lease,
            error,
            Math.ceil(retryInMs),
          ),
    again: (id, lease, due, payload) => {
      const sql = `UPDATE ${table} SET state = 'waiting', lease = NULL, error = NULL, attempts = 0, due_at = ${dueAtOf(due, '$4')}, ready_at = ${dueAtOf(due, '$4')}, payload = $5
        WHERE ${leasedBy}`
      return changed('again', sql, queue, id, lease, msOf(due), payload)
    },
    async close() {
      isClosed = true
    },
  }
}

const dueAtOf = (due: JobDue, value: string): string => ('at' in due ? `${value}::bigint` : `${NOW} + ${value}::bigint`)
const msOf = (due: JobDue): number => ('at' in due ? Math.floor(due.at) : Math.ceil(due.inMs))

const columnsOf = (name: string): string =>
  JOB_COLUMNS.split(', ')
    .map((column) => `${name}.${column}`)
    .join(', ')

/** One simple query is one transaction; the lock prevents two starting processes from creating the same table. */
async function install(pool: PostgresJobsPool, table: string): Promise<void> {
  await pool.query(`SELECT pg_advisory_xact_lock(7262361502318); ${postgresJobsSchema(table)}`)
}

function checkTable(table: unknown): string {
  if (typeof table === 'string' && TABLE.test(table)) return table
  throw new MillpondError(
    'OPTION_INVALID',
    `table: ${show(table)} is not allowed: use lower-case letters, digits and '_', with one '.' after the schema`,
  )
}
