// The job table in SQLite: shared by all processes of one host that open the same file. The handle may be shared.
import { setTimeout as pause } from 'node:timers/promises'
import { systemClock } from '../core/clock.ts'
import type { Clock } from '../core/contracts.ts'
import { MillpondError } from '../core/errors.ts'
import { type QueueOptions, queueName, resolveList, resolveRetention, storeFailed } from './checks.ts'
import type { JobStore, ListOptions, NewJob } from './contract.ts'
import { JOB_COLUMNS, jobOf } from './sql-row.ts'

/** What is used of libsql, better-sqlite3 and node:sqlite. */
export interface SqliteJobsDatabase {
  exec(sql: string): unknown
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
  readonly clock?: Clock
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

/** The table is made with the first use. */
export function sqliteJobs(options: SqliteJobsOptions): JobStore {
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
  // The lock is taken before anything is read: two steps that both read first would wait for each other.
  const step = <T>(what: string, work: (now: number) => T): Promise<T> => attempt(what, (now) => transaction(database, () => work(now)))
  const changed = (sql: string, ...values: (string | number | null)[]): boolean => Number(database.prepare(sql).run(...values).changes) > 0
  const leasedBy = "queue = ? AND id = ? AND lease = ? AND state = 'running'"

  return {
    name: 'sqlite',
    add: ({ id, kind, payload, due }: NewJob) =>
      step('add', (now) => {
        forgetOld(database, now)
        const dueAt = 'at' in due ? Math.floor(due.at) : now + Math.ceil(due.inMs)
        const sql = `INSERT INTO millpond_jobs (queue, ${JOB_COLUMNS}) VALUES (?, ?, ?, ?, 'waiting', ?, ?, 0, ?, NULL) ON CONFLICT DO NOTHING`
        return changed(sql, queue, id, kind, payload, dueAt, now, dueAt)
      }),
    get: (id) =>
      attempt('get', (now) => {
        const [row] = database
          .prepare(`SELECT ${JOB_COLUMNS} FROM millpond_jobs WHERE queue = ? AND id = ? AND coalesce(expires_at, ?) > ?`)
          .all(queue, id, now + 1, now)
        return row === undefined ? undefined : jobOf(row)
      }),
    list: (given?: ListOptions) =>
      attempt('list', (now) => {
        const { states, kind, limit, offset } = resolveList(given)
        const sql = `SELECT ${JOB_COLUMNS} FROM millpond_jobs WHERE queue = ? AND coalesce(expires_at, ?) > ? AND state IN (SELECT value FROM json_each(?)) AND (? IS NULL OR kind = ?) ORDER BY due_at, id LIMIT ? OFFSET ?`
        return database
          .prepare(sql)
          .all(queue, now + 1, now, JSON.stringify(states), kind ?? null, kind ?? null, limit, offset)
          .map(jobOf)
      }),
    cancel: (id) =>
      step('cancel', () => changed("DELETE FROM millpond_jobs WHERE queue = ? AND id = ? AND state IN ('waiting', 'failed')", queue, id)),
    async claim(kinds, limit, lease, leaseMs) {
      const names = JSON.stringify(kinds)
      const open = "queue = ? AND state IN ('waiting', 'running') AND kind IN (SELECT value FROM json_each(?))"
      const next = (now: number): number | undefined => {
        const readyAt = numberIn(
          database.prepare(`SELECT min(ready_at) AS ready_at FROM millpond_jobs WHERE ${open}`).all(queue, names)[0],
          'ready_at',
        )
        return readyAt === undefined ? undefined : Math.max(0, readyAt - now)
      }
      // A look costs no lock; only a job that is due is worth one.
      const nextInMs = await attempt('claim', next)
      if (nextInMs === undefined || nextInMs > 0) return { jobs: [], nextInMs }
      return step('claim', (now) => {
        const sql = `UPDATE millpond_jobs SET state = 'running', lease = ?, attempts = attempts + 1, ready_at = ?
          WHERE queue = ? AND id IN (SELECT id FROM millpond_jobs WHERE ${open} AND ready_at <= ? ORDER BY ready_at, id LIMIT ?) RETURNING ${JOB_COLUMNS}`
        const rows = database.prepare(sql).all(lease, now + Math.ceil(leaseMs), queue, queue, names, now, limit)
        return { jobs: rows.map(jobOf).sort((a, b) => a.dueAt - b.dueAt || (a.id < b.id ? -1 : 1)), nextInMs: next(now) }
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
    async close() {
      isClosed = true
    },
  }
}

function forgetOld(database: SqliteJobsDatabase, now: number): void {
  database.prepare('DELETE FROM millpond_jobs WHERE expires_at IS NOT NULL AND expires_at <= ?').run(now)
}

function numberIn(row: unknown, column: string): number | undefined {
  const value: unknown = typeof row === 'object' && row !== null ? Reflect.get(row, column) : undefined
  return typeof value === 'number' || typeof value === 'bigint' ? Number(value) : undefined
}

/** With a write-ahead log readers and the writer do not wait for each other. A database in memory has none, and stays as it is. */
function prepareTable(database: SqliteJobsDatabase): void {
  database.prepare('PRAGMA journal_mode = WAL').all()
  transaction(database, () => database.exec(SCHEMA))
}

/** Nothing runs in between: all three calls are synchronous. */
function transaction<T>(database: SqliteJobsDatabase, work: () => T): T {
  database.exec('BEGIN IMMEDIATE')
  try {
    const answer = work()
    database.exec('COMMIT')
    return answer
  } catch (error) {
    rollback(database)
    throw error
  }
}

function rollback(database: SqliteJobsDatabase): void {
  try {
    database.exec('ROLLBACK')
  } catch {
    // A full disk has rolled back already; then there is nothing to roll back. The first error is the one to tell.
  }
}

/** Again while other processes hold the lock, without blocking. */
async function untilFree<T>(what: string, work: () => T): Promise<T> {
  const end = performance.now() + BUSY_MS
  for (let round = 1; ; round++) {
    try {
      return work()
    } catch (error) {
      if (!isBusy(error) || performance.now() > end) throw storeFailed('sqlite', what, error)
    }
    // Random, so that waiting processes do not come back together.
    await pause(Math.random() * Math.min(20, 2 * round))
  }
}

/** As libsql and better-sqlite3 name it, and as node:sqlite numbers it. */
function isBusy(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const named = 'code' in error && typeof error.code === 'string' && /^SQLITE_(BUSY|LOCKED)/.test(error.code)
  return named || ('errcode' in error && typeof error.errcode === 'number' && [5, 6].includes(error.errcode & 0xff))
}
