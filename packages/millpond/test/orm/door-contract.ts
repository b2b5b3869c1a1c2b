// What every door to an ORM keeps, over a real database. A table `users` (id, name, team) and `posts` (id, user_id,
// title).
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Cache, createCache } from '../../src/index.ts'

/** What is done through an ORM, within a transaction or without. */
export interface Verbs {
  /** By primary key, with the wish to be cached. */
  nameOf(id: number): Promise<string | undefined>
  /** All, by id, with the wish to be cached. */
  names(): Promise<string[]>
  add(id: number, name: string): Promise<unknown>
  addMany(rows: { id: number; name: string }[]): Promise<unknown>
  rename(id: number, name: string): Promise<unknown>
  /** By predicate: all whose name begins so. */
  renameAll(beginning: string, name: string): Promise<unknown>
  remove(id: number): Promise<unknown>
  raw(sql: string): Promise<unknown>
}

export interface Subject extends Verbs {
  /** Titles of posts with their authors' names, joined, with the wish to be cached. */
  posts(): Promise<string[]>
  transaction<T>(work: (inside: Inside) => Promise<T>): Promise<T>
  close(): Promise<void>
}

export interface Inside extends Verbs {
  /** A savepoint, where the ORM has them: rolled back when the work rejects. */
  savepoint(work: (inside: Inside) => Promise<unknown>): Promise<unknown>
}

/** A database, and a way to it that no door sees. */
export interface Database {
  behind(sql: string): Promise<unknown>
  open(cache: Cache): Promise<Subject>
  close(): Promise<void>
}

export interface Abilities {
  /** Entries of one row stay when others are written. */
  readonly rows: boolean
  readonly savepoints: boolean
  /** What SQL the door is given by hand is seen. */
  readonly raw: boolean
  /** All share one connection: what a transaction has written is seen beside it, and it takes one at a time. */
  readonly isOne?: boolean
}

export const TABLES = [
  'CREATE TABLE users (id integer PRIMARY KEY, name text NOT NULL, team integer)',
  'CREATE TABLE posts (id integer PRIMARY KEY, user_id integer, title text)',
]

