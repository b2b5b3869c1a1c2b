// The control plane as the service mounts it: who comes in with which token, and that what it does is done to the
// service's own cache.
import { ROLE_SCOPES } from '@millpond/control'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { until } from '../../../../packages/millpond/test/services/index.ts'
import { isHit, SMALL, type Subject, startSubject } from '../service-under-test.ts'

const ADMINISTRATOR = { userId: 1, organizationId: 1 }
const VIEWER = { userId: 3, organizationId: 1 }
const BASE = '/api/admin/caching'
let subject: Subject

beforeAll(async () => {
  subject = await startSubject()
})
afterAll(() => subject?.stop())

test('a token of the organisation that runs the service is a credential, from this machine and by its role', async () => {
  expect((await subject.get(`${BASE}/session/`)).status).toBe(401)
  expect((await subject.get(`${BASE}/session`, VIEWER)).json).toMatchObject({
    role: 'viewer',
    scopes: ROLE_SCOPES.viewer,
  })
  expect((await subject.get(`${BASE}/session/`, ADMINISTRATOR)).json.role).toBe('admin')
  // Somebody whom the organisation does not know, and somebody who comes through a proxy.
  expect((await subject.get(`${BASE}/session/`, { userId: 999, organizationId: 2 })).status).toBe(401)
  expect((await subject.get(`${BASE}/session/`, ADMINISTRATOR, { 'x-forwarded-for': '192.0.2.1' })).status).toBe(401)
})

test('what was answered is shown as a key, explained, invalidated for all who ask next, and counted', async () => {
  const path = '/api/cached/organizations/1/info/'
  await subject.get(path)
  expect(isHit(await subject.get(path)), 'in time').toBe(true)
  const { json: keys } = await subject.get(`${BASE}/keys/?namespace=response&contains=org:data:1`, VIEWER)
  const [row] = keys.data
  expect(row.tags.length).toBeGreaterThan(0)
  const at = `namespace=response&key=${encodeURIComponent(row.key)}`
  expect((await subject.get(`${BASE}/explain/?${at}`, VIEWER)).json.verdict).toBe('hit')
  expect(
    (await subject.send('POST', `${BASE}/invalidations/invalidate_keys/`, VIEWER, { keys: [row.key] })).status,
  ).toBe(403)
  const done = await subject.send('POST', `${BASE}/invalidations/invalidate_keys/`, ADMINISTRATOR, {
    keys: [row.key],
    reason: 'look again',
  })
  expect(done.json.state).toBe('completed')
  expect((await subject.get(`${BASE}/explain/?${at}`, VIEWER)).json).toMatchObject({
    verdict: 'miss',
    by: { operation: done.json.id, reason: 'look again' },
  })
  expect(isHit(await subject.get(path))).toBe(false)
  // As of the last look, which is a second ago at most.
  const hits = async (): Promise<number> =>
    (await subject.get(`${BASE}/metrics/summary/`, VIEWER)).json.caches[0].total.hits
  await expect.poll(hits).toBeGreaterThan(0)
})

test('a URL is explained by the entries that answer it, and takes all of them with it', async () => {
  const path = '/api/cached/organizations/1/statistics/?days=7'
  await subject.get(path, VIEWER)
  const url = `${subject.service.url}${path}`
  const at = `${BASE}/explain/?url=${encodeURIComponent(url)}`
  expect((await subject.get(at, VIEWER)).json).toMatchObject({ key: 'v1:api_response:deal_stats:1:7', verdict: 'hit' })
  const done = await subject.send('POST', `${BASE}/invalidations/invalidate_keys/`, ADMINISTRATOR, { urls: [url] })
  expect(done.json).toMatchObject({ state: 'completed' })
  expect(done.json.plan.caches[0].by_namespace).toMatchObject({ response: 1, strategic: 1 })
  expect((await subject.get(at, VIEWER)).json).toMatchObject({
    verdict: 'miss',
    cause: 'invalidated_key',
    by: { operation: done.json.id },
  })
  expect(isHit(await subject.get(path, VIEWER))).toBe(false)
  const other = encodeURIComponent(`${subject.service.url}/api/cached/organizations/1/statistics/?days=8`)
  expect((await subject.get(`${BASE}/explain/?url=${other}`, VIEWER)).status).toBe(404)
})

test('an invalidation can be undone: its hottest answers are loaded again, by the loaders of their keys alone', async () => {
  const path = '/api/cached/organizations/1/roles/'
  for (let time = 0; time < 3; time++) await subject.get(path)
  const plan = await subject.send('POST', `${BASE}/invalidations/invalidate_keys/`, ADMINISTRATOR, {
    tags: ['kind:roles'],
    dry_run: true,
  })
  const gone = await subject.send('POST', `${BASE}/invalidations/invalidate_keys/`, ADMINISTRATOR, {
    plan_id: plan.json.plan.id,
    reason: 'too much',
  })
  const undone = await subject.send('POST', `${BASE}/invalidations/${gone.json.id}/undo/`, ADMINISTRATOR, {})
  expect(undone.json).toMatchObject({ state: 'completed', result: { failed: 0 } })
  expect(undone.json.result.loaded).toBeGreaterThan(0)
})

