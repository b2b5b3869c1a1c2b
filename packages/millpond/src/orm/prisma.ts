// Prisma: a driver adapter around the driver adapter, through which every statement and transaction of a client passes.
import { refused } from '../core/checks.ts'
import { MillpondError, show } from '../core/errors.ts'
import { Door, type Form, type Run } from './door/door.ts'
import { instead } from './door/instead.ts'
import { checkOrmOptions, type OrmOptions, type QueryOptions } from './door/options.ts'
import type { DoorTransaction, RunInside } from './door/transaction.ts'
import { Wishes } from './door/wishes.ts'
import type { SqlDialect } from './statements/tokens.ts'

export type { OrmCache, OrmChanges, OrmOptions, OrmOutbox, QueryOptions } from './door/options.ts'

/** What is used of a driver adapter of Prisma, such as a `PrismaPg` or a `PrismaLibSql`. */
export interface PrismaAdapter {
  /** The database: `'postgres'` or `'sqlite'`. */
  readonly provider: string
  /** Opens what the client sends its statements to. */
  connect(): Promise<object>
}

/** A cache in front of Prisma's database. Created by `prismaCache`. */
export interface PrismaCache {
  /**
   * The adapter with the cache: give it to `new PrismaClient({ adapter })`. Everything that the client writes is
   * invalidated when it has committed, raw SQL too.
   * @throws MillpondError `OPTION_INVALID` for an adapter that is neither PostgreSQL's nor SQLite's.
   */
  adapter<A extends PrismaAdapter>(inner: A): A
  /**
   * Runs a function whose queries are answered from the cache if possible: `orm.cached({ ttl: '1m' }, () =>
   * prisma.user.findMany())`. Within a transaction the database itself is queried.
   * @throws what the function throws; MillpondError `OPTION_INVALID`, `DURATION_INVALID`, `TAG_INVALID`.
   */
  cached<T>(options: QueryOptions, work: () => PromiseLike<T>): Promise<T>
}

/**
 * A cache in front of Prisma's database: answers are cached by SQL and parameters, and invalidated when a row or table
 * that they contain has changed.
 * @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`.
 * @example
 * const orm = prismaCache({ cache })
 * const prisma = new PrismaClient({ adapter: orm.adapter(new PrismaPg({ connectionString })) })
 * const ada = await orm.cached({ ttl: '1m' }, () => prisma.user.findUnique({ where: { id: 7 } }))
 */
export function prismaCache(options: OrmOptions): PrismaCache {
  checkOrmOptions(options, 'prismaCache')
  const wishes = new Wishes()
  return {
    adapter: (inner) => {
      const door = new Door(options, 'prisma', dialectOf(inner))
      const connect = async (): Promise<object> =>
        adapterOver((await inner.connect()) as SqlAdapter, door, () => wishes.current())
      return instead(inner, { connect })
    },
    cached: (given, work) => wishes.cached(given, work),
  }
}

interface SqlQuery {
  readonly sql: string
  readonly args: unknown[]
  readonly argTypes: readonly { readonly scalarType?: string; readonly arity?: string }[]
}
interface SqlRows {
  readonly columnNames: readonly string[]
  readonly rows: readonly (readonly unknown[])[]
}
interface SqlQueries {
  readonly provider: string
  queryRaw(query: SqlQuery): Promise<SqlRows>
  executeRaw(query: SqlQuery): Promise<number>
}
interface SqlAdapter extends SqlQueries {
  executeScript(script: string): Promise<void>
  startTransaction(isolationLevel?: string): Promise<SqlTransaction>
}
interface SqlTransaction extends SqlQueries {
  commit(): Promise<void>
  rollback(): Promise<void>
  createSavepoint?(name: string): Promise<void>
  rollbackToSavepoint?(name: string): Promise<void>
  releaseSavepoint?(name: string): Promise<void>
}

function dialectOf(inner: unknown): SqlDialect {
  const provider: unknown = typeof inner === 'object' && inner !== null ? Reflect.get(inner, 'provider') : undefined
  if (typeof provider !== 'string' || typeof Reflect.get(Object(inner), 'connect') !== 'function')
    throw refused(inner, 'adapter', 'a driver adapter of Prisma, such as new PrismaPg({ connectionString })')
  if (provider === 'postgres' || provider === 'sqlite') return provider
  throw new MillpondError(
    'OPTION_INVALID',
    `adapter: statements of ${show(provider)} cannot be read: PostgreSQL's and SQLite's can; cache those of others with cache.getOrSet`,
  )
}

