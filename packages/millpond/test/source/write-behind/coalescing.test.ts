// What a source sees of many writes to few keys: by the clock of the test, so that the machine's speed says nothing.
import { join } from 'node:path'
import Database from 'libsql'
import { fakeClock } from 'millpond/testing'
import { expect, it, onTestFinished } from 'vitest'
import { closeAfterEach, newFolder, open } from '../../engine/setups.ts'

closeAfterEach()

const KEYS = 100
const TURN_MS = 10
const TURNS = 1000

it('G18: a thousand writes a second to a hundred keys are at least ten times fewer in SQLite, by the defaults', async () => {
  const folder = newFolder()
  const source = new Database(join(folder, 'source.db'))
  onTestFinished(() => void source.close())
  source.exec('CREATE TABLE item (id INTEGER PRIMARY KEY, value INTEGER NOT NULL)')
  const put = source.prepare('INSERT INTO item (id, value) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET value = excluded.value')
  let calls = 0
  let rows = 0
  const clock = fakeClock()
  const cache = open({ clock })
  const items = cache.collection<number, number>('item', {
    storeMany: async (batch) => {
      calls++
      source.exec('BEGIN IMMEDIATE')
      for (const { id, value } of batch) rows += Number(put.run(id, value).changes)
      source.exec('COMMIT')
    },
    write: 'write-behind',
    writeBehind: { journal: join(folder, 'journal') },
  })
  await cache.ready()
  let writes = 0
  for (let turn = 0; turn < TURNS; turn++) {
    const from = writes
    writes += TURN_MS
    await Promise.all(Array.from({ length: TURN_MS }, (_, index) => items.set((from + index) % KEYS, from + index)))
    await clock.run(TURN_MS)
  }
  await items.flush()
  expect(source.prepare('SELECT count(*) AS n, min(value) AS least FROM item').get()).toMatchObject({ n: KEYS, least: writes - KEYS })
  expect(writes / rows).toBeGreaterThanOrEqual(10)
  expect(writes / calls).toBeGreaterThan(500)
})
