// I4, I5: invalidation later, once over all processes, and by the application's own changes.
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { memory, modelTags } from 'millpond'
import { memoryJobs, sqliteJobs } from 'millpond/jobs'
import { describe, expect, it } from 'vitest'
import { fakeClock } from '../../src/testing/clock.ts'
import { until } from '../services/index.ts'
import { closeAfterEach, newFolder, open } from './setups.ts'

const Database: new (path: string) => Parameters<typeof sqliteJobs>[0]['database'] & { close(): void } = createRequire(
  import.meta.url,
)('libsql')

describe('scheduled invalidation', () => {
  closeAfterEach()

  it('I4: after a delay; listed and cancelled', async () => {
    const clock = fakeClock()
    const cache = open({ clock, jobs: memoryJobs({ clock }) })
    await cache.set('k', 1, { tags: ['t'], ttl: '1h' })
    await cache.set('kept', 1, { tags: ['kept'], ttl: '1h' })
    const id = await cache.schedule({ tags: ['t'] }, { in: '5m' })
    const other = await cache.schedule({ tags: ['kept'] }, { at: clock.now() + 600_000 })
    expect((await cache.jobs.list()).map((job) => job.id)).toEqual([id, other])
    expect(await cache.jobs.cancel(other)).toBe(true)
    await clock.run(4 * 60_000)
    expect(cache.peek('k')).toBe(1)
    await clock.run(2 * 60_000)
    await clock.run(10 * 60_000)
    expect(cache.peek('k')).toBeUndefined()
    expect(cache.peek('kept')).toBe(1)
  })

  it('I4: a time that has passed means at once; bad criteria are refused before anything is stored', async () => {
    const cache = open()
    await cache.set('k', 1)
    await cache.schedule({ key: 'k' }, { at: Date.now() - 1000 })
    await until('the job has run', async () => cache.peek('k') === undefined)
    await expect(cache.schedule({}, { in: '1s' })).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    await expect(cache.schedule({ key: 'k' }, { in: 'soon' as never })).rejects.toMatchObject({
      code: 'DURATION_INVALID',
    })
    expect(await cache.jobs.list()).toEqual([])
  })

  it('I4: survives a restart, and fires in whichever process is there', async () => {
    const folder = newFolder()
    const { sqlite } = await import('millpond/tiers/sqlite')
    const tiers = () => [memory(), sqlite({ path: join(folder, 'cache.db') })]
    const database = () => new Database(join(folder, 'jobs.db'))
    const [firstDb, nextDb] = [database(), database()]
    const first = open({ name: 'shop', tiers: tiers(), jobs: sqliteJobs({ database: firstDb }) })
    await first.namespace('reports').set('k', 1)
    await first.namespace('reports').schedule({ key: 'k' }, { in: 300 })
    await first.close()
    firstDb.close()
    const next = open({ name: 'shop', tiers: tiers(), jobs: sqliteJobs({ database: nextDb }) })
    expect(await next.namespace('reports').get('k')).toBe(1)
    await until('the job has run', async () => (await next.namespace('reports').get('k')) === undefined)
    await next.close()
    nextDb.close()
  })

  it('I5: a changed model takes along what shows it, after the commit and never after a rollback', async () => {
    const cache = open({ models: { User: { related: ['profile'] } } })
    const fill = async () => {
      await cache.set('user', 1, { tags: [...modelTags('User', 7)] })
      await cache.set('list', 1, { tags: [...modelTags('User')] })
      await cache.set('profile', 1, { tags: [...modelTags('profile', 7)] })
      await cache.set('other', 1, { tags: [...modelTags('User', 8)] })
    }
    await fill()
    await cache.changes.during(async () => {
      await cache.modelChanged('User', 7, 'save')
      expect(cache.peek('user')).toBe(1)
    })
    expect(['user', 'list', 'profile', 'other'].map((key) => cache.peek(key))).toEqual([
      undefined,
      undefined,
      undefined,
      1,
    ])
    await fill()
    await expect(
      cache.changes.during(async () => {
        await cache.modelChanged('User', 7, 'save')
        throw new Error('rolled back')
      }),
    ).rejects.toThrow('rolled back')
    expect(cache.peek('user')).toBe(1)
    expect(cache.stats().invalidationsByReason).toMatchObject({ data_changed: 1 })
  })
})
