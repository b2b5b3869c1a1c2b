// Drizzle and TypeORM, each as it is, over SQLite: through `@libsql/client`, and through a driver that is called
// synchronously.
import Sqlite from 'libsql'
import { sqlite } from 'millpond/tiers/sqlite'
import { DataSource, type EntityManager, EntitySchema, Like } from 'typeorm'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Cache, createCache } from '../../src/index.ts'
import { libsqlCache } from '../../src/orm/libsql.ts'
import { typeOrmCache } from '../../src/orm/typeorm.ts'
import { patient } from '../services/index.ts'
import { type Database, describeDoor, type Inside, type Subject } from './door-contract.ts'
import { type SqliteClients, sqliteClients } from './sqlite-clients.ts'
import { inTurn, openFile, type SqliteFile } from './sqlite-file.ts'

const TTL = { ttl: '1m' } as const
const ALL = { rows: true, savepoints: true, raw: true }

async function overDrizzle(path: string, cache: Cache): Promise<Subject> {
  const { createClient, drizzle } = await sqliteClients()
  const { and, asc, eq, like, sql } = drizzle
  const { integer, sqliteTable, text } = drizzle.core
  const users = sqliteTable('users', { id: integer().primaryKey(), name: text().notNull(), team: integer() })
  const posts = sqliteTable('posts', { id: integer().primaryKey(), user_id: integer(), title: text() })
  const orm = libsqlCache({ cache })
  const client = orm.client(createClient({ url: `file:${path}` }))
  const db = drizzle.over(client) as unknown as import('drizzle-orm/sqlite-core').BaseSQLiteDatabase<'async', unknown>
  type Db = Pick<typeof db, 'select' | 'insert' | 'update' | 'delete' | 'run' | 'transaction'>
  const turn = inTurn()
  const inside = (on: Db): Inside => ({
    nameOf: async (id) => (await orm.cached(TTL, () => on.select().from(users).where(eq(users.id, id))))[0]?.name,
    names: async () =>
      (await orm.cached(TTL, () => on.select({ name: users.name }).from(users).orderBy(asc(users.id)))).map(
        ({ name }) => name,
      ),
    add: async (id, name) => on.insert(users).values({ id, name }),
    addMany: async (rows) => on.insert(users).values(rows),
    rename: async (id, name) =>
      on
        .update(users)
        .set({ name })
        .where(and(eq(users.id, id))),
    renameAll: async (beginning, name) =>
      on
        .update(users)
        .set({ name })
        .where(like(users.name, `${beginning}%`)),
    remove: async (id) => on.delete(users).where(eq(users.id, id)),
    raw: async (statement) => on.run(sql.raw(statement)),
    savepoint: (work) => on.transaction((deeper) => work(inside(deeper))),
  })
  return {
    ...inside(db),
    posts: async () => {
      const rows = await orm.cached(TTL, () => db.select().from(posts).innerJoin(users, eq(users.id, posts.user_id)))
      return rows.map((row) => `${row.posts.title} by ${row.users.name}`)
    },
    transaction: (work) => turn(() => db.transaction((tx) => work(inside(tx)))),
    close: async () => client.close(),
  }
}

interface User {
  id: number
  name: string
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
})
const PostEntity = new EntitySchema<Post>({
  name: 'Post',
  tableName: 'posts',
  columns: { id: { type: 'int', primary: true }, title: { type: 'text' } },
  relations: { user: { type: 'many-to-one', target: 'User', joinColumn: { name: 'user_id' } } },
})

function sourceOf(path: string): DataSource {
  return new DataSource({
    type: 'better-sqlite3',
    database: path,
    driver: Sqlite,
    entities: [UserEntity, PostEntity],
  })
}

