// An outbox in the user's own database: a transaction's invalidations are recorded as a row of that transaction, and
// applied once it has committed.
//
// If caches are told before the commit (`cache.transaction`), an unreachable ledger refuses the write. Here the write
// depends on the database alone; a committed row is applied by whichever process comes first, at least once, and is
// deleted when the invalidation is acknowledged.
import { randomUUID } from 'node:crypto'
import { check, checkOptions, clock, duration, fn, oneOf, required, type Shape, text } from '../core/checks.ts'
import { systemClock } from '../core/clock.ts'
import type { Clock } from '../core/contracts.ts'
import { type Duration, parseDuration } from '../core/duration.ts'
import { MillpondError, show } from '../core/errors.ts'
import { type Criteria, resolveCriteria } from './criteria.ts'
import { type DueInvalidation, plainInvalidation, readPayload } from './schedule.ts'

/** Runs one statement and resolves with its rows: of a pool or of a transaction, of any driver. */
export type RunSql = (sql: string, parameters: readonly unknown[]) => Promise<readonly object[]>

export interface TransactionOutboxOptions {
  /** The SQL dialect. */
  readonly dialect: 'postgres' | 'sqlite'
  /** Outside of transactions: reads and deletes rows. */
  readonly run: RunSql
  /**
   * `(due) => cache.namespace(due.namespace).invalidate(due.criteria, { mode: due.mode })`. A receipt that says
   * `isApplied: false` counts as not done.
   */
  readonly invalidate: (due: DueInvalidation) => Promise<unknown>
  /** `outbox`, or `schema.outbox`. Default `millpond_outbox`. */
  readonly table?: string | undefined
  /** How often the table is checked for rows of other processes, once `start` was called. Default `'1s'`. */
  readonly every?: Duration | undefined
  /** The clock. */
  readonly clock?: Clock | undefined
  /** Called with errors of rows that could not be applied or read: they stay, and are retried. */
  readonly onError?: ((error: unknown) => void) | undefined
}

export interface NoteOptions {
  /** The namespace. Default `'default'`. */
  readonly namespace?: string | undefined
  /** `delete`, or `expire`: a stale answer may be served while it is reloaded. */
  readonly mode?: 'delete' | 'expire' | undefined
}

/** The result of a check of the table. */
export interface Settled {
  /** Rows whose invalidations were applied, and that were removed. */
  readonly applied: number
  /** Rows that remain: they could not be applied, or not be read. */
  readonly left: number
}

/** Made by `transactionOutbox`. */
export interface TransactionOutbox {
  /** Creates the table if it does not exist. Its statement is `sql`, for your own migrations. */
  install(): Promise<void>
  /** The statement that creates the table. */
  readonly sql: string
  /**
   * Records a transaction's invalidations, by a statement of that transaction. @throws MillpondError `OPTION_INVALID`
   * and others for the criteria; the errors of `run`.
   */
  note(run: RunSql, criteria: Criteria, options?: NoteOptions): Promise<void>
  /**
   * Applies committed rows. After a commit: caches are invalidated when it resolves, unless `left` says otherwise.
   * Rejects if the database fails.
   */
  settle(): Promise<Settled>
  /** Settles repeatedly, until `stop`. The timer does not keep the process alive. */
  start(): void
  /** Ends `start`; resolves when a running check has ended. */
  stop(): Promise<void>
}

const OPTIONS: Shape<TransactionOutboxOptions> = {
  dialect: required(oneOf('postgres', 'sqlite')),
  run: required(fn('a function that runs a statement: (sql, parameters) => rows')),
  invalidate: required(
    fn('a function that invalidates: (due) => cache.namespace(due.namespace).invalidate(due.criteria)'),
  ),
  table: check(
    (value): value is string => typeof value === 'string' && /^([A-Za-z_]\w{0,62}\.)?[A-Za-z_]\w{0,62}$/.test(value),
    "a table's name, such as 'millpond_outbox' or 'shop.outbox'",
  ),
  every: duration,
  clock,
  onError: fn(),
}
const NOTE: Shape<NoteOptions> = { namespace: text, mode: oneOf('delete', 'expire') }
const PAGE = 100

/**
 * Records invalidations as rows of your own transaction, and applies what has been committed.
 * @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`.
 */
export function transactionOutbox(options: TransactionOutboxOptions): TransactionOutbox {
  checkOptions<TransactionOutboxOptions>(options, OPTIONS, 'transactionOutbox')
  return new Outbox(options)
}

class Outbox implements TransactionOutbox {
  readonly sql: string
  readonly #options: TransactionOutboxOptions
  readonly #clock: Clock
  readonly #table: string
  readonly #everyMs: number
  #settling: Promise<Settled> | undefined
  #next: Promise<Settled> | undefined
  #cancel: (() => void) | undefined
  #isStarted = false

