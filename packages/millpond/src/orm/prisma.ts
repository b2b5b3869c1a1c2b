// Prisma: a driver adapter around the driver adapter, through which every statement and transaction of a client passes.
import { refused } from '../core/checks.ts'
import { MillpondError, show } from '../core/errors.ts'
import { Alone } from './door/alone.ts'
import { Door, type Form, type Run, type Sent } from './door/door.ts'
import { instead } from './door/instead.ts'
import { Lane } from './door/lane.ts'
import { checkOrmOptions, type OrmOptions, type QueryOptions } from './door/options.ts'
import type { RunInside } from './door/transaction.ts'
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
  const open = new Set<Lane>()
  // Over SQLite, all callers may share a connection: then queries outside a transaction read what one has written.
  const isOne = inner.provider === 'sqlite'
  const alone = new Alone(door, () => isOne && open.size > 0)
  const send = <R>(query: SqlQuery, given: QueryOptions | undefined, run: Run<R>, form: Form<R>): Promise<R> => {
    const sent = sentOf(query, given)
    // Writes beside a transaction on the same connection commit with it, and are invalidated then, too.
    if (isOne) for (const lane of open) lane.note(sent)
    return alone.send(sent, given, run, form)
  }
  return instead(inner, {
    queryRaw: (query: SqlQuery) => send(query, wish(), () => inner.queryRaw(query), ROWS),
    executeRaw: (query: SqlQuery) => send(query, undefined, () => inner.executeRaw(query), COUNT),
    executeScript: (script: string) =>
      send({ sql: script, args: [], argTypes: [] }, undefined, () => inner.executeScript(script), COUNT),
    startTransaction: async (isolationLevel?: string) => {
      const transaction = await inner.startTransaction(isolationLevel)
      const lane = new Lane(door, insideOf(transaction), door.begin())
      open.add(lane)
      const ended = (): void => {
        open.delete(lane)
        if (lane.isChanged) alone.change()
      }
      return transactionOver(transaction, lane, ended)
    },
  })
}

function transactionOver(inner: SqlTransaction, lane: Lane, ended: () => void): SqlTransaction {
  const send = <R>(query: SqlQuery, run: Run<R>, form: Form<R>): Promise<R> =>
    lane.send(sentOf(query, undefined), undefined, run, undefined, form)
  const told = (sql: string, run: Run<void>): Promise<void> => send({ sql, args: [], argTypes: [] }, run, NOTHING)
  /** An adapter may end a transaction by a statement, and release its connection by this call. */
  const end = async (sql: string, run: Run<void>): Promise<void> => {
    try {
      await (lane.isOpen ? told(sql, run) : run())
    } finally {
      ended()
    }
  }
  const savepoint = (sql: string, run: ((name: string) => Promise<void>) | undefined): object | undefined =>
    run && ((name: string) => told(`${sql} "${name}"`, () => run.call(inner, name)))
  const { createSavepoint, rollbackToSavepoint, releaseSavepoint } = inner
  const savepoints = {
    createSavepoint: savepoint('savepoint', createSavepoint),
    rollbackToSavepoint: savepoint('rollback to', rollbackToSavepoint),
    releaseSavepoint: savepoint('release', releaseSavepoint),
  }
  return instead(inner, {
    queryRaw: (query: SqlQuery) => send(query, () => inner.queryRaw(query), ROWS),
    executeRaw: (query: SqlQuery) => send(query, () => inner.executeRaw(query), COUNT),
    commit: () => end('commit', () => inner.commit()),
    rollback: () => end('rollback', () => inner.rollback()),
    ...Object.fromEntries(Object.entries(savepoints).filter(([, run]) => run !== undefined)),
  })
}

const ROWS: Form<SqlRows> = { rows: ({ rows }) => rows.length }
const COUNT: Form<unknown> = { rows: () => 0 }
const NOTHING: Form<void> = { rows: () => 0 }

/** Bytes and strings that look the same must not share a key. */
const sentOf = ({ sql, args, argTypes }: SqlQuery, wish: QueryOptions | undefined): Sent => ({
  sql,
  parameters: args,
  as: wish === undefined ? '' : argTypes.map(({ scalarType, arity }) => `${scalarType} ${arity}`).join(),
})

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
