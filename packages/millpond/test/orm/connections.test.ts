// What a connection has been through: temporary tables, settings, transactions by hand, and those that SQLite itself
// rolls back. By doors that see each connection, and by those that do not.
import { Kysely, PostgresDialect, SqliteDialect, sql } from 'kysely'
import Sqlite from 'libsql'
import pg from 'pg'
import { DataSource } from 'typeorm'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Cache, createCache } from '../../src/index.ts'
import { kyselyCache } from '../../src/orm/kysely.ts'
import { pgCache } from '../../src/orm/pg.ts'
import { prismaCache } from '../../src/orm/prisma.ts'
import { typeOrmCache } from '../../src/orm/typeorm.ts'
import { describeWith } from '../services/index.ts'
import { openPostgres, openSqlite } from './databases.ts'

const TTL = { ttl: '1m' } as const
interface Tables {
  users: { id: number; name: string }
}

/** What is the same by every door. */
interface Way {
  /** With the wish to be cached. */
  name(id: number): Promise<unknown>
  send(sql: string): Promise<unknown>
  transaction(work: (send: (sql: string) => Promise<unknown>) => Promise<void>): Promise<void>
}

let cache: Cache
let db: InstanceType<typeof Sqlite>
beforeEach(() => {
  cache = createCache()
  db = openSqlite().db
  db.exec("INSERT INTO users (id, name) VALUES (1, 'Ada'), (2, 'Bob')")
})
afterEach(async () => {
  await cache.close()
  db.close()
})

function byKysely(): Way {
  const orm = kyselyCache({ cache })
  const one = new Kysely<Tables>({ dialect: orm.dialect(new SqliteDialect({ database: db })) })
  const quick = one.withPlugin(orm.cached(TTL))
  return {
    name: async (id) => (await quick.selectFrom('users').select('name').where('id', '=', id).executeTakeFirst())?.name,
    send: (text) => sql.raw(text).execute(one),
    transaction: (work) => one.transaction().execute((trx) => work((text) => sql.raw(text).execute(trx))),
  }
}

/** As Prisma's for better-sqlite3, with one connection for all. */
async function byPrisma(): Promise<Way> {
  interface Query {
    sql: string
    args: unknown[]
    argTypes?: object[]
  }
  const queries = {
    provider: 'sqlite',
    queryRaw: async ({ sql: text, args }: Query) => ({
      columnNames: ['name'],
      rows: db
        .prepare(text)
        .raw()
        .all(...args) as unknown[][],
    }),
    executeRaw: async ({ sql: text, args }: Query) => db.prepare(text).run(...args).changes,
  }
  const inner = {
    ...queries,
    connect: async () => ({
      ...queries,
      startTransaction: async () => {
        db.exec('BEGIN')
        const end = async (how: string) => void (db.inTransaction && db.exec(how))
        return { ...queries, commit: () => end('COMMIT'), rollback: () => end('ROLLBACK') }
      },
    }),
  }
  const orm = prismaCache({ cache })
  const adapter = (await orm.adapter(inner).connect()) as Awaited<ReturnType<typeof inner.connect>>
  const query = (text: string, args: unknown[] = []) => ({
    sql: text,
    args,
    argTypes: args.map(() => ({ scalarType: 'int', arity: 'scalar' })),
  })
  return {
    name: (id) =>
      orm.cached(
        TTL,
        async () => (await adapter.queryRaw(query('SELECT name FROM users WHERE id = ?', [id]))).rows[0]?.[0],
      ),
    send: (text) => adapter.executeRaw(query(text)),
    transaction: async (work) => {
      const tx = await adapter.startTransaction()
      try {
        await work((text) => tx.executeRaw(query(text)))
      } catch (error) {
        await tx.rollback()
        throw error
      }
      await tx.commit()
    },
  }
}

async function byTypeOrm(): Promise<Way> {
  const orm = typeOrmCache({ cache })
  const source = orm.source(
    new DataSource({ type: 'better-sqlite3', database: ':memory:', driver: Sqlite, entities: [] }),
  )
  await source.initialize()
  await source.query('CREATE TABLE users (id integer PRIMARY KEY, name text)')
  await source.query("INSERT INTO users VALUES (1, 'Ada'), (2, 'Bob')")
  return {
    name: (id) =>
      orm.cached(TTL, async () => (await source.query('SELECT name FROM users WHERE id = ?', [id]))[0]?.name),
    send: (text) => source.query(text),
    transaction: (work) => source.transaction((on) => work((text) => on.query(text))),
  }
}

