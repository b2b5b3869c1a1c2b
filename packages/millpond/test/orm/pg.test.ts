// Drizzle, TypeORM and Sequelize, each as it is, over a `pg` with the cache in it.
import { and, asc, eq, like, sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { integer, pgTable, text } from 'drizzle-orm/pg-core'
import pg from 'pg'
import { DataTypes, Op, QueryTypes, Sequelize, type Transaction } from 'sequelize'
import { DataSource, type EntityManager, EntitySchema, Like } from 'typeorm'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Cache, createCache } from '../../src/index.ts'
import { notifyChanges, type OrmCache, pgCache } from '../../src/orm/pg.ts'
import { describeWith } from '../services/index.ts'
import { openPostgres, type PostgresDatabase } from './databases.ts'
import { describeDoor, type Inside, type Subject } from './door-contract.ts'

const ALL = { rows: true, savepoints: true, raw: true }
const TTL = { ttl: '1m' } as const

const users = pgTable('users', { id: integer().primaryKey(), name: text().notNull(), team: integer() })
const posts = pgTable('posts', { id: integer().primaryKey(), user_id: integer(), title: text() })

function overDrizzle(url: string, cache: Cache): Subject {
  const orm = pgCache({ cache })
  const { Pool } = orm.module(pg)
  const pool = new Pool({ connectionString: url, max: 8 })
  pool.on('error', () => undefined)
  const db = drizzle(pool)
  type Db = Pick<typeof db, 'select' | 'insert' | 'update' | 'delete' | 'execute' | 'transaction'>
  const inside = (on: Db): Inside => ({
    nameOf: async (id) => (await orm.cached(TTL, () => on.select().from(users).where(eq(users.id, id))))[0]?.name,
    names: async () =>
      (await orm.cached(TTL, () => on.select({ name: users.name }).from(users).orderBy(asc(users.id)))).map(
        ({ name }) => name,
      ),
    add: (id, name) => on.insert(users).values({ id, name }),
    addMany: (rows) => on.insert(users).values(rows),
    rename: (id, name) =>
      on
        .update(users)
        .set({ name })
        .where(and(eq(users.id, id))),
    renameAll: (beginning, name) =>
      on
        .update(users)
        .set({ name })
        .where(like(users.name, `${beginning}%`)),
    remove: (id) => on.delete(users).where(eq(users.id, id)),
    raw: (statement) => on.execute(sql.raw(statement)),
    savepoint: (work) => on.transaction((deeper) => work(inside(deeper))),
  })
  return {
    ...inside(db),
    posts: async () => {
      const rows = await orm.cached(TTL, () => db.select().from(posts).innerJoin(users, eq(users.id, posts.user_id)))
      return rows.map((row) => `${row.posts.title} by ${row.users.name}`)
    },
    transaction: (work) => db.transaction((tx) => work(inside(tx))),
    close: () => pool.end(),
  }
}

interface User {
  id: number
  name: string
  posts?: Post[]
}
interface Post {
  id: number
  title: string
  user: User
}
const UserEntity = new EntitySchema<User>({
  name: 'User',
  tableName: 'users',
  columns: { id: { type: 'int', primary: true }, name: { type: 'text' } },
  relations: { posts: { type: 'one-to-many', target: 'Post', inverseSide: 'user' } },
})
const PostEntity = new EntitySchema<Post>({
  name: 'Post',
  tableName: 'posts',
  columns: { id: { type: 'int', primary: true }, title: { type: 'text' } },
  relations: { user: { type: 'many-to-one', target: 'User', joinColumn: { name: 'user_id' } } },
})

