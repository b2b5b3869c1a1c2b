// Management: administrators only, the own organisation only; what monitors read (C2, X3, M3).
import { execFileSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { describeWith, promtool, until } from '../../../../packages/millpond/test/services/index.ts'
import { type Cast, castOf, twoCasts, withDatabase } from '../people.ts'
import { isHit, type Member, type Subject, startSubject } from '../service-under-test.ts'

let subject: Subject
let one: Cast
let two: Cast

beforeAll(async () => {
  subject = await startSubject()
  ;[one, two] = await twoCasts(subject.service.database)
})
afterAll(() => subject.stop())

const WARM = '/api/cache-management/warm-cache/'
/** As long as a test may take: 202 would only say that the machine is slow. */
const WAIT = { prefer: 'wait=60' }
const FORGET = '/api/cache-management/invalidate-cache/'

async function untilEnded(path: string) {
  for (;;) {
    const reply = await subject.get(path, two.administrator)
    if (reply.json.state !== 'waiting' && reply.json.state !== 'running') return reply
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

describe('C2', () => {
  test('viewers and managers get 403 for warming and invalidating, nobody 401; the state is for every member', async () => {
    for (const path of [WARM, FORGET]) {
      expect((await subject.send('POST', path, undefined, { cache_type: 'all' })).status).toBe(401)
      expect((await subject.send('POST', path, one.viewer, { cache_type: 'all' })).status).toBe(403)
      expect((await subject.send('POST', path, one.manager, { cache_type: 'all' })).status).toBe(403)
    }
    expect((await subject.get('/api/cache-management/cache-status/')).status).toBe(401)
    expect((await subject.get('/api/cache-management/cache-status/', one.viewer)).json).toMatchObject({
      cache: 'ok',
      config: { tiers: ['memory', 'sqlite'] },
    })
  })

  test('warming fills what is asked for: the first reader finds it', async () => {
    expect((await subject.send('POST', FORGET, one.administrator, { cache_type: 'all' })).status).toBe(200)
    const warmed = await subject.send('POST', WARM, two.administrator, { cache_type: 'deal_statistics' }, WAIT)
    expect([warmed.status, warmed.headers.get('preference-applied')]).toEqual([200, 'wait'])
    expect(warmed.json).toMatchObject({ organizations: 1, warmed: 4, failed: 0 })
    expect(isHit(await subject.get('/api/cached/organizations/2/statistics/?days=90', two.viewer)), 'in time').toBe(
      true,
    )
    expect(isHit(await subject.get('/api/cached/organizations/1/statistics/?days=90', one.viewer))).toBe(false)
    const all = await subject.send('POST', WARM, one.administrator, { cache_type: 'all' }, WAIT)
    expect(all.json).toMatchObject({ state: 'done', organizations: 4, failed: 0 })
    expect(isHit(await subject.get('/api/cached/users/dashboard/', two.manager)), 'in time').toBe(true)
  })

  test('warming is queued: 202 with the job and where to look for it, which is not for everybody', async () => {
    const queued = await subject.send('POST', WARM, two.administrator, { cache_type: 'roles' })
    expect(queued.status).toBe(202)
    const path = queued.headers.get('location') ?? ''
    expect(path).toBe(`/api/cache-management/jobs/${queued.json.job}/`)
    expect((await subject.get(path, two.viewer)).status).toBe(403)
    const ended = await untilEnded(path)
    expect(ended.json).toMatchObject({ job: queued.json.job, state: 'done', organizations: 1, failed: 0 })
    expect((await subject.get('/api/cache-management/jobs/nobody/', two.administrator)).status).toBe(404)
    const status = await until('all warming to end', async () => {
      const { json } = await subject.get('/api/cache-management/cache-status/', one.viewer)
      return json.warming.is_running === false && json
    })
    expect(status.warming).toMatchObject({ is_running: false, plans: [], answers: expect.any(Number) })
    expect(status.queues.map(({ collection }: { collection: string }) => collection)).toEqual([
      'activity',
      'deal_views',
    ])
    expect(status.jobs.map(({ name }: { name: string }) => name)).toEqual([
      'cacheMaintenance',
      'generateCachePerformanceReport',
    ])
  })

  test('G23 a job is shown to administrators of its own organisation, and to those who run the service', async () => {
    const path = async (as: Member) =>
      (await subject.send('POST', WARM, as, { cache_type: 'roles' })).headers.get('location') ?? ''
    const three = await withDatabase({ engine: 'sqlite', path: subject.service.database }, (db) => castOf(db, 3))
    const [own, ofAll] = [await path(two.administrator), await path(one.administrator)]
    const statuses = (at: string) =>
      Promise.all(
        [three.administrator, two.administrator, one.administrator].map(
          async (as) => (await subject.get(at, as)).status,
        ),
      )
    expect(await statuses(own)).toEqual([404, 200, 200])
    expect(await statuses(ofAll)).toEqual([404, 404, 200])
    await untilEnded(own)
  })

  test('what warming loads does not count as reads, in either layer', async () => {
    const misses = async (): Promise<number> => {
      const { json } = await subject.get('/api/dashboard/cache-analytics/', one.administrator)
      const causes: Record<string, Record<string, number>> = json.misses_by_cause
      return Object.values(causes)
        .flatMap((layer) => Object.values(layer))
        .reduce((sum, count) => sum + count, 0)
    }
    await subject.send('POST', FORGET, one.administrator, { cache_type: 'all' })
    const before = await misses()
    const { json } = await subject.send('POST', WARM, one.administrator, { cache_type: 'all' }, WAIT)
    expect(json.warmed).toBeGreaterThan(50)
    // The permissions of who asks are read on the way.
    expect((await misses()) - before).toBeLessThan(5)
  })

  test('an administrator invalidates the own organisation, one kind, one layer, one user', async () => {
    const own = '/api/cached/organizations/2/statistics/?days=30'
    const other = '/api/cached/organizations/1/statistics/?days=30'
    const fill = async () => {
      for (const path of ['/api/cached/users/permissions/', own]) await subject.get(path, two.viewer)
      await subject.get(other, one.viewer)
    }
    await fill()
    expect((await subject.send('POST', FORGET, two.administrator, { cache_type: 'deal_statistics' })).status).toBe(200)
    expect(isHit(await subject.get(own, two.viewer))).toBe(false)
    expect(isHit(await subject.get('/api/cached/users/permissions/', two.viewer)), 'in time').toBe(true)
    expect(isHit(await subject.get(other, one.viewer)), 'in time').toBe(true)

    await fill()
    expect((await subject.send('POST', FORGET, two.administrator, { cache_type: 'response' })).status).toBe(200)
    const remade = await subject.get(own, two.viewer)
    // Where the service stood still while it was loaded, it lies in the file alone.
    expect(remade.headers.get('cache-status')).toMatch(
      /^deals-strategic; hit; detail=(?:memory|sqlite), deals-response; fwd=uri-miss; stored, deals-http; fwd/,
    )

    await fill()
    expect(
      (await subject.send('POST', FORGET, two.administrator, { cache_type: 'all', user_id: two.viewer.userId })).status,
    ).toBe(200)
    expect(isHit(await subject.get('/api/cached/users/permissions/', two.viewer))).toBe(false)
    expect(isHit(await subject.get(own, two.viewer)), 'in time').toBe(true)
  })

  test('both are operations of the control plane: planned, acknowledged, probed, and recorded under the caller’s name', async () => {
    const read = async (path: string) => (await subject.get(`/api/admin/caching/${path}`, one.administrator)).json
    await subject.get('/api/cached/organizations/2/roles/', two.viewer)
    const { json: forgotten } = await subject.send('POST', FORGET, two.administrator, { cache_type: 'roles' })
    expect(forgotten).toMatchObject({
      state: 'completed',
      tags: ['kind:roles:2'],
      nodes: [{ id: expect.stringMatching(/^deals-/), status: 'acked' }],
      probe: { old: [] },
    })
    expect(forgotten.probe.checked).toBeGreaterThan(0)
    const by = { actor: `deals-user-${two.administrator.userId}`, reason: 'invalidate-cache: roles of organisation 2' }
    expect(await read(`operations/${forgotten.operation}/`)).toMatchObject({
      ...by,
      kind: 'invalidate',
      plan: { is_exact: false },
    })
    const { json: warmed } = await subject.send('POST', WARM, two.administrator, { cache_type: 'roles' }, WAIT)
    expect(await read(`operations/${warmed.job}/`)).toMatchObject({
      actor: by.actor,
      reason: 'warm-cache: roles of organisation 2',
      result: { loaded: 1, failed: 0 },
    })
    const [result, intent] = (await read('audit/?action=invalidate')).data
    expect(intent).toMatchObject({
      actor: by.actor,
      via: 'host',
      kind: 'intent',
      detail: { id: forgotten.operation, reason: by.reason },
    })
    expect(result).toMatchObject({ kind: 'result', outcome: 'ok', detail: { id: forgotten.operation } })
    expect(result.detail.receipts).toEqual(
      expect.arrayContaining(forgotten.receipts.map(({ id }: { id: string }) => id)),
    )
  })

  test('an administrator of one organisation cannot touch another', async () => {
    for (const path of [WARM, FORGET])
      expect((await subject.send('POST', path, two.administrator, { organization_id: 1 })).status).toBe(403)
    expect((await subject.send('POST', FORGET, two.administrator, { user_id: one.viewer.userId })).status).toBe(403)
    expect((await subject.send('POST', WARM, one.administrator, { cache_type: 'everything' })).status).toBe(422)
  })
})

test('X3 cache-analytics tells hit rates by layer, cache and tier, latencies, memory and why there were misses', async () => {
  for (let time = 0; time < 3; time++) await subject.get('/api/cached/users/permissions/', two.manager)
  const analytics = (await subject.get('/api/dashboard/cache-analytics/', two.manager)).json
  const response = analytics.layers.find((layer: { layer: string }) => layer.layer === 'response')
  const permissions = response.caches.find((each: { cache: string }) => each.cache === 'permissions')
  expect(permissions.hits).toBeGreaterThan(1)
  expect(permissions.hit_rate).toBeCloseTo(
    permissions.hits / (permissions.hits + permissions.misses + permissions.collapsed),
    3,
  )
  expect(permissions.latency).toMatchObject({
    p50_ms: expect.any(Number),
    p95_ms: expect.any(Number),
    p99_ms: expect.any(Number),
  })
  expect(analytics.memory.cache.bytes).toBeGreaterThan(0)
  expect(analytics.all_processes).toMatchObject([{ nodes: { total: 1, late: [] }, health_score: expect.any(Number) }])
  expect(analytics.misses_by_cause.response.cold).toBeGreaterThan(0)
  expect(analytics.tiers.map((tier: { layer: string; tier: string }) => `${tier.layer} ${tier.tier}`)).toContain(
    'response sqlite',
  )
})

test('G23 hot keys are those of the own organisation; who runs the service sees all', async () => {
  for (let time = 0; time < 5; time++) {
    await subject.get('/api/cached/organizations/1/statistics/?days=7', one.viewer)
    await subject.get('/api/cached/organizations/2/statistics/?days=7', two.viewer)
  }
  const keys = async (as: typeof one.viewer) =>
    (await subject.get('/api/dashboard/cache-analytics/', as)).json.hot_keys.map(
      (hot: { key: string }) => hot.key,
    ) as string[]
  expect(await keys(two.manager)).toContain('v1:api_response:deal_stats:2:7')
  expect((await keys(two.manager)).some((key) => key.includes(':1:'))).toBe(false)
  expect(await keys(one.administrator)).toContain('v1:api_response:deal_stats:2:7')
})

describeWith('promtool', 'X3 metrics as Prometheus text', () => {
  test('promtool accepts them', async () => {
    for (let time = 0; time < 2; time++) await subject.get('/api/cached/organizations/1/info/')
    const reply = await subject.get('/api/dashboard/metrics/prometheus/', one.manager)
    expect(reply.status).toBe(200)
    expect(reply.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
    expect(reply.text).toMatch(/^deals_cache_hits_total\{layer="response",kind="organization",tier="memory"\} [1-9]/m)
    const { path, env } = promtool()
    execFileSync(path, ['check', 'metrics'], { input: reply.text, env })
  })
})

test('the front page shows the viewer’s and the manager’s token, never the administrator’s', async () => {
  const page = await subject.get('/')
  const { viewer, manager, administrator } = subject.service.demo
  expect(page.text).toContain(viewer)
  expect(page.text).toContain(manager)
  expect(page.text).not.toContain(administrator)
  expect(page.headers.get('content-security-policy')).toContain("default-src 'none'")
  const elsewhere = await subject.get('/', undefined, { 'x-forwarded-for': '203.0.113.9' })
  expect(elsewhere.text).not.toContain(viewer)
  const paths = [...page.text.matchAll(/data-path="([^"]+)"(?: data-token="([^"]+)")?/g)]
  expect(paths.length).toBeGreaterThan(15)
  for (const [, path = '', token] of paths) {
    const answer = await fetch(subject.service.url + path.replaceAll('&#38;', '&'), {
      headers: token ? { authorization: `Bearer ${token}` } : {},
    })
    expect([path, answer.status]).toEqual([path, 200])
  }
})