describe.each([
  ['Kysely', async () => byKysely()],
  ['Prisma', byPrisma],
  ['TypeORM', byTypeOrm],
] as const)('over SQLite, by %s', (kind, open) => {
  let way: Way
  beforeEach(async () => {
    way = await open()
    expect([await way.name(1), await way.name(2)]).toEqual(['Ada', 'Bob'])
  })

  it.each([
    'CREATE TEMP TABLE users (id, name)',
    'CREATE /* hidden */ TEMPORARY TABLE "Users" (id, name)',
    'CREATE TABLE temp.users (id, name)',
  ])('%s: what it makes is shown, and kept for nobody', async (text) => {
    await way.send(text)
    await way.send("INSERT INTO temp.users VALUES (1, 'Mine')")
    const { hits, misses } = cache.stats()
    expect([await way.name(1), await way.name(1), await way.name(2)]).toEqual(['Mine', 'Mine', undefined])
    expect(cache.stats()).toMatchObject({ hits, misses })
  })

  it('a database that is attached has names of its own', async () => {
    await way.send("ATTACH ':memory:' AS users")
    const { hits } = cache.stats()
    expect([await way.name(1), cache.stats().hits]).toEqual(['Ada', hits])
  })

  it.each([
    { begin: 'BEGIN IMMEDIATE', more: [] },
    { begin: 'BEGIN', more: ['SAVEPOINT a', 'RELEASE a'] },
    { begin: 'SAVEPOINT a', more: ['SAVEPOINT b', 'RELEASE b'] },
  ])('$begin $more by hand: what is read in it is not kept, which a rollback takes back', async ({ begin, more }) => {
    for (const text of [begin, ...more, "UPDATE users SET name = 'Eve' WHERE id = 1"]) await way.send(text)
    expect(await way.name(1)).toBe('Eve')
    await way.send('ROLLBACK')
    expect(await way.name(1)).toBe('Ada')
    await way.send(begin)
    await way.send("UPDATE users SET name = 'Zoe' WHERE id = 1")
    await way.send(begin.startsWith('SAVE') ? 'RELEASE a' : 'COMMIT')
    const { hits } = cache.stats()
    expect([await way.name(1), await way.name(1), cache.stats().hits]).toEqual(['Zoe', 'Zoe', hits + 1])
  })

  it('a trigger that is created ends no transaction, although its body ends with END', async () => {
    await way.send('BEGIN')
    await way.send("CREATE TRIGGER t AFTER DELETE ON users BEGIN UPDATE users SET name = 'x'; SELECT 1; END")
    await way.send("UPDATE users SET name = 'Eve' WHERE id = 1")
    expect(await way.name(1)).toBe('Eve')
    await way.send('ROLLBACK')
    expect(await way.name(1)).toBe('Ada')
  })

  it.each([
    'INSERT OR ROLLBACK INTO users (id, name) VALUES (1, 2)',
    'UPDATE OR ROLLBACK users SET id = 1 WHERE id = 2',
  ])('%s ends the transaction: what is written after it is done, and told at once', async (text) => {
    // By its own connection of the door, since Kysely's only one is taken.
    const reader = kyselyCache({ cache, database: 'reader' })
    const beside = new Kysely<Tables>({
      dialect: reader.dialect(new SqliteDialect({ database: db })),
      plugins: [reader.cached(TTL)],
    })
    const seen = async () =>
      kind === 'TypeORM'
        ? await way.name(2)
        : (await beside.selectFrom('users').select('name').where('id', '=', 2).executeTakeFirst())?.name
    expect(await seen()).toBe('Bob')
    const done = way.transaction(async (send) => {
      await send("UPDATE users SET name = 'taken back' WHERE id = 1")
      await expect(send(text)).rejects.toThrow(/UNIQUE/)
      await send("UPDATE users SET name = 'done' WHERE id = 2")
      expect(await seen()).toBe('done')
      throw new Error('given up')
    })
    await expect(done).rejects.toThrow()
    expect([await way.name(1), await way.name(2)]).toEqual(['Ada', 'done'])
  })
})