async function overTypeOrm(url: string, cache: Cache): Promise<Subject> {
  const orm = pgCache({ cache })
  const source = new DataSource({
    type: 'postgres',
    url,
    driver: orm.module(pg),
    entities: [UserEntity, PostEntity],
    installExtensions: false,
  })
  await source.initialize()
  const inside = (on: EntityManager): Inside => ({
    nameOf: async (id) => (await orm.cached(TTL, () => on.findOneBy(UserEntity, { id })))?.name,
    names: async () =>
      (await orm.cached(TTL, () => on.find(UserEntity, { order: { id: 'ASC' } }))).map(({ name }) => name),
    add: (id, name) => on.save(UserEntity, { id, name }),
    addMany: (rows) => on.insert(UserEntity, rows),
    rename: (id, name) => on.save(UserEntity, { id, name }),
    renameAll: (beginning, name) => on.update(UserEntity, { name: Like(`${beginning}%`) }, { name }),
    remove: (id) => on.delete(UserEntity, { id }),
    raw: (statement) => on.query(statement),
    savepoint: (work) => on.transaction((deeper) => work(inside(deeper))),
  })
  return {
    ...inside(source.manager),
    posts: async () => {
      const rows = await orm.cached(TTL, () => source.manager.find(PostEntity, { relations: { user: true } }))
      return rows.filter(({ user }) => user !== null).map(({ title, user }) => `${title} by ${user.name}`)
    },
    transaction: (work) => source.transaction((manager) => work(inside(manager))),
    close: () => source.destroy(),
  }
}

async function overSequelize(url: string, cache: Cache): Promise<Subject> {
  const orm = pgCache({ cache })
  const sequelize = new Sequelize(url, {
    dialectModule: orm.module(pg),
    logging: false,
    pool: { max: 8 },
    define: { timestamps: false },
  })
  const id = { type: DataTypes.INTEGER, primaryKey: true }
  const User = sequelize.define('User', { id, name: DataTypes.TEXT }, { tableName: 'users' })
  const Post = sequelize.define(
    'Post',
    { id, title: DataTypes.TEXT, user_id: DataTypes.INTEGER },
    { tableName: 'posts' },
  )
  Post.belongsTo(User, { as: 'user', foreignKey: 'user_id' })
  const inside = (transaction?: Transaction): Inside => {
    const within = transaction === undefined ? {} : { transaction }
    return {
      nameOf: async (id) => (await orm.cached(TTL, () => User.findByPk(id, within)))?.get('name') as string | undefined,
      names: async () =>
        (await orm.cached(TTL, () => User.findAll({ order: ['id'], ...within }))).map((user) =>
          String(user.get('name')),
        ),
      add: (id, name) => User.create({ id, name }, within),
      addMany: (rows) => User.bulkCreate(rows, within),
      rename: async (id, name) => (await User.findByPk(id, within))?.update({ name }, within),
      renameAll: (beginning, name) =>
        User.update({ name }, { where: { name: { [Op.like]: `${beginning}%` } }, ...within }),
      remove: (id) => User.destroy({ where: { id }, ...within }),
      raw: (statement) => sequelize.query(statement, { type: QueryTypes.RAW, ...within }),
      savepoint: (work) => sequelize.transaction(within, (deeper) => work(inside(deeper))),
    }
  }
  return {
    ...inside(),
    posts: async () => {
      const rows = await orm.cached(TTL, () => Post.findAll({ include: [{ model: User, as: 'user', required: true }] }))
      return rows.map((post) => `${post.get('title')} by ${(post.get('user') as { name: string }).name}`)
    },
    transaction: (work) => sequelize.transaction((transaction) => work(inside(transaction))),
    close: () => sequelize.close(),
  }
}

describeWith('postgres', 'over pg', () => {
  for (const [name, open] of [
    ['Drizzle', async (url: string, cache: Cache) => overDrizzle(url, cache)],
    ['TypeORM', overTypeOrm],
    ['Sequelize', overSequelize],
  ] as const)
    describeDoor(
      name,
      async () => {
        const database = await openPostgres()
        return { ...database, open: (cache) => open(database.url, cache) }
      },
      ALL,
    )
})

