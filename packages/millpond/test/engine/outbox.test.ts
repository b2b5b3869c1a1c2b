// G5: invalidations that could not reach the ledger are kept, say so, survive a kill, and are applied before memory is
// trusted.
import { join } from 'node:path'
import Database from 'libsql'
import { memory } from 'millpond'
import { redis } from 'millpond/tiers/redis'
import { sqliteOutbox } from 'millpond/tiers/sqlite'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { describeWith, PATIENCE, patient, type RedisService, startRedis, until } from '../services/index.ts'
import { closeAfterEach, newFolder, open } from './setups.ts'

describeWith('redis', 'outbox', () => {
  let server: RedisService
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server.stop())
  closeAfterEach()

  it('an ack that is honest: kept, not yet applied; applied when the ledger answers, also by another process', async () => {
    const path = join(newFolder(), 'outbox.db')
    const tiers = () => [memory(), patient(redis({ url: server.url, ...PATIENCE }))]
    const here = open({ name: 'box', tiers: tiers(), outbox: sqliteOutbox({ path }) })
    const there = open({ name: 'box', tiers: tiers() })
    await here.set('k', 'old', { tags: ['t'] })
    await here.set('k2', 'old', { tags: ['t'] })
    expect(await there.get('k'), 'in time').toBe('old')
    // From here on it is judged what a silent server does.
    for (const cache of [here, there]) await cache.configure({ tiers: { redis: { timeout: '250ms' } } })
    await server.pause()
    const receipt = await here.invalidateTags(['t'])
    expect(receipt.isApplied).toBe(false)
    expect(await here.get('k')).toBeUndefined()
    await expect(here.set('k', 'new')).rejects.toMatchObject({ code: 'LEDGER_UNREACHABLE' })
    const kept = sqliteOutbox({ path })
    expect(await kept.list('box:default:')).toHaveLength(2)
    await server.resume()
    await until('the ledger is back', async () => here.info().health === 'ok')
    expect(await here.get('k2')).toBeUndefined()
    expect(await kept.list('box:default:')).toHaveLength(0)
    await until(
      'the other heard of it',
      async () => (await there.get('k')) === undefined && (await there.get('k2')) === undefined,
    )
    await kept.close()
  })

  it('what a killed process kept is applied by the next one before it trusts anything', async () => {
    const path = join(newFolder(), 'outbox.db')
    const first = open({ name: 'left', tiers: [memory(), patient(redis({ url: server.url, ...PATIENCE }))] })
    await first.set('k', 'old', { tags: ['t'] })
    const box = sqliteOutbox({ path })
    await box.add('left:default:', {
      targets: [{ kind: 'tag', tag: 't' }],
      mode: 'delete',
      reason: 'tag_based',
      id: 'lost',
      drop: [],
    })
    await box.close()
    const next = open({
      name: 'left',
      tiers: [memory(), patient(redis({ url: server.url, ...PATIENCE }))],
      outbox: sqliteOutbox({ path }),
    })
    expect(await next.get('k')).toBeUndefined()
  })

  it('a file that is no outbox is refused and left alone', () => {
    expect(() => sqliteOutbox({ path: join(newFolder(), 'no', 'such', 'folder.db') })).toThrow(/cannot be used/)
    expect(() => sqliteOutbox({ path: '' })).toThrow(/sqliteOutbox.path: "" is not allowed/)
  })

  it('G5: a record of a damaged file concerns everything, those behind it are read, and it can be removed', async () => {
    const path = join(newFolder(), 'outbox.db')
    const box = sqliteOutbox({ path })
    const kept = (key: string) =>
      ({ targets: [{ kind: 'key', key }], mode: 'delete', reason: 'manual', id: key, drop: [] }) as const
    await box.add('ns', kept('a'))
    await box.add('ns', kept('b'))
    const raw = new Database(path)
    raw.exec("UPDATE outbox SET id = CAST(X'FF61' AS TEXT), change = CAST(X'FF61' AS TEXT) WHERE number = 1")
    raw.close()
    const [first, second] = await box.list('ns')
    expect(first?.change.targets).toEqual([{ kind: 'all' }])
    expect(second?.change.targets).toEqual([{ kind: 'key', key: 'b' }])
    await box.remove([first?.id ?? ''])
    expect((await box.list('ns')).map(({ id }) => id)).toEqual([second?.id])
    await box.close()
  })
})
