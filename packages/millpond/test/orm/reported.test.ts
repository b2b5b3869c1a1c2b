// What users of other query caches have reported, tried here: Drizzle's cache, TypeORM's, prisma-redis-middleware,
// sequelize-simple-cache.
import { count, eq, inArray } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { bigint, integer, pgTable, text, timestamp } from 'drizzle-orm/pg-core'
import pg from 'pg'
import { DataTypes, Sequelize } from 'sequelize'
import { DataSource, EntitySchema } from 'typeorm'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Cache, createCache } from '../../src/index.ts'
import { pgCache } from '../../src/orm/pg.ts'
import { describeWith } from '../services/index.ts'
import { openPostgres, type PostgresDatabase } from './databases.ts'

const TTL = { ttl: '1m' } as const
const links = pgTable('links', {
  id: bigint({ mode: 'bigint' }).primaryKey(),
  owner: integer(),
  clicks: integer(),
  at: timestamp(),
})
const users = pgTable('users', { id: integer().primaryKey(), name: text() })

interface Link {
  id: string
  owner: number
  clicks: number
  at: Date
  gone: Date | null
}
const LinkEntity = new EntitySchema<Link>({
  name: 'Link',
  tableName: 'links',
  columns: {
    id: { type: 'bigint', primary: true },
    owner: { type: 'int' },
    clicks: { type: 'int' },
    at: { type: 'timestamptz' },
    gone: { type: 'timestamptz', nullable: true, deleteDate: true },
  },
})

