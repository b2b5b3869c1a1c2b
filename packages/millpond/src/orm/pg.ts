// The client library of PostgreSQL, `pg`, with a cache: it sees the queries, writes and transactions of every ORM that
// uses it.
import { AsyncResource } from 'node:async_hooks'
import { refused } from '../core/checks.ts'
import { Door, type Form } from './door/door.ts'
import { Lane } from './door/lane.ts'
import { checkOrmOptions, type OrmOptions, type QueryOptions } from './door/options.ts'
import { Wishes } from './door/wishes.ts'

export type { ChangesFollower, ListenClient } from '../invalidate/index.ts'
export type { OrmCache, OrmChanges, OrmOptions, OrmOutbox, QueryOptions } from './door/options.ts'
export { type NotifyOptions, type NotifyPool, notifyChanges } from './notify.ts'

/** What is used of the package `pg`. */
export interface PgModule {
  /** The class of a single connection. */
  readonly Client: new (
    ...args: never[]
  ) => PgQueries
  /** The class of a pool of connections. */
  readonly Pool: new (
    ...args: never[]
  ) => object
}

/** What is used of one of its clients. */
export interface PgQueries {
  /** Runs a query, in all forms that `pg` accepts. */
  query(...args: never[]): unknown
}

/** A cache in front of `pg`. Created by `pgCache`. */
export interface PgCache {
  /**
   * The package with the cache: use its `Pool` or `Client` instead of those of `pg`. Everything that is written through
   * it is invalidated when it has committed.
   * @throws MillpondError `OPTION_INVALID` for what is not `pg`.
   */
  module<M extends PgModule>(pg: M): M
  /**
   * Runs a function whose queries are answered from the cache if possible: `orm.cached({ ttl: '1m' }, () =>
   * User.findAll())`. Within a transaction the database itself is queried.
   * @throws what the function throws; MillpondError `OPTION_INVALID`, `DURATION_INVALID`, `TAG_INVALID`.
   */
  cached<T>(options: QueryOptions, work: () => PromiseLike<T>): Promise<T>
}

/**
 * A cache for all queries through `pg`: those of Drizzle, TypeORM, Sequelize and anything else that uses it.
 * @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`.
 * @example
 * const orm = pgCache({ cache })
 * const { Pool } = orm.module(pg)
 * const db = drizzle(new Pool({ connectionString }))
 * const ada = await orm.cached({ ttl: '1m' }, () => db.select().from(users).where(eq(users.id, 7)))
 */
export function pgCache(options: OrmOptions): PgCache {
  checkOrmOptions(options, 'pgCache')
  const door = new Door(options, 'pg', 'postgres')
  const wishes = new Wishes()
  const modules = new WeakMap<object, object>()
  return {
    module: (pg) => {
      if (!['Client', 'Pool'].every((name) => typeof Reflect.get(Object(pg), name) === 'function'))
        throw refused(pg, 'module', "the package pg: import pg from 'pg'")
      const known = modules.get(pg) ?? moduleOf(pg, door, () => wishes.current())
      modules.set(pg, known)
      return known as typeof pg
    },
    cached: (given, work) => wishes.cached(given, work),
  }
}

type Constructor = new (...args: unknown[]) => object
type Callback = (error: unknown, answer?: unknown) => void

function moduleOf(pg: PgModule, door: Door, wish: () => QueryOptions | undefined): object {
  const Client = clientOf(pg.Client as Constructor, door, wish)
  const Pool = class extends (pg.Pool as Constructor) {
    constructor(...[options, ...rest]: unknown[]) {
      super({ ...(options as object | undefined), Client }, ...rest)
    }

    /** A caller that waited for a connection goes on in its own asynchronous context, not in that of its last user. */
    connect(...[callback, ...rest]: unknown[]): unknown {
      const bound = typeof callback === 'function' ? AsyncResource.bind(callback as Callback) : callback
      return Reflect.apply(Reflect.get(pg.Pool.prototype, 'connect'), this, [bound, ...rest])
    }
  }
  return Object.create(pg, { Client: { value: Client, enumerable: true }, Pool: { value: Pool, enumerable: true } })
}

