// Prisma as its users have it: its own command line generates the client, its own driver adapters stand before
// PostgreSQL and SQLite.
import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import Sqlite from 'libsql'
import ts from 'typescript'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Cache, createCache } from '../../src/index.ts'
import { type OrmOptions, prismaCache } from '../../src/orm/prisma.ts'
import { describeWith } from '../services/index.ts'
import { typeFaults } from '../strict-types.ts'
import { openPostgres } from './databases.ts'
import { type Database, describeDoor, type Inside, type Subject, TABLES } from './door-contract.ts'
import { type Client, type Generated, generate } from './prisma-client.ts'

const TTL = { ttl: '1m' } as const
/** Those of many to many, as Prisma names them, and keys that count by themselves. */
const MORE = (serial: string): string[] => [
  'DROP TABLE posts',
  `CREATE TABLE posts (id ${serial}, user_id integer, title text)`,
  `CREATE TABLE topics (id ${serial}, name text UNIQUE)`,
  'CREATE TABLE "_PostToTopic" ("A" integer NOT NULL, "B" integer NOT NULL, UNIQUE ("A", "B"))',
]

const generated: Generated[] = []
const generating = new Map<string, Promise<Generated>>()
function clientOf(provider: 'sqlite' | 'postgresql'): Promise<Generated> {
  const one = generating.get(provider) ?? generate(provider)
  generating.set(provider, one)
  return one.then((made) => {
    if (!generated.includes(made)) generated.push(made)
    return made
  })
}
afterAll(() => {
  for (const { folder } of generated) rmSync(folder, { recursive: true, force: true })
})

function overPrisma(made: Generated, url: string, cache: Cache): { subject: Subject; client: Client } {
  const orm = prismaCache({ cache })
  const client = made.open(url, (adapter) => orm.adapter(adapter))
  const inside = (on: Client): Inside => ({
    nameOf: async (id) => (await orm.cached(TTL, () => on.user.findUnique({ where: { id } })))?.name,
    names: async () =>
      (await orm.cached(TTL, () => on.user.findMany({ orderBy: { id: 'asc' } }))).map(({ name }) => name),
    add: async (id, name) => on.user.create({ data: { id, name } }),
    addMany: async (data) => on.user.createMany({ data }),
    rename: async (id, name) => on.user.update({ where: { id }, data: { name } }),
    renameAll: async (beginning, name) =>
      on.user.updateMany({ where: { name: { startsWith: beginning } }, data: { name } }),
    remove: async (id) => on.user.delete({ where: { id } }),
    raw: async (sql) => on.$executeRawUnsafe(sql),
    savepoint: (work) => on.$transaction((deeper) => work(inside(deeper))),
  })
  const subject = {
    ...inside(client),
    posts: async () => {
      const rows = await orm.cached(TTL, () => client.post.findMany({ include: { user: true } }))
      return rows.flatMap(({ title, user }) => (user ? [`${title} by ${user.name}`] : []))
    },
    transaction: <T>(work: (within: Inside) => Promise<T>) => client.$transaction((tx) => work(inside(tx))),
    close: () => client.$disconnect(),
  }
  return { subject, client }
}

