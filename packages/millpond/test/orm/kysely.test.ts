// Kysely over SQLite and PostgreSQL.
import { type ColumnType, type Generated, Kysely, type KyselyPlugin, PostgresDialect, SqliteDialect, sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Cache, createCache } from '../../src/index.ts'
import { transactionOutbox } from '../../src/invalidate/index.ts'
import { kyselyCache, type OrmOptions } from '../../src/orm/kysely.ts'
import { describeWith, until } from '../services/index.ts'
import { openPostgres, openSqlite, type PostgresDatabase } from './databases.ts'
import { describeDoor, type Inside, type Verbs } from './door-contract.ts'

interface Tables {
  users: { id: number; name: string; team: number | null }
  posts: { id: Generated<number>; user_id: number; title: string }
}

/** Tables of one test each. */
interface All extends Tables {
  kinds: { id: ColumnType<string, bigint, bigint>; at: Date; bytes: Buffer; doc: { list: unknown[] } }
  membership: { org: number; member: string; role: string }
  owners: { org: number; member: string; role: string }
  a: Numbers
  b: Numbers
  c: Numbers
  d: Numbers
  e: Numbers
}
interface Numbers {
  id: number
  n: number
}

function verbs(db: Kysely<Tables>, cached: KyselyPlugin): Verbs {
  const quick = db.withPlugin(cached)
  return {
    nameOf: async (id) =>
      (await quick.selectFrom('users').select('name').where('id', '=', id).executeTakeFirst())?.name,
    names: async () => (await quick.selectFrom('users').select('name').orderBy('id').execute()).map(({ name }) => name),
    add: (id, name) => db.insertInto('users').values({ id, name }).execute(),
    addMany: (rows) => db.insertInto('users').values(rows).execute(),
    rename: (id, name) => db.updateTable('users').set({ name }).where('id', '=', id).execute(),
    renameAll: (beginning, name) =>
      db.updateTable('users').set({ name }).where('name', 'like', `${beginning}%`).execute(),
    remove: (id) => db.deleteFrom('users').where('id', '=', id).execute(),
    raw: (text) => sql.raw(text).execute(db),
  }
}

function inside(db: Kysely<Tables>, cached: KyselyPlugin): Inside {
  return {
    ...verbs(db, cached),
    savepoint: async (work) => {
      await sql`savepoint deeper`.execute(db)
      try {
        await work(inside(db, cached))
      } catch (error) {
        await sql`rollback to savepoint deeper`.execute(db)
        throw error
      }
      await sql`release savepoint deeper`.execute(db)
    },
  }
}

type Dialects = Parameters<ReturnType<typeof kyselyCache>['dialect']>[0]

function subject(cache: Cache, dialect: Dialects) {
  const orm = kyselyCache({ cache })
  const db = new Kysely<Tables>({ dialect: orm.dialect(dialect) })
  const cached = orm.cached({ ttl: '1m' })
  return {
    ...verbs(db, cached),
    posts: async () => {
      const rows = await db
        .withPlugin(cached)
        .selectFrom('posts')
        .innerJoin('users', 'users.id', 'posts.user_id')
        .select(['title', 'name'])
        .execute()
      return rows.map(({ title, name }) => `${title} by ${name}`)
    },
    transaction: <T>(work: (tx: Inside) => Promise<T>) => db.transaction().execute((tx) => work(inside(tx, cached))),
    close: async () => {},
  }
}

describeWith('postgres', 'Kysely', () => {
  describeDoor(
    'over PostgreSQL',
    async () => {
      const database = await openPostgres()
      return { ...database, open: async (cache) => subject(cache, new PostgresDialect({ pool: database.pool })) }
    },
    { rows: true, savepoints: true, raw: true },
  )
})

