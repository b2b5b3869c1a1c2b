// The control plane's own file: what happens when it is damaged.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Sqlite from 'libsql'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { describeWith, type PostgresService, startPostgres } from '../../millpond/test/services/index.ts'
import { openStore } from '../src/store/store.ts'

const folder = mkdtempSync(join(tmpdir(), 'millpond-control-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

// libsql ends the whole process over such text, unless it is asked for bytes.
test('text that is not UTF-8 fails the read that finds it, and no other', async () => {
  const path = join(folder, 'control.db')
  const store = await openStore(path)
  const named = (name: string) => ({ name, document: `{"é": "${name}"}`, version: 1, updated_at: 7 })
  await store.write((tx) =>
    tx
      .insertInto('documents')
      .values([named('b'), named('a'), named('﻿c')])
      .execute(),
  )
  expect(await store.read.selectFrom('documents').selectAll().orderBy('name').execute()).toEqual(
    ['a', 'b', '﻿c'].map(named),
  )
  const raw = new Sqlite(path)
  raw.exec("UPDATE documents SET document = CAST(X'FF61' AS TEXT), updated_at = CAST(X'FF' AS TEXT) WHERE name = 'a'")
  raw.close()
  await expect(store.read.selectFrom('documents').selectAll().execute()).rejects.toThrow(
    /its column document holds text that is not UTF-8/,
  )
  expect(
    await store.read
      .selectFrom('documents')
      .select(['name', 'version as "odd"'])
      .where('name', '>', 'a')
      .orderBy('name')
      .execute(),
  ).toEqual([
    { name: 'b', '"odd"': 1 },
    { name: '﻿c', '"odd"': 1 },
  ])
  const { n } = await store.read
    .selectFrom('documents')
    .select(({ fn }) => fn.countAll<number>().as('n'))
    .executeTakeFirstOrThrow()
  expect(n).toBe(3)
  await store.close()
})

describeWith('postgres', 'a store in PostgreSQL', () => {
  let server: PostgresService
  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(() => server.stop())

  test('answers reads during a burst of writes, also those of a write that has its turn', async () => {
    const store = await openStore(server.url)
    let done = 0
    const writes = Array.from({ length: 12 }, () =>
      store.write(async () => {
        await store.read.selectFrom('audit_head').selectAll().execute()
        await new Promise((resolve) => setTimeout(resolve, 20))
        done++
      }),
    )
    await store.read.selectFrom('documents').selectAll().execute()
    expect(done).toBeLessThan(writes.length / 2)
    await Promise.all(writes)
    expect(done).toBe(writes.length)
    await store.close()
  })
})
