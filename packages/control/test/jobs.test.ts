// Repeated jobs as the control plane shows them: of a process that runs some, and of one that runs none and is left
// alone.
import { createCache } from 'millpond'
import { expect, it } from 'vitest'
import { open } from './setup.ts'

it('shows repeated jobs with their last runs, runs one now on record, and starts no runner in a cache without jobs', async () => {
  const [shop, quiet] = [createCache({ name: 'shop' }), createCache({ name: 'quiet' })]
  shop.jobs.repeat('yearly', { every: '365d' }, () => undefined)
  let runs = 0
  shop.jobs.repeat('tidy', { every: '1h', atStart: true }, () => {
    if (++runs === 1) throw new Error('the first one fails')
  })
  const opened = await open(':memory:', { caches: [shop, quiet] })
  const list = async () => (await opened.call('GET', 'jobs/', { as: 'viewer' })).json.data
  await expect.poll(async () => (await list())[0]?.runs.length, { timeout: 20_000 }).toBe(1)
  expect(await list()).toMatchObject([
    { cache_name: 'shop', name: 'tidy', state: 'waiting', runs: [{ attempts: 2, error: null }] },
    { cache_name: 'shop', name: 'yearly', runs: [] },
  ])
  const run = (name: string, as: 'operator' | 'viewer' | 'limited' = 'operator') =>
    opened.call('POST', `jobs/${name}/run/`, { as, body: {} })
  expect((await run('tidy')).json).toEqual({ cache_name: 'shop', name: 'tidy' })
  await expect.poll(async () => (await list())[0]?.runs.length, { timeout: 20_000 }).toBe(2)
  expect((await opened.call('GET', 'audit/?action=job.run', { as: 'auditor' })).json.data).toMatchObject([
    { target: 'tidy', actor: 'operator' },
  ])
  expect([
    (await run('none')).status,
    (await run('tidy', 'viewer')).status,
    (await run('tidy', 'limited')).status,
  ]).toEqual([404, 403, 404])
  expect(quiet.info().jobs).toEqual([])
  await opened.close()
  await Promise.all([shop.close(), quiet.close()])
})
