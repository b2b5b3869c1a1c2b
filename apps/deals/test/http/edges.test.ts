// What a client meets at the edges: which fault is reported first, unknown parameters, HEAD, where a new thing is,
// reads after one's own write.
import { runInNewContext } from 'node:vm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { PAGE_SCRIPT } from '../page-script.ts'
import { type Cast, twoCasts } from '../people.ts'
import { cacheStatus, isHit, type Subject, startSubject } from '../service-under-test.ts'

let subject: Subject
let one: Cast
let two: Cast

beforeAll(async () => {
  subject = await startSubject()
  ;[one, two] = await twoCasts(subject.service.database)
})
afterAll(() => subject.stop())

test.each([
  ['POST', '/api/deals/', () => one.viewer, { title: 5 }],
  ['POST', '/api/deals/', () => two.manager, { organization_id: 1, colour: 'red' }],
  ['PATCH', '/api/organizations/1/', () => one.viewer, { colour: 'red' }],
  ['POST', '/api/organizations/1/roles/', () => one.manager, {}],
  ['POST', '/api/cache-management/invalidate-cache/', () => one.viewer, {}],
  ['POST', '/api/cache-management/invalidate-cache/', () => two.administrator, { organization_id: 1, colour: 'red' }],
  ['POST', '/api/cache-management/warm-cache/', () => two.administrator, { organization_id: 1, user_id: 3 }],
  ['POST', '/api/cache-management/warm-cache/?colour=red', () => one.viewer, {}],
] as const)(
  '%s %s: who may not is told so (403) before what is wrong with the request (422)',
  async (method, path, as, body) => {
    expect((await subject.send(method, path, as(), body)).status).toBe(403)
  },
)

const QUERIES = [
  ['/api/cached/organizations/1/info/?days=30', 'days'],
  ['/api/cached/organizations/1/roles/?page=1', 'page'],
  ['/api/cached/organizations/1/statistics/?dayz=30', 'dayz'],
  ['/api/cached/users/dashboard/?days=7', 'days'],
  ['/api/cached/users/permissions/?user=1', 'user'],
  ['/api/cached/analytics/deal-analytics/?days=30&kind=trends', 'kind'],
  ['/api/cached/analytics/performance-metrics/?days=30', 'days'],
  ['/api/cached/search/?query=pilot', 'query'],
  ['/api/dashboard/overview-advanced/?x=1', 'x'],
  ['/api/dashboard/cache-analytics/?x=1', 'x'],
  ['/api/dashboard/metrics/prometheus/?format=text', 'format'],
  ['/api/cache-management/cache-status/?x=1', 'x'],
  ['/api/live/?x=1', 'x'],
] as const

test.each(QUERIES)('GET %s: an unknown parameter is refused, with those that exist', async (path, name) => {
  const reply = await subject.get(path, one.administrator)
  expect(reply.status).toBe(422)
  expect(reply.json.errors).toEqual([
    {
      at: name,
      detail: expect.stringMatching(/^unknown name in the query: this path takes (none|[a-z]+(, [a-z]+)*)$/),
    },
  ])
})

test('a parameter that is given twice is refused, as it is ambiguous', async () => {
  const reply = await subject.get('/api/cached/organizations/1/statistics/?days=30&days=7', one.administrator)
  expect([reply.status, reply.json.errors]).toEqual([422, [{ at: 'days', detail: 'is given 2 times: give it once' }]])
})

test('HEAD of a deal says the length of what GET sends, and counts no look', async () => {
  const url = `${subject.service.url}/api/deals/${one.dealId}/`
  const headers = { Authorization: `Bearer ${subject.token(one.viewer)}` }
  for (let count = 0; count < 2; count++) {
    const lengths = [1, 2].map(async () =>
      (await fetch(url, { method: 'HEAD', headers })).headers.get('content-length'),
    )
    const said = await Promise.all(lengths)
    const body = await (await fetch(url, { headers })).text()
    const bytes = String(Buffer.byteLength(body))
    expect([said, JSON.parse(body).views]).toEqual([[bytes, bytes], count + 1])
  }
})

test('HEAD says the length of what GET sends, and nothing else', async () => {
  for (const path of ['/api/cached/organizations/1/info/', '/api/cached/organizations/999/info/', '/nowhere/']) {
    const answer = await fetch(subject.service.url + path, { method: 'HEAD' })
    const body = await (await fetch(subject.service.url + path)).arrayBuffer()
    expect([path, answer.headers.get('content-length')]).toEqual([path, String(body.byteLength)])
    expect(await answer.text()).toBe('')
  }
})

describe('201', () => {
  test('a new deal is where Location says', async () => {
    const made = await subject.send('POST', '/api/deals/', one.manager, {
      title: 'Found again',
      product: 'Weir',
      amount_cents: 5,
    })
    expect(made.status).toBe(201)
    expect(made.headers.get('location')).toBe(`/api/deals/${made.json.id}`)
    const found = await subject.get(made.headers.get('location') ?? '', one.viewer)
    expect(found.json).toMatchObject({
      id: made.json.id,
      title: 'Found again',
      amount_cents: 5,
      organization_id: 1,
      stage: 'prospecting',
    })
    expect((await subject.get(`/api/deals/${made.json.id}`, two.administrator)).status).toBe(404)
  })

  test('a new activity and a new role have one, too', async () => {
    const activity = await subject.send('POST', `/api/deals/${one.dealId}/activities/`, one.manager, { kind: 'call' })
    expect(activity.headers.get('location')).toBe(`/api/deals/${one.dealId}`)
    const role = { name: 'edge', description: 'Reads', level: 5 }
    const made = await subject.send('POST', '/api/organizations/1/roles/', one.administrator, role)
    expect(made.headers.get('location')).toBe(`/api/organizations/1/roles/${made.json.id}`)
  })
})