async function overTypeOrm(path: string, cache: Cache): Promise<Subject> {
  const orm = typeOrmCache({ cache })
  const source = orm.source(sourceOf(path))
  await source.initialize()
  const turn = inTurn()
  const inside = (on: EntityManager): Inside => ({
    nameOf: async (id) => (await orm.cached(TTL, () => on.findOneBy(UserEntity, { id })))?.name,
    names: async () =>
      (await orm.cached(TTL, () => on.find(UserEntity, { order: { id: 'ASC' } }))).map(({ name }) => name),
    add: (id, name) => on.save(UserEntity, { id, name }),
    addMany: (rows) => on.insert(UserEntity, rows),
    rename: (id, name) => on.update(UserEntity, { id }, { name }),
    renameAll: (beginning, name) => on.update(UserEntity, { name: Like(`${beginning}%`) }, { name }),
    remove: (id) => on.delete(UserEntity, { id }),
    raw: (statement) => on.query(statement),
    savepoint: (work) => on.transaction((deeper) => work(inside(deeper))),
  })
  return {
    ...inside(source.manager),
    posts: async () => {
      const rows = await orm.cached(TTL, () => source.manager.find(PostEntity, { relations: { user: true } }))
      return rows.flatMap(({ title, user }) => (user ? [`${title} by ${user.name}`] : []))
    },
    transaction: (work) => turn(() => source.transaction((on) => work(inside(on)))),
    close: () => source.destroy(),
  }
}

/** A promise, and what settles it. */
function later(): { readonly promise: Promise<void>; resolve(): void } {
  let resolve = () => {}
  const promise = new Promise<void>((settle) => {
    resolve = settle
  })
  return { promise, resolve: () => resolve() }
}

const over = (open: (path: string, cache: Cache) => Promise<Subject>) => async (): Promise<Database> => {
  const file = openFile()
  return { ...file, open: (cache) => open(file.path, cache) }
}

describeDoor('Drizzle over SQLite', over(overDrizzle), ALL)
// Its better-sqlite3 driver has one runner for all, so transactions of several callers would be one.
describeDoor('TypeORM over SQLite', over(overTypeOrm), { ...ALL, isOne: true })

