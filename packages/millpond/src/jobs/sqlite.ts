// The job table in SQLite: shared by all processes of one host that open the same file. The handle may be shared.
import { setTimeout as pause } from 'node:timers/promises'
import { checkOptions, clock as clockCheck, required, type Shape, withMethods } from '../core/checks.ts'
import { systemClock } from '../core/clock.ts'
import type { Clock } from '../core/contracts.ts'
import { MillpondError } from '../core/errors.ts'
import type { Job, JobDue, JobStore, ListOptions, NewJob } from '../core/jobs.ts'
import { bytesIn, classify, column, numberIn, numbers, textIn, texts, transaction } from '../core/sqlite.ts'
import { QUEUE, type QueueOptions, queueName, resolveList, resolveRetention, storeFailed } from './checks.ts'
import { jobOf } from './sql-row.ts'

/** The used part of libsql, better-sqlite3 and node:sqlite. */
export interface SqliteJobsDatabase {
  /** Runs statements without a result. */
  exec(sql: string): unknown
  /** Prepares a statement. */
  prepare(sql: string): SqliteJobsStatement
}

export interface SqliteJobsStatement {
  run(...values: (string | number | null)[]): { readonly changes: number | bigint }
  get(...values: (string | number | null)[]): unknown
  all(...values: (string | number | null)[]): unknown[]
}

export interface SqliteJobsOptions extends QueueOptions {
  /** An open database; it stays open after `close`. */
  readonly database: SqliteJobsDatabase
  /** All processes of a host share its clock. Default: the machine's. */
  readonly clock?: Clock | undefined
}

/** How long other processes may hold the lock before a step fails, in milliseconds. */
const BUSY_MS = 5000

const SCHEMA = `
CREATE TABLE IF NOT EXISTS millpond_jobs (
  queue TEXT NOT NULL, id TEXT NOT NULL, kind TEXT NOT NULL, payload TEXT NOT NULL, state TEXT NOT NULL,
  due_at INTEGER NOT NULL, created_at INTEGER NOT NULL, attempts INTEGER NOT NULL, ready_at INTEGER NOT NULL,
  lease TEXT, error TEXT, expires_at INTEGER,
  PRIMARY KEY (queue, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS millpond_jobs_ready ON millpond_jobs (queue, ready_at) WHERE state IN ('waiting', 'running');
CREATE INDEX IF NOT EXISTS millpond_jobs_gone ON millpond_jobs (expires_at) WHERE expires_at IS NOT NULL;
`

const TEXTS = ['id', 'kind', 'payload', 'state', 'error'] as const
const NUMBERS = ['due_at', 'created_at', 'attempts', 'ready_at'] as const
const JOB_COLUMNS = `${texts(...TEXTS)}, ${numbers(...NUMBERS)}`
const OPTIONS: Shape<SqliteJobsOptions> = {
  ...QUEUE,
  database: required(
    withMethods<SqliteJobsDatabase>('an open database, such as one of better-sqlite3', 'prepare', 'exec'),
  ),
  clock: clockCheck,
}