test.each([
  ['Basic dXNlcjpwYXNz', /contains "Basic": send Authorization: Bearer/],
  ['Digest username="x"', /contains "Digest"/],
  ['????', /contains something else/],
  ['Bearer nonsense', /from another start/],
])('Authorization: %s', async (authorization, detail) => {
  const reply = await subject.get('/api/cached/users/dashboard/', undefined, { authorization })
  expect([reply.status, reply.json.detail]).toEqual([401, expect.stringMatching(detail)])
})

test('a body that is not JSON says so, without a stray mark', async () => {
  const answer = await fetch(`${subject.service.url}/api/deals/`, {
    method: 'POST',
    headers: { authorization: `Bearer ${subject.token(one.manager)}`, 'content-type': 'application/json' },
    body: '{',
  })
  expect(await answer.json()).toMatchObject({ status: 400, detail: 'the body is not JSON' })
})

test('an empty invalidation drops nothing: what to drop must be named', async () => {
  const path = '/api/cached/organizations/2/info/'
  await subject.get(path)
  const empty = await subject.send('POST', '/api/cache-management/invalidate-cache/', one.administrator, {})
  expect([empty.status, empty.json.detail]).toEqual([422, expect.stringMatching(/cache_type \("all" for everything/)])
  expect(isHit(await subject.get(path)), 'in time').toBe(true)
  const all = await subject.send('POST', '/api/cache-management/invalidate-cache/', one.administrator, {
    cache_type: 'all',
  })
  expect(all.json.receipts.map((receipt: { layer: string }) => receipt.layer)).toEqual(['strategic', 'response'])
  expect(isHit(await subject.get(path))).toBe(false)
})

test('a write answers with its receipts, and with a token that makes a read see it', async () => {
  const path = '/api/cached/organizations/1/statistics/?days=30'
  await subject.get(path, one.viewer)
  const written = await subject.send('PATCH', `/api/deals/${one.dealId}/`, one.manager, { amount_cents: 77 })
  expect(written.json.forgotten).toMatchObject({
    tags: expect.arrayContaining(['org:1:deals']),
    receipts: [
      { layer: 'strategic', id: expect.any(String), ms: expect.any(Number) },
      { layer: 'response', id: expect.any(String), ms: expect.any(Number) },
    ],
  })
  const token = written.headers.get('cache-token') ?? ''
  expect(token).not.toBe('')
  const read = await subject.get(path, one.viewer, { 'cache-token': token })
  expect(read.json.version['org:1:deals']).toBe(written.json.version['org:1:deals'])
  // Another request in the eyes of a browser that keeps to max-age.
  expect(read.headers.get('vary')).toBe('Authorization, Cache-Token')
  expect(cacheStatus(await subject.get(path, one.viewer, { 'cache-token': token })), 'in time').toMatch(/hit/)
  expect((await subject.get(path, one.viewer, { 'cache-token': 'nonsense' })).status).toBe(200)
})

test('what warming costs is told apart from what requests cost', async () => {
  // Of its own: what others have written would be stored beside it.
  const fresh = await startSubject()
  try {
    await fresh.get('/api/cache-management/cache-status/', one.administrator)
    const before = (await fresh.get('/api/live/')).json
    await fresh.send(
      'POST',
      '/api/cache-management/warm-cache/',
      one.administrator,
      { organization_id: 2 },
      { prefer: 'wait' },
    )
    const after = (await fresh.get('/api/live/')).json
    const warmed = after.warming.database_queries - before.warming.database_queries
    expect(warmed).toBeGreaterThan(100)
    // One of the request for it, and a few more where a slow machine lets times to live run out in between.
    expect(after.database_queries - before.database_queries - warmed).toBeLessThan(warmed / 10)
    expect(after.warming).toMatchObject({ is_running: false, answers: expect.any(Number) })
  } finally {
    await fresh.stop()
  }
})

test('the page raises a deal from what it is now, even if it was changed since the page was made', async () => {
  const ask = (path: string, init: RequestInit) => fetch(subject.service.url + path, init)
  const part = PAGE_SCRIPT.slice(
    PAGE_SCRIPT.indexOf('async function raise'),
    PAGE_SCRIPT.indexOf('async function change'),
  )
  const raise: (deal: number, token: string) => Promise<Response> = runInNewContext(`${part}; raise`, { fetch: ask })
  const path = `/api/deals/${one.dealId}/`
  await subject.send('PATCH', path, one.manager, { amount_cents: 50_000 })
  for (const amount of [50_100, 50_200]) {
    const answer = await raise(one.dealId, subject.token(one.manager))
    const token = answer.headers.get('cache-token') ?? ''
    expect([answer.status, (await subject.get(path, one.viewer, { 'cache-token': token })).json.amount_cents]).toEqual([
      200,
      amount,
    ])
  }
  await subject.send('PATCH', path, one.manager, { amount_cents: null })
  await raise(one.dealId, subject.token(one.manager))
  expect((await subject.get(path, one.viewer)).json.amount_cents).toBe(100)
  expect((await raise(987_654, subject.token(one.manager))).status).toBe(404)
})
