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
import { Door } from './door/door.ts'
import { checkOrmOptions, type OrmOptions, type QueryOptions, queryOptions } from './door/options.ts'
import type { DoorTransaction, RunInside } from './door/transaction.ts'
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

class DoorDriver implements Driver {
  readonly #inner: Driver
  readonly #door: Door
  readonly #wishes: WeakMap<object, QueryOptions>
  readonly #open = new WeakMap<DatabaseConnection, DoorConnection>()

  constructor(inner: Driver, door: Door, wishes: WeakMap<object, QueryOptions>) {
    this.#inner = inner
    this.#door = door
    this.#wishes = wishes
  }

  init(): Promise<void> {
    return this.#inner.init()
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    const connection = new DoorConnection(this.#inner, this.#door, this.#wishes)
    this.#open.set(connection, connection)
    return connection
  }

  async releaseConnection(connection: DatabaseConnection): Promise<void> {
    await this.#ours(connection).release()
  }

  async beginTransaction(connection: DatabaseConnection, settings: TransactionSettings): Promise<void> {
    const ours = this.#ours(connection)
    await this.#inner.beginTransaction(await ours.real(), settings)
    ours.transaction = this.#door.begin()
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    const ours = this.#ours(connection)
    const real = await ours.real()
    await ours.commit(() => this.#inner.commitTransaction(real))
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    const ours = this.#ours(connection)
    ours.transaction = undefined
    await this.#inner.rollbackTransaction(await ours.real())
  }

  async savepoint(connection: DatabaseConnection, name: string, compile: Compile): Promise<void> {
    const ours = this.#ours(connection)
    await this.#inner.savepoint?.(await ours.real(), name, compile)
    ours.transaction?.pending.savepoint(name.toLowerCase())
  }

  async rollbackToSavepoint(connection: DatabaseConnection, name: string, compile: Compile): Promise<void> {
    const ours = this.#ours(connection)
    await this.#inner.rollbackToSavepoint?.(await ours.real(), name, compile)
    ours.transaction?.pending.rollbackTo(name.toLowerCase())
  }

  async releaseSavepoint(connection: DatabaseConnection, name: string, compile: Compile): Promise<void> {
    const ours = this.#ours(connection)
    await this.#inner.releaseSavepoint?.(await ours.real(), name, compile)
    ours.transaction?.pending.release(name.toLowerCase())
  }

  destroy(): Promise<void> {
    return this.#inner.destroy()
  }

  #ours(connection: DatabaseConnection): DoorConnection {
    const ours = this.#open.get(connection)
    if (ours === undefined)
      throw new MillpondError('CLOSED', 'the connection belongs to another driver or was released')
    return ours
  }
}

type Compile = Parameters<NonNullable<Driver['savepoint']>>[2]

/** A connection that is taken from the pool when the database is queried: answers of the cache need none. */
class DoorConnection implements DatabaseConnection {
  transaction: DoorTransaction | undefined
  readonly #inner: Driver
  readonly #door: Door
  readonly #wishes: WeakMap<object, QueryOptions>
  #real: Promise<DatabaseConnection> | undefined

  constructor(inner: Driver, door: Door, wishes: WeakMap<object, QueryOptions>) {
    this.#inner = inner
    this.#door = door
    this.#wishes = wishes
  }

  real(): Promise<DatabaseConnection> {
    this.#real ??= this.#inner.acquireConnection()
    return this.#real
  }

  async release(): Promise<void> {
    // A connection that was never obtained need not be released.
    const real = await this.#real?.catch(() => undefined)
    if (real !== undefined) await this.#inner.releaseConnection(real)
  }

  async commit(commit: () => Promise<unknown>): Promise<void> {
    const { transaction } = this
    this.transaction = undefined
    if (transaction === undefined) await commit()
    else await transaction.commit(commit, this.#inside)
  }

  async executeQuery<R>(compiled: CompiledQuery): Promise<QueryResult<R>> {
    const statement = this.#door.read(compiled.sql)
    const run = async (): Promise<QueryResult<R>> => (await this.real()).executeQuery<R>(compiled)
    if (statement.kind === 'commit') {
      const committed = this.#door.committed(this.transaction, statement)
      this.transaction = this.#door.opened(statement)
      return committed.commit(run, this.#inside)
    }
    if (this.transaction !== undefined) {
      this.#door.within(this.transaction, statement, compiled.parameters)
      const answer = await run()
      if (statement.kind === 'rollback') this.transaction = this.#door.opened(statement)
      return answer
    }
    if (statement.kind === 'begin') {
      const answer = await run()
      this.transaction = this.#door.opened(statement)
      return answer
    }
    // A caller with a connection of its own may have changed what names mean on it.
    const isApart = this.#real === undefined && statement.kind === 'read'
    const sent = { sql: compiled.sql, parameters: compiled.parameters }
    return this.#door.run<QueryResult<R>>(
      sent,
      isApart ? this.#wishes.get(compiled.queryId) : undefined,
      isApart ? () => this.#apart(compiled) : run,
      FORM,
    )
  }

  async *streamQuery<R>(compiled: CompiledQuery, chunkSize?: number): AsyncIterableIterator<QueryResult<R>> {
    const statement = this.#door.read(compiled.sql)
    const transaction = this.transaction ?? this.#door.begin()
    this.#door.within(transaction, statement, compiled.parameters)
    try {
      yield* (await this.real()).streamQuery<R>(compiled, chunkSize)
    } finally {
      if (this.transaction !== transaction) await transaction.alone(async () => {})
    }
  }

  /** By a separate connection: the first caller may have released its own before the answer arrives. */
  async #apart<R>(compiled: CompiledQuery): Promise<QueryResult<R>> {
    const real = await this.#inner.acquireConnection()
    try {
      return await real.executeQuery<R>(compiled)
    } finally {
      await this.#inner.releaseConnection(real)
    }
  }

  readonly #inside: RunInside = async (sql, parameters) => {
    const { rows } = await (await this.real()).executeQuery<object>(CompiledQuery.raw(sql, [...parameters]))
    return rows
  }
}

const FORM = { rows: ({ rows }: QueryResult<unknown>): number => rows.length }