/** The table is created on first use. */
export function sqliteJobs(options: SqliteJobsOptions): JobStore {
  checkOptions<SqliteJobsOptions>(options, OPTIONS, 'sqliteJobs')
  const { database } = options
  const clock = options.clock ?? systemClock()
  const queue = queueName(options)
  const { keepDoneMs, keepFailedMs } = resolveRetention(options)
  let hasTable = false
  let isClosed = false

  const attempt = <T>(what: string, work: (now: number) => T): Promise<T> =>
    untilFree(what, () => {
      if (isClosed) throw new MillpondError('CLOSED', '[sqlite] jobs: the store is closed')
      if (!hasTable) prepareTable(database)
      hasTable = true
      return work(Math.floor(clock.now()))
    })
  // The lock is taken before anything is read: two steps that both read first would deadlock.
  const step = <T>(what: string, work: (now: number) => T): Promise<T> =>
    attempt(what, (now) => transaction(database, 'BEGIN IMMEDIATE', () => work(now)))
  const changed = (sql: string, ...values: (string | number | null)[]): boolean =>
    Number(database.prepare(sql).run(...values).changes) > 0
  const leasedBy = "queue = ? AND id = ? AND lease = ? AND state = 'running'"

  return {
    name: 'sqlite',
    add: ({ id, kind, payload, due }: NewJob) =>
      step('add', (now) => {
        forgetOld(database, now)
        const dueAt = dueAtOf(due, now)
        const sql = `INSERT INTO millpond_jobs (queue, id, kind, payload, state, due_at, created_at, attempts, ready_at)
          VALUES (?, ?, ?, ?, 'waiting', ?, ?, 0, ?) ON CONFLICT DO NOTHING`
        return changed(sql, queue, id, kind, payload, dueAt, now, dueAt)
      }),
    get: (id) =>
      attempt('get', (now) => {
        const [row] = database
          .prepare(
            `SELECT ${JOB_COLUMNS} FROM millpond_jobs WHERE queue = ? AND id = ? AND coalesce(expires_at, ?) > ?`,
          )
          .all(queue, id, now + 1, now)
        return row === undefined ? undefined : shown(row)
      }),
    list: (given?: ListOptions) =>
      attempt('list', (now) => {
        const { states, kind, limit, offset } = resolveList(given)
        const sql = `SELECT ${JOB_COLUMNS} FROM millpond_jobs WHERE queue = ? AND coalesce(expires_at, ?) > ? AND state IN (SELECT value FROM json_each(?)) AND (? IS NULL OR kind = ?) ORDER BY due_at, id LIMIT ? OFFSET ?`
        return database
          .prepare(sql)
          .all(queue, now + 1, now, JSON.stringify(states), kind ?? null, kind ?? null, limit, offset)
          .map(shown)
      }),
    cancel: (id) =>
      step('cancel', () =>
        changed("DELETE FROM millpond_jobs WHERE queue = ? AND id = ? AND state IN ('waiting', 'failed')", queue, id),
      ),
    async claim(kinds, limit, lease, leaseMs) {
      const names = JSON.stringify(kinds)
      const open = "queue = ? AND state IN ('waiting', 'running') AND kind IN (SELECT value FROM json_each(?))"
      const next = (now: number): number | undefined => {
        // Every number sorts before any text, which is never due.
        const sql = `SELECT ${numbers('ready_at')} FROM millpond_jobs WHERE ${open} AND ready_at < '' ORDER BY millpond_jobs.ready_at LIMIT 1`
        const [row] = database.prepare(sql).all(queue, names)
        return row === undefined ? undefined : Math.max(0, numberIn(row, 'ready_at') - now)
      }
      // Polling takes no lock; only a due job does.
      const nextInMs = await attempt('claim', next)
      if (nextInMs === undefined || nextInMs > 0) return { jobs: [], nextInMs }
      return step('claim', (now) => {
        const sql = `UPDATE millpond_jobs SET state = 'running', lease = ?, attempts = attempts + 1, ready_at = ?
          WHERE queue = ? AND id IN (SELECT id FROM millpond_jobs WHERE ${open} AND ready_at <= ? ORDER BY ready_at, id LIMIT ?) RETURNING ${JOB_COLUMNS}`
        const rows = database.prepare(sql).all(lease, now + Math.ceil(leaseMs), queue, queue, names, now, limit)
        const jobs = rows.flatMap((row) => readable(row) ?? [])
        if (jobs.length < rows.length) setAside(database, queue, lease, jobs, now + keepFailedMs)
        return { jobs: jobs.sort((a, b) => a.dueAt - b.dueAt || (a.id < b.id ? -1 : 1)), nextInMs: next(now) }
      })
    },
    renew: (id, lease, leaseMs) =>
      step('renew', (now) =>
        changed(`UPDATE millpond_jobs SET ready_at = ? WHERE ${leasedBy}`, now + Math.ceil(leaseMs), queue, id, lease),
      ),
    complete: (id, lease) =>
      step('complete', (now) =>
        changed(
          `UPDATE millpond_jobs SET state = 'done', lease = NULL, expires_at = ? WHERE ${leasedBy}`,
          now + keepDoneMs,
          queue,
          id,
          lease,
        ),
      ),
    fail: (id, lease, error, retryInMs) =>
      step('fail', (now) =>
        retryInMs === undefined
          ? changed(
              `UPDATE millpond_jobs SET state = 'failed', lease = NULL, error = ?, expires_at = ? WHERE ${leasedBy}`,
              error,
              now + keepFailedMs,
              queue,
              id,
              lease,
            )
          : changed(
              `UPDATE millpond_jobs SET state = 'waiting', lease = NULL, error = ?, ready_at = ? WHERE ${leasedBy}`,
              error,
              now + Math.ceil(retryInMs),
              queue,
              id,
              lease,
            ),
      ),
    again: (id, lease, due, payload) =>
      step('again', (now) => {
        const dueAt = dueAtOf(due, now)
        const sql = `UPDATE millpond_jobs SET state = 'waiting', lease = NULL, error = NULL, attempts = 0, due_at = ?, ready_at = ?, payload = ? WHERE ${leasedBy}`
        return changed(sql, dueAt, dueAt, payload, queue, id, lease)
      }),
    async close() {
      isClosed = true
    },
  }
}

