// TypeORM over SQLite: its driver calls the database synchronously, so the cache is in front of TypeORM's query runner,
// through which every statement and transaction of a data source passes.
import { refused } from '../core/checks.ts'
import { MillpondError, show } from '../core/errors.ts'
import { Door, type Form } from './door/door.ts'
import { memoryName } from './door/in-memory.ts'
import { Lane } from './door/lane.ts'
import { checkOrmOptions, type OrmOptions, type QueryOptions } from './door/options.ts'
import { Wishes } from './door/wishes.ts'

export type { OrmCache, OrmChanges, OrmOptions, OrmOutbox, QueryOptions } from './door/options.ts'

/** What is used of a `DataSource` of TypeORM. */
export interface TypeOrmSource {
  /** Its options: `type` tells which database it is. */
  readonly options: { readonly type: string }
  /** Creates a query runner. */
  readonly driver: object
}

/** A cache in front of TypeORM's database. Created by `typeOrmCache`. */
export interface TypeOrmCache {
  /**
   * The same data source, with the cache: call it before `initialize()`. Everything that is written through it is
   * invalidated when it has committed.
   * @throws MillpondError `OPTION_INVALID` for what is not a data source over SQLite.
   * @example
   * const source = orm.source(new DataSource({ type: 'better-sqlite3', database: 'shop.db', entities }))
   */
  source<S extends TypeOrmSource>(source: S): S
  /**
   * Runs a function whose queries are answered from the cache if possible: `orm.cached({ ttl: '1m' }, () =>
   * users.find())`. While a transaction is open, the database itself is queried.
   * @throws what the function throws; MillpondError `OPTION_INVALID`, `DURATION_INVALID`, `TAG_INVALID`.
   */
  cached<T>(options: QueryOptions, work: () => PromiseLike<T>): Promise<T>
}

/**
 * A cache for the queries of TypeORM over SQLite (`better-sqlite3`, `sqljs` and the other kinds of SQLite). Over
 * PostgreSQL, use `pgCache` of `millpond/orm/pg`.
 * @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`.
 * @example
 * const orm = typeOrmCache({ cache })
 * const source = orm.source(new DataSource({ type: 'better-sqlite3', database: 'shop.db', entities: [User] }))
 * const ada = await orm.cached({ ttl: '1m' }, () => source.manager.findOneBy(User, { id: 7 }))
 */
export function typeOrmCache(options: OrmOptions): TypeOrmCache {
  checkOrmOptions(options, 'typeOrmCache')
  const wishes = new Wishes()
  const known = new WeakSet<object>()
  return {
    source: (source) => {
      const driver = driverOf(source)
      if (known.has(driver)) return source
      known.add(driver)
      const door = new Door(options, 'typeorm', 'sqlite')
      const memory = memoryName(Reflect.get(source.options, 'database'))
      const runners = new WeakSet<object>()
      const create = driver.createQueryRunner.bind(driver)
      driver.createQueryRunner = (...args) => {
        const runner = create(...args)
        // Over SQLite all runners share one connection.
        if (!runners.has(runner)) runOver(runner, door, wishes, memory)
        runners.add(runner)
        return runner
      }
      return source
    },
    cached: (given, work) => wishes.cached(given, work),
  }
}

interface Runner {
  query(sql: string, parameters?: unknown, isStructured?: boolean): Promise<unknown>
}
interface Driver {
  createQueryRunner(...args: unknown[]): Runner
}

const SQLITE = new Set([
  ...['better-sqlite3', 'sqlite', 'sqljs', 'expo', 'capacitor', 'cordova', 'react-native', 'nativescript'],
])

function driverOf(source: unknown): Driver {
  const driver: unknown = typeof source === 'object' && source !== null ? Reflect.get(source, 'driver') : undefined
  if (typeof driver !== 'object' || driver === null || !('createQueryRunner' in driver))
    throw refused(source, 'source', "a DataSource of TypeORM: new DataSource({ type: 'better-sqlite3', database })")
  const type: unknown = Reflect.get(Object(Reflect.get(Object(source), 'options')), 'type')
  if (typeof type === 'string' && SQLITE.has(type)) return driver as Driver
  throw new MillpondError(
    'OPTION_INVALID',
    `source: ${show(type)} is not a kind of SQLite: for PostgreSQL use pgCache of millpond/orm/pg; cache queries of other databases with cache.getOrSet`,
  )
}

/** The result of a query runner: rows, or that of a statement without rows. */
interface Answer {
  readonly raw: unknown
  readonly affected: unknown
}
const ANSWER: Form<Answer> = { rows: ({ raw }) => (Array.isArray(raw) ? raw.length : 0) }
const ANY: Form<unknown> = { rows: () => 0 }

function runOver(runner: Runner, door: Door, wishes: Wishes, memory: string | undefined): void {
  const query = runner.query.bind(runner)
  const lane = new Lane(door, async (sql, parameters) => {
    const rows = await query(sql, [...parameters])
    return Array.isArray(rows) ? rows : []
  })
  runner.query = async (sql, parameters, isStructured) => {
    const wish = wishes.current()
    const sent = { sql, parameters, ...(memory !== undefined && { as: memory }) }
    if (wish === undefined) return lane.send(sent, wish, () => query(sql, parameters, isStructured), undefined, ANY)
    const run = async (): Promise<Answer> => {
      const { raw, affected } = (await query(sql, parameters, true)) as Answer
      return { raw, affected }
    }
    const { raw, affected } = await lane.send(sent, wish, run, undefined, ANSWER)
    return isStructured === true ? { raw, records: Array.isArray(raw) ? raw : [], affected } : raw
  }
}
