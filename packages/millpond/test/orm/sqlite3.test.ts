// Sequelize over SQLite, and the package `sqlite3` itself. Its package builds SQLite where it is installed, which takes
// minutes: the long form does that once, and the short one uses what is there.
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { DataTypes, Op, QueryTypes, Sequelize, type Transaction } from 'sequelize'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { installedFolder } from '../../../../scripts/own-packages.mjs'
import { type Cache, createCache } from '../../src/index.ts'
import { sqlite3Cache } from '../../src/orm/sqlite3.ts'
import { isLong } from '../form.ts'
import { bringInstalled } from '../installed.ts'
import { type Database, describeDoor, type Inside, type Subject } from './door-contract.ts'
import { inTurn, openFile } from './sqlite-file.ts'

const TTL = { ttl: '1m' } as const
const ALL = { rows: true, savepoints: true, raw: true }

/** What the tests use of the package. */
interface Sqlite3 {
  readonly Database: new (file: string, opened?: () => void) => Sqlite3Database
  readonly cached: Pick<Sqlite3, 'Database'>
  verbose(): Sqlite3
}
type Done = (this: { lastID: number; changes: number }, error: Error | null, answer?: unknown) => void
interface Sqlite3Database {
  run(sql: string, ...rest: unknown[]): Sqlite3Database
  get(sql: string, ...rest: unknown[]): Sqlite3Database
  all(sql: string, ...rest: unknown[]): Sqlite3Database
  each(sql: string, ...rest: unknown[]): Sqlite3Database
  exec(sql: string, done?: Done): Sqlite3Database
  prepare(sql: string, ...rest: unknown[]): Record<'run' | 'bind' | 'finalize', (...rest: unknown[]) => void>
  on(event: 'error', listener: (error: Error) => void): unknown
  close(done?: Done): void
}

const isThere = isLong || existsSync(installedFolder('sqlite3'))
let loaded: Sqlite3 | undefined
function sqlite3Module(): Sqlite3 {
  loaded ??= createRequire(join(bringInstalled('sqlite3'), 'any.cjs'))('sqlite3') as Sqlite3
  return loaded
}

