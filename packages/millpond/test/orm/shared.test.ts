// Several processes over one database and one shared tier: each cache here stands for a process.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Driver, Kysely, PostgresDialect } from 'kysely'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { type Cache, createCache, memory } from '../../src/index.ts'
import { kyselyCache, type OrmOptions } from '../../src/orm/kysely.ts'
import { sqlite } from '../../src/tiers/sqlite/index.ts'
import { describeWith } from '../services/index.ts'
import { openPostgres, type PostgresDatabase } from './databases.ts'

interface Tables {
  users: { id: number; name: string }
}

describeWith('postgres', 'queries of an ORM in several processes', () => {
  const folder = mkdtempSync(join(tmpdir(), 'millpond-orm-'))
  const caches: Cache[] = []
  let database: PostgresDatabase

  beforeAll(async () => {
    database = await openPostgres()
    await database.behind("INSERT INTO users (id, name) VALUES (1, 'a')")
  })
  afterAll(async () => {
    await Promise.all(caches.map((cache) => cache.close()))
    await database.close()
    rmSync(folder, { recursive: true })
  })

  /** @param around a commit: what a process does there. */
  function open(more: Partial<OrmOptions> = {}, around = (commit: () => Promise<void>) => commit()) {
    const cache = createCache({ name: 'shared', tiers: [memory(), sqlite({ path: join(folder, 'cache.db') })] })
    caches.push(cache)
    const orm = kyselyCache({ cache, ...more })
    const inner = new PostgresDialect({ pool: database.pool })
    const dialect = {
      createAdapter: () => inner.createAdapter(),
      createIntrospector: (db: Kysely<unknown>) => inner.createIntrospector(db),
      createQueryCompiler: () => inner.createQueryCompiler(),
      createDriver: (): Driver => {
        const driver = inner.createDriver()
        const commit = driver.commitTransaction.bind(driver)
        return Object.assign(driver, {
          commitTransaction: (connection: Parameters<typeof commit>[0]) => around(() => commit(connection)),
        })
      },
    }
    const db = new Kysely<Tables>({ dialect: orm.dialect(dialect), plugins: [orm.cached({ ttl: '10m' })] })
    return {
      cache,
      name: async () => (await db.selectFrom('users').select('name').where('id', '=', 1).executeTakeFirst())?.name,
      rename: (name: string) =>
        db.transaction().execute((trx) => trx.updateTable('users').set({ name }).where('id', '=', 1).execute()),
    }
  }

  beforeEach(() => open().rename('a'))

  it('share answers, and hear of each other', async () => {
    const [one, two] = [open(), open()]
    expect([await one.name(), await two.name(), two.cache.stats().loads]).toEqual(['a', 'a', 0])
    await one.rename('b')
    expect(await one.name()).toBe('b')
    await expect.poll(two.name).toBe('b')
  })

  it('what is read just before the commit is not given after it', async () => {
    const reader = open()
    const writer = open({}, async (commit) => {
      expect([await reader.name(), await writer.name()]).toEqual(['a', 'a'])
      await commit()
    })
    await writer.rename('new')
    expect(await writer.name()).toBe('new')
    await expect.poll(reader.name).toBe('new')
  })

  it('hold: where a process stops behind its commit, the others forget when the hold has run out', async () => {
    const reader = open()
    let end = () => {}
    const stopped = new Promise<void>((resolve) => {
      end = resolve
    })
    const between: unknown[] = []
    const writer = open({ hold: '600ms' }, async (commit) => {
      // What is read after the hold and before the commit is old, and is kept.
      await expect.poll(reader.name).toBe('a')
      between.push(await reader.name())
      await commit()
      await stopped
    })
    expect(await reader.name()).toBe('a')
    const writing = writer.rename('c')
    await expect
      .poll(async () => (await database.pool.query('SELECT name FROM users WHERE id = 1')).rows[0].name)
      .toBe('c')
    expect(between).toEqual(['a'])
    await expect.poll(reader.name).toBe('c')
    end()
    await writing
    expect([await reader.name(), await writer.name()]).toEqual(['c', 'c'])
  })
})