describe('a client of libSQL', () => {
  let file: SqliteFile
  let cache: Cache
  let clients: SqliteClients
  beforeAll(async () => {
    clients = await sqliteClients()
  })
  beforeEach(async () => {
    file = openFile()
    cache = createCache()
    await file.behind("INSERT INTO users (id, name) VALUES (1, 'Ada'), (2, 'Bob')")
    return async () => {
      await cache.close()
      await file.close()
    }
  })
  const open = () => {
    const orm = libsqlCache({ cache })
    const client = orm.client(clients.createClient({ url: `file:${file.path}` }))
    const name = (id: number) =>
      orm.cached(
        TTL,
        async () => (await client.execute({ sql: 'SELECT name FROM users WHERE id = ?', args: [id] })).rows[0]?.name,
      )
    return { orm, client, name }
  }

  it('results are as they were: values by place and by name, bytes, the first of two columns, JSON', async () => {
    const { orm, client } = open()
    await client.execute('CREATE TABLE files (id integer PRIMARY KEY, body blob)')
    await client.execute({ sql: 'INSERT INTO files VALUES (1, ?)', args: [new Uint8Array([1, 2, 255])] })
    const ask = () =>
      orm.cached(TTL, () =>
        client.execute('SELECT files.id, files.body, users.id, users.name FROM files JOIN users ON users.id = 2'),
      )
    const [direct, kept] = [
      await client.execute('SELECT files.id, files.body, users.id, users.name FROM files JOIN users ON users.id = 2'),
      await ask(),
    ]
    const [first, second] = [await ask(), await ask()]
    expect(cache.stats().hits).toBe(2)
    for (const result of [kept, first, second]) {
      expect(result.columns).toEqual(direct.columns)
      expect(result.toJSON()).toEqual(direct.toJSON())
      const [row] = result.rows
      expect([row?.length, { ...row }, Array.prototype.slice.call(row)]).toEqual([
        4,
        { id: 1, body: Uint8Array.from([1, 2, 255]).buffer, name: 'Bob' },
        [1, Uint8Array.from([1, 2, 255]).buffer, 2, 'Bob'],
      ])
    }
    new Uint8Array(first.rows[0]?.body as ArrayBuffer).fill(0)
    expect((await ask()).rows[0]?.body).toEqual(Uint8Array.from([1, 2, 255]).buffer)
  })

  it('batches, several statements in one text, and what a transaction sends in any of these forms', async () => {
    const { client, name } = open()
    const rename = (to: string) => ({ sql: 'UPDATE users SET name = :name WHERE id = :id', args: { name: to, id: 1 } })
    expect([await name(1), await name(2)]).toEqual(['Ada', 'Bob'])
    await file.behind("UPDATE users SET name = 'Unseen' WHERE id = 2")
    await client.batch([rename('batch'), 'SELECT 1'], 'write')
    expect([await name(1), await name(2)]).toEqual(['batch', 'Bob'])
    await expect(
      client.batch([rename('refused'), 'INSERT INTO users (id, name) VALUES (1, 2)'], 'write'),
    ).rejects.toThrow()
    expect(await name(1)).toBe('batch')
    await client.executeMultiple("UPDATE users SET name = 'multiple' WHERE id = 1; SELECT 1")
    expect(await name(1)).toBe('multiple')
    await client.executeMultiple("BEGIN; UPDATE users SET name = 'begun' WHERE id = 1; COMMIT")
    expect([await name(1), await name(2)]).toEqual(['begun', 'Unseen'])
    const transaction = await client.transaction('write')
    await transaction.batch([rename('inner')])
    expect(await name(1)).toBe('begun')
    await transaction.execute('SAVEPOINT deeper')
    await transaction.executeMultiple("UPDATE users SET name = 'Back' WHERE id = 2")
    await transaction.execute('ROLLBACK TO deeper')
    await transaction.commit()
    expect([await name(1), await name(2)]).toEqual(['inner', 'Unseen'])
  })

  it('a transaction that is begun by hand does not leave the cache behind', async () => {
    const { client, name } = open()
    expect(await name(1)).toBe('Ada')
    await client.execute('BEGIN').catch(() => undefined)
    await client.execute("UPDATE users SET name = 'hand' WHERE id = 1")
    const seen = await name(1)
    await client.execute('COMMIT').catch(() => undefined)
    expect([seen, await name(1)]).toEqual(['hand', 'hand'])
  })

  it('several statements of which one fails: those before it are done, and told', async () => {
    const { client, name } = open()
    expect(await name(1)).toBe('Ada')
    await expect(
      client.executeMultiple("UPDATE users SET name = 'half' WHERE id = 1; INSERT INTO users (id, name) VALUES (1, 2)"),
    ).rejects.toThrow()
    expect(await name(1)).toBe('half')
    await client.execute('CREATE UNIQUE INDEX name_of ON users (name)')
    expect([await name(1), await name(2)]).toEqual(['half', 'Bob'])
    await expect(client.execute("UPDATE OR FAIL users SET name = 'same'")).rejects.toThrow()
    expect(await name(1)).toBe('same')
  })

  it('a transaction that commits by a statement among others', async () => {
    const { client, name } = open()
    expect(await name(1)).toBe('Ada')
    const transaction = await client.transaction('write')
    await transaction.executeMultiple("UPDATE users SET name = 'Eve' WHERE id = 1; COMMIT")
    expect(await name(1)).toBe('Eve')
    await transaction.commit().catch(() => undefined)
  })

  it.each([
    'CREATE TEMP TABLE users (id, name)',
    'CREATE TABLE IF NOT EXISTS "temp".users (id, name)',
    "SELECT 1; ATTACH ':memory:' AS other; CREATE TEMP TABLE users (id, name)",
  ])('%s: what it makes is neither shown to others nor kept', async (sql) => {
    const { client, name } = open()
    await client.executeMultiple(sql)
    await client.execute("INSERT INTO temp.users VALUES (1, 'Mine')")
    const { hits, misses } = cache.stats()
    expect([await name(1), await name(1)]).toEqual(['Mine', 'Mine'])
    // What another process would find that shares the cache.
    expect(cache.stats()).toMatchObject({ hits, misses })
  })

  it('a wrong statement fails as before, and what is not a client is refused', async () => {
    const { orm, client } = open()
    await expect(orm.cached(TTL, () => client.execute('SELECT wrong FROM users'))).rejects.toMatchObject({
      name: 'LibsqlError',
    })
    expect(() => Reflect.apply(orm.client, undefined, [{}])).toThrow(/createClient/)
  })
})