async function overSequelize(path: string, cache: Cache): Promise<Subject> {
  const orm = sqlite3Cache({ cache })
  const sequelize = new Sequelize({
    dialect: 'sqlite',
    storage: path,
    dialectModule: orm.module(sqlite3Module()),
    logging: false,
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
  const turn = inTurn()
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
    transaction: (work) => turn(() => sequelize.transaction((transaction) => work(inside(transaction)))),
    close: () => sequelize.close(),
  }
}

/** By the same library: two copies of SQLite in one process do not see each other's locks on a file. */
async function openBySqlite3(): Promise<Database & { path: string }> {
  const file = openFile()
  file.leave()
  const db = new (sqlite3Module().Database)(file.path)
  const behind = (sql: string): Promise<void> =>
    new Promise((resolve, reject) => db.exec(sql, (error) => (error ? reject(error) : resolve())))
  const close = (): Promise<void> => new Promise((resolve) => db.close(() => resolve(file.remove())))
  return { path: file.path, behind, open: (cache) => overSequelize(file.path, cache), close }
}

/** Named at the end of `npm test` where it is not there, with `CI` as well: building takes minutes. */
function describeBuilt(title: string, body: () => void): void {
  if (isThere) describe(title, body)
  else
    it(title, ({ skip }) =>
      skip('not run: sqlite3 is not built here; to have it: MILLPOND_FORM=long npx vitest run orm/sqlite3'),
    )
}

describeBuilt('Sequelize', () => describeDoor('over SQLite', openBySqlite3, ALL))

describeBuilt('the package sqlite3 itself', () => {
  let database: Awaited<ReturnType<typeof openBySqlite3>>
  let cache: Cache
  beforeAll(async () => {
    database = await openBySqlite3()
    cache = createCache()
    await database.behind("INSERT INTO users (id, name) VALUES (1, 'Ada'), (2, 'Bob'), (3, 'Cy')")
  })
  afterAll(async () => {
    await cache.close()
    await database.close()
  })
  const open = (name: string) => {
    const orm = sqlite3Cache({ cache, database: name })
    const db = new (orm.module(sqlite3Module()).Database)(database.path)
    const ask = (method: 'all' | 'get' | 'run', sql: string, ...values: unknown[]) =>
      orm.cached(
        TTL,
        () =>
          new Promise<{ answer: unknown; changes: number }>((resolve, reject) =>
            db[method](sql, ...values, function (this: { changes: number }, error: Error | null, answer: unknown) {
              if (error) reject(error)
              else resolve({ answer, changes: this.changes })
            }),
          ),
      )
    const close = () => new Promise<void>((resolve) => db.close(() => resolve()))
    return { orm, db, ask, close }
  }

  it('rows, a row, no row, values one by one, as a list and by name, what a statement says of itself, and errors', async () => {
    const { db, ask, close } = open('forms')
    const sql = 'SELECT name FROM users WHERE id = ?'
    for (let at = 0; at < 2; at++) {
      expect((await ask('all', sql, 1)).answer).toEqual([{ name: 'Ada' }])
      expect((await ask('all', sql, [2])).answer).toEqual([{ name: 'Bob' }])
      expect((await ask('get', sql, 1)).answer).toEqual({ name: 'Ada' })
      expect((await ask('get', sql, 99)).answer).toBe(undefined)
      expect((await ask('get', 'SELECT name FROM users WHERE id = $id', { $id: 2 })).answer).toEqual({ name: 'Bob' })
    }
    expect(cache.stats().hits).toBe(5)
    expect(await ask('run', 'UPDATE users SET name = $1 WHERE id = $2', { $1: 'Eve', $2: 1 })).toMatchObject({
      changes: 1,
    })
    const { loads } = cache.stats()
    expect([(await ask('all', sql, 1)).answer, (await ask('all', sql, [2])).answer, cache.stats().loads]).toEqual([
      [{ name: 'Eve' }],
      [{ name: 'Bob' }],
      loads + 1,
    ])
    // By its place among all names, which is 2 here.
    await ask('run', 'UPDATE users SET name = $2 WHERE id = $1', ['Ada', 1])
    expect((await ask('all', sql, 1)).answer).toEqual([{ name: 'Ada' }])
    await expect(ask('all', 'SELECT wrong FROM users')).rejects.toThrow(/wrong/)
    const failed = new Promise((resolve) => db.on('error', resolve))
    db.run('UPDATE nowhere SET a = 1')
    expect(String(await failed)).toMatch(/nowhere/)
    await close()
  })

  it('prepared statements, rows one by one and several statements in one text are seen', async () => {
    const { db, ask, close } = open('prepared')
    const name = async () => ((await ask('get', 'SELECT name FROM users WHERE id = 3')).answer as { name: string }).name
    const done = (start: (callback: (error: unknown) => void) => void) =>
      new Promise<void>((resolve, reject) => start((error) => (error ? reject(error) : resolve())))
    expect(await name()).toBe('Cy')
    const statement = db.prepare('UPDATE users SET name = ? WHERE id = ?')
    await done((callback) => statement.run('prepared', 3, callback))
    statement.finalize()
    expect(await name()).toBe('prepared')
    const rows: unknown[] = []
    await done((callback) =>
      db.each(
        "UPDATE users SET name = 'each' WHERE id = 3 RETURNING name",
        (_: unknown, row: unknown) => rows.push(row),
        callback,
      ),
    )
    expect([rows, await name()]).toEqual([[{ name: 'each' }], 'each'])
    await done((callback) => db.exec("UPDATE users SET name = 'exec' WHERE id = 3; SELECT 1", callback))
    expect(await name()).toBe('exec')
    await done((callback) => db.exec('BEGIN', callback))
    await done((callback) => db.exec("UPDATE users SET name = 'begun' WHERE id = 3", callback))
    expect(await name()).toBe('begun')
    await done((callback) => db.exec('ROLLBACK', callback))
    expect(await name()).toBe('exec')
    await close()
  })

  it('errors of rows one by one come to the callback for rows where there is no other', async () => {
    const { db, close } = open('wrong')
    const sql = 'SELECT wrong FROM users'
    const ofRow = await new Promise((resolve) => db.each(sql, resolve))
    const ofBoth = await new Promise((resolve) => db.each(sql, () => resolve('a row'), resolve))
    const event = new Promise((resolve) => db.on('error', resolve))
    db.each(sql)
    expect([ofRow, ofBoth, await event].map(String)).toEqual(Array(3).fill(expect.stringContaining('wrong')))
    await close()
  })

  it('values that a prepared statement is bound to later, or was run with before', async () => {
    const { db, ask, close } = open('bound')
    const names = async () =>
      Promise.all(
        [1, 2, 3].map(async (id) => {
          const { answer } = await ask('get', 'SELECT name FROM users WHERE id = ?', id)
          return (answer as { name: string }).name
        }),
      )
    const [first, second, third] = await names()
    const statement = db.prepare('UPDATE users SET name = name || ? WHERE id = ?', '!', 1)
    const run = (...values: unknown[]) =>
      new Promise<void>((resolve, reject) =>
        statement.run(...values, (error: unknown) => (error ? reject(error) : resolve())),
      )
    await run()
    expect(await names()).toEqual([`${first}!`, second, third])
    statement.bind('?', 2)
    await run()
    expect(await names()).toEqual([`${first}!`, `${second}?`, third])
    await run('.', 3)
    expect(await names()).toEqual([`${first}!`, `${second}?`, `${third}.`])
    await run()
    expect(await names()).toEqual([`${first}!`, `${second}?`, `${third}..`])
    statement.finalize()
    await ask('run', 'UPDATE users SET name = ? WHERE id = 1', first)
    await ask('run', 'UPDATE users SET name = ? WHERE id = 2', second)
    await close()
  })

  it('several statements of which one fails: those before it are done, and told', async () => {
    const { db, ask, close } = open('partly')
    const sql = 'SELECT name FROM users WHERE id = 2'
    const before = (await ask('get', sql)).answer
    const failed = await new Promise((resolve) =>
      db.exec("UPDATE users SET name = 'half' WHERE id = 2; INSERT INTO users (id, name) VALUES (1, 2)", resolve),
    )
    expect([String(failed), before, (await ask('get', sql)).answer]).toEqual([
      expect.stringContaining('UNIQUE'),
      expect.anything(),
      { name: 'half' },
    ])
    await ask('run', "UPDATE users SET name = 'Bob' WHERE id = 2")
    await close()
  })

  it('databases that the package shares for a file, and what its verbose() gives, have the cache too', async () => {
    const orm = sqlite3Cache({ cache, database: 'shared' })
    const module = orm.module(sqlite3Module()).verbose()
    expect(module).toBe(orm.module(sqlite3Module()))
    const { Database } = module.cached
    const opened: string[] = []
    const db = await new Promise<Sqlite3Database>((resolve) => {
      const one = new Database(database.path, () => {
        opened.push('first')
        resolve(one)
      })
    })
    await new Promise<void>((resolve) => new Database(database.path, resolve))
    expect([opened, new Database(database.path) === db, new Database(':memory:') === db]).toEqual([
      ['first'],
      true,
      false,
    ])
    const ask = () =>
      orm.cached(TTL, () => new Promise((resolve) => db.get('SELECT 7', (_: unknown, row: unknown) => resolve(row))))
    const { hits } = cache.stats()
    await ask()
    await ask()
    expect(cache.stats().hits).toBe(hits + 1)
    await new Promise<void>((resolve) => db.close(() => resolve()))
  })

  it('what a callback throws is an uncaught exception, as before, and refuses what is not sqlite3', async () => {
    const { orm, db, close } = open('thrown')
    const thrown = new Promise((resolve) => {
      const others = process.listeners('uncaughtException')
      process.removeAllListeners('uncaughtException')
      process.once('uncaughtException', (error) => {
        for (const other of others) process.on('uncaughtException', other)
        resolve(error.message)
      })
    })
    db.all('SELECT 1', () => {
      throw new Error('of the callback')
    })
    expect(await thrown).toBe('of the callback')
    expect(() => Reflect.apply(orm.module, undefined, [{}])).toThrow(/import sqlite3/)
    await close()
  })
})
