// The connections to one PostgreSQL: known to be up or down at every moment, with our own deadline on each statement, whatever the client does.
//
// "Up" means that a connection was made, that the server takes writes (a standby is no place for a ledger) and that the schema is there in our
// version. While it is down every call fails at once and one probe at a time asks again, with growing pauses. A statement that has missed its deadline
// takes its connection with it: nobody knows when that would be free again.
import { createHash } from 'node:crypto'
import { afterAwake } from '../../core/awake.ts'
import { type ErrorCode, MillpondError } from '../../core/errors.ts'
import { Call, withLimit } from './call.ts'
import type { PostgresSettings } from './options.ts'
import type { Access, PostgresClient, PostgresQuery } from './pool.ts'
import { lockKey, postgresSchema, SCHEMA_VERSION } from './schema.ts'
import { isGone, isMissing, sqlState, wasReplaced } from './sql-state.ts'

export type Row = readonly (string | null)[]

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
const INSTALL_MS = 30_000
const CLOSE_MS = 200
/** A timer that rings so much too late has met a process that stood still. */
const LATE_MS = 100
/** Statements that lost against another one and have changed nothing. */
const MAX_TRIES = 4
const asText = { getTypeParser: () => (text: string) => text }

/** A statement whose name says its text, so that two versions of Millpond can use one pool. */
export function statement(text: string): Statement {
  return { text, name: `millpond_${createHash('sha256').update(text).digest('hex').slice(0, 16)}` }
}

export class Database {
  readonly settings: PostgresSettings
  readonly #access: Access
  /** The clients that have a listener for their errors. */
  readonly #heard = new WeakSet<PostgresClient>()
  /** The clients of our own pool whose sessions are set up. */
  readonly #greeted = new WeakSet<PostgresClient>()
  #isReady = false
  /** Why nobody is let through; undefined while it is up and before the first attempt has ended. */
  #down: { readonly cause: unknown } | undefined
  #preparing: Promise<void> | undefined
  #retry: ReturnType<typeof setTimeout> | undefined
  #attempts = 0
  #heardAt = Number.NEGATIVE_INFINITY
  #closed = false
  #running = 0
  #onIdle: (() => void) | undefined
  /** An idle connection that ends is the pool's to replace; without a listener it would end the program. */
  readonly #onPoolError = (): void => {}

  /** Connects with the first statement, not before. */
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
    const query: PostgresQuery = { text, values, rowMode: 'array', types: asText, ...(this.settings.prepare && { name }) }
    const call = new Call()
    this.#running++
    return new Promise<Answer>((resolve, reject) => {
      const settle = (fn: () => void): void => {
        if (!call.end()) return
        if (--this.#running === 0) this.#onIdle?.()
        fn()
      }
      const { commandMs } = this.settings
      const late = (): void =>
        settle(() => {
          const cause = new Error(`no answer within ${commandMs} ms`)
          if (performance.now() - this.#heardAt >= commandMs) this.#fall(cause)
          reject(this.#failed(code, what, cause))
        })
      call.cancel = afterAwake(commandMs, late)
      this.#attempt(call, query).then(
        (answer) => settle(() => resolve(answer)),
        (error: unknown) => settle(() => reject(this.#failed(code, what, error))),
      )
    })
  }

  /** Lets what is under way end; each has its deadline. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    clearTimeout(this.#retry)
    if (this.#running > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve))
    await Promise.race([this.#access.end().catch(() => {}), new Promise((resolve) => setTimeout(resolve, CLOSE_MS).unref())])
    // Connections of our own that the server has not let go of yet may still fail, so that pool keeps its listener.
    if (!this.#access.isOwn) this.#access.pool.removeListener('error', this.#onPoolError)
  }

  async #attempt(call: Call, query: PostgresQuery): Promise<Answer> {
    for (let tries = 1; ; tries++) {
      try {
        if (!this.#isReady) await (this.#preparing ?? this.#prepare())
        return await this.#once(call, query)
      } catch (error) {
        if (tries === MAX_TRIES || call.isOver || this.#closed) throw error
        const state = sqlState(error)
        if (isMissing(state))
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
      if (call.isOver) throw error
      const isLost = isGone(error)
      call.release(isLost)
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
    return this.#ask(client, sql, connectMs).then(
      () => client,
      (error: unknown) => {
        client.release(true)
        throw error
      },
    )
  }

  /** pg's own timer rings late where this process stood still, before it reads the answer that is there: that says nothing of the server. */
  async #connectAwake(): Promise<PostgresClient> {
    const began = performance.now()
    try {
      return await this.#connect()
    } catch (error) {
      if (this.#closed || performance.now() - began < this.settings.connectMs + LATE_MS) throw error
      return this.#connect()
    }
  }

  /** A client that somebody listens to from the first moment: what ends it is told by the rejection of the next statement. */
  #connect(): Promise<PostgresClient> {
    return new Promise((resolve, reject) => {
      this.#access.pool.connect((error, client) => {
        if (client === undefined) return reject(error)
        if (!this.#heard.has(client)) {
          this.#heard.add(client)
          client.on('error', () => {})
        }
        resolve(client)
      })
    })
  }