function clientOf(Inner: Constructor, door: Door, wish: () => QueryOptions | undefined): Constructor {
  return class extends Inner {
    readonly #lane = new Lane(door, async (sql, parameters) => rowsOf(await this.#ask([sql, [...parameters]])))
    readonly #config: readonly unknown[]

    constructor(...config: unknown[]) {
      super(...config)
      this.#config = config
    }

    query(...args: unknown[]): unknown {
      const asked = askedOf(args, this)
      if (asked === undefined) return this.#pass(args)
      const { callback, given, sent, shape } = asked
      const run = (): Promise<unknown> => this.#ask(given) as Promise<unknown>
      const answer = this.#lane.send(
        { ...sent, as: `${sent.as} ${whereOf(this)}` },
        wish(),
        run,
        () => this.#apart(given),
        shape,
      )
      if (callback === undefined) return answer
      answer.then(
        (result) => process.nextTick(callback, null, result),
        (error: unknown) => process.nextTick(callback, error),
      )
      return undefined
    }

    #pass(args: readonly unknown[]): unknown {
      const text: unknown = Reflect.get(Object(args[0]), 'text')
      if (typeof text === 'string') this.#lane.bypassed(text)
      if (this.#lane.turns.isIdle) return this.#ask(args)
      const answer = this.#lane.turns.take('change', async () => this.#ask(args))
      // A cursor or a stream is read by its creator, who may begin with that before it has been sent.
      return 'submit' in Object(args[0]) ? args[0] : answer
    }

    #ask(args: readonly unknown[]): unknown {
      return Reflect.apply(Inner.prototype.query, this, args)
    }

    /** By a separate connection. */
    async #apart(args: readonly unknown[]): Promise<unknown> {
      const other = new Inner(...this.#config) as OwnClient
      other.on('error', () => {}) // its query fails with it
      try {
        await other.connect()
        return await Reflect.apply(Inner.prototype.query, other, args)
      } finally {
        await other.end()
      }
    }
  }
}

interface OwnClient {
  on(event: 'error', listener: () => void): unknown
  connect(): Promise<unknown>
  end(): Promise<void>
}

/** The database and user of a client, and what it sets as it connects (`-c search_path=…`): answers may differ. */
const whereOf = (client: object): string =>
  JSON.stringify([
    ...['host', 'port', 'database', 'user'].map((name) => String(Reflect.get(client, name))),
    String(Reflect.get(Object(Reflect.get(client, 'connectionParameters')), 'options')),
  ])

interface Asked {
  readonly sent: { readonly sql: string; readonly parameters: unknown; readonly as: string }
  readonly callback: Callback | undefined
  /** The arguments without the callback. */
  readonly given: readonly unknown[]
  readonly shape: Form<unknown>
}

/** `query(text, values?, callback?)`, `query({ text, values, ... }, values?, callback?)`. */
function askedOf(args: readonly unknown[], client: object): Asked | undefined {
  const [first] = args
  const last = args.at(-1)
  const callback = typeof last === 'function' ? (last as Callback) : undefined
  const given = callback === undefined ? args : args.slice(0, -1)
  const parameters = Array.isArray(given[1]) ? given[1] : undefined
  if (typeof first === 'string') return { sent: { sql: first, parameters, as: '' }, callback, given, shape: RESULT }
  if (typeof first !== 'object' || first === null || 'submit' in first || 'callback' in first) return undefined
  const own: unknown = Reflect.get(first, 'text')
  const sql = own ?? preparedOn(client, Reflect.get(first, 'name'))
  if (typeof sql !== 'string') return undefined
  const values = parameters ?? ('values' in first ? first.values : undefined)
  // Other connections have not prepared it.
  const whole = own === sql ? given : [{ ...first, text: sql }, ...given.slice(1)]
  return { sent: { sql, parameters: values, as: formOf(first) }, callback, given: whole, shape: RESULT }
}

/** The text of a statement that a client has prepared by this name: then the name alone is enough for `pg`. */
function preparedOn(client: object, name: unknown): unknown {
  const texts: unknown = Reflect.get(Object(Reflect.get(client, 'connection')), 'parsedStatements')
  return typeof name === 'string' ? Reflect.get(Object(texts), name) : undefined
}

/** The form of the rows: queries that differ in it do not share answers. */
function formOf(config: object): string {
  const mode: unknown = Reflect.get(config, 'rowMode')
  const types: unknown = Reflect.get(config, 'types')
  const parser: unknown = typeof types === 'object' && types !== null ? Reflect.get(types, 'getTypeParser') : ''
  return `${String(mode)} ${String(parser)} ${String(Reflect.get(config, 'binary'))}`
}

const rowsOf = (answer: unknown): object[] => {
  const rows: unknown = typeof answer === 'object' && answer !== null ? Reflect.get(answer, 'rows') : undefined
  return Array.isArray(rows) ? rows : []
}

/** The parts of pg's result that callers read. */
const RESULT: Form<unknown> = {
  rows: (answer) => rowsOf(answer).length,
  pack: (answer) => {
    const { command, rowCount, oid, rows, fields } = answer as Readonly<Record<string, unknown>>
    return {
      command,
      rowCount,
      oid,
      rows,
      fields: Array.isArray(fields) ? fields.map((field: object) => ({ ...field })) : fields,
    }
  },
}