describeWith('postgres', 'pg itself', () => {
  let database: PostgresDatabase
  let cache: Cache
  beforeAll(async () => {
    database = await openPostgres()
    cache = createCache()
    await database.behind("INSERT INTO users (id, name) VALUES (1, 'Ada'), (2, 'Bob'), (3, 'Cy')")
  })
  afterAll(async () => {
    await cache.close()
    await database.close()
  })
  const open = (name: string) => {
    const orm = pgCache({ cache, database: name })
    const { Pool } = orm.module(pg)
    const pool = new Pool({ connectionString: database.url, max: 4 })
    pool.on('error', () => undefined)
    return { orm, pool }
  }

  it('callbacks, configurations, forms of rows, cursors and errors are as they were', async () => {
    const { orm, pool } = open('forms')
    expect(pool).toBeInstanceOf(pg.Pool)
    const text = 'SELECT id, name FROM users WHERE id = $1'
    const by = (config: string | pg.QueryConfig | pg.QueryArrayConfig) =>
      orm.cached({ ttl: '1m' }, () => pool.query<object>(config, [1]))
    expect([
      (await by(text)).rows,
      (await by({ text })).rows,
      (await by({ text, rowMode: 'array' })).rows,
      (await by(text)).rows,
    ]).toEqual([[{ id: 1, name: 'Ada' }], [{ id: 1, name: 'Ada' }], [[1, 'Ada']], [{ id: 1, name: 'Ada' }]])
    const { rowCount, command, fields } = await by(text)
    expect({ rowCount, command, names: fields.map(({ name }) => name) }).toEqual({
      rowCount: 1,
      command: 'SELECT',
      names: ['id', 'name'],
    })
    const called = await new Promise((resolve) =>
      pool.query(text, [2], (error, result) => resolve([error, result.rows])),
    )
    expect(called).toEqual([undefined, [{ id: 2, name: 'Bob' }]])
    await expect(orm.cached({}, () => pool.query('SELECT wrong FROM users'))).rejects.toMatchObject({ code: '42703' })
    const failed = await new Promise((resolve) =>
      pool.query('SELECT wrong FROM users', (error: Error) => resolve(error.message)),
    )
    expect(failed).toMatch(/wrong/)
    const client = await pool.connect()
    const streamed = client.query(new pg.Query(text, [3]))
    expect(await new Promise((resolve) => streamed.on('row', resolve))).toEqual({ id: 3, name: 'Cy' })
    client.release()
    await pool.end()
  })

  it('a load that comes when its caller has gone asks by a connection of its own', async () => {
    let load: () => Promise<unknown> = () => Promise.reject(new Error('not asked'))
    const late: OrmCache = {
      getOrSet: async (_key, given) => {
        load = () => given({ addTags: () => {} })
        throw new Error('not in time')
      },
      changes: cache.changes,
      transaction: (options, work) => cache.transaction(options, work),
    }
    const orm = pgCache({ cache: late })
    const pool = new (orm.module(pg).Pool)({ connectionString: database.url, max: 1 })
    await expect(orm.cached({}, () => pool.query('SELECT name FROM users WHERE id = 1'))).rejects.toThrow('not in time')
    const client = await pool.connect()
    await client.query('BEGIN')
    await client.query("UPDATE users SET name = 'Mine' WHERE id = 1")
    expect(await load()).toMatchObject({ answer: { rows: [{ name: 'Ada' }] } })
    await client.query('ROLLBACK')
    client.release()
    await pool.end()
  })

  it('who waits for a connection is cached by his own wish, not by that of whoever gave it back', async () => {
    const { orm } = open('waiting')
    const pool = new (orm.module(pg).Pool)({ connectionString: database.url, max: 1 })
    const client = await pool.connect()
    const waiting = pool.query('SELECT name FROM users WHERE id = 1')
    const { loads } = cache.stats()
    await orm.cached({ ttl: '1m' }, async () => client.release())
    expect([(await waiting).rows, cache.stats().loads]).toEqual([[{ name: 'Ada' }], loads])
    await pool.end()
  })

  it('databases and users of one module are told apart', async () => {
    const other = await openPostgres()
    await other.behind("INSERT INTO users (id, name) VALUES (1, 'Other')")
    const { orm, pool } = open('several')
    const second = new (orm.module(pg).Pool)({ connectionString: other.url })
    const name = (by: pg.Pool) =>
      orm.cached({ ttl: '1m' }, async () => (await by.query('SELECT name FROM users WHERE id = 1')).rows[0].name)
    expect([await name(pool), await name(second), await name(pool)]).toEqual(['Ada', 'Other', 'Ada'])
    await Promise.all([pool.end(), second.end()])
    await other.close()
  })

  it('statements that do not wait for each other, and several in one text, are in the transaction that they are in', async () => {
    const { orm, pool } = open('ahead')
    const name = () =>
      orm.cached({ ttl: '1m' }, async () => (await pool.query('SELECT name FROM users WHERE id = 3')).rows[0].name)
    const rename = (to: string) => `UPDATE users SET name = '${to}' WHERE id = 3`
    const client = await pool.connect()
    expect(await name()).toBe('Cy')
    await Promise.all(['BEGIN', rename('a'), 'ROLLBACK', rename('b')].map((sql) => client.query(sql)))
    expect(await name()).toBe('b')
    const begun = [client.query('BEGIN'), client.query(rename('c'))]
    await Promise.all(begun)
    expect(await name()).toBe('b')
    await client.query('COMMIT')
    expect(await name()).toBe('c')
    await client.query('BEGIN; SET LOCAL lock_timeout = 1000')
    await client.query(rename('d'))
    expect(await name()).toBe('c')
    await client.query('COMMIT AND CHAIN')
    expect(await name()).toBe('d')
    await client.query(rename('e'))
    expect(await name()).toBe('d')
    await client.query('SELECT 1; COMMIT')
    expect(await name()).toBe('e')
    await client.query(rename('Cy'))
    client.release()
    await pool.end()
  })

  it('views of views are read and written as what lies beneath', async () => {
    await database.behind('CREATE VIEW members AS SELECT * FROM users; CREATE VIEW guests AS SELECT * FROM members')
    const orm = pgCache({ cache, database: 'views', views: { guests: ['members'], members: ['users'] } })
    const pool = new (orm.module(pg).Pool)({ connectionString: database.url, max: 2 })
    const name = (from: string) =>
      orm.cached({ ttl: '1m' }, async () => (await pool.query(`SELECT name FROM ${from} WHERE id = 2`)).rows[0].name)
    expect([await name('guests'), await name('users')]).toEqual(['Bob', 'Bob'])
    await pool.query("UPDATE users SET name = 'Ben' WHERE id = 2")
    expect(await name('guests')).toBe('Ben')
    expect(await name('users')).toBe('Ben')
    await pool.query("UPDATE guests SET name = 'Bob' WHERE id = 2")
    expect([await name('users'), await name('guests')]).toEqual(['Bob', 'Bob'])
    await pool.end()
  })

  it('a connection that means something else by the same text is not answered from the cache', async () => {
    const { orm, pool } = open('session')
    await database.behind(
      "CREATE SCHEMA shop; CREATE TABLE shop.users (id int, name text); INSERT INTO shop.users VALUES (1, 'Shop')",
    )
    const name = (by: pg.Pool | pg.PoolClient) =>
      orm.cached({ ttl: '1m' }, async () => (await by.query('SELECT name FROM users WHERE id = 1')).rows[0].name)
    expect(await name(pool)).toBe('Ada')
    const client = await pool.connect()
    await client.query('SET search_path = shop')
    expect([await name(client), await name(pool)]).toEqual(['Shop', 'Ada'])
    const other = await pool.connect()
    await other.query('BEGIN')
    await other.query('SET search_path = shop')
    await other.query('COMMIT')
    expect([await name(other), await name(pool)]).toEqual(['Shop', 'Ada'])
    client.release(true)
    other.release(true)
    await pool.end()
  })

  it('what merely names a role, a path or a temporary table does not end caching on a connection, what sets one does', async () => {
    const { orm, pool } = open('meaning')
    const harmless = [
      'CREATE TABLE jobs (id int, role text)',
      'ALTER TABLE jobs ADD COLUMN temporary boolean',
      "INSERT INTO jobs VALUES (1, 'role')",
      "BEGIN; SET LOCAL work_mem = '1MB'; COMMIT",
      'SET LOCAL search_path = shop',
      "SELECT set_config('search_path', 'shop', true)",
      'DROP TABLE jobs',
    ]
    const telling = [
      'SET ROLE postgres',
      'SET SESSION ROLE NONE',
      'RESET ROLE',
      'SET SESSION AUTHORIZATION DEFAULT',
      'RESET ALL',
      'DISCARD ALL',
      'CREATE TEMP TABLE jobs (id int)',
      'SELECT 1 AS id INTO TEMPORARY jobs',
      'SET LOCAL work_mem = 1024; SET search_path = public',
      "SELECT set_config('work_mem', '1MB', true), set_config('search_path', 'public', false)",
      "DO $$ BEGIN EXECUTE 'SET search_path = public'; END $$",
    ]
    const isAnswered = async (statements: readonly string[]) => {
      const client = await pool.connect()
      for (const sql of statements) await client.query(sql)
      const ask = () => orm.cached({ ttl: '1m' }, () => client.query('SELECT name FROM users WHERE id = 2'))
      await ask()
      const { hits } = cache.stats()
      await ask()
      client.release(true)
      return cache.stats().hits > hits
    }
    expect(await isAnswered(harmless)).toBe(true)
    const kept: string[] = []
    for (const sql of telling) if (await isAnswered([sql])) kept.push(sql)
    expect(kept).toEqual([])
    await pool.end()
  })

  it('notifications of the database tell of what nobody here has written: rows by their keys, tables where there are many', async () => {
    const { orm, pool } = open('notified')
    await database.behind('CREATE TABLE membership (org int, member text, role text, PRIMARY KEY (org, member))')
    await database.behind("INSERT INTO membership VALUES (1, 'Ann', 'owner'), (1, 'bo', 'guest')")
    const tables = ['users', { table: 'membership', key: ['org', 'member'] }]
    const follower = await notifyChanges({ cache, pool, tables })
    const keyed = pgCache({ cache, database: 'notified-too', keys: { membership: ['org', 'member'] } })
    const members = new (keyed.module(pg).Pool)({ connectionString: database.url, max: 2 })
    const name = (id: number) =>
      orm.cached(
        { ttl: '1m' },
        async () => (await pool.query('SELECT name FROM users WHERE id = $1', [id])).rows[0].name,
      )
    const role = (member: string) =>
      keyed.cached(
        { ttl: '1m' },
        async () =>
          (await members.query('SELECT role FROM membership WHERE org = 1 AND member = $1', [member])).rows[0].role,
      )
    expect([await name(1), await name(2), await role('Ann'), await role('bo')]).toEqual([
      'Ada',
      'Bob',
      'owner',
      'guest',
    ])
    await database.behind(
      "DO $$ BEGIN UPDATE users SET name = 'Told' WHERE id = 1; UPDATE membership SET role = 'told' WHERE member = 'Ann'; END $$",
    )
    await expect.poll(() => name(1)).toBe('Told')
    await expect.poll(() => role('Ann')).toBe('told')
    const { loads } = cache.stats()
    expect([await name(2), await role('bo'), cache.stats().loads]).toEqual(['Bob', 'guest', loads])
    await database.behind("INSERT INTO users (id, name) SELECT n, 'Many' FROM generate_series(1000, 11000) n")
    await database.behind("UPDATE users SET name = 'All'")
    await expect.poll(() => name(2)).toBe('All')
    await follower.close()
    await Promise.all([pool.end(), members.end()])
  })

  it('refuses what is not pg, not a work, not a table', async () => {
    const orm = pgCache({ cache, database: 'refused' })
    const wrong = (given: object) => Reflect.apply(orm.module, undefined, [given])
    expect(() => wrong({})).toThrow(/import pg from 'pg'/)
    await expect(Reflect.apply(orm.cached, undefined, [{}, 7])).rejects.toThrow(/give the work/)
    await expect(notifyChanges({ cache, pool: database.pool, tables: ['a; drop table b'] })).rejects.toThrow(/table/)
  })
})