function adapterOver(inner: SqlAdapter, door: Door, wish: () => QueryOptions | undefined): SqlAdapter {
  const inside = insideOf(inner)
  // Over SQLite, all callers may share a connection: there a BEGIN sent by hand applies to every later statement, and a
  // transaction reads what one has written.
  const isOne = inner.provider === 'sqlite'
  const one = new Session(door, inside)
  const open = new Set<Session>()
  const session = (): Session => (isOne ? one : new Session(door, inside))
  /** What is written beside a transaction on the same connection commits with it: it is told then, too. */
  const writer = ({ sql, args }: SqlQuery): Session => {
    if (isOne)
      for (const { transaction } of open) if (transaction !== undefined) door.note(transaction, door.read(sql), args)
    return session()
  }
  return instead(inner, {
    queryRaw: (query: SqlQuery) => {
      let isMixed = false
      const run = (): Promise<SqlRows> => {
        // The load may have read other tiers first, and a transaction may have begun meanwhile.
        isMixed = isOne && (open.size > 0 || one.transaction !== undefined)
        return inner.queryRaw(query)
      }
      return writer(query).send(query, wish(), run, {
        rows: ROWS.rows,
        pack: (answer) => (isMixed ? undefined : answer),
      })
    },
    executeRaw: (query: SqlQuery) => writer(query).send(query, undefined, () => inner.executeRaw(query), COUNT),
    executeScript: (script: string) => {
      const query = { sql: script, args: [], argTypes: [] }
      return writer(query).send(query, undefined, () => inner.executeScript(script), COUNT)
    },
    startTransaction: async (isolationLevel?: string) => {
      const transaction = await inner.startTransaction(isolationLevel)
      const inTransaction = new Session(door, insideOf(transaction), door.begin())
      open.add(inTransaction)
      return transactionOver(transaction, inTransaction, () => open.delete(inTransaction))
    },
  })
}

function transactionOver(inner: SqlTransaction, session: Session, ended: () => void): SqlTransaction {
  const end = async (how: () => Promise<void>): Promise<void> => {
    try {
      await how()
    } finally {
      ended()
    }
  }
  const { createSavepoint, rollbackToSavepoint, releaseSavepoint } = inner
  return instead(inner, {
    queryRaw: (query: SqlQuery) => session.send(query, undefined, () => inner.queryRaw(query), ROWS),
    executeRaw: (query: SqlQuery) => session.send(query, undefined, () => inner.executeRaw(query), COUNT),
    commit: () => end(() => session.commit(() => inner.commit())),
    rollback: () => end(() => session.rollback(() => inner.rollback())),
    ...(createSavepoint !== undefined && {
      createSavepoint: async (name: string) => {
        await createSavepoint.call(inner, name)
        session.transaction?.pending.savepoint(name.toLowerCase())
      },
    }),
    ...(rollbackToSavepoint !== undefined && {
      rollbackToSavepoint: async (name: string) => {
        await rollbackToSavepoint.call(inner, name)
        session.transaction?.pending.rollbackTo(name.toLowerCase())
      },
    }),
    ...(releaseSavepoint !== undefined && {
      releaseSavepoint: async (name: string) => {
        await releaseSavepoint.call(inner, name)
        session.transaction?.pending.release(name.toLowerCase())
      },
    }),
  })
}

/** What statements are sent to: a transaction, or the database outside of any. */
class Session {
  transaction: DoorTransaction | undefined
  readonly #door: Door
  readonly #inside: RunInside

  constructor(door: Door, inside: RunInside, transaction?: DoorTransaction) {
    this.#door = door
    this.#inside = inside
    this.transaction = transaction
  }

  async send<R>(
    { sql, args, argTypes }: SqlQuery,
    wish: QueryOptions | undefined,
    run: Run<R>,
    form: Form<R>,
  ): Promise<R> {
    const statement = this.#door.read(sql)
    const { transaction } = this
    // An adapter may commit by a statement, and give its connection back by `commit`.
    if (statement.kind === 'commit') {
      this.transaction = this.#door.opened(statement)
      return this.#door.committed(transaction, statement).commit(run, this.#inside)
    }
    if (transaction !== undefined) {
      this.#door.within(transaction, statement, args)
      const answer = await run()
      if (statement.kind === 'rollback') this.transaction = this.#door.opened(statement)
      return answer
    }
    if (statement.kind === 'begin') {
      const answer = await run()
      this.transaction = this.#door.opened(statement)
      return answer
    }
    return this.#door.run({ sql, parameters: args, as: wish === undefined ? '' : typesOf(argTypes) }, wish, run, form)
  }

  async commit(commit: () => Promise<void>): Promise<void> {
    const { transaction } = this
    this.transaction = undefined
    await (transaction === undefined ? commit() : transaction.commit(commit, this.#inside))
  }

  async rollback(rollback: () => Promise<void>): Promise<void> {
    this.transaction = undefined
    await rollback()
  }
}

const ROWS: Form<SqlRows> = { rows: ({ rows }) => rows.length }
const COUNT: Form<unknown> = { rows: () => 0 }

/** Bytes and strings that look the same must not share a key. */
const typesOf = (types: SqlQuery['argTypes']): string =>
  types.map(({ scalarType, arity }) => `${scalarType} ${arity}`).join()

/** Statements of an outbox, within the transaction that it records. */
function insideOf(inner: SqlQueries): RunInside {
  return async (sql, parameters) => {
    const argTypes = parameters.map((value) => ({
      scalarType: typeof value === 'number' ? 'int' : 'string',
      arity: 'scalar',
    }))
    const { columnNames, rows } = await inner.queryRaw({ sql, args: [...parameters], argTypes })
    return rows.map((row) => Object.fromEntries(columnNames.map((name, at) => [name, row[at]])))
  }
}
