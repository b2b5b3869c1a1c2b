// Statements of SQLite are made once and used again.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Database, openDatabase } from '../../src/db/database.ts'
import { move, versionsOf } from '../../src/db/versions.ts'

let db: Database
beforeAll(async () => {
  db = await openDatabase({ engine: 'sqlite', path: ':memory:' })
})
afterAll(() => db?.close())

const names = (count: number) => Array.from({ length: count }, (_, at) => `scope:${at}`)
const seen = (scopes: readonly string[]) => db.snapshot((tx) => versionsOf(tx, scopes))

test('a statement that is used again sees what was written since, within a transaction and after one that failed', async () => {
  expect(await seen(['a'])).toEqual(new Map())
  await db.write((tx) => move(tx, ['a'], 1))
  expect(await seen(['a'])).toEqual(new Map([['a', 1]]))
  await expect(
    db.write(async (tx) => {
      await move(tx, ['a'], 2)
      expect(await versionsOf(tx, ['a'])).toEqual(new Map([['a', 2]]))
      throw new Error('refused')
    }),
  ).rejects.toThrow('refused')
  expect(await seen(['a'])).toEqual(new Map([['a', 1]]))
})

test('more shapes of statements than are kept', async () => {
  await db.write((tx) => move(tx, names(300), 1))
  for (const count of [...Array(300).keys()].map((at) => at + 1)) expect((await seen(names(count))).size).toBe(count)
  expect((await seen(names(1))).size).toBe(1)
})

test('a statement that fails is no trouble to who uses it next', async () => {
  const long = db.kysely.selectFrom('data_versions').select('scope').where('version', '=', 0)
  // Bound to what SQLite has no type for.
  await expect(long.where('scope', '=', Symbol('no') as never).execute()).rejects.toThrow()
  await expect(long.where('scope', '=', 'a').execute()).resolves.toEqual([])
})