async function openSqliteFile(): Promise<Database & { url: string; made: Generated }> {
  const made = await clientOf('sqlite')
  const folder = mkdtempSync(join(tmpdir(), 'millpond-prisma-'))
  const db = new Sqlite(join(folder, 'shop.db'))
  db.exec('PRAGMA journal_mode = WAL')
  for (const sql of [...TABLES, ...MORE('integer PRIMARY KEY')]) db.exec(sql)
  const url = `file:${join(folder, 'shop.db')}`
  return {
    made,
    url,
    behind: async (sql) => db.exec(sql),
    open: async (cache) => overPrisma(made, url, cache).subject,
    close: async () => {
      db.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function openServer(): Promise<Database & { url: string; made: Generated }> {
  const [made, database] = await Promise.all([clientOf('postgresql'), openPostgres()])
  for (const sql of MORE('serial PRIMARY KEY')) await database.behind(sql)
  return { ...database, made, open: async (cache) => overPrisma(made, database.url, cache).subject }
}

const ABLE = { rows: true, savepoints: true, raw: true }
describeDoor('Prisma over SQLite', openSqliteFile, ABLE)
describeWith('postgres', 'Prisma on a server', () => describeDoor('Prisma over PostgreSQL', openServer, ABLE))

/** What only Prisma does. */
function describePrisma(name: string, start: () => Promise<Database & { url: string; made: Generated }>): void {
  describe(name, () => {
    let database: Awaited<ReturnType<typeof start>>
    let cache: Cache
    let db: Client
    const orm = () => prismaCache({ cache, database: 'reader' })
    let read: <T>(work: () => PromiseLike<T>) => Promise<T>

    beforeAll(async () => {
      database = await start()
    })
    beforeEach(async () => {
      await db?.$disconnect()
      await cache?.close()
      cache = createCache()
      const door = prismaCache({ cache })
      db = database.made.open(database.url, (adapter) => door.adapter(adapter))
      read = (work) => door.cached(TTL, work)
      for (const table of ['users', 'posts', 'topics', '"_PostToTopic"']) await database.behind(`DELETE FROM ${table}`)
      await database.behind("INSERT INTO users (id, name) VALUES (1, 'Ada'), (2, 'Bob')")
      await database.behind("INSERT INTO posts (id, user_id, title) VALUES (100, 1, 'Engines')")
    })
    afterAll(async () => {
      await db?.$disconnect()
      await cache?.close()
      await database?.close()
    })

    const withPosts = () =>
      read(() =>
        db.user.findUnique({
          where: { id: 1 },
          include: { posts: { orderBy: { title: 'asc' }, include: { topics: true } } },
        }),
      )
    const said = async () =>
      (await withPosts())?.posts
        ?.map(({ title, topics = [] }) => [title, ...topics.map((topic) => topic.name)].join(' '))
        .join(', ')
    const topics = async () =>
      (await read(() => db.topic.findMany({ orderBy: { name: 'asc' } }))).map((topic) => topic.name).join()

    it('nested writes: created, connected, disconnected, deleted, and the relation between many', async () => {
      expect([await said(), await said(), await topics()]).toEqual(['Engines', 'Engines', ''])
      const { loads } = cache.stats()
      expect([await said(), cache.stats().loads]).toEqual(['Engines', loads])
      const where = { id: 1 }
      await db.user.update({
        where,
        data: {
          posts: {
            create: {
              title: 'Notes',
              topics: { connectOrCreate: { where: { name: 'maths' }, create: { name: 'maths' } } },
            },
          },
        },
      })
      expect([await said(), await topics()]).toEqual(['Engines, Notes maths', 'maths'])
      await db.post.update({ where: { id: 100 }, data: { topics: { connect: { name: 'maths' } } } })
      expect(await said()).toBe('Engines maths, Notes maths')
      await db.post.update({ where: { id: 100 }, data: { topics: { disconnect: { name: 'maths' } } } })
      expect(await said()).toBe('Engines, Notes maths')
      await db.user.update({
        where,
        data: { posts: { updateMany: { where: { title: 'Notes' }, data: { title: 'Letters' } } } },
      })
      expect(await said()).toBe('Engines, Letters maths')
      await db.user.update({ where, data: { posts: { disconnect: { id: 100 } } } })
      expect(await said()).toBe('Letters maths')
      await db.user.update({ where, data: { posts: { connect: { id: 100 } } } })
      expect(await said()).toBe('Engines, Letters maths')
      await db.user.update({ where, data: { posts: { deleteMany: {} } } })
      expect(await said()).toBe('')
    })

    it('a nested write that fails has changed nothing, and invalidates nothing', async () => {
      await db.topic.create({ data: { name: 'taken' } })
      expect([await said(), await topics()]).toEqual(['Engines', 'taken'])
      const { invalidationsByReason, loads } = cache.stats()
      const topic = { create: [{ name: 'new' }, { name: 'taken' }] }
      await expect(
        (async () =>
          db.user.update({ where: { id: 1 }, data: { posts: { create: { title: 'Lost', topics: topic } } } }))(),
      ).rejects.toThrow(/Unique constraint/)
      expect([await said(), await topics(), cache.stats().loads]).toEqual(['Engines', 'taken', loads])
      expect(cache.stats().invalidationsByReason).toEqual(invalidationsByReason)
    })

    it('bulk: createMany, updateMany, updateManyAndReturn, deleteMany, upsert', async () => {
      const names = async () =>
        (await read(() => db.user.findMany({ orderBy: { id: 'asc' } }))).map((user) => user.name).join()
      const figures = () =>
        Promise.all([read(() => db.user.count()), read(() => db.user.aggregate({ _max: { name: true } }))])
      expect([await names(), await figures()]).toEqual(['Ada,Bob', [2, { _max: { name: 'Bob' } }]])
      await db.user.createMany({
        data: [
          { id: 3, name: 'Cy' },
          { id: 4, name: 'Di' },
        ],
      })
      expect([await names(), await figures()]).toEqual(['Ada,Bob,Cy,Di', [4, { _max: { name: 'Di' } }]])
      await db.user.updateMany({ where: { id: { gt: 2 } }, data: { name: 'Many' } })
      expect(await names()).toBe('Ada,Bob,Many,Many')
      await db.user.updateManyAndReturn({ where: { id: { in: [3, 4] } }, data: { name: 'Eve' } })
      expect(await names()).toBe('Ada,Bob,Eve,Eve')
      const upsert = async (name: string) =>
        db.user.upsert({ where: { id: 5 }, create: { id: 5, name: 'made' }, update: { name } }).then(names)
      expect([await upsert('there'), await upsert('there')]).toEqual(['Ada,Bob,Eve,Eve,made', 'Ada,Bob,Eve,Eve,there'])
      await db.user.deleteMany({ where: { id: { gte: 3 } } })
      expect([await names(), await figures()]).toEqual(['Ada,Bob', [2, { _max: { name: 'Bob' } }]])
    })

    it('a batch is one transaction: all of it, or nothing', async () => {
      const names = async () =>
        (await read(() => db.user.findMany({ orderBy: { id: 'asc' } }))).map((user) => user.name).join()
      expect(await names()).toBe('Ada,Bob')
      const rename = (id: number, name: string) => db.user.update({ where: { id }, data: { name } })
      const { loads } = cache.stats()
      await expect(
        db.$transaction([rename(1, 'Lost'), db.user.create({ data: { id: 2, name: 'taken' } })]),
      ).rejects.toThrow(/Unique/)
      expect([await names(), cache.stats().loads]).toEqual(['Ada,Bob', loads])
      await db.$transaction([rename(1, 'Eve'), db.$executeRawUnsafe("UPDATE users SET name = 'Raw' WHERE id = 2")])
      expect(await names()).toBe('Eve,Raw')
    })

    it('raw SQL: cached by the tables that it names, and what text does not tell is kept', async () => {
      const rows = () => read(() => db.$queryRawUnsafe('SELECT name FROM users WHERE id = 1'))
      expect([await rows(), await rows(), cache.stats().hits]).toEqual([[{ name: 'Ada' }], [{ name: 'Ada' }], 1])
      await db.user.update({ where: { id: 2 }, data: { name: 'Another row' } })
      await database.behind("UPDATE users SET name = 'Unseen' WHERE id = 1")
      expect(await rows()).toEqual([{ name: 'Ada' }])
      await db.$executeRawUnsafe("UPDATE users SET name = 'Raw' WHERE id = 1")
      expect(await rows()).toEqual([{ name: 'Raw' }])
      // Beneath a view lies what the text does not name.
      await database.behind('CREATE VIEW everybody AS SELECT * FROM users')
      const seen = () => read(() => db.$queryRawUnsafe('SELECT name FROM everybody WHERE id = 1'))
      const told = () =>
        orm().cached({ ...TTL, tables: ['users'] }, () =>
          db.$queryRawUnsafe('SELECT name AS told FROM everybody WHERE id = 1'),
        )
      expect([await seen(), await told()]).toEqual([
        [{ name: 'Raw' }],
        [{ name: 'Raw' }].map(({ name }) => ({ told: name })),
      ])
      await db.user.update({ where: { id: 1 }, data: { name: 'Eve' } })
      expect(await seen()).toEqual([{ name: 'Raw' }])
      await database.behind('DROP VIEW everybody')
    })

    it('twenty findUnique of one tick, which Prisma makes one query of', async () => {
      await db.user.createMany({ data: Array.from({ length: 20 }, (_, at) => ({ id: at + 10, name: `n${at}` })) })
      const all = () =>
        Promise.all(Array.from({ length: 20 }, (_, at) => read(() => db.user.findUnique({ where: { id: at + 10 } }))))
      expect((await all()).map((user) => user?.name)).toEqual(Array.from({ length: 20 }, (_, at) => `n${at}`))
      await db.user.update({ where: { id: 17 }, data: { name: 'changed' } })
      expect((await all()).map((user) => user?.name)[7]).toBe('changed')
    })
  })
}
describePrisma('what only Prisma does, over SQLite', openSqliteFile)
describeWith('postgres', 'what only Prisma does', () => {
  describePrisma('over PostgreSQL', openServer)

  it('says once that a client is no longer answered from the cache, and what has been set', async () => {
    const [database, cache, errors] = [await openServer(), createCache(), [] as unknown[]]
    const orm = prismaCache({ cache, onError: (error) => errors.push(error) })
    const db = database.made.open(database.url, (adapter) => orm.adapter(adapter))
    const read = () => orm.cached(TTL, () => db.user.count())
    await read()
    await db.$transaction(async (tx) => void (await tx.$executeRawUnsafe("SET LOCAL app.tenant = '7'")))
    await read()
    expect([cache.stats().hits, errors]).toEqual([1, []])
    for (const tenant of ['8', '9']) await db.$executeRawUnsafe(`SET app.tenant = '${tenant}'`)
    await read()
    expect(cache.stats()).toMatchObject({ hits: 1, misses: 1 })
    expect(errors.map(String)).toEqual([
      expect.stringMatching(/set app\.tenant for the rest of its session.*"set local"/),
    ])
    await Promise.all([db.$disconnect(), cache.close(), database.close()])
  })
})

describe('a driver adapter with one connection for all', () => {
  /** As Prisma's for better-sqlite3: who is in no transaction reads what an open one has written. */
  const adapterOf = (db: InstanceType<typeof Sqlite>) => {
    interface Query {
      sql: string
      args: unknown[]
    }
    const queries = {
      provider: 'sqlite',
      queryRaw: async ({ sql, args }: Query) => ({
        columnNames: ['name'],
        rows: db
          .prepare(sql)
          .raw()
          .all(...args) as unknown[][],
      }),
      executeRaw: async ({ sql, args }: Query) => db.prepare(sql).run(...args).changes,
    }
    return {
      ...queries,
      connect: async () => ({
        ...queries,
        startTransaction: async () => {
          db.exec('BEGIN')
          return { ...queries, commit: async () => db.exec('COMMIT'), rollback: async () => db.exec('ROLLBACK') }
        },
      }),
    }
  }

  it.each([
    ['by the adapter', false],
    ['by hand', true],
  ])('keeps nothing that was read beside a transaction, begun %s', async (_, isByHand) => {
    const db = new Sqlite(':memory:')
    db.exec("CREATE TABLE users (id integer PRIMARY KEY, name text); INSERT INTO users VALUES (1, 'Ada')")
    const cache = createCache()
    const orm = prismaCache({ cache })
    const inner = adapterOf(db)
    const adapter = (await orm.adapter(inner).connect()) as Awaited<ReturnType<typeof inner.connect>>
    const send = (sql: string) => adapter.executeRaw({ sql, args: [], argTypes: [] } as never)
    const name = () =>
      orm.cached(TTL, async () => {
        const query = {
          sql: 'SELECT name FROM users WHERE id = ?',
          args: [1],
          argTypes: [{ scalarType: 'int', arity: 'scalar' }],
        }
        return (await adapter.queryRaw(query)).rows[0]?.[0]
      })
    const tx = isByHand ? undefined : await adapter.startTransaction()
    if (isByHand) await send('BEGIN')
    await (tx ?? adapter).executeRaw({
      sql: "UPDATE users SET name = 'Lost' WHERE id = 1",
      args: [],
      argTypes: [],
    } as never)
    expect(await Promise.all([name(), name()])).toEqual(['Lost', 'Lost'])
    await (tx === undefined ? send('ROLLBACK') : tx.rollback())
    expect([await name(), await name(), cache.stats().hits]).toEqual(['Ada', 'Ada', 1])
    await cache.close()
    db.close()
  })

  it('tells what was written beside a transaction once more when that commits, and nothing when it is rolled back', async () => {
    const db = new Sqlite(':memory:')
    db.exec("CREATE TABLE users (id integer PRIMARY KEY, name text); INSERT INTO users VALUES (1, 'Ada')")
    const cache = createCache()
    const inner = adapterOf(db)
    const adapter = (await prismaCache({ cache }).adapter(inner).connect()) as Awaited<ReturnType<typeof inner.connect>>
    let told = 0
    cache.on('invalidate', () => told++)
    const send = (sql: string) => adapter.executeRaw({ sql, args: [], argTypes: [] } as never)
    const committed = await adapter.startTransaction()
    await send("UPDATE users SET name = 'Eve' WHERE id = 1")
    expect(told).toBe(1)
    await committed.commit()
    expect(told).toBe(2)
    const lost = await adapter.startTransaction()
    await send("UPDATE users SET name = 'Lost' WHERE id = 1")
    await lost.rollback()
    expect(told).toBe(3)
    await (await adapter.startTransaction()).commit()
    expect(told).toBe(3)
    await cache.close()
    db.close()
  })

  it.each([
    ['by the adapter', false],
    ['by hand', true],
  ])(
    'keeps nothing of a read that asked other tiers first, when a transaction had begun meanwhile %s',
    async (_, isByHand) => {
      const db = new Sqlite(':memory:')
      db.exec("CREATE TABLE users (id integer PRIMARY KEY, name text); INSERT INTO users VALUES (1, 'Ada')")
      const cache = createCache()
      let goOn = (): void => undefined
      const others = new Promise<void>((resolve) => {
        goOn = resolve
      })
      const getOrSet: OrmOptions['cache']['getOrSet'] = async (...given) => {
        await others
        return cache.getOrSet(...given)
      }
      const orm = prismaCache({
        cache: { getOrSet, changes: cache.changes, transaction: (...given) => cache.transaction(...given) },
      })
      const inner = adapterOf(db)
      const adapter = (await orm.adapter(inner).connect()) as Awaited<ReturnType<typeof inner.connect>>
      const send = (sql: string) => adapter.executeRaw({ sql, args: [], argTypes: [] } as never)
      const name = () =>
        orm.cached(TTL, async () => {
          const query = {
            sql: 'SELECT name FROM users WHERE id = ?',
            args: [1],
            argTypes: [{ scalarType: 'int', arity: 'scalar' }],
          }
          return (await adapter.queryRaw(query)).rows[0]?.[0]
        })
      const early = name()
      const tx = isByHand ? undefined : await adapter.startTransaction()
      if (isByHand) await send('BEGIN')
      await (tx ?? adapter).executeRaw({
        sql: "UPDATE users SET name = 'Lost' WHERE id = 1",
        args: [],
        argTypes: [],
      } as never)
      goOn()
      expect(await early).toBe('Lost')
      await (tx === undefined ? send('ROLLBACK') : tx.rollback())
      expect(await name()).toBe('Ada')
      await cache.close()
      db.close()
    },
  )
})

describe('what it is given', () => {
  const orm = prismaCache({ cache: createCache() })
  it.each([
    [
      'another database',
      { provider: 'mysql', connect: async () => ({}) },
      /"mysql" cannot be read: PostgreSQL's and SQLite's can/,
    ],
    ['no adapter', {}, /such as new PrismaPg/],
    ['nothing', undefined, /such as new PrismaPg/],
  ])('%s', (_, given, message) => {
    expect(() => orm.adapter(given as never)).toThrow(message)
  })
  it('no work', async () => {
    await expect(orm.cached({ ttl: '1m' }, 'work' as never)).rejects.toThrow(/"work" is not a function/)
  })
})

describe('the example', () => {
  it('has the types of its rows from end to end, under the strictest rules', async () => {
    const { folder } = await clientOf('sqlite')
    writeFileSync(
      join(folder, 'exported.ts'),
      readFileSync(join(folder, 'main.ts'), 'utf8').replaceAll(/^const shown /gm, 'export const shown '),
    )
    writeFileSync(
      join(folder, 'types.ts'),
      `import type { shown } from './exported.ts'
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
type Flat<T> = T extends object ? { [K in keyof T]: Flat<T[K]> } : T
type Shown = Awaited<ReturnType<typeof shown>>
export const exact: Same<Flat<Shown>, { id: number; name: string; team: number | null; posts: { id: number; title: string; userId: number | null }[] } | null> = true
`,
    )
    expect(typeFaults(folder, ['main.ts', 'types.ts'], { skipLibCheck: true })).toEqual([])
  })

  it('says what its page promises', async () => {
    const { folder } = await clientOf('sqlite')
    for (const file of [
      'main.ts',
      ...readdirSync(join(folder, 'generated'), { recursive: true, encoding: 'utf8' }).map((name) =>
        join('generated', name),
      ),
    ]) {
      if (!file.endsWith('.ts')) continue
      const { outputText } = ts.transpileModule(readFileSync(join(folder, file), 'utf8'), {
        compilerOptions: {
          module: ts.ModuleKind.ESNext,
          target: ts.ScriptTarget.ES2022,
          rewriteRelativeImportExtensions: true,
        },
      })
      writeFileSync(join(folder, file.replace(/\.ts$/, '.js')), outputText)
    }
    const env = { ...process.env, DATABASE_URL: `file:${join(folder, 'shop.db')}` }
    const { stdout, stderr } = await promisify(execFile)(process.execPath, ['main.js'], { cwd: folder, env })
    expect(stderr).toBe('')
    const page = new URL('../../../../examples/prisma/README.md', import.meta.url)
    expect(readFileSync(page, 'utf8')).toContain(`\`${stdout.trim()}\``)
  })
})
