// What a source sees of many writes to few keys: by the clock of the test, so that the machine's speed says nothing.
import { join } from 'node:path'
import Database from 'libsql'
import { fakeClock } from 'millpond/testing'
import { expect, it, onTestFinished } from 'vitest'
import { closeAfterEach, newFolder, open } from '../../engine/setups.ts'

closeAfterEach()

const PER_SECOND = 10_000
const KEYS = 1000
/** Twice the time that a key waits out. */
const SECONDS = 4
const TURN_MS = 10
const OF_A_TURN = (PER_SECOND * TURN_MS) / 1000

it('G18: 10,000 writes a second to 1,000 keys are at least ten times fewer in SQLite, by the defaults', async () => {
  const folder = newFolder()
  const source = new Database(join(folder, 'source.db'))
  onTestFinished(() => void source.close())
  source.exec('CREATE TABLE item (id INTEGER PRIMARY KEY, value INTEGER NOT NULL)')
  const put = source.prepare(
    'INSERT INTO item (id, value) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET value = excluded.value',
  )
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
  for (let turn = 0; turn < (SECONDS * 1000) / TURN_MS; turn++) {
    const from = writes
    writes += OF_A_TURN
    await Promise.all(Array.from({ length: OF_A_TURN }, (_, index) => items.set((from + index) % KEYS, from + index)))
    await clock.run(TURN_MS)
  }
  await items.flush()
  expect(source.prepare('SELECT count(*) AS n, min(value) AS least FROM item').get()).toMatchObject({
    n: KEYS,
    least: writes - KEYS,
  })
  expect(writes / rows).toBeGreaterThanOrEqual(10)
  expect(writes / calls).toBeGreaterThan(500)
})
