// The package `sqlite3` with a cache: it sees the queries, writes and transactions of Sequelize over SQLite, and of any
// other user.
import { resolve } from 'node:path'
import { refused } from '../core/checks.ts'
import { Door, type Form, type Sent } from './door/door.ts'
import { memoryName } from './door/in-memory.ts'
import { Lane } from './door/lane.ts'
import { checkOrmOptions, type OrmOptions, type QueryOptions } from './door/options.ts'
import { ownCopy } from './door/own-copy.ts'
import { byName } from './door/parameters.ts'
import { Wishes } from './door/wishes.ts'

export type { OrmCache, OrmChanges, OrmOptions, OrmOutbox, QueryOptions } from './door/options.ts'

/** What is used of the package `sqlite3`. */
export interface Sqlite3Module {
  /** The class of an open file. */
  readonly Database: new (
    ...args: never[]
  ) => object
}

/** A cache in front of `sqlite3`. Created by `sqlite3Cache`. */
export interface Sqlite3Cache {
  /**
   * The package with the cache: use its `Database` instead of that of `sqlite3`. Everything that is written through it
   * is invalidated when it has committed.
   * @throws MillpondError `OPTION_INVALID` for what is not `sqlite3`.
   * @example
   * const sequelize = new Sequelize({ dialect: 'sqlite', storage: 'shop.db', dialectModule: orm.module(sqlite3) })
   */
  module<M extends Sqlite3Module>(sqlite3: M): M
  /**
   * Runs a function whose queries are answered from the cache if possible: `orm.cached({ ttl: '1m' }, () =>
   * User.findAll())`. Within a transaction the database itself is queried.
   * @throws what the function throws; MillpondError `OPTION_INVALID`, `DURATION_INVALID`, `TAG_INVALID`.
   */
  cached<T>(options: QueryOptions, work: () => PromiseLike<T>): Promise<T>
}

/**
 * A cache for all queries through the package `sqlite3`: those of Sequelize over SQLite, and of `sqlite3` itself.
 * @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`.
 * @example
 * const orm = sqlite3Cache({ cache })
 * const sequelize = new Sequelize({ dialect: 'sqlite', storage: 'shop.db', dialectModule: orm.module(sqlite3) })
 * const ada = await orm.cached({ ttl: '1m' }, () => User.findByPk(7))
 */
export function sqlite3Cache(options: OrmOptions): Sqlite3Cache {
  checkOrmOptions(options, 'sqlite3Cache')
  const door = new Door(options, 'sqlite3', 'sqlite')
  const wishes = new Wishes()
  const modules = new WeakMap<object, object>()
  return {
    module: (sqlite3) => {
      if (typeof Reflect.get(Object(sqlite3), 'Database') !== 'function')
        throw refused(sqlite3, 'module', "the package sqlite3: import sqlite3 from 'sqlite3'")
      const known = modules.get(sqlite3) ?? moduleOf(sqlite3, door, wishes)
      modules.set(sqlite3, known)
      return known as typeof sqlite3
    },
    cached: (given, work) => wishes.cached(given, work),
  }
}

type Callback = (this: unknown, error: unknown, answer?: unknown) => void
type Method = (...args: unknown[]) => unknown
interface Database {
  readonly open?: boolean
  once(event: 'open', listener: () => void): unknown
  emit(event: 'error', error: unknown): boolean
}
interface Prepared {
  bind: Method
  run: Method
  get: Method
  all: Method
  each: Method
}

/** The arguments of a callback, and its `this`: the statement, with `lastID` and `changes`. */
interface Outcome {
  readonly answer: unknown
  readonly statement: unknown
}

