// What is removed once it is old, figures for Prometheus, alerts that are judged now, and an operation that has ended.
import { spawnSync } from 'node:child_process'
import { createCache } from 'millpond'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { describeWith, promtool } from '../../millpond/test/services/index.ts'
import { type Opened, open } from './setup.ts'

const cache = createCache({ name: 'shop' })
let opened: Opened
beforeAll(async () => {
  opened = await open(':memory:', { caches: [cache] })
  await opened.plane.start()
})
afterAll(async () => {
  await opened.close()
  await cache.close()
})

const DAY_MS = 86_400_000
const receiptsOf = (id: string) =>
  opened.store.read.selectFrom('operation_receipts').select('receipt').where('operation_id', '=', id).execute()
const post = async (path: string, body: object) => (await opened.call('POST', path, { as: 'admin', body })).json

it('deletes what is older than so many days, as a dry run predicted, and nothing of the audit log', async () => {
  const now = await opened.store.now()
  for (const days of [40, 20, 1]) {
    const at = now - days * DAY_MS
    await opened.store.read.insertInto('history').values({ cache: 'shop', step: 60, at, data: '[]' }).execute()
    await opened.store.read
      .insertInto('markers')
      .values({ id: `mrk_${days}`, at, kind: 'deploy', message: 'm', actor: 'a' })
      .execute()
  }
  const { id } = await post('invalidations/invalidate_keys/', { keys: ['a'] })
  await opened.store.read
    .updateTable('operations')
    .set({ ended_at: now - 40 * DAY_MS })
    .where('id', '=', id)
    .execute()
  const expected = {
    history: 1,
    operations: 1,
    resolved_alerts: 0,
    markers: 1,
    reports: 0,
    ended_silences: 0,
    expired_tokens: 0,
    proposals: 0,
  }
  expect(await receiptsOf(id)).not.toEqual([])
  expect(await post('maintenance/cleanup/', { dry_run: true })).toEqual({ days: 30, dry_run: true, removed: expected })
  expect((await opened.call('GET', `operations/${id}/`, { as: 'viewer' })).status).toBe(200)
  expect((await post('maintenance/cleanup/', { metrics_only: true, days: 10 })).removed).toEqual({
    ...expected,
    history: 2,
    operations: 0,
    markers: 0,
  })
  expect((await post('maintenance/cleanup/', {})).removed).toEqual({ ...expected, history: 0 })
  expect((await opened.call('GET', `operations/${id}/`, { as: 'viewer' })).status).toBe(404)
  expect(await receiptsOf(id)).toEqual([])
  expect((await opened.call('GET', 'events/markers/', { as: 'viewer' })).json.data).toHaveLength(2)
  expect((await opened.call('GET', 'audit/verify/', { as: 'auditor' })).json.ok).toBe(true)
})

it('reports that an ended operation cannot be cancelled, and continues', async () => {
  const { id } = await post('invalidations/invalidate_keys/', { keys: ['b'] })
  expect(await opened.call('DELETE', `operations/${id}/`, { as: 'admin' })).toMatchObject({
    status: 409,
    json: { code: 'has_ended' },
  })
  expect((await opened.call('DELETE', 'operations/op_none/', { as: 'admin' })).status).toBe(404)
  expect((await opened.call('GET', 'session/', { as: 'admin' })).status).toBe(200)
})

it('answers an invalidation with its id at once if the caller prefers not to wait', async () => {
  const asked = { as: 'operator', body: { keys: ['c'] }, headers: { Prefer: 'wait=0' } } as const
  const { status, json } = await opened.call('POST', 'invalidations/invalidate_keys/', asked)
  expect([200, 202]).toContain(status)
  await expect
    .poll(async () => (await opened.call('GET', `operations/${json.id}/`, { as: 'viewer' })).json.state, {
      timeout: 20_000,
    })
    .toBe('completed')
})

it('evaluates alerts on request, and reports no cache that is not the caller’s', async () => {
  expect(await post('alerts/evaluate/', {})).toEqual({ data: [], has_more: false })
  const at = await opened.store.now()
  const row = {
    id: 'alr_1',
    fingerprint: 'f',
    rule: 'errors',
    severity: 'high',
    cache: 'elsewhere',
    state: 'firing',
    message: 'm',
  }
  await opened.store.read
    .insertInto('alerts')
    .values({ ...row, since: at, updated_at: at })
    .execute()
  expect((await post('alerts/evaluate/', {})).data).toMatchObject([{ id: 'alr_1' }])
  expect((await opened.call('POST', 'alerts/evaluate/', { as: 'limited', body: {} })).json.data).toEqual([])
})

describeWith('promtool', 'figures for Prometheus', () => {
  it('are well-formed, and count by process', async () => {
    await cache.set('a', 1)
    await cache.get('a')
    await cache.get('none')
    const { text, headers } = await opened.call('GET', 'metrics/prometheus/', { as: 'viewer' })
    expect(headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/)
    expect(text).toMatch(/millpond_hits_total\{cache="shop",tier="memory",node="[^"]+"\} 1/)
    expect(text).toMatch(/millpond_miss_causes_total\{cache="shop",cache_ns="default",cause="cold",node="[^"]+"\} 1/)
    const { path, env } = promtool()
    const { status, stdout, stderr } = spawnSync(path, ['check', 'metrics'], { env, input: text, encoding: 'utf8' })
    expect([status, stdout + stderr]).toEqual([0, ''])
  })
})
