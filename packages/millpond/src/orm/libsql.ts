// The client of libSQL and SQLite (`@libsql/client`) with a cache: it sees the queries, writes and commits of Drizzle
// and of any other user of such a client.
import { refused } from '../core/checks.ts'
import { Alone } from './door/alone.ts'
import { Door, type Form, type Run, type Sent } from './door/door.ts'
import { instead } from './door/instead.ts'
import { checkOrmOptions, type OrmOptions, type QueryOptions } from './door/options.ts'
import { byName } from './door/parameters.ts'
import type { DoorTransaction } from './door/transaction.ts'
import { Wishes } from './door/wishes.ts'
import type { Statement } from './statements/statement.ts'

export type { OrmCache, OrmChanges, OrmOptions, OrmOutbox, QueryOptions } from './door/options.ts'

/** What is used of a client of `@libsql/client`. */
export interface LibsqlClient {
  /** Runs one statement. */
  execute(...args: never[]): Promise<object>
  /** Runs several in a transaction of their own. */
  batch(...args: never[]): Promise<unknown>
  /** Opens a transaction. */
  transaction(...args: never[]): Promise<object>
}

/** A cache in front of `@libsql/client`. Created by `libsqlCache`. */
export interface LibsqlCache {
  /**
   * The client with the cache: give it to Drizzle in place of your own. Everything that is written through it is
   * invalidated when it has committed.
   * @throws MillpondError `OPTION_INVALID` for what is not such a client.
   * @example const db = drizzle(orm.client(createClient({ url: 'file:shop.db' })))
   */
  client<C extends LibsqlClient>(inner: C): C
  /**
   * Runs a function whose queries are answered from the cache if possible: `orm.cached({ ttl: '1m' }, () =>
   * db.select().from(users))`. Within a transaction, and for `batch`, the database itself is queried.
   * @throws what the function throws; MillpondError `OPTION_INVALID`, `DURATION_INVALID`, `TAG_INVALID`.
   */
  cached<T>(options: QueryOptions, work: () => PromiseLike<T>): Promise<T>
}

/**
 * A cache for all queries of a client of `@libsql/client`, and so of Drizzle over SQLite, libSQL and Turso.
 * @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`.
 * @example
 * const orm = libsqlCache({ cache })
 * const db = drizzle(orm.client(createClient({ url: 'file:shop.db' })))
 * const ada = await orm.cached({ ttl: '1m' }, () => db.select().from(users).where(eq(users.id, 7)))
 */
export function libsqlCache(options: OrmOptions): LibsqlCache {
  checkOrmOptions(options, 'libsqlCache')
  const wishes = new Wishes()
  return {
    client: (inner) => {
      if (!['execute', 'batch', 'transaction'].every((name) => typeof Reflect.get(Object(inner), name) === 'function'))
        throw refused(inner, 'client', "a client of @libsql/client: createClient({ url: 'file:shop.db' })")
      return clientOver(inner, new Door(options, 'libsql', 'sqlite'), wishes)
    },
    cached: (given, work) => wishes.cached(given, work),
  }
}

interface Statements {
  execute(...args: unknown[]): Promise<ResultSet>
  batch(...args: unknown[]): Promise<unknown>
  executeMultiple(...args: unknown[]): Promise<unknown>
}
interface Client extends Statements {
  migrate(...args: unknown[]): Promise<unknown>
  transaction(...args: unknown[]): Promise<Transaction>
}
interface Transaction extends Statements {
  commit(): Promise<void>
}
/** A row also has its values by position, which are not enumerable. */
type Row = Readonly<Record<string | number, unknown>> & { readonly length: number }
interface ResultSet {
  readonly columns: readonly string[]
  readonly columnTypes: readonly string[]
  readonly rows: readonly Row[]
  readonly rowsAffected: number
  readonly lastInsertRowid: bigint | undefined
}

function clientOver<C extends object>(given: C, door: Door, wishes: Wishes): C {
  const inner = given as unknown as Client
  const alone = new Alone(door)
  const together = (statements: unknown, run: Run<unknown>): Promise<unknown> => {
    const transaction = door.begin()
    noteAll(door, transaction, statements)
    return transaction.alone(run)
  }
  return instead(given, {
    execute: (...args: unknown[]) =>
      alone.send(sentOf(args[0], args[1]), wishes.current(), () => inner.execute(...args), RESULT),
    batch: (...args: unknown[]) => together(args[0], () => inner.batch(...args)),
    migrate: (...args: unknown[]) => together(args[0], () => inner.migrate(...args)),
    executeMultiple: (...args: unknown[]) =>
      alone.send(sentOf(args[0]), undefined, () => inner.executeMultiple(...args), NOTHING),
    transaction: async (...args: unknown[]) => transactionOver(await inner.transaction(...args), door),
  })
}