test('its organisations and kinds of answers are known by name: counted, invalidated, warmed', async () => {
  const path = '/api/cached/organizations/1/info/'
  const { json } = await subject.get(`${BASE}/application/`, VIEWER)
  expect(json.data[0]).toMatchObject({
    scopes: ['organization'],
    models: ['Organization', 'User', 'Deal'],
    has_critical_paths: true,
  })
  expect(json.data[0].cache_types).toEqual(expect.arrayContaining(['permissions', 'strategic', 'response', 'all']))
  const warmed = await subject.send('POST', `${BASE}/warming/warm_registered/`, ADMINISTRATOR, {
    organization: '1',
    cache_type: 'organization',
  })
  const { loaded, fresh, failed } = warmed.json.result
  expect([warmed.json.state, loaded + fresh, failed]).toEqual(['completed', 1, 0])
  await subject.get(path)
  expect(isHit(await subject.get(path)), 'in time').toBe(true)
  const { json: held } = await subject.get(`${BASE}/application/coverage/?organization=1`, VIEWER)
  expect(held.data[0]).toMatchObject({ id: '1' })
  expect(held.data[0].entries).toBeGreaterThan(1)
  const name = (await subject.get(path)).json.data?.name ?? (await subject.get(path)).json.name
  const done = await subject.send('POST', `${BASE}/invalidations/invalidate_keys/`, ADMINISTRATOR, {
    organization: name,
  })
  expect(done.json).toMatchObject({ state: 'completed', request: { criteria: { tags: ['organization:1'] } } })
  expect(isHit(await subject.get(path))).toBe(false)
  expect(
    (await subject.send('POST', `${BASE}/warming/warm_registered/`, ADMINISTRATOR, { organization: 'nobody' })).status,
  ).toBe(422)
})

test('a model takes every answer that its rows are shown in, and no other', async () => {
  const [roles, statistics] = ['/api/cached/organizations/1/roles/', '/api/cached/organizations/1/statistics/?days=30']
  for (const path of [roles, statistics]) for (let time = 0; time < 2; time++) await subject.get(path, VIEWER)
  // An answer that a busy machine's tier is not given in time is held by fewer.
  for (const days of [7, 90, 365]) await subject.get(`/api/cached/organizations/1/statistics/?days=${days}`, VIEWER)
  const done = await subject.send('POST', `${BASE}/invalidations/invalidate_keys/`, ADMINISTRATOR, { model: 'Deal' })
  expect(done.json).toMatchObject({ state: 'completed' })
  expect(done.json.plan.caches[0].cascade).toContain('kind:deal_statistics')
  expect(done.json.plan.keys).toBeGreaterThanOrEqual(2)
  expect(isHit(await subject.get(statistics, VIEWER))).toBe(false)
  expect(isHit(await subject.get(roles, VIEWER)), 'in time').toBe(true)
})

test('with --insight on, what watches the cache answers in the control plane and in the metrics', async () => {
  const watched = await startSubject({ args: [...SMALL, '--insight', 'on'] })
  try {
    const [path, performance] = ['/api/cached/organizations/1/roles/', '/api/cached/analytics/performance-metrics/']
    for (let time = 0; time < 5; time++)
      for (const one of [path, performance]) expect((await watched.get(one, VIEWER)).status).toBe(200)
    const { json, status } = await watched.get(`${BASE}/sizing/`, VIEWER)
    expect(status).toBe(200)
    expect(json.nodes[0].said).toMatchObject({ capacity: { unit: 'bytes' }, evidence: { is_enough: false } })
    expect(json.nodes[0].said.evidence.reads).toBeGreaterThan(5)
    const { json: live } = await watched.get('/api/live/')
    expect(live.insight).toMatchObject({ prediction: { state: 'open', loads: { loaded: 0 } } })
    expect(live.cache.loads).toBeGreaterThan(0)
    const { text } = await watched.get('/api/dashboard/metrics/prometheus/', ADMINISTRATOR)
    expect(text).toMatch(/^millpond_prefetch_open\{cache="[^"]+"\} 1$/m)
    expect(text).toMatch(/^millpond_prefetch_keeping\{cache="[^"]+"\} 0$/m)
    expect(text).toMatch(/^millpond_prefetch_kept_total\{cache="[^"]+"\} 0$/m)
  } finally {
    await watched.stop()
  }
  expect((await subject.get(`${BASE}/sizing/`, VIEWER)).json.why).toContain('insight is not running in any process')
})

test('with CACHE_FRESHNESS_CHECKS_ENABLED reads are checked against the database, and a change behind the cache is found', async () => {
  const env = { CACHE_FRESHNESS_CHECKS_ENABLED: 'true', CACHE_FRESHNESS_CHECKS_INTERVAL: '1' }
  const checked = await startSubject({ args: SMALL, env })
  try {
    const path = '/api/cached/organizations/1/roles/'
    const seen = async () => {
      expect((await checked.get(path, VIEWER)).status).toBe(200)
      return (await checked.get(`${BASE}/freshness/`, VIEWER)).json
    }
    await until('a check', async () => ((await seen()).together?.checked ?? 0) > 0)
    expect((await seen()).together).toMatchObject({ stale: 0, objective: 0.01 })
    expect((await seen()).nodes[0].said.counts.volatile).toBe(0)
    const { text } = await checked.get('/api/dashboard/metrics/prometheus/', ADMINISTRATOR)
    expect(text).toMatch(/^millpond_freshness_checks_total\{cache="[^"]+",result="fresh"\} [1-9]/m)
  } finally {
    await checked.stop()
  }
})