describeWith('postgres', 'connections of a pool', () => {
  it('Kysely: what was loaded by a connection that means something else is kept for nobody', async () => {
    const database = await openPostgres()
    await database.behind("INSERT INTO users (id, name) VALUES (1, 'Ada')")
    await database.behind("CREATE SCHEMA shop; CREATE TABLE shop.users AS SELECT 1 AS id, 'Shop' AS name")
    const orm = kyselyCache({ cache })
    const one = new Kysely<Tables>({
      dialect: orm.dialect(new PostgresDialect({ pool: database.pool })),
      plugins: [orm.cached(TTL)],
    })
    const name = async () => (await one.selectFrom('users').select('name').where('id', '=', 1).executeTakeFirst())?.name
    let [give, gave] = [() => {}, Promise.resolve()]
    const hold = (text: string) =>
      new Promise<void>((taken) => {
        gave = one.connection().execute(async (held) => {
          await sql.raw(text).execute(held)
          taken()
          await new Promise<void>((resolve) => {
            give = resolve
          })
        })
      })
    await hold('SET search_path = shop')
    const [giveChanged, gaveChanged] = [give, gave]
    await hold('SET statement_timeout = 0')
    giveChanged()
    await gaveChanged
    // It is what is left while the other is taken again.
    give()
    await gave
    await hold('SET statement_timeout = 0')
    expect(await name()).toBe('Shop')
    give()
    await gave
    expect([await name(), await name(), cache.stats().hits]).toEqual(['Ada', 'Ada', 1])
    await database.close()
  })

  it('pg: answers that depend on settings are those of connections with the same ones', async () => {
    const database = await openPostgres()
    const orm = pgCache({ cache })
    const pool = new (orm.module(pg).Pool)({ connectionString: database.url, max: 4 })
    pool.on('error', () => undefined)
    const connect = async (...texts: string[]) => {
      const client = await pool.connect()
      for (const text of texts) await client.query(text)
      return client
    }
    const ask = async (client: pg.PoolClient) =>
      Object.values(
        (
          await orm.cached(TTL, () =>
            client.query("SELECT '2026-01-01T00:00Z'::timestamptz::text, current_setting('app.tenant', true)"),
          )
        ).rows[0],
      ).join(' ')
    const tokyo = ["SET TIME ZONE 'Asia/Tokyo'", "SET app.tenant = '7'"]
    const [utc, one, two, local] = [
      await connect("SET TIME ZONE 'UTC'"),
      await connect(...tokyo),
      await connect(tokyo.join(';')),
      await connect("SET statement_timeout = '1min'"),
    ]
    expect([await ask(utc), await ask(one), await ask(two)]).toEqual([
      '2026-01-01 00:00:00+00 ',
      '2026-01-01 09:00:00+09 7',
      '2026-01-01 09:00:00+09 7',
    ])
    const { hits, misses } = cache.stats()
    expect([hits, misses]).toEqual([1, 2])
    await ask(local)
    await one.query('RESET TIME ZONE')
    await one.query('RESET app.tenant')
    // Setting what is in a transaction ends with it, or not.
    await one.query("SET LOCAL app.tenant = '8'")
    await ask(one)
    expect(cache.stats()).toMatchObject({ hits: hits + 1, misses: misses + 1 })
    await two.query("BEGIN; SET app.tenant = '9'; ROLLBACK")
    await ask(two)
    expect(cache.stats().misses).toBe(misses + 1)
    for (const client of [utc, one, two, local]) client.release(true)
    await pool.end()
    await database.close()
  })

  it('pg: pools that open their connections with other options do not share answers', async () => {
    const database = await openPostgres()
    await database.behind("CREATE SCHEMA shop; CREATE TABLE shop.users AS SELECT 1 AS id, 'Shop' AS name")
    await database.behind("INSERT INTO users (id, name) VALUES (1, 'Ada')")
    const orm = pgCache({ cache })
    const { Pool } = orm.module(pg)
    const name = async (options?: string) => {
      const pool = new Pool({ connectionString: database.url, options })
      pool.on('error', () => undefined)
      const { rows } = await orm.cached(TTL, () => pool.query('SELECT name FROM users WHERE id = 1'))
      await pool.end()
      return rows[0].name
    }
    expect([await name(), await name('-c search_path=shop'), await name()]).toEqual(['Ada', 'Shop', 'Ada'])
    expect(cache.stats().hits).toBe(1)
    await database.close()
  })
})