describe('one connection to SQLite for all callers', () => {
  let file: SqliteFile
  let cache: Cache
  let source: DataSource
  let name: (id: number) => Promise<string | undefined>
  beforeEach(async () => {
    file = openFile()
    cache = createCache()
    await file.behind("INSERT INTO users (id, name) VALUES (1, 'Ada'), (2, 'Bob')")
    const orm = typeOrmCache({ cache })
    source = orm.source(orm.source(sourceOf(file.path)))
    await source.initialize()
    name = (id) =>
      orm.cached(TTL, async () => (await source.query('SELECT name FROM users WHERE id = ?', [id]))[0]?.name)
    return async () => {
      await source.destroy()
      await cache.close()
      await file.close()
    }
  })

  it('a savepoint outside a transaction begins one, and its release commits', async () => {
    expect([await name(1), await name(2)]).toEqual(['Ada', 'Bob'])
    for (const sql of ['SAVEPOINT a', "UPDATE users SET name = 'Eve' WHERE id = 1", 'SAVEPOINT a', 'RELEASE a'])
      await source.query(sql)
    expect(await name(1)).toBe('Eve')
    await source.query('ROLLBACK TO a')
    expect(await name(1)).toBe('Ada')
    await source.query("UPDATE users SET name = 'Zoe' WHERE id = 1")
    const { loads } = cache.stats()
    await source.query('RELEASE a')
    expect([await name(1), await name(1), await name(2), cache.stats().loads]).toEqual(['Zoe', 'Zoe', 'Bob', loads + 1])
  })

  it.each([
    { next: 'ROLLBACK', statements: [] },
    // Of another caller, whom it refuses.
    { next: 'BEGIN', statements: ['BEGIN'] },
    { next: 'a savepoint', statements: ['SAVEPOINT a', 'RELEASE a'] },
  ])('a commit that fails and leaves its transaction open, and then $next', async ({ statements }) => {
    await source.query('PRAGMA foreign_keys = ON')
    await source.query(
      'CREATE TABLE notes (id integer PRIMARY KEY, user_id integer REFERENCES users DEFERRABLE INITIALLY DEFERRED)',
    )
    await source.query('BEGIN')
    await source.query("UPDATE users SET name = 'Eve' WHERE id = 1")
    await source.query('INSERT INTO notes VALUES (1, 77)')
    await expect(source.query('COMMIT')).rejects.toThrow(/FOREIGN KEY/)
    for (const sql of statements) await source.query(sql).catch(() => undefined)
    expect(await name(1)).toBe('Eve')
    await source.query('ROLLBACK')
    expect(await name(1)).toBe('Ada')
    const { hits } = cache.stats()
    expect([await name(1), cache.stats().hits]).toEqual(['Ada', hits + 1])
  })

  it('a transaction that the database itself has rolled back: what is written after that is done', async () => {
    expect([await name(1), await name(2)]).toEqual(['Ada', 'Bob'])
    await source.query('BEGIN')
    await expect(source.query("INSERT OR ROLLBACK INTO users (id, name) VALUES (1, 'Eve')")).rejects.toThrow(/UNIQUE/)
    // Of another caller, who shares the connection.
    await source.query("UPDATE users SET name = 'done' WHERE id = 2")
    await expect(source.query('ROLLBACK')).rejects.toThrow(/no transaction/)
    expect([await name(1), await name(2)]).toEqual(['Ada', 'done'])
  })

  describe('statements that are sent, and not carried out yet', () => {
    /** The next statement that begins so waits until it is let go. */
    let holdNext: (beginning: string) => { readonly isHeld: Promise<void>; letGo(): void }
    let held: DataSource
    let heldName: () => Promise<string | undefined>
    const open = async (options: Partial<Parameters<typeof typeOrmCache>[0]> = {}) => {
      const orm = typeOrmCache({ cache: cache.namespace('held'), ...options })
      held = sourceOf(file.path)
      const create = held.driver.createQueryRunner.bind(held.driver)
      let waits: { beginning: string; onHeld(): void; go: Promise<void> } | undefined
      holdNext = (beginning) => {
        const [held, go] = [later(), later()]
        waits = { beginning, onHeld: held.resolve, go: go.promise }
        return { isHeld: held.promise, letGo: go.resolve }
      }
      const known = new WeakSet<object>()
      held.driver.createQueryRunner = (mode) => {
        const runner = create(mode)
        if (known.has(runner)) return runner
        known.add(runner)
        const query = runner.query.bind(runner)
        runner.query = async (sql: string, ...rest: never[]) => {
          const mine = waits
          if (mine !== undefined && sql.startsWith(mine.beginning)) {
            waits = undefined
            mine.onHeld()
            await mine.go
          }
          return query(sql, ...rest)
        }
        return runner
      }
      await orm.source(held).initialize()
      heldName = () => orm.cached(TTL, async () => (await held.query('SELECT name FROM users WHERE id = 1'))[0]?.name)
    }
    afterEach(() => held.destroy())

    it('an answer that was asked for before somebody else began a transaction is not kept', async () => {
      await open()
      const { isHeld, letGo } = holdNext('SELECT')
      const asked = heldName()
      await isHeld
      await held.query('BEGIN')
      await held.query("UPDATE users SET name = 'Eve' WHERE id = 1")
      letGo()
      expect(await asked).toBe('Eve')
      await held.query('ROLLBACK')
      expect(await heldName()).toBe('Ada')
    })

    it('nor is one whose transaction also ended before it was answered', async () => {
      await open()
      await held.query('BEGIN')
      await held.query("UPDATE users SET name = 'Eve' WHERE id = 1")
      const { isHeld, letGo } = holdNext('ROLLBACK')
      const back = held.query('ROLLBACK')
      await isHeld
      expect(await heldName()).toBe('Eve')
      letGo()
      await back
      expect(await heldName()).toBe('Ada')
    })

    it('nor is one while a commit waits for its outbox, which may fail', async () => {
      const [noting, go] = [later(), later()]
      const note = async () => {
        noting.resolve()
        await go.promise
        throw new Error('of the outbox')
      }
      await open({ outbox: { note, settle: async () => undefined } as never })
      await held.query('BEGIN')
      await held.query("UPDATE users SET name = 'Eve' WHERE id = 1")
      const commit = held.query('COMMIT')
      await noting.promise
      expect(await heldName()).toBe('Eve')
      go.resolve()
      await expect(commit).rejects.toThrow('of the outbox')
      await held.query('ROLLBACK')
      expect(await heldName()).toBe('Ada')
    })
  })

  it.each([
    'CREATE TEMP TABLE users (id integer, name text)',
    'CREATE TABLE temp.users (id integer, name text)',
    'CREATE TABLE IF NOT EXISTS "Temp" . users (id integer, name text)',
  ])('a temporary table of the name of another is not what others are shown: %s', async (sql) => {
    await source.query(sql)
    await source.query("INSERT INTO temp.users VALUES (1, 'Mine')")
    expect(await name(1)).toBe('Mine')
    // What another process would find that shares the cache.
    const { hits, misses } = cache.stats()
    expect(await name(1)).toBe('Mine')
    expect(cache.stats()).toMatchObject({ hits, misses })
  })

  it('a database in memory is not that of another process with the same cache', async () => {
    const open = async (name: string) => {
      const own = createCache({ tiers: [patient(sqlite({ path: `${file.path}.cache` }))] })
      const orm = typeOrmCache({ cache: own })
      const inMemory = orm.source(sourceOf(':memory:'))
      await inMemory.initialize()
      await inMemory.query('CREATE TABLE users (id integer, name text)')
      await inMemory.query('INSERT INTO users VALUES (1, ?)', [name])
      const close = async () => {
        await inMemory.destroy()
        await own.close()
      }
      return { ask: () => orm.cached(TTL, () => inMemory.query('SELECT name FROM users')), close }
    }
    const [one, two] = [await open('Ada'), await open('Bob')]
    expect([await one.ask(), await two.ask(), await one.ask()]).toEqual([
      [{ name: 'Ada' }],
      [{ name: 'Bob' }],
      [{ name: 'Ada' }],
    ])
    await one.close()
    await two.close()
  })

  it('forms of results are as they were', async () => {
    const orm = typeOrmCache({ cache: cache.namespace('forms') })
    const own = orm.source(sourceOf(file.path))
    await own.initialize()
    const runner = own.createQueryRunner()
    const direct = await runner.query('SELECT id, name FROM users', [], true)
    const ask = () => orm.cached(TTL, () => runner.query('SELECT id, name FROM users', [], true))
    for (const { raw, records, affected } of [await ask(), await ask()])
      expect({ raw, records, affected }).toEqual({ ...direct })
    const written = await orm.cached(TTL, () => runner.query("UPDATE users SET name = 'x' WHERE id = 1", [], true))
    expect(written.affected).toBe(1)
    await own.destroy()
  })

  it('refuses what is not a data source over SQLite', () => {
    const orm = typeOrmCache({ cache })
    expect(() => Reflect.apply(orm.source, undefined, [{}])).toThrow(/new DataSource/)
    expect(() => orm.source(new DataSource({ type: 'postgres' }))).toThrow(/millpond\/orm\/pg/)
  })
})