  /** Makes sure that the server can be used; ends as "up" or as "down". One at a time, whoever asks. */
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
    // Who waits for it is told; a probe has nobody who waits.
    this.#preparing.catch(() => {})
    return this.#preparing
  }

  async #check(): Promise<void> {
    const { connectMs, install } = this.settings
    const client = await withLimit(this.#lend(), connectMs, (late) => late.release(true))
    let isSound = false
    try {
      const [state] = await this.#ask(client, "SELECT current_setting('transaction_read_only')", connectMs)
      if (state?.[0] === 'on') throw new Error('the server is read-only: a standby, or a master that was demoted')
      let version = await this.#version(client)
      if ((version === undefined || version < SCHEMA_VERSION) && install) version = await this.#install(client)
      if (version === undefined)
        throw new Error(`the schema "${this.settings.schema}" is not there: run postgresSchema() as its owner, or set install: true`)
      if (version < SCHEMA_VERSION)
        throw new Error(
          `the schema "${this.settings.schema}" has version ${version}, this Millpond needs ${SCHEMA_VERSION}: run postgresSchema() as its owner`,
        )
      if (version > SCHEMA_VERSION) {
        throw new MillpondError(
          'SCHEMA_NEWER',
          `[postgres] the schema "${this.settings.schema}" has version ${version}, this Millpond knows ${SCHEMA_VERSION}: update it, or use another schema`,
        )
      }
      isSound = true
    } finally {
      client.release(!isSound)
    }
  }

  async #version(client: PostgresClient): Promise<number | undefined> {
    const { schema, connectMs } = this.settings
    try {
      const [row] = await this.#ask(client, `SELECT version FROM "${schema}".meta`, connectMs)
      return row?.[0] === undefined || row[0] === null ? undefined : Number(row[0])
    } catch (error) {
      if (isMissing(sqlState(error))) return undefined
      throw error
    }
  }

  /**
   * One process at a time: whoever had to wait looks again, for functions must not be replaced under the calls of those that were first.
   * Where two roles meet at the first start, the second may not replace what the first has made, and need not.
   */
  async #install(client: PostgresClient): Promise<number | undefined> {
    const { schema } = this.settings
    try {
      // The statements that install begin a transaction too, which goes on with this one: a warning that nobody needs.
      const wait = `SET LOCAL client_min_messages = error; SET LOCAL statement_timeout = '30s'; SELECT pg_advisory_xact_lock(${lockKey(schema, 'install')})`
      await this.#ask(client, `BEGIN; ${wait}`, INSTALL_MS)
      const [row] = await this.#ask(client, `SELECT to_regclass('"${schema}".meta') IS NOT NULL`, INSTALL_MS)
      const version = row?.[0] === 't' ? await this.#version(client) : undefined
      if (version !== undefined && version >= SCHEMA_VERSION) {
        await this.#ask(client, 'COMMIT', INSTALL_MS)
        return version
      }
      await this.#ask(client, postgresSchema(this.settings), INSTALL_MS)
    } catch (error) {
      await this.#ask(client, 'ROLLBACK', this.settings.connectMs)
      const version = await this.#version(client)
      if (version === undefined) throw error
      return version
    }
    return this.#version(client)
  }

  async #ask(client: PostgresClient, text: string, ms: number): Promise<Row[]> {
    const { rows } = await withLimit(client.query({ text, rowMode: 'array', types: asText }), ms)
    return (rows ?? []).map(asRow)
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
    this.#retry = setTimeout(
      () => {
        this.#retry = undefined
        if (this.#preparing === undefined) void this.#prepare().catch(() => {})
        else this.#probeLater()
      },
      delay * (0.75 + Math.random() / 2),
    ).unref()
  }

  #failed(code: ErrorCode, what: string, cause: unknown): MillpondError {
    if (this.#closed) return new MillpondError('CLOSED', `[postgres] ${what}: the tier is closed`)
    if (cause instanceof MillpondError) return cause
    return new MillpondError(
      code,
      `[postgres] ${what.replace(/:$/, '')}: ${cause instanceof Error ? cause.message : 'there is no connection'}`,
      { cause },
    )
  }
}

function asRow(row: unknown): Row {
  if (Array.isArray(row)) return row
  throw new TypeError('the client answered no row')
}