function moduleOf(sqlite3: Sqlite3Module, door: Door, wishes: Wishes): object {
  const Inner = sqlite3.Database as new (...args: unknown[]) => Database
  const inner = (name: string): Method => Reflect.get(Inner.prototype, name)
  class Cached extends Inner {
    readonly #lane = new Lane(door, (sql, parameters) => this.#rows(sql, parameters))
    readonly #where: string

    constructor(...args: unknown[]) {
      super(...args)
      this.#where = memoryName(args[0]) ?? String(args[0])
    }

    run(sql: string, ...rest: unknown[]): this {
      return this.#send(inner('run'), sql, rest, false)
    }

    get(sql: string, ...rest: unknown[]): this {
      return this.#send(inner('get'), sql, rest, 'row')
    }

    all(sql: string, ...rest: unknown[]): this {
      return this.#send(inner('all'), sql, rest, 'rows')
    }

    exec(sql: string, ...rest: unknown[]): this {
      return this.#send(inner('exec'), sql, rest, false)
    }

    map(sql: string, ...rest: unknown[]): this {
      return this.#send(inner('map'), sql, rest, false)
    }

    each(sql: string, ...rest: unknown[]): this {
      return this.#stream(inner('each').bind(this, sql), sql, rest)
    }

    prepare(sql: string, ...rest: unknown[]): unknown {
      const statement = Reflect.apply(inner('prepare'), this, [sql, ...rest]) as Prepared
      // Bound values remain until others are bound.
      let bound: readonly unknown[] = []
      const bind = (args: readonly unknown[]): void => {
        const given = args.filter((one) => typeof one !== 'function')
        if (given.length > 0) bound = given
      }
      bind(rest)
      for (const name of ['run', 'get', 'all'] as const) {
        const method = statement[name]
        statement[name] = (...args) => {
          const { callback, given } = split(args)
          bind(given)
          this.#through(method.bind(statement), { sql, ...valuesOf(bound) }, given, callback)
          return statement
        }
      }
      const [itsBind, each] = [statement.bind, statement.each]
      statement.bind = (...args) => {
        bind(args)
        Reflect.apply(itsBind, statement, args)
        return statement
      }
      statement.each = (...args) => {
        bind(args)
        this.#stream(each.bind(statement), sql, args)
        return statement
      }
      return statement
    }

    #send(method: Method, sql: string, rest: readonly unknown[], as: 'row' | 'rows' | false): this {
      const { callback, given } = split(rest)
      const sent = { sql, ...valuesOf(given), as: `${String(as)} ${this.#where}` }
      this.#through(method.bind(this, sql), sent, given, callback, as === false ? undefined : wishes.current())
      return this
    }

    /** An error of the callback is thrown outside of any promise, as the package itself would. */
    #through(method: Method, sent: Sent, given: readonly unknown[], callback?: Callback, wish?: QueryOptions): void {
      const run = (): Promise<Outcome> =>
        new Promise((resolve, reject) => {
          const done: Callback = function (error, answer) {
            if (error) reject(error)
            else resolve({ answer, statement: this })
          }
          method(...given, done)
        })
      this.#lane.send(sent, wish, run, undefined, OUTCOME).then(
        ({ answer, statement }) => process.nextTick(() => callback?.call(statement, null, answer)),
        (error: unknown) =>
          process.nextTick(() => (callback === undefined ? this.emit('error', error) : callback.call(this, error))),
      )
    }

    /** Rows one by one are read from the database itself; what the statement writes is invalidated when it ends. */
    #stream(method: Method, sql: string, rest: readonly unknown[]): this {
      const functions = rest.filter((one): one is Callback => typeof one === 'function')
      const given = rest.filter((one) => typeof one !== 'function')
      const [row = () => {}, complete] = functions
      const tell: Callback = (error) => this.emit('error', error)
      const run = (): Promise<unknown> =>
        new Promise((resolve) => {
          const done: Callback = function (error, ...more) {
            resolve(undefined)
            // Without a callback for the end, the package calls the one for rows with an error.
            const last = complete ?? (error ? (functions[0] ?? tell) : undefined)
            last?.call(this, error, ...more)
          }
          method(...given, row, done)
        })
      void this.#lane.send({ sql, ...valuesOf(given) }, undefined, run, undefined, NOTHING)
      return this
    }

    #rows(sql: string, parameters: readonly unknown[]): Promise<readonly object[]> {
      return new Promise((resolve, reject) => {
        const done: Callback = (error, rows) => (error ? reject(error) : resolve(Array.isArray(rows) ? rows : []))
        Reflect.apply(inner('all'), this, [sql, [...parameters], done])
      })
    }
  }
  // The package's own method would return an object without a cache.
  const verbose = (): object => {
    Reflect.get(sqlite3, 'verbose')?.call(sqlite3)
    return module
  }
  const module: object = Object.create(sqlite3, {
    Database: { value: Cached, enumerable: true },
    cached: { value: { Database: oneForEachFile(Cached) }, enumerable: true },
    verbose: { value: verbose, enumerable: true },
  })
  return module
}

/** The package's `cached.Database`. */
function oneForEachFile(Class: new (...args: unknown[]) => Database): (...args: unknown[]) => Database {
  const known = new Map<string, Database>()
  // It is called with `new`.
  return function open(file, ...rest) {
    if (memoryName(file) !== undefined) return new Class(file, ...rest)
    const path = resolve(String(file))
    const one = known.get(path)
    if (one === undefined) {
      const first = new Class(path, ...rest)
      known.set(path, first)
      return first
    }
    const callback = rest.find((argument): argument is Method => typeof argument === 'function')
    if (callback !== undefined) {
      const call = (): unknown => callback.call(one, null)
      if (one.open) process.nextTick(call)
      else one.once('open', call)
    }
    return one
  }
}

/** The last function, and the arguments before it. */
function split(args: readonly unknown[]): { readonly callback?: Callback; readonly given: readonly unknown[] } {
  const last = args.at(-1)
  if (typeof last === 'function') return { callback: last as Callback, given: args.slice(0, -1) }
  // An omitted callback is often passed on as undefined.
  return { given: args.length > 0 && last === undefined ? args.slice(0, -1) : args }
}

/** Values one by one, as a list, or by name. */
function valuesOf(given: readonly unknown[]): { readonly parameters: unknown } {
  const [first] = given
  const isOne = given.length === 1 && typeof first === 'object' && first !== null && !(first instanceof Uint8Array)
  return { parameters: isOne && !(first instanceof Date) ? byName(first) : given }
}

const NOTHING: Form<unknown> = { rows: () => 0 }

const OUTCOME: Form<Outcome> = {
  rows: ({ answer }) => (Array.isArray(answer) ? answer.length : answer === undefined ? 0 : 1),
  pack: ({ answer }) => ({ answer }),
  // For a statement that only reads there is nothing else.
  unpack: (kept) => ({ ...(ownCopy(kept) as { answer: unknown }), statement: { lastID: 0, changes: 0 } }),
}
