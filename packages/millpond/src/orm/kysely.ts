// Kysely: a dialect around the dialect, so that every statement and transaction is seen, and a plugin that says which
// queries are answered from the cache.
import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type KyselyPlugin,
  type QueryResult,
  type TransactionSettings,
} from 'kysely'
import { MillpondError } from '../core/errors.ts'
import { Door, type Form, type Sent } from './door/door.ts'
import { Lane } from './door/lane.ts'
import { checkOrmOptions, type OrmOptions, type QueryOptions, queryOptions } from './door/options.ts'
import type { SqlDialect } from './statements/tokens.ts'

export type { OrmCache, OrmChanges, OrmOptions, OrmOutbox, QueryOptions } from './door/options.ts'

/** A cache in front of Kysely's database. Created by `kyselyCache`. */
export interface KyselyCache {
  /**
   * The dialect with the cache: give it to `new Kysely({ dialect })`. Everything that is written through it is
   * invalidated when it has committed, raw statements too.
   * @throws MillpondError `OPTION_INVALID` for a dialect that is neither PostgreSQL's nor SQLite's.
   */
  dialect(inner: Dialect): Dialect
  /**
   * A plugin whose queries are answered from the cache: `db.withPlugin(orm.cached({ ttl: '1m' }))`, or `plugins:
   * [orm.cached()]` for all of an instance. Within transactions, and for `stream()`, the database itself is queried.
   * @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`, `TAG_INVALID`.
   */
  cached(options?: QueryOptions): KyselyPlugin
}

/**
 * A cache in front of Kysely's database: answers are cached by SQL and parameters, and invalidated when a row or table
 * that they contain has changed.
 * @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`.
 * @example
 * const orm = kyselyCache({ cache })
 * const db = new Kysely<Shop>({ dialect: orm.dialect(new PostgresDialect({ pool })) })
 * const cached = db.withPlugin(orm.cached({ ttl: '1m' }))
 * const ada = await cached.selectFrom('users').selectAll().where('id', '=', 7).execute()
 */
export function kyselyCache(options: OrmOptions): KyselyCache {
  checkOrmOptions(options, 'kyselyCache')
  const wishes = new WeakMap<object, QueryOptions>()
  return {
    dialect: (inner) => {
      const door = new Door(options, 'kysely', dialectOf(inner))
      return {
        createDriver: () => new DoorDriver(inner.createDriver(), door, wishes),
        createQueryCompiler: () => inner.createQueryCompiler(),
        createAdapter: () => inner.createAdapter(),
        createIntrospector: (db) => inner.createIntrospector(db),
      }
    },
    cached: (given = {}) => {
      const wish = queryOptions(given)
      return {
        transformQuery: ({ node, queryId }) => {
          wishes.set(queryId, wish)
          return node
        },
        transformResult: async ({ result }) => result,
      }
    },
  }
}

function dialectOf(inner: Dialect): SqlDialect {
  const name = inner.createQueryCompiler().constructor.name
  if (/postgres/i.test(name)) return 'postgres'
  if (/sqlite/i.test(name)) return 'sqlite'
  throw new MillpondError(
    'OPTION_INVALID',
    `dialect: statements of a ${name} cannot be parsed: only PostgreSQL and SQLite are supported; cache other queries with cache.getOrSet`,
  )
}

/** A connection of the wrapped driver, and the lane that its statements pass. */
interface Real {
  readonly connection: DatabaseConnection
  readonly lane: Lane
}

class DoorDriver implements Driver {
  readonly door: Door
  readonly wishes: WeakMap<object, QueryOptions>
  readonly #inner: Driver
  readonly #ours = new WeakMap<DatabaseConnection, DoorConnection>()
  readonly #lanes = new WeakMap<DatabaseConnection, Lane>()
  /** Of the connection that was released last, which a pool hands out next (SQLite has only one). */
  #wasPlain = true

  constructor(inner: Driver, door: Door, wishes: WeakMap<object, QueryOptions>) {
    this.#inner = inner
    this.door = door
    this.wishes = wishes
  }

  init(): Promise<void> {
    return this.#inner.init()
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    const connection = new DoorConnection(this)
    this.#ours.set(connection, connection)
    return connection
  }

  async releaseConnection(connection: DatabaseConnection): Promise<void> {
    await this.#of(connection).release()
  }

  /** The next connection would answer as the cache does. */
  get isPlain(): boolean {
    return this.#wasPlain
  }

  async take(): Promise<Real> {
    const connection = await this.#inner.acquireConnection()
    const lane =
      this.#lanes.get(connection) ??
      new Lane(this.door, async (sql, parameters) => {
        const { rows } = await connection.executeQuery<object>(CompiledQuery.raw(sql, [...parameters]))
        return rows
      })
    this.#lanes.set(connection, lane)
    return { connection, lane }
  }

