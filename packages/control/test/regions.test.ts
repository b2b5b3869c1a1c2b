// Regions in the control plane: how they stand, and one drained, filled and let serve, on record.
import { createCache, memory } from 'millpond'
import { simulatedServer } from 'millpond/testing'
import { edge } from 'millpond/tiers/edge'
import { expect, it } from 'vitest'
import { open } from './setup.ts'

it('shows regions and their lag, and drains, fills and restores one', async () => {
  const stores = { us: simulatedServer(), eu: simulatedServer() }
  const start = (region: 'us' | 'eu') => {
    const regions = { us: { ledger: stores.us.connect() }, eu: { ledger: stores.eu.connect() } }
    return createCache({ name: 'shop', tiers: [memory(), edge({ regions, region, origin: 'us', maxRegionLag: '2s' })] })
  }
  const [us, eu, plain] = [start('us'), start('eu'), createCache({ name: 'plain' })]
  for (const cache of [us, eu])
    await expect
      .poll(
        async () => {
          await cache.getOrSet('warm', () => 1)
          return (await cache.regions?.list())?.every(({ isHeard, lagMs }) => isHeard && lagMs !== undefined)
        },
        { timeout: 20_000 },
      )
      .toBe(true)
  for (let n = 0; n < 20; n++) await us.set(`deal:${n}`, n)
  const opened = await open(':memory:', { caches: [eu, plain] })
  const list = async () => (await opened.call('GET', 'regions/', { as: 'viewer' })).json.data
  const act = (verb: string, body: object = {}, region = 'eu', as: 'editor' | 'operator' | 'limited' = 'editor') =>
    opened.call('POST', `regions/${region}/${verb}/`, { as, body })

  // A process that had to wait may not have heard the other one within the lag.
  await expect.poll(list, { timeout: 20_000 }).toMatchObject([
    {
      cache_name: 'shop',
      region: 'eu',
      is_origin: false,
      state: 'serving',
      nodes: [expect.any(String)],
      seen_from: [],
      filling: null,
    },
    {
      region: 'us',
      is_origin: true,
      state: 'serving',
      nodes: [],
      seen_from: [{ region: 'eu', is_heard: true, waiting: expect.any(Number), error: null }],
    },
  ])
  expect((await act('drain', { wait_seconds: 30 })).json).toEqual({
    cache_name: 'shop',
    region: 'eu',
    is_safe: true,
    behind: [],
  })
  expect((await list())[0].state).toBe('drained')
  const last = await act('drain', {}, 'us')
  expect(last.json).toMatchObject({
    status: 409,
    code: 'last_region',
    detail:
      'edge.drain.region: "us" is the last serving region: let "eu" serve first, or use force: true, and everything is loaded from the source meanwhile',
  })

  expect((await act('drain', { force: true, wait_seconds: 0 }, 'us')).status).toBe(200)
  expect((await act('serve', {}, 'us')).status).toBe(200)

  const filled = await act('fill', { keys_per_second: 1000 })
  expect(filled.json).toMatchObject({ region: 'eu', filling: { from: 'us', error: null } })
  await expect
    .poll(async () => (await list())[0], { timeout: 20_000 })
    .toMatchObject({ state: 'serving', filling: { is_done: true, keys: 21 } })
  expect((await act('fill', { from: 'mars' })).json).toMatchObject({
    status: 422,
    code: 'invalid',
    detail: expect.stringContaining('"mars" is not one of the regions'),
  })
  expect((await act('fill', {}, 'us')).json).toMatchObject({ status: 409, code: 'no_node_there' })
  expect((await act('drain', { wait_seconds: 0 }, 'us')).status).toBe(200)
  expect((await act('serve', {}, 'us')).json).toEqual({ cache_name: 'shop', region: 'us' })

  expect([(await act('drain', {}, 'mars')).status, (await act('drain', {}, 'eu', 'operator')).status]).toEqual([
    404, 403,
  ])
  expect((await act('drain', {}, 'eu', 'limited')).status).toBe(404)
  expect((await opened.call('GET', 'audit/?action=region.drain', { as: 'auditor' })).json.data).toMatchObject([
    { target: 'us', outcome: 'ok', detail: expect.not.objectContaining({ force: true }) },
    { target: 'us', outcome: 'ok', detail: { force: true } },
    { target: 'us', outcome: 'refused', detail: { why: expect.stringContaining('the last serving region') } },
    { target: 'eu', outcome: 'ok' },
  ])
  const nodes = (await opened.call('GET', 'nodes/', { as: 'viewer' })).json.data
  expect(nodes.map((one: { region: string | null }) => one.region).sort()).toEqual(['eu', null])
  await opened.close()
  await Promise.all([us.close(), eu.close(), plain.close()])
}, 60_000)
