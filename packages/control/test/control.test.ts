import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createControl, ensureToken, openStore } from '@millpond/control'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeWith, type PostgresService, startPostgres } from '../../millpond/test/services/index.ts'
import { controlSuite } from './control-suite.ts'
import { open } from './setup.ts'

describe('a control plane on SQLite', () => controlSuite(() => ':memory:'))

describeWith('postgres', 'a control plane on PostgreSQL', () => {
  let server: PostgresService
  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(() => server?.stop())
  controlSuite(() => server.url)
})

describe('a control plane in a file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'millpond-control-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, 'deep', 'control.db')

  it('is still there after a restart, and can be shared by two processes', async () => {
    const first = await open(path)
    const second = await open(path)
    const made = await first.call('POST', 'configurations/', { as: 'admin', body: { name: 'shared' } })
    expect((await second.call('GET', `configurations/${made.json.id}/`, { as: 'viewer' })).json).toEqual(made.json)
    await Promise.all([first.close(), second.close()])
    const third = await open(path)
    expect((await third.call('GET', `configurations/${made.json.id}/`, { as: 'viewer' })).json).toEqual(made.json)
    await third.close()
  })

  it('is refused if a later release has written it, or it cannot be opened', async () => {
    const store = await openStore(path)
    await store.read.updateTable('meta').set({ value: '99' }).execute()
    await store.close()
    await expect(openStore(path)).rejects.toMatchObject({ code: 'SCHEMA_NEWER' })
    await expect(openStore('/dev/null/control.db')).rejects.toMatchObject({ code: 'TIER_FAILED' })
    const secret = openStore('postgres://me:secret@127.0.0.1:1/db')
    await expect(secret).rejects.toMatchObject({ code: 'TIER_FAILED', message: expect.not.stringContaining('secret') })
  })

  it('refuses all requests until a credential exists, and accepts none that can be guessed', async () => {
    const store = await openStore(':memory:')
    const { fetch } = createControl({ store })
    expect(
      (
        await fetch(
          new Request('http://127.0.0.1/api/admin/caching/session/', { headers: { Authorization: 'Bearer admin' } }),
        )
      ).status,
    ).toBe(401)
    await expect(ensureToken(store, { name: 'admin', role: 'admin' }, 'admin')).rejects.toMatchObject({
      code: 'OPTION_INVALID',
    })
    await store.close()
  })
})
