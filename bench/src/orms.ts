// `npm run bench:doors -- --orms`: a query of one row by its key through each ORM, as the database answers it, as the
// ORM's own cache does where it has one, and through the adapter. PostgreSQL runs on this machine.
import { eq, getTableName, is, Table } from 'drizzle-orm'
import { Cache as DrizzleCache, type MutationOption } from 'drizzle-orm/cache/core'
import { drizzle } from 'drizzle-orm/node-postgres'
import { integer, pgTable, text } from 'drizzle-orm/pg-core'
import { Kysely, PostgresDialect, SqliteDialect } from 'kysely'
import Sqlite from 'libsql'
import { createCache } from 'millpond'
import { kyselyCache } from 'millpond/orm/kysely'
import { pgCache } from 'millpond/orm/pg'
import pg from 'pg'
import { DataTypes, Sequelize } from 'sequelize'
import { DataSource, EntitySchema } from 'typeorm'
import { startPostgresServer } from './postgres-server.ts'

/** The name of one row, by its id. */
export type Query = (id: number) => Promise<unknown>
export interface OrmRow {
  readonly name: string
  readonly database: Query
  /** The cache that comes with the ORM. */
  readonly own?: Query
  readonly adapter: Query
}

/** Rows with ids from 1. */
export const ORM_KEYS = 40
const TTL = { ttl: '10m' } as const
const TABLE = 'CREATE TABLE users (id integer PRIMARY KEY, name text NOT NULL, city text NOT NULL, score integer)'
const ROWS = Array.from({ length: ORM_KEYS }, (_, at) => `(${at + 1}, 'user ${at}', 'Delft', ${at * 7})`)
const INSERT = `INSERT INTO users VALUES ${ROWS.join(', ')}`

interface Tables {
  users: { id: number; name: string; city: string; score: number }
}

/** Everything opens its own pools; the process ends with them. */
export async function openOrms(): Promise<{ readonly rows: OrmRow[]; close(): Promise<void> }> {
  const server = await startPostgresServer()
  const orm = pgCache({ cache: createCache({ name: 'orms' }) })
  const cachedPg = orm.module(pg)
  const plain = new pg.Pool({ connectionString: server.url })
  const pool = new cachedPg.Pool({ connectionString: server.url })
  for (const one of [plain, pool]) one.on('error', () => undefined)
  await plain.query(TABLE)
  await plain.query(INSERT)
  const cached =
    (query: Query): Query =>
    (id) =>
      orm.cached(TTL, () => query(id))
  const rows = [
    itself(plain, pool, cached),
    ofKysely(plain),
    ofKyselySqlite(),
    ofDrizzle(plain, pool, cached),
    await ofTypeOrm(server.url, cachedPg, cached),
    ofSequelize(server.url, cachedPg, cached),
  ]
  return { rows, close: () => server.close() }
}

type Cached = (query: Query) => Query

function itself(plain: pg.Pool, pool: pg.Pool, cached: Cached): OrmRow {
  const of =
    (one: pg.Pool): Query =>
    async (id) =>
      (await one.query('SELECT * FROM users WHERE id = $1', [id])).rows[0]
  return { name: 'pg', database: of(plain), adapter: cached(of(pool)) }
}

function ofKysely(plain: pg.Pool): OrmRow {
  const orm = kyselyCache({ cache: createCache({ name: 'kysely' }) })
  const dialect = new PostgresDialect({ pool: plain })
  const one = new Kysely<Tables>({ dialect: orm.dialect(dialect), plugins: [orm.cached(TTL)] })
  return { name: 'Kysely, PostgreSQL', database: byKysely(new Kysely({ dialect })), adapter: byKysely(one) }
}

function ofKyselySqlite(): OrmRow {
  const database = new Sqlite(':memory:')
  database.exec(TABLE)
  database.exec(INSERT)
  const orm = kyselyCache({ cache: createCache({ name: 'kysely-sqlite' }) })
  const dialect = new SqliteDialect({ database })
  const one = new Kysely<Tables>({ dialect: orm.dialect(dialect), plugins: [orm.cached(TTL)] })
  return { name: 'Kysely, SQLite in memory', database: byKysely(new Kysely({ dialect })), adapter: byKysely(one) }
}

const byKysely =
  (one: Kysely<Tables>): Query =>
  (id) =>
    one.selectFrom('users').selectAll().where('id', '=', id).executeTakeFirst()

function ofDrizzle(plain: pg.Pool, pool: pg.Pool, cached: Cached): OrmRow {
  const users = pgTable('users', { id: integer().primaryKey(), name: text(), city: text(), score: integer() })
  const [one, other] = [drizzle(plain), drizzle(pool)]
  const withOwn = drizzle(plain, { cache: new InMemory() })
  return {
    name: 'Drizzle',
    database: async (id) => (await one.select().from(users).where(eq(users.id, id)))[0],
    own: async (id) => (await withOwn.select().from(users).where(eq(users.id, id)).$withCache())[0],
    adapter: cached(async (id) => (await other.select().from(users).where(eq(users.id, id)))[0]),
  }
}

/** Drizzle ships a cache for one vendor's service, and the class to write another: the least of them. */
class InMemory extends DrizzleCache {
  readonly #held = new Map<string, { readonly rows: unknown[]; readonly tables: readonly string[] }>()
  override strategy(): 'explicit' {
    return 'explicit'
  }
  override async get(key: string): Promise<unknown[] | undefined> {
    return this.#held.get(key)?.rows
  }
  override async put(key: string, rows: unknown[], tables: string[]): Promise<void> {
    this.#held.set(key, { rows, tables })
  }
  override async onMutate({ tables = [] }: MutationOption): Promise<void> {
    const names = [tables].flat().map((table) => (is(table, Table) ? getTableName(table) : table))
    for (const [key, held] of this.#held) if (held.tables.some((name) => names.includes(name))) this.#held.delete(key)
  }
}

async function ofTypeOrm(url: string, driver: unknown, cached: Cached): Promise<OrmRow> {
  const User = new EntitySchema<Tables['users']>({
    name: 'User',
    tableName: 'users',
    columns: {
      id: { type: 'int', primary: true },
      name: { type: 'text' },
      city: { type: 'text' },
      score: { type: 'int' },
    },
  })
  const open = (more: object): Promise<DataSource> =>
    new DataSource({ type: 'postgres', url, entities: [User], installExtensions: false, ...more }).initialize()
  // Its own is a table of the same database, unless one gives it a Redis.
  const [plain, own, other] = [await open({}), await open({ cache: true }), await open({ driver })]
  await own.queryResultCache?.synchronize()
  return {
    name: 'TypeORM',
    database: (id) => plain.manager.findOneBy(User, { id }),
    own: (id) => own.manager.findOne(User, { where: { id }, cache: 600_000 }),
    adapter: cached((id) => other.manager.findOneBy(User, { id })),
  }
}

function ofSequelize(url: string, dialectModule: object, cached: Cached): OrmRow {
  const open = (more: object) => {
    const one = new Sequelize(url, { logging: false, define: { timestamps: false }, ...more })
    const columns = { name: DataTypes.TEXT, city: DataTypes.TEXT, score: DataTypes.INTEGER }
    const User = one.define(
      'User',
      { id: { type: DataTypes.INTEGER, primaryKey: true }, ...columns },
      { tableName: 'users' },
    )
    return (id: number) => User.findByPk(id)
  }
  return { name: 'Sequelize', database: open({}), adapter: cached(open({ dialectModule })) }
}