function transactionOver(inner: Transaction, door: Door): Transaction {
  const inside = async (sql: string, parameters: readonly unknown[]): Promise<readonly object[]> =>
    (await inner.execute({ sql, args: [...parameters] })).rows.map((row) => ({ ...row }))
  let open = door.begin()
  const commit = <R>(run: Run<R>, statement?: Statement): Promise<R> => {
    const transaction = statement === undefined ? open : door.committed(open, statement)
    open = door.begin()
    return transaction.commit(run, inside)
  }
  const send = <R>({ sql, parameters }: Sent, run: Run<R>): Promise<R> => {
    const statement = door.read(sql)
    return statement.kind === 'commit' ? commit(run, statement) : door.inside(open, statement, parameters, run)
  }
  return instead(inner, {
    execute: (...args: unknown[]) => send(sentOf(args[0], args[1]), () => inner.execute(...args)),
    executeMultiple: (...args: unknown[]) => send(sentOf(args[0]), () => inner.executeMultiple(...args)),
    batch: async (...args: unknown[]) => {
      const batch = door.begin()
      for (const transaction of [open, batch]) noteAll(door, transaction, args[0])
      try {
        return await inner.batch(...args)
      } catch (error) {
        open.mayBeOver = true
        throw error
      } finally {
        if (open.mayBeOver) await batch.commit(async () => undefined)
      }
    },
    commit: () => commit(() => inner.commit()),
  })
}

function noteAll(door: Door, transaction: DoorTransaction, statements: unknown): void {
  for (const one of Array.isArray(statements) ? statements : []) {
    const { sql, parameters } = Array.isArray(one) ? sentOf(one[0], one[1]) : sentOf(one)
    door.note(transaction, door.read(sql), parameters)
  }
}

/** `'SELECT …'` and values beside it, or `{ sql, args }`. */
function sentOf(first: unknown, args?: unknown): Sent {
  if (typeof first !== 'object' || first === null) return { sql: String(first), parameters: byName(args ?? []) }
  return { sql: String(Reflect.get(first, 'sql')), parameters: byName(Reflect.get(first, 'args') ?? []) }
}

const NOTHING: Form<unknown> = { rows: () => 0 }

interface Kept extends Omit<ResultSet, 'rows'> {
  readonly rows: readonly (readonly unknown[])[]
}

const RESULT: Form<ResultSet> = {
  rows: ({ rows }) => rows.length,
  pack: ({ columns, columnTypes, rows, rowsAffected, lastInsertRowid }): Kept => ({
    columns,
    columnTypes,
    rows: rows.map((row) => Array.from(row, (value) => (value instanceof ArrayBuffer ? new Uint8Array(value) : value))),
    rowsAffected,
    lastInsertRowid,
  }),
  unpack: (kept) => {
    const { columns, columnTypes, rows, rowsAffected, lastInsertRowid } = kept as Kept
    return {
      columns: [...columns],
      columnTypes: [...columnTypes],
      rows: rows.map((values) => rowOf(values.map(bytesAsGiven), columns)),
      rowsAffected,
      lastInsertRowid,
      toJSON: () => ({
        columns,
        columnTypes,
        rows: rows.map((values) => values.map(asJson)),
        rowsAffected,
        lastInsertRowid: lastInsertRowid === undefined ? null : String(lastInsertRowid),
      }),
    }
  },
}

function rowOf(values: readonly unknown[], columns: readonly string[]): Row {
  const row = Object.defineProperty({}, 'length', { value: values.length })
  for (const [at, value] of values.entries()) {
    Object.defineProperty(row, at, { value })
    const name = columns[at] ?? ''
    // Of two columns with the same name the first is the one that is accessible by name.
    if (!Object.hasOwn(row, name))
      Object.defineProperty(row, name, { value, enumerable: true, configurable: true, writable: true })
  }
  return row as Row
}

const bytesAsGiven = (value: unknown): unknown => (value instanceof Uint8Array ? Uint8Array.from(value).buffer : value)

function asJson(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value)
  return value instanceof Uint8Array ? Buffer.from(value).toString('base64').replace(/=+$/, '') : value
}
