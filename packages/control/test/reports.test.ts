// Performance reports: what they say of a cache that was watched, of whom it holds what, and when one is made.
import { type Cache, createCache, memory } from 'millpond'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { makeDueReports } from '../src/reports/reports.ts'
import { type Opened, open } from './setup.ts'

let cache: Cache
let opened: Opened
const post = (body: object, as: 'operator' | 'viewer' | 'limited' = 'operator') =>
  opened.call('POST', 'reports/', { as, body })

beforeAll(async () => {
  cache = createCache({ name: 'shop', tiers: [memory({ maxBytes: '1mb' })] })
  opened = await open(':memory:', {
    caches: [cache],
    application: {
      scopes: { organization: { find: (text) => text, list: () => ['7', '8', '9'], tags: (id) => [`org:${id}`] } },
      cacheTypes: {
        stats: { tags: ({ scopes }) => [`stats:${scopes.organization}`] },
        roles: { tags: ({ scopes }) => [`roles:${scopes.organization}`] },
        whole: { namespaces: ['default'] },
      },
    },
  })
  const look = async () => opened.plane.control.collector.look(await opened.store.now())
  await look()
  await cache.set('7:stats', 1, { tags: ['org:7', 'stats:7'] })
  await cache.set('7:roles', 1, { tags: ['org:7', 'roles:7'] })
  await cache.set('8:stats', 1, { tags: ['org:8', 'stats:8'] })
  await cache.for({ tenant: 'acme' }).set('plan', 1)
  for (let at = 0; at < 150; at++) await cache.get('7:stats')
  for (let at = 0; at < 150; at++) await cache.getOrSet(`cold:${at}`, async () => at)
  for (let time = 0; time < 2; time++)
    await opened.call('POST', 'invalidations/invalidate_keys/', { as: 'operator', body: { tags: ['stats:8'] } })
  await opened.call('POST', 'invalidations/invalidate_keys/', { as: 'operator', body: { keys: ['a', 'b'] } })
  await cache.get('8:stats')
  await look()
})
afterAll(async () => {
  await opened.close()
  await cache.close()
})

it('reports how a cache did, what it holds by owner, its bottlenecks, and what was invalidated', async () => {
  const { status, json } = await post({ hours: 1 })
  expect(status).toBe(200)
  const [{ id, report }] = json.data
  expect(report.effectiveness).toMatchObject({
    hits: 150,
    misses: 151,
    loads: 150,
    load_errors: 0,
    hit_ratio_before: null,
  })
  expect(report.effectiveness.saved_seconds).toBeGreaterThanOrEqual(0)
  expect(report.coverage.organizations).toMatchObject([
    { name: '7', scope: 'organization', entries: 2, held: ['stats', 'roles'], missing: [] },
    { name: '8', entries: 0, held: [], missing: ['stats', 'roles'] },
    { name: '9', entries: 0, held: [], missing: ['stats', 'roles'] },
  ])
  expect(report.coverage.tenants).toMatchObject([{ name: 'acme', entries: 1 }])
  expect(report.coverage.is_complete).toBe(true)
  expect(report.bottlenecks).toMatchObject([
    { name: 'misses', subject: 'cold', remedy: expect.stringContaining('warm') },
  ])
  expect(report.ttl).toMatchObject({ expired_ratio: 0, evicted_ratio: 0 })
  expect(report.invalidations).toMatchObject({ operations: 3, miss_causes: { invalidated_tag: 1 } })
  expect(report.invalidations.patterns.slice(0, 1)).toMatchObject([{ by: 'tag', name: 'stats:8', times: 2 }])
  expect(report.growth).toMatchObject({ max_bytes: 1_048_576, bytes_per_day: null })
  expect((await opened.call('GET', `reports/${id}/`, { as: 'viewer' })).json.report).toEqual(report)
  expect((await opened.call('GET', 'reports/?cache_name=shop', { as: 'viewer' })).json.data[0]).toMatchObject({
    id,
    bottlenecks: 1,
  })
})

it('is made every six hours and not sooner, and is deleted when it is old', async () => {
  const count = async () => (await opened.call('GET', 'reports/', { as: 'viewer' })).json.data.length
  const now = await opened.store.now()
  const before = await count()
  await makeDueReports(opened.plane.control, now)
  expect(await count()).toBe(before)
  await opened.store.read
    .updateTable('reports')
    .set({ at: now - 6 * 3_600_000 })
    .execute()
  await makeDueReports(opened.plane.control, now)
  expect(await count()).toBe(before + 1)
  await opened.store.read
    .updateTable('reports')
    .set({ at: now - 31 * 86_400_000 })
    .execute()
  const { json } = await opened.call('POST', 'maintenance/cleanup/', { as: 'admin', body: {} })
  expect([json.removed.reports, await count()]).toEqual([before + 1, 0])
})

it('shows and makes no report of a cache that is not the caller’s', async () => {
  const [{ id }] = (await post({ hours: 1 })).json.data
  expect((await opened.call('GET', `reports/${id}/`, { as: 'limited' })).status).toBe(404)
  expect((await opened.call('GET', 'reports/', { as: 'limited' })).json.data).toEqual([])
  expect((await post({ hours: 1 }, 'limited')).json.data).toEqual([])
  expect((await post({}, 'viewer')).status).toBe(403)
  expect((await post({ hours: 0 })).status).toBe(422)
})