export function describeDoor(name: string, start: () => Promise<Database>, able: Abilities): void {
  describe(name, () => {
    let database: Database
    let cache: Cache
    let db: Subject
    const fail = new Error('rolled back')
    const rolledBack = (work: (inside: Inside) => Promise<unknown>): Promise<unknown> =>
      expect(
        db.transaction(async (inside) => {
          await work(inside)
          throw fail
        }),
      ).rejects.toThrow('rolled back')

    beforeAll(async () => {
      database = await start()
    })
    beforeEach(async () => {
      await db?.close()
      await cache?.close()
      cache = createCache()
      db = await database.open(cache)
      await database.behind('DELETE FROM users')
      await database.behind('DELETE FROM posts')
      await database.behind("INSERT INTO users (id, name) VALUES (1, 'Ada'), (2, 'Bob')")
      await database.behind("INSERT INTO posts (id, user_id, title) VALUES (1, 1, 'Engines')")
    })
    afterAll(async () => {
      await db?.close()
      await cache?.close()
      await database?.close()
    })

    it('answers from the cache, each caller with objects of its own', async () => {
      expect([await db.nameOf(1), await db.names()]).toEqual(['Ada', ['Ada', 'Bob']])
      const { loads } = cache.stats()
      await database.behind("UPDATE users SET name = 'Eve' WHERE id = 1")
      expect([await db.nameOf(1), await db.names()]).toEqual(['Ada', ['Ada', 'Bob']])
      ;(await db.names()).push('mine')
      expect(await db.names()).toEqual(['Ada', 'Bob'])
      expect(cache.stats().loads).toBe(loads)
    })

    it('forgets what a write has changed, and only that', async () => {
      expect([await db.nameOf(1), await db.nameOf(2), await db.names(), await db.posts()]).toEqual([
        'Ada',
        'Bob',
        ['Ada', 'Bob'],
        ['Engines by Ada'],
      ])
      await database.behind("UPDATE users SET name = 'Unseen' WHERE id = 2")
      await db.rename(1, 'Eve')
      expect([await db.nameOf(1), await db.names(), await db.posts()]).toEqual([
        'Eve',
        ['Eve', 'Unseen'],
        ['Engines by Eve'],
      ])
      expect(await db.nameOf(2)).toBe(able.rows ? 'Bob' : 'Unseen')
      await db.remove(1)
      expect([await db.nameOf(1), await db.names(), await db.posts()]).toEqual([undefined, ['Unseen'], []])
    })

    it('a row that was missing is found when it has been added', async () => {
      expect([await db.nameOf(3), await db.names()]).toEqual([undefined, ['Ada', 'Bob']])
      expect(await db.nameOf(1)).toBe('Ada')
      await db.add(3, 'Cy')
      expect([await db.nameOf(3), await db.names()]).toEqual(['Cy', ['Ada', 'Bob', 'Cy']])
      expect(await db.nameOf(1)).toBe('Ada')
    })

    it('by predicate, and in bulk', async () => {
      expect([await db.nameOf(1), await db.nameOf(2)]).toEqual(['Ada', 'Bob'])
      await db.renameAll('A', 'Zoe')
      expect([await db.nameOf(1), await db.names()]).toEqual(['Zoe', ['Zoe', 'Bob']])
      await db.addMany(Array.from({ length: 2000 }, (_, at) => ({ id: at + 10, name: `Many ${at}` })))
      expect([(await db.names()).length, await db.nameOf(10)]).toEqual([2002, 'Many 0'])
      await db.renameAll('Many', 'One')
      expect([await db.nameOf(10), await db.nameOf(2009)]).toEqual(['One', 'One'])
    })

    it('only after the commit: until then others see what is true, and the transaction what it has done', async () => {
      expect(await db.nameOf(1)).toBe('Ada')
      await db.transaction(async (inside) => {
        await inside.rename(1, 'Eve')
        expect([await inside.nameOf(1), await inside.names()]).toEqual(['Eve', ['Eve', 'Bob']])
        expect(await db.nameOf(1)).toBe(able.isOne ? 'Eve' : 'Ada')
      })
      expect([await db.nameOf(1), await db.names()]).toEqual(['Eve', ['Eve', 'Bob']])
    })

    it('nothing after a rollback', async () => {
      expect([await db.nameOf(1), await db.names()]).toEqual(['Ada', ['Ada', 'Bob']])
      const { invalidationsByReason, loads } = cache.stats()
      await rolledBack(async (inside) => {
        await inside.rename(1, 'Eve')
        await inside.add(3, 'Cy')
        expect(await inside.nameOf(3)).toBe('Cy')
      })
      expect(cache.stats().invalidationsByReason).toEqual(invalidationsByReason)
      expect([await db.nameOf(1), await db.names(), cache.stats().loads]).toEqual(['Ada', ['Ada', 'Bob'], loads])
      await db.transaction((inside) => inside.rename(1, 'Eve'))
      expect(await db.names()).toEqual(['Eve', 'Bob'])
    })

    it('what is read beside an open transaction is not kept, which a rollback may take back', async () => {
      let beside: Promise<unknown> = Promise.resolve()
      await rolledBack(async (inside) => {
        await inside.rename(1, 'Eve')
        beside = Promise.all([db.nameOf(1), db.names()])
        // Where there is one connection, some wait for the end of the transaction, and some do not.
        for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
      })
      await beside
      expect([await db.nameOf(1), await db.names()]).toEqual(['Ada', ['Ada', 'Bob']])
    })

    it.runIf(able.savepoints)('savepoints: what is rolled back is not forgotten, what is kept is', async () => {
      expect([await db.nameOf(1), await db.nameOf(2)]).toEqual(['Ada', 'Bob'])
      await db.transaction(async (inside) => {
        await inside.savepoint((deeper) => deeper.rename(1, 'Eve'))
        await expect(
          inside.savepoint(async (deeper) => {
            await deeper.rename(2, 'Nobody')
            throw fail
          }),
        ).rejects.toThrow('rolled back')
      })
      await database.behind("UPDATE users SET name = 'Unseen' WHERE id = 2")
      expect([await db.nameOf(1), await db.nameOf(2)]).toEqual(['Eve', able.rows ? 'Bob' : 'Unseen'])
    })

    it.runIf(able.raw)('raw statements that are sent through it', async () => {
      expect([await db.nameOf(1), await db.names()]).toEqual(['Ada', ['Ada', 'Bob']])
      await db.raw("UPDATE users SET name = 'Raw' WHERE id = 1")
      expect([await db.nameOf(1), await db.names()]).toEqual(['Raw', ['Raw', 'Bob']])
      await db.transaction((inside) => inside.raw('INSERT INTO users (id, name) SELECT id + 100, name FROM users'))
      expect((await db.names()).length).toBe(4)
    })

    it('fifty transactions, a third of them rolled back, among readers: nobody sees what an acknowledged commit has overtaken', async () => {
      const acknowledged = new Map([
        [1, 0],
        [2, 0],
      ])
      const stale: string[] = []
      await db.renameAll('', '0')
      let isOver = false
      const reader = async (id: number): Promise<void> => {
        while (!isOver) {
          const least = acknowledged.get(id) ?? 0
          const seen = Number(await db.nameOf(id))
          if (seen < least) stale.push(`${id}: ${seen} after ${least}`)
          await new Promise((resolve) => setImmediate(resolve))
        }
      }
      const writer = async (id: number): Promise<void> => {
        for (let version = 1; version <= 25; version++) {
          if (version % 3 === 0) {
            await rolledBack((inside) => inside.rename(id, String(version + 1000)))
            continue
          }
          await db.transaction((inside) => inside.rename(id, String(version)))
          acknowledged.set(id, version)
        }
      }
      const readers = [1, 2, 1, 2].map(reader)
      await Promise.all([writer(1), writer(2)])
      isOver = true
      await Promise.all(readers)
      expect(stale).toEqual([])
      expect([await db.nameOf(1), await db.nameOf(2)]).toEqual(['25', '25'])
    })
  })
}