  constructor(options: TransactionOutboxOptions) {
    const { table = 'millpond_outbox', every = '1s' } = options
    this.#options = options
    this.#clock = options.clock ?? systemClock()
    this.#table = table
      .split('.')
      .map((part) => `"${part}"`)
      .join('.')
    this.#everyMs = parseDuration(every, 'every')
    if (!(this.#everyMs >= 1 && this.#everyMs <= 86_400_000))
      throw new MillpondError(
        'OPTION_INVALID',
        `every: ${show(every)} is not a valid interval: give a time from 1 ms to a day`,
      )
    this.sql = `CREATE TABLE IF NOT EXISTS ${this.#table} (id TEXT PRIMARY KEY, body TEXT NOT NULL, noted_at BIGINT NOT NULL)`
  }

  async install(): Promise<void> {
    await this.#options.run(this.sql, [])
  }

  async note(run: RunSql, criteria: Criteria, options: NoteOptions = {}): Promise<void> {
    if (typeof run !== 'function')
      throw new MillpondError(
        'OPTION_INVALID',
        `note: ${show(run)} is not a function: give one that runs a statement within the transaction`,
      )
    checkOptions<NoteOptions>(options, NOTE, 'note')
    const now = this.#clock.now()
    resolveCriteria(criteria, { now })
    const body = JSON.stringify(
      plainInvalidation({ namespace: options.namespace ?? 'default', criteria, mode: options.mode }),
    )
    await run(`INSERT INTO ${this.#table} (id, body, noted_at) VALUES (${this.#places(3)})`, [randomUUID(), body, now])
  }

  /**
   * A call during a check is answered by the next one: its own row may have been committed after the first one read the
   * table.
   */
  settle(): Promise<Settled> {
    if (this.#settling === undefined) {
      this.#settling = this.#settleAll().finally(() => {
        this.#settling = undefined
      })
      return this.#settling
    }
    this.#next ??= this.#settling
      .catch(() => {}) // reported to the caller
      .then(() => {
        this.#next = undefined
        return this.settle()
      })
    return this.#next
  }

  start(): void {
    if (this.#isStarted) return
    this.#isStarted = true
    this.#later()
  }

  async stop(): Promise<void> {
    this.#isStarted = false
    this.#cancel?.()
    await Promise.all([this.#settling, this.#next]).catch(() => {}) // reported to the caller
  }

  #later(): void {
    if (!this.#isStarted) return
    this.#cancel = this.#clock.after(this.#everyMs, () => {
      this.settle()
        .catch((error: unknown) => this.#options.onError?.(error))
        .finally(() => this.#later())
    })
  }

  /** Page by page, in the order of random ids: a row that cannot be applied delays no other. */
  async #settleAll(): Promise<Settled> {
    const { run } = this.#options
    const ended = { applied: 0, left: 0 }
    const page = `SELECT id, body FROM ${this.#table} WHERE id > ${this.#places(1)} ORDER BY id LIMIT ${PAGE}`
    for (let last = '', isMore = true; isMore; ) {
      const rows = (await run(page, [last])).map(rowOf)
      isMore = rows.length === PAGE
      last = rows.at(-1)?.id ?? last
      const done = await Promise.all(rows.map((row) => this.#apply(row)))
      const ids = rows.filter((_, at) => done[at]).map(({ id }) => id)
      if (ids.length > 0) await run(`DELETE FROM ${this.#table} WHERE id IN (${this.#places(ids.length)})`, ids)
      ended.applied += ids.length
      ended.left += rows.length - ids.length
    }
    return ended
  }

  async #apply({ id, body }: Row): Promise<boolean> {
    try {
      const receipt = await this.#options.invalidate({ ...readPayload(JSON.parse(body)), id })
      return !(typeof receipt === 'object' && receipt !== null && 'isApplied' in receipt && receipt.isApplied === false)
    } catch (error) {
      this.#options.onError?.(error)
      return false
    }
  }

  #places(count: number): string {
    const isNumbered = this.#options.dialect === 'postgres'
    return Array.from({ length: count }, (_, at) => (isNumbered ? `$${at + 1}` : '?')).join(', ')
  }
}

interface Row {
  readonly id: string
  readonly body: string
}

function rowOf(row: object): Row {
  if ('id' in row && 'body' in row && typeof row.id === 'string' && typeof row.body === 'string')
    return { id: row.id, body: row.body }
  throw new MillpondError(
    'OPTION_INVALID',
    `run: ${show(row)} is not a row of the outbox: resolve with the rows of the statement`,
  )
}
