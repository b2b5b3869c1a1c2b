// How far warming is: what it has made counts as it goes.
import { join } from 'node:path'
import { createCache } from 'millpond'
import { fakeClock } from 'millpond/testing'
import { expect, test } from 'vitest'
import { createWarming } from '../../src/cache/warming.ts'
import { openDatabase } from '../../src/db/database.ts'
import { makeFolder } from '../temporary-folder.ts'

test('what a plan has made counts while it goes on, and once when it has ended', async () => {
  const clock = fakeClock()
  const cache = createCache({ clock })
  const db = await openDatabase({ engine: 'sqlite', path: join(makeFolder(), 'deals.sqlite') })
  const warming = createWarming({ db, cache })
  const told: [state: string, made: number, plans: number][] = []
  cache.on('warm', ({ state }) => told.push([state, warming.progress().warmed, warming.progress().plans.length]))
  const load = async () => {
    await clock.advance(1_500)
    return 1
  }
  for (const name of ['one', 'two'])
    await cache.warm([{ name, keys: [`${name}:1`, `${name}:2`, `${name}:3`], load }], { concurrency: 1 })
  expect(told.filter(([state]) => state !== 'progress')).toEqual([
    ['began', 0, 1],
    ['ended', 3, 0],
    ['began', 3, 1],
    ['ended', 6, 0],
  ])
  const [first, ...others] = told.filter(([state]) => state === 'progress').map(([, made]) => made)
  expect(first).toBeGreaterThan(0)
  expect(others.at(-1)).toBeGreaterThan(3)
  await cache.close()
  await db.close()
})