  async give({ connection, lane }: Real): Promise<void> {
    this.#wasPlain = lane.isPlain
    await this.#inner.releaseConnection(connection)
  }

  async beginTransaction(connection: DatabaseConnection, settings: TransactionSettings): Promise<void> {
    await this.#send(connection, 'begin', (real) => this.#inner.beginTransaction(real, settings))
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await this.#send(connection, 'commit', (real) => this.#inner.commitTransaction(real))
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    await this.#send(connection, 'rollback', (real) => this.#inner.rollbackTransaction(real))
  }

  async savepoint(connection: DatabaseConnection, name: string, compile: Compile): Promise<void> {
    await this.#send(connection, `savepoint ${quoted(name)}`, (real) => this.#inner.savepoint?.(real, name, compile))
  }

  async rollbackToSavepoint(connection: DatabaseConnection, name: string, compile: Compile): Promise<void> {
    await this.#send(connection, `rollback to ${quoted(name)}`, (real) =>
      this.#inner.rollbackToSavepoint?.(real, name, compile),
    )
  }

  async releaseSavepoint(connection: DatabaseConnection, name: string, compile: Compile): Promise<void> {
    await this.#send(connection, `release ${quoted(name)}`, (real) =>
      this.#inner.releaseSavepoint?.(real, name, compile),
    )
  }

  destroy(): Promise<void> {
    return this.#inner.destroy()
  }

  /** What the wrapped driver does, as the statement that does the same. */
  async #send(
    connection: DatabaseConnection,
    sql: string,
    run: (real: DatabaseConnection) => Promise<void> | undefined,
  ): Promise<void> {
    const real = await this.#of(connection).real()
    await real.lane.send({ sql, parameters: [] }, undefined, async () => run(real.connection), undefined, NOTHING)
  }

  #of(connection: DatabaseConnection): DoorConnection {
    const ours = this.#ours.get(connection)
    if (ours === undefined)
      throw new MillpondError('CLOSED', 'the connection belongs to another driver or was released')
    return ours
  }
}

type Compile = Parameters<NonNullable<Driver['savepoint']>>[2]

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`

/** A connection that is taken from the pool when the database is queried: answers of the cache need none. */
class DoorConnection implements DatabaseConnection {
  readonly #driver: DoorDriver
  #real: Promise<Real> | undefined

  constructor(driver: DoorDriver) {
    this.#driver = driver
  }

  real(): Promise<Real> {
    this.#real ??= this.#driver.take()
    return this.#real
  }

  async release(): Promise<void> {
    // A connection that was never obtained need not be released.
    const real = await this.#real?.catch(() => undefined)
    if (real !== undefined) await this.#driver.give(real)
  }

  async executeQuery<R>(compiled: CompiledQuery): Promise<QueryResult<R>> {
    const sent = sentOf(compiled)
    // A caller with a connection of its own may have changed what names mean on it.
    const wish = this.#real === undefined && this.#driver.isPlain ? this.#wish(compiled) : undefined
    if (wish !== undefined) return this.#cached(compiled, sent, wish)
    const { connection, lane } = await this.real()
    return lane.send<QueryResult<R>>(sent, undefined, () => connection.executeQuery<R>(compiled), undefined, FORM)
  }

  async *streamQuery<R>(compiled: CompiledQuery, chunkSize?: number): AsyncIterableIterator<QueryResult<R>> {
    const { connection, lane } = await this.real()
    let end = (): void => {}
    const ended = new Promise<void>((resolve) => {
      end = resolve
    })
    const told = lane.send(sentOf(compiled), undefined, () => ended, undefined, NOTHING)
    try {
      yield* connection.streamQuery<R>(compiled, chunkSize)
    } finally {
      end()
      await told
    }
  }

  #wish({ sql, queryId }: CompiledQuery): QueryOptions | undefined {
    return this.#driver.door.read(sql).kind === 'read' ? this.#driver.wishes.get(queryId) : undefined
  }

  /** By a separate connection: the first caller may have released its own before the answer arrives. */
  async #cached<R>(compiled: CompiledQuery, sent: Sent, wish: QueryOptions): Promise<QueryResult<R>> {
    let isKept = true
    const load = async (): Promise<QueryResult<R>> => {
      const real = await this.#driver.take()
      try {
        const wasPlain = real.lane.isPlain
        const answer = await real.connection.executeQuery<R>(compiled)
        isKept = wasPlain && real.lane.isPlain
        return answer
      } finally {
        await this.#driver.give(real)
      }
    }
    const pack = (answer: QueryResult<R>): unknown => (isKept ? answer : undefined)
    return this.#driver.door.run(sent, wish, load, { ...FORM, pack })
  }
}

const sentOf = ({ sql, parameters }: CompiledQuery): Sent => ({ sql, parameters })

const FORM = { rows: ({ rows }: QueryResult<unknown>): number => rows.length }
const NOTHING: Form<unknown> = { rows: () => 0 }