describeDoor(
  'Kysely over SQLite',
  async () => {
    const { db, behind } = openSqlite()
    return {
      behind,
      open: async (cache) => subject(cache, new SqliteDialect({ database: db })),
      close: async () => void db.close(),
    }
  },
  { rows: true, savepoints: true, raw: true },
)

describeWith('postgres', 'Kysely: what PostgreSQL has', () => {
  let database: PostgresDatabase
  let cache: Cache
  const open = (more: Partial<OrmOptions> = {}) => {
    const orm = kyselyCache({ cache, ...more })
    return {
      orm,
      db: new Kysely<All>({
        dialect: orm.dialect(new PostgresDialect({ pool: database.pool })),
        plugins: [orm.cached({ ttl: '1m' })],
      }),
    }
  }

  beforeAll(async () => {
    database = await openPostgres()
    cache = createCache()
  })
  afterAll(async () => {
    await cache.close()
    await database.close()
  })

  it('a load that read before a commit is not kept after it', async () => {
    const { db } = open({ database: 'race' })
    await database.behind("INSERT INTO users (id, name) VALUES (500, 'old')")
    const slow = () => sql<{ name: string }>`select name, pg_sleep(0.15) from users where id = 500`.execute(db)
    const before = slow()
    const running = "SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'select name, pg_sleep%'"
    await until('it to read', async () => ((await database.pool.query(running)).rowCount ?? 0) > 0)
    await db.updateTable('users').set({ name: 'new' }).where('id', '=', 500).execute()
    const after = slow() // joins nothing that began before
    expect([(await before).rows[0]?.name, (await after).rows[0]?.name, (await slow()).rows[0]?.name]).toEqual([
      'old',
      'new',
      'new',
    ])
  })

  it('one load for all who ask at once, and no connection for what is cached', async () => {
    const { db } = open({ database: 'flights' })
    const ask = () => sql<{ at: Date }>`select clock_timestamp() as at, count(*) from users`.execute(db)
    const answers = await Promise.all(Array.from({ length: 60 }, ask))
    expect(new Set(answers.map(({ rows }) => rows[0]?.at.getTime())).size).toBe(1)
    const held = await Promise.all(Array.from({ length: 8 }, () => database.pool.connect()))
    expect((await ask()).rows).toEqual(answers[0]?.rows) // the pool is empty
    for (const client of held) client.release()
  })

  it('parameters and values: each type is its own key, and comes back as it was', async () => {
    await database.behind('CREATE TABLE kinds (id bigint PRIMARY KEY, at timestamptz, bytes bytea, doc jsonb)')
    const { db } = open({ database: 'kinds' })
    const at = new Date('2026-01-02T03:04:05.006Z')
    const row = { id: 9007199254740993n, at, bytes: Buffer.from([0, 255]), doc: { list: [1, { deep: true }] } }
    await db.insertInto('kinds').values(row).execute()
    const found = () => db.selectFrom('kinds').selectAll().where('id', '=', '9007199254740993').executeTakeFirst()
    await found()
    expect(await found()).toEqual({ ...row, id: '9007199254740993' })
    const own = await found()
    own?.doc.list.push(2) // nobody else's
    own?.at.setFullYear(1970)
    expect((await found())?.at).toEqual(at)
    const by = async (column: 'at' | 'bytes', value: Date | Buffer) =>
      (await db.selectFrom('kinds').select('id').where(column, '=', value).execute()).length
    expect([
      await by('at', at),
      await by('at', new Date(0)),
      await by('bytes', Buffer.from([0, 255])),
      await by('bytes', Buffer.from([0])),
    ]).toEqual([1, 0, 1, 0])
    await database.behind('DELETE FROM kinds')
    expect([await by('at', at), await by('bytes', Buffer.from([0]))]).toEqual([1, 0])
  })

  it('what cannot be kept is answered, and told', async () => {
    const errors: unknown[] = []
    const { db } = open({ database: 'unkept', onError: (error) => errors.push(error) })
    const interval = () => sql<{ i: { days: number } }>`select interval '3 days' as i`.execute(db)
    expect((await Promise.all([interval(), interval()])).map(({ rows }) => rows[0]?.i.days)).toEqual([3, 3])
    expect(errors[0]).toMatchObject({ code: 'VALUE_UNSUPPORTED' })
  })

  it('composite keys, schemas, views, five tables, common table expressions', async () => {
    await database.behind(
      `CREATE TABLE membership (org int, member text, role text, PRIMARY KEY (org, member)); CREATE SCHEMA shop; CREATE TABLE shop.users (id int, name text);
       CREATE TABLE a (id int, n int); CREATE TABLE b (id int, n int); CREATE TABLE c (id int, n int); CREATE TABLE d (id int, n int); CREATE TABLE e (id int, n int);
       CREATE VIEW owners AS SELECT * FROM membership WHERE role = 'owner';
       INSERT INTO a VALUES (1, 1); INSERT INTO b VALUES (1, 1); INSERT INTO c VALUES (1, 1); INSERT INTO d VALUES (1, 1); INSERT INTO e VALUES (1, 1);
       INSERT INTO membership VALUES (1, 'ann', 'owner'), (1, 'bo', 'guest'); INSERT INTO shop.users VALUES (1, 'Shop')`,
    )
    const { db } = open({
      database: 'many',
      keys: { membership: ['org', 'member'] },
      views: { owners: ['membership'] },
    })
    const role = async (member: string) =>
      (
        await db
          .selectFrom('membership')
          .select('role')
          .where('org', '=', 1)
          .where('member', '=', member)
          .executeTakeFirst()
      )?.role
    const owners = async () => (await db.selectFrom('owners').selectAll().execute()).length
    expect([await role('ann'), await role('bo'), await owners()]).toEqual(['owner', 'guest', 1])
    await database.behind("UPDATE membership SET role = 'unseen' WHERE member = 'ann'")
    await db.updateTable('membership').set({ role: 'admin' }).where('org', '=', 1).where('member', '=', 'bo').execute()
    expect([await role('ann'), await role('bo'), await owners()]).toEqual(['owner', 'admin', 0])

    const inShop = async () =>
      (await db.withSchema('shop').selectFrom('users').select('name').where('id', '=', 1).executeTakeFirst())?.name
    expect(await inShop()).toBe('Shop')
    await db.withSchema('shop').updateTable('users').set({ name: 'Store' }).where('id', '=', 1).execute()
    expect(await inShop()).toBe('Store')
    await sql`update "public".membership set role = 'owner'`.execute(db)
    expect(await owners()).toBe(2)

    const sum = async () => {
      const { rows } = await sql<{ n: number }>`with deep as (select c.id, c.n + d.n as n from c join d on c.id = d.id)
        select (a.n + b.n + deep.n + e.n)::int as n from a inner join b using (id), deep left join e on e.id = deep.id where deep.id = a.id`.execute(
        db,
      )
      return rows[0]?.n
    }
    for (const [at, table] of (['a', 'b', 'c', 'd', 'e'] as const).entries()) {
      expect(await sum()).toBe(5 + at)
      await db.updateTable(table).set({ n: 2 }).execute()
    }
    expect(await sum()).toBe(10)
  })

  it('what reads anything, locks, or changes its session is asked of the database, unless its tables are named', async () => {
    await database.behind(
      'CREATE FUNCTION shouted() RETURNS SETOF text LANGUAGE sql AS $$ SELECT upper(name) FROM users WHERE id = 700 $$',
    )
    await database.behind("INSERT INTO users (id, name) VALUES (700, 'x')")
    const { db, orm } = open({ database: 'opaque' })
    const shouted = (by: Kysely<All> = db) =>
      sql<{ shouted: string }>`select * from shouted()`.execute(by).then(({ rows }) => rows[0]?.shouted)
    const locked = () => db.selectFrom('users').select('name').where('id', '=', 700).forUpdate().executeTakeFirst()
    const named = db.withPlugin(orm.cached({ ttl: '1m', tables: ['users'] }))
    // Of its own, since nothing is answered from the cache where such a connection has been given back.
    const apart = open({ database: 'apart' }).db
    const own = () =>
      apart.connection().execute(async (one) => {
        await sql`set search_path = shop, public`.execute(one)
        const row = await one.selectFrom('users').select('name').where('id', '=', 1).executeTakeFirst()
        await sql`reset search_path`.execute(one)
        return row?.name
      })
    expect([await shouted(), await shouted(named), (await locked())?.name, await own()]).toEqual([
      'X',
      'X',
      'x',
      'Store',
    ])
    await database.behind("UPDATE users SET name = 'y' WHERE id = 700; UPDATE shop.users SET name = 'Stall'")
    expect([await shouted(), await shouted(named), (await locked())?.name, await own()]).toEqual([
      'Y',
      'X',
      'y',
      'Stall',
    ])
    await db.updateTable('users').set({ name: 'z' }).where('id', '=', 700).execute()
    expect(await shouted(named)).toBe('Z')
    await sql`do $$ begin update users set name = 'w' where id = 700; end $$`.execute(db)
    expect(await shouted(named)).toBe('W')
  })

  it('controlled transactions with savepoints, and streams', async () => {
    const { db } = open({ database: 'controlled' })
    const name = async (id: number) =>
      (await db.selectFrom('users').select('name').where('id', '=', id).executeTakeFirst())?.name
    await database.behind("INSERT INTO users (id, name) VALUES (800, 'a'), (801, 'a')")
    expect([await name(800), await name(801)]).toEqual(['a', 'a'])
    const trx = await db.startTransaction().execute()
    await trx.updateTable('users').set({ name: 'b' }).where('id', '=', 800).execute()
    const at = await trx.savepoint('one').execute()
    await at.updateTable('users').set({ name: 'b' }).where('id', '=', 801).execute()
    await (await at.rollbackToSavepoint('one').execute()).commit().execute()
    await database.behind("UPDATE users SET name = 'unseen' WHERE id = 801")
    expect([await name(800), await name(801)]).toEqual(['b', 'a'])
  })

  it('a write that the database refuses changes nothing here; one of which nobody knows counts', async () => {
    const { db } = open({ database: 'refused' })
    const name = async () =>
      (await db.selectFrom('users').select('name').where('id', '=', 900).executeTakeFirst())?.name
    await database.behind("INSERT INTO users (id, name) VALUES (900, 'a')")
    await name()
    await database.behind("UPDATE users SET name = 'unseen' WHERE id = 900")
    await database.behind(
      "CREATE FUNCTION unsure() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'lost' USING ERRCODE = '08006'; END $$",
    )
    await expect(db.insertInto('users').values({ id: 900, name: 'twice' }).execute()).rejects.toThrow('duplicate')
    expect(await name()).toBe('a')
    await expect(sql`update users set name = unsure() where id = 900`.execute(db)).rejects.toThrow('lost')
    expect(await name()).toBe('unseen')
  })

  it('hold: what a commit changes is held before it, and nothing where it is rolled back', async () => {
    const { db } = open({ database: 'hold', hold: '10s' })
    const name = async () =>
      (await db.selectFrom('users').select('name').where('id', '=', 950).executeTakeFirst())?.name
    await database.behind("INSERT INTO users (id, name) VALUES (950, 'a')")
    await name()
    await db.transaction().execute((trx) => trx.updateTable('users').set({ name: 'b' }).where('id', '=', 950).execute())
    expect(await name()).toBe('b')
    await db.updateTable('users').set({ name: 'c' }).where('id', '=', 950).execute()
    expect(await name()).toBe('c')
    await expect(
      db.transaction().execute(async (trx) => {
        await trx.updateTable('users').set({ name: 'd' }).where('id', '=', 950).execute()
        throw new Error('no')
      }),
    ).rejects.toThrow('no')
    expect(await name()).toBe('c')
  })

  it('outbox: a row of the transaction itself, which another process settles where this one has died', async () => {
    const run = async (text: string, parameters: readonly unknown[]) =>
      (await database.pool.query(text, [...parameters])).rows
    const settled: unknown[] = []
    const outbox = transactionOutbox({
      dialect: 'postgres',
      run,
      invalidate: async (due) => settled.push(await cache.invalidate(due.criteria)),
    })
    await outbox.install()
    const { db } = open({ database: 'outbox', outbox })
    const name = async () =>
      (await db.selectFrom('users').select('name').where('id', '=', 960).executeTakeFirst())?.name
    await database.behind("INSERT INTO users (id, name) VALUES (960, 'a')")
    await name()
    await db.transaction().execute((trx) => trx.updateTable('users').set({ name: 'b' }).where('id', '=', 960).execute())
    expect([await name(), settled.length]).toEqual(['b', 1])

    let end = () => {}
    const died = new Promise<void>((resolve) => {
      end = resolve
    })
    // A process that dies between commit and invalidation leaves the row.
    const dead = open({
      database: 'outbox',
      outbox: { note: (inside, criteria) => outbox.note(inside, criteria), settle: () => died },
    })
    const dying = dead.db
      .transaction()
      .execute((trx) => trx.updateTable('users').set({ name: 'c' }).where('id', '=', 960).execute())
    await expect
      .poll(async () => (await database.pool.query('SELECT name FROM users WHERE id = 960')).rows[0].name)
      .toBe('c')
    expect(await name()).toBe('b')
    expect(await outbox.settle()).toEqual({ applied: 1, left: 0 })
    expect(await name()).toBe('c')
    end()
    await dying
  })

  it('a ledger that does not answer fails no commit that is done, and is told', async () => {
    const errors: unknown[] = []
    const down = { ...standIn(), commit: () => Promise.reject(new Error('down')) }
    const orm = kyselyCache({
      cache: {
        getOrSet: cache.getOrSet.bind(cache),
        transaction: cache.transaction.bind(cache),
        changes: { transaction: () => down },
      },
      onError: (error) => errors.push(error),
    })
    const db = new Kysely<Tables>({ dialect: orm.dialect(new PostgresDialect({ pool: database.pool })) })
    await db.insertInto('users').values({ id: 970, name: 'kept' }).execute()
    expect([errors, (await database.pool.query('SELECT name FROM users WHERE id = 970')).rows]).toEqual([
      [new Error('down')],
      [{ name: 'kept' }],
    ])
  })
})

const standIn = () => ({ modelChanged: () => {}, tags: () => [], commit: async () => undefined })

describe('Kysely: how it is made', () => {
  it('two databases of one cache have names', () => {
    const cache = createCache()
    const orm = kyselyCache({ cache })
    orm.dialect(new SqliteDialect({ database: openSqlite().db }))
    expect(() => orm.dialect(new SqliteDialect({ database: openSqlite().db }))).toThrow(/database.*name them/)
    kyselyCache({ cache, database: 'other' }).dialect(new SqliteDialect({ database: openSqlite().db }))
  })

  it('refuses what it cannot read', () => {
    const cache = createCache()
    class OtherCompiler {}
    const other = { createQueryCompiler: () => new OtherCompiler() }
    expect(() => Reflect.apply(kyselyCache({ cache }).dialect, undefined, [other])).toThrow(
      /OtherCompiler cannot be parsed/,
    )
    const outbox = { note: async () => {}, settle: async () => {} }
    expect(() => kyselyCache({ cache, hold: '1s', outbox })).toThrow(/give only one of them/)
    expect(() => kyselyCache({ cache }).cached({ tags: [''] })).toThrow(/tag/)
  })
})