describeWith('postgres', 'reported of other query caches', () => {
  let database: PostgresDatabase
  let cache: Cache
  const pools: pg.Pool[] = []
  const open = (name: string) => {
    const orm = pgCache({ cache, database: name })
    const module = orm.module(pg)
    const pool = new module.Pool({ connectionString: database.url, max: 8 })
    pool.on('error', () => undefined)
    pools.push(pool)
    return { orm, module, pool }
  }

  beforeAll(async () => {
    database = await openPostgres()
    cache = createCache()
    await database.behind(
      'CREATE TABLE links (id bigint PRIMARY KEY, owner int, clicks int, at timestamptz, gone timestamptz)',
    )
    await database.behind("INSERT INTO users (id, name) VALUES (1, 'Ada'), (2, 'Bob')")
    await database.behind(
      "INSERT INTO links VALUES (1, 1, 5, '2026-01-02T03:04:05Z'), (9007199254740993, 2, 7, '2026-01-03T00:00:00Z')",
    )
  })
  afterAll(async () => {
    await Promise.all(pools.map((pool) => pool.end()))
    await cache.close()
    await database.close()
  })

  it('drizzle-orm#4677, #5227: tables inside common table expressions, and parameters that are lists of bigint', async () => {
    const { orm, pool } = open('drizzle')
    const db = drizzle(pool)
    const counted = db.$with('counted').as(
      db
        .select({ owner: links.owner, n: count().as('n') })
        .from(links)
        .groupBy(links.owner),
    )
    const clicks = () =>
      orm.cached(TTL, () =>
        db.with(counted).select().from(counted).leftJoin(users, eq(users.id, counted.owner)).orderBy(users.id),
      )
    const both = () =>
      orm.cached(TTL, () =>
        db
          .select()
          .from(links)
          .where(inArray(links.id, [1n, 9007199254740993n])),
      )
    expect([(await clicks()).map((row) => row.counted.n), (await both()).length]).toEqual([[1, 1], 2])
    await db.insert(links).values({ id: 3n, owner: 1, clicks: 0, at: new Date(0) })
    expect((await clicks()).map((row) => row.counted.n)).toEqual([2, 1])
    await db.delete(links).where(eq(links.id, 3n))
    expect([(await clicks()).map((row) => row.counted.n), (await both())[1]?.id]).toEqual([[1, 1], 9007199254740993n])
  })

  it('typeorm#2794, #11288, #10336, #5987, #1730: dates stay dates, bigint is a parameter, a count is not its list, and parameters count', async () => {
    const { orm, module } = open('typeorm')
    const source = new DataSource({
      type: 'postgres',
      url: database.url,
      driver: module,
      entities: [LinkEntity],
      installExtensions: false,
    })
    await source.initialize()
    const repository = source.getRepository(LinkEntity)
    const page = (owner: number) => orm.cached(TTL, () => repository.findAndCount({ where: { owner }, take: 1 }))
    const big = () =>
      orm.cached(TTL, () =>
        repository.createQueryBuilder('link').where('link.id = :id', { id: 9007199254740993n }).getOne(),
      )
    for (let times = 0; times < 2; times++) {
      expect([(await page(1))[1], (await page(2))[1], (await page(1))[0][0]?.at]).toEqual([
        1,
        1,
        new Date('2026-01-02T03:04:05Z'),
      ])
      expect([(await big())?.clicks, (await big())?.at instanceof Date]).toEqual([7, true])
    }
    // Soft deletion is an update, and `increment` has no entity.
    await repository.increment({ id: '1' }, 'clicks', 1)
    expect((await page(1))[0][0]?.clicks).toBe(6)
    await repository.softDelete({ id: '1' })
    expect((await page(1))[1]).toBe(0)
    await repository.restore({ id: '1' })
    expect((await page(1))[1]).toBe(1)
    await source.destroy()
  })

  it('prisma-redis-middleware#105, #234, sequelize-simple-cache#9, #11: what is joined, upserts, bulk creation, reads within transactions', async () => {
    const { orm, module } = open('sequelize')
    const sequelize = new Sequelize(database.url, {
      dialectModule: module,
      logging: false,
      define: { timestamps: false },
    })
    const User = sequelize.define(
      'User',
      { id: { type: DataTypes.INTEGER, primaryKey: true }, name: DataTypes.TEXT },
      { tableName: 'users' },
    )
    const Link = sequelize.define(
      'Link',
      { id: { type: DataTypes.BIGINT, primaryKey: true }, owner: DataTypes.INTEGER },
      { tableName: 'links' },
    )
    User.hasMany(Link, { foreignKey: 'owner', as: 'links' })
    const owned = async () => {
      const user = await orm.cached(TTL, () => User.findByPk(1, { include: ['links'] }))
      return (user?.get('links') as unknown[] | undefined)?.length
    }
    const name = async () => (await orm.cached(TTL, () => User.findByPk(1)))?.get('name')
    expect([await owned(), await name()]).toEqual([1, 'Ada'])
    await Link.bulkCreate([
      { id: 20, owner: 1 },
      { id: 21, owner: 1 },
    ])
    expect(await owned()).toBe(3)
    await Link.destroy({ where: { id: [20, 21] } })
    expect(await owned()).toBe(1)
    await User.upsert({ id: 1, name: 'Eve' })
    expect(await name()).toBe('Eve')
    await sequelize.transaction(async (transaction) => {
      await database.behind("UPDATE users SET name = 'Locked' WHERE id = 1")
      const row = await orm.cached(TTL, () => User.findOne({ where: { id: 1 }, transaction, lock: true }))
      expect(row?.get('name')).toBe('Locked')
    })
    await sequelize.close()
  })

  it('a hundred transactions at once, ten thousand rows in one, and readers that never see what an ack has overtaken', async () => {
    const { orm, pool } = open('many')
    await database.behind("INSERT INTO users (id, name) SELECT n, '0' FROM generate_series(1001, 11000) n")
    const seen = (id: number) =>
      orm.cached(TTL, async () => Number((await pool.query('SELECT name FROM users WHERE id = $1', [id])).rows[0].name))
    const sum = () =>
      orm.cached(TTL, async () =>
        Number((await pool.query('SELECT sum(name::int) AS n FROM users WHERE id > 1000')).rows[0].n),
      )
    const ids = Array.from({ length: 100 }, (_, at) => 1001 + at)
    await Promise.all(ids.map(seen))
    await Promise.all(
      ids.map(async (id, at) => {
        const client = await pool.connect()
        try {
          await client.query('BEGIN')
          await client.query('UPDATE users SET name = $2 WHERE id = $1', [id, '1'])
          await client.query(at % 2 === 0 ? 'COMMIT' : 'ROLLBACK')
        } finally {
          client.release()
        }
        expect(await seen(id)).toBe(at % 2 === 0 ? 1 : 0)
      }),
    )
    expect(await sum()).toBe(50)
    const client = await pool.connect()
    await client.query('BEGIN')
    for (let from = 1001; from <= 11000; from += 2500) {
      const some = Array.from({ length: 2500 }, (_, at) => from + at)
      await client.query(`UPDATE users SET name = '2' WHERE id IN (${some.join()})`)
    }
    await client.query('COMMIT')
    client.release()
    expect([await sum(), await seen(1001), await seen(1002)]).toEqual([20_000, 2, 2])
  })
})