const dueAtOf = (due: JobDue, now: number): number => ('at' in due ? Math.floor(due.at) : now + Math.ceil(due.inMs))

const decoder = new TextDecoder()

/** For display: text that is not UTF-8 is shown as such, and what is not a number as 0. */
function shown(row: unknown): Job {
  const number = (name: string): number => (typeof column(row, name) === 'object' ? 0 : numberIn(row, name))
  return job(row, (name) => decoder.decode(bytesIn(row, name)), number)
}

/** For the runner: undefined if the file is damaged, since it must not run something else. */
function readable(row: unknown): Job | undefined {
  try {
    return job(
      row,
      (name) => textIn(row, name),
      (name) => numberIn(row, name),
    )
  } catch (error) {
    if (classify(error) === 'corrupt') return undefined
    throw error
  }
}

function job(row: unknown, text: (name: string) => string, number: (name: string) => number): Job {
  const words = TEXTS.map((name) => [name, column(row, name) === null ? null : text(name)])
  return jobOf({ ...Object.fromEntries(words), ...Object.fromEntries(NUMBERS.map((name) => [name, number(name)])) })
}

/** Unreadable jobs fail, so that those behind them continue. */
function setAside(
  database: SqliteJobsDatabase,
  queue: string,
  lease: string,
  jobs: readonly Job[],
  until: number,
): void {
  const sql = `UPDATE millpond_jobs SET state = 'failed', lease = NULL, error = 'Error: what is stored of the job is not text: the file is damaged',
    expires_at = ? WHERE queue = ? AND lease = ? AND state = 'running' AND id NOT IN (SELECT value FROM json_each(?))`
  database.prepare(sql).run(until, queue, lease, JSON.stringify(jobs.map(({ id }) => id)))
}

function forgetOld(database: SqliteJobsDatabase, now: number): void {
  database.prepare('DELETE FROM millpond_jobs WHERE expires_at IS NOT NULL AND expires_at <= ?').run(now)
}

/**
 * With a write-ahead log readers and the writer do not block each other. An in-memory database has none, and stays as
 * it is.
 */
function prepareTable(database: SqliteJobsDatabase): void {
  database.prepare('PRAGMA journal_mode = WAL').all()
  transaction(database, 'BEGIN IMMEDIATE', () => database.exec(SCHEMA))
}

/** Retried while other processes hold the lock, without blocking. */
async function untilFree<T>(what: string, work: () => T): Promise<T> {
  const end = performance.now() + BUSY_MS
  for (let round = 1; ; round++) {
    try {
      return work()
    } catch (error) {
      if (classify(error) !== 'busy' || performance.now() > end) throw storeFailed('sqlite', what, error)
    }
    // Random, so that waiting processes do not retry together.
    await pause(Math.random() * Math.min(20, 2 * round))
  }
}
