// The connections to one PostgreSQL: its state, up or down, is always known, and each statement has our own deadline,
// whatever the client does.
//
// "Up" means that a connection was made, that the server accepts writes (a standby cannot hold a ledger) and that the
// schema exists in our version. While it is down every call fails at once and one probe at a time checks again, with
// growing pauses. A statement that misses its deadline keeps its connection for as long again while the server answers
// others, and then discards it: a new one is slow, since each session prepares its statements and compiles the
// functions anew, so a busy server must not be made to open more of them. If the server answers nobody the connection
// is discarded at once.
import { createHash } from 'node:crypto'
import { afterAwake } from '../../core/awake.ts'
import { type ErrorCode, isError, MillpondError } from '../../core/errors.ts'
import { unheld } from '../../core/unheld.ts'
import { ask, asRow, asText, Call, type Row, withLimit } from './call.ts'
import type { Access, PostgresClient, PostgresQuery } from './client.ts'
import { checkServer } from './install.ts'
import type { PostgresSettings } from './options.ts'
import { isGone, isMissing, isUnprepared, sqlState, wasReplaced } from './sql-state.ts'

export interface Answer {
  readonly rows: readonly Row[]
  readonly count: number
}

export interface Statement {
  readonly text: string
  readonly name: string
}

const FIRST_RETRY_MS = 50
const LAST_RETRY_MS = 2000
const CLOSE_MS = 200
/** A timer this late indicates that the process was paused. */
const LATE_MS = 100
/** Attempts of a statement that lost a conflict and has changed nothing. */
const MAX_TRIES = 4

/** A statement named by a hash of its text, so that two versions of Millpond can use one pool. */
export function statement(text: string): Statement {
  return { text, name: `millpond_${createHash('sha256').update(text).digest('hex').slice(0, 16)}` }
}

/**
 * The clients that have an error listener already, from any tier: several tiers may use the program's pool one after
 * another.
 */
const heard = new WeakSet<PostgresClient>()

export class Database {
  readonly settings: PostgresSettings
  readonly #access: Access
  /** The clients of our own pool whose sessions are configured. */
  readonly #greeted = new WeakSet<PostgresClient>()
  #isReady = false
  /** Why calls fail; undefined while it is up and before the first attempt has ended. */
  #down: { readonly cause: unknown } | undefined
  #preparing: Promise<void> | undefined
  #retry: ReturnType<typeof setTimeout> | undefined
  #attempts = 0
  #heardAt = Number.NEGATIVE_INFINITY
  #closed = false
  #running = 0
  #onIdle: (() => void) | undefined
  /** The pool replaces an idle connection that ends; without a listener the error would end the program. */
  readonly #onPoolError = (): void => {}

  /** Connects on the first statement. */
  constructor(settings: PostgresSettings, access: Access) {
    this.settings = settings
    this.#access = access
    access.pool.on('error', this.#onPoolError)
  }

  get isClosed(): boolean {
    return this.#closed
  }

  /** Runs one statement within the deadline. Rejects at once while the server is known to be down. */
  run(what: string, code: ErrorCode, { text, name }: Statement, values: unknown[]): Promise<Answer> {
    if (this.#closed || this.#down !== undefined) return Promise.reject(this.#failed(code, what, this.#down?.cause))
    const query: PostgresQuery = {
      text,
      values,
      rowMode: 'array',
      types: asText,
      ...(this.settings.prepare && { name }),
    }
    const call = new Call()
    this.#running++
    return new Promise<Answer>((resolve, reject) => {
      const settle = (fn: () => void, keepMs = 0): void => {
        if (!call.end(keepMs)) return
        if (--this.#running === 0) this.#onIdle?.()
        fn()
      }
      const { commandMs } = this.settings
      const late = (): void => {
        const isSilent = performance.now() - this.#heardAt >= commandMs
        settle(
          () => {
            const cause = new Error(`no answer within ${commandMs} ms`)
            if (isSilent) this.#fall(cause)
            reject(this.#failed(code, what, cause))
          },
          isSilent ? 0 : commandMs,
        )
      }
      call.cancel = afterAwake(commandMs, late)
      this.#attempt(call, query).then(
        (answer) => settle(() => resolve(answer)),
        (error: unknown) => settle(() => reject(this.#failed(code, what, error))),
      )
    })
  }

  /** Waits for running statements; each has its deadline. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    clearTimeout(this.#retry)
    if (this.#running > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve))
    await Promise.race([
      this.#access.end().catch(() => {}),
      new Promise((resolve) => unheld(setTimeout(resolve, CLOSE_MS))),
    ])
    // Our own connections that the server has not closed yet may still fail, so that pool keeps its listener.
    if (!this.#access.isOwn) this.#access.pool.removeListener('error', this.#onPoolError)
  }

  async #attempt(call: Call, given: PostgresQuery): Promise<Answer> {
    let query = given
    for (let tries = 1; ; tries++) {
      try {
        if (!this.#isReady) await (this.#preparing ?? this.#prepare())
        return await this.#once(call, query)
      } catch (error) {
        if (tries === MAX_TRIES || call.isOver || this.#closed) throw error
        const state = sqlState(error)
        if (isUnprepared(error)) query = { ...query, name: undefined }
        else if (isMissing(state))
          this.#isReady = false // the schema was dropped: it is made again
        else if (state !== '40001' && state !== '40P01' && !wasReplaced(error)) throw error
      }
    }
  }

  async #once(call: Call, query: PostgresQuery): Promise<Answer> {
    const client = await this.#lend()
    if (call.isOver) {
      client.release()
      throw new Error('given up')
    }
    call.client = client
    try {
      const answer = await client.query(query)
      this.#heardAt = performance.now()
      call.release(false)
      return { rows: answer.rows.map(asRow), count: answer.rowCount ?? 0 }
    } catch (error) {
      const isLost = isGone(error)
      call.release(isLost || isUnprepared(error))
      if (call.isOver) throw error
      if (isLost) this.#fall(error)
      else this.#heardAt = performance.now()
      throw error
    }
  }

  async #lend(): Promise<PostgresClient> {
    let client: PostgresClient
    try {
      client = await this.#connectAwake()
    } catch (error) {
      this.#fall(error)
      throw error
    }
    if (!this.#access.isOwn || this.#greeted.has(client)) return client
    this.#greeted.add(client)
    const { commandMs, connectMs } = this.settings
    const sql = `SET statement_timeout = ${Math.ceil(commandMs)}; SET default_transaction_isolation = 'read committed'; SET plan_cache_mode = force_generic_plan`
    return ask(client, sql, connectMs).then(
      () => client,
      (error: unknown) => {
        client.release(true)
        throw error
      },
    )
  }

  /**
   * After a pause of this process, pg's own timer fires before the answer that has arrived is read: this says nothing
   * about the server.
   */
  async #connectAwake(): Promise<PostgresClient> {
    const began = performance.now()
    try {
      return await this.#connect()
    } catch (error) {
      if (this.#closed || performance.now() - began < this.settings.connectMs + LATE_MS) throw error
      return this.#connect()
    }
  }

  /** A client with an error listener from the start: an error that ends it rejects its next statement. */
  #connect(): Promise<PostgresClient> {
    return new Promise((resolve, reject) => {
      this.#access.pool.connect((error, client) => {
        if (client === undefined) return reject(error)
        if (!heard.has(client)) {
          heard.add(client)
          client.on('error', () => {})
        }
        resolve(client)
      })
    })
  }

  /** Checks that the server can be used; ends as "up" or as "down". Concurrent callers share one check. */
  #prepare(): Promise<void> {
    this.#preparing = this.#check()
      .then(
        () => {
          this.#isReady = true
          this.#down = undefined
          this.#attempts = 0
          this.#heardAt = performance.now()
        },
        (error: unknown) => {
          this.#preparing = undefined
          this.#fall(error)
          throw error
        },
      )
      .finally(() => {
        this.#preparing = undefined
      })
    // Callers that await it see the error; a probe has no caller.
    this.#preparing.catch(() => {})
    return this.#preparing
  }

  async #check(): Promise<void> {
    const client = await withLimit(this.#lend(), this.settings.connectMs, (late) => late.release(true))
    let isSound = false
    try {
      await checkServer(client, this.settings)
      isSound = true
    } finally {
      client.release(!isSound)
    }
  }

  #fall(cause: unknown): void {
    this.#isReady = false
    if (this.#closed) return
    this.#down = { cause }
    if (this.#preparing === undefined) this.#probeLater()
  }

  #probeLater(): void {
    if (this.#retry !== undefined) return
    const delay = Math.min(FIRST_RETRY_MS * 2 ** Math.min(this.#attempts, 10), LAST_RETRY_MS)
    this.#attempts++
    this.#retry = unheld(
      setTimeout(
        () => {
          this.#retry = undefined
          if (this.#preparing === undefined) void this.#prepare().catch(() => {})
          else this.#probeLater()
        },
        delay * (0.75 + Math.random() / 2),
      ),
    )
  }

  #failed(code: ErrorCode, what: string, cause: unknown): MillpondError {
    if (this.#closed) return new MillpondError('CLOSED', `[postgres] ${what}: the tier is closed`)
    if (cause instanceof MillpondError) return cause
    return new MillpondError(
      code,
      `[postgres] ${what.replace(/:$/, '')}: ${isError(cause) ? cause.message : 'there is no connection'}`,
      {
        cause,
      },
    )
  }
}
