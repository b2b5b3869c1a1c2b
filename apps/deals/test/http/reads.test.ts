// The cached answers over HTTP: who may see them, what headers they carry, what they say about the cache (SPEC X2, X3,
// S5).
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
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

const EXACT = [
  ['/api/cached/organizations/1/info/', 'max-age=3600, public, immutable', 'public'],
  ['/api/cached/organizations/1/roles/', 'max-age=3600, public', 'public'],
  ['/api/cached/organizations/1/statistics/?days=30', 'max-age=900, private', 'member'],
  ['/api/cached/users/dashboard/', 'max-age=600, private', 'member'],
  ['/api/cached/users/permissions/', 'max-age=1800, private', 'member'],
  ['/api/cached/analytics/deal-analytics/?days=30&type=overview', 'max-age=900, private', 'member'],
  ['/api/cached/analytics/performance-metrics/', 'max-age=300, private', 'member'],
  ['/api/cached/search/?q=pilot', 'max-age=180, private', 'member'],
  ['/api/dashboard/overview-advanced/', 'max-age=600, private', 'member'],
] as const

describe.each(EXACT)('X2 GET %s', (path, cacheControl, audience) => {
  const as = () => (audience === 'public' ? undefined : one.viewer)

  test('is computed once, then answered from memory, byte for byte the same', async () => {
    const first = await subject.get(path, as())
    const second = await subject.get(path, as())
    expect(first.status).toBe(200)
    expect(first.headers.get('cache-control')).toBe(cacheControl)
    expect(second.headers.get('cache-control')).toBe(cacheControl)
    expect(cacheStatus(first)).toBe('deals-response; fwd=uri-miss; stored')
    // What anybody may see is answered before the routes.
    expect(cacheStatus(second)).toMatch(
      audience === 'public' ? /^deals-http; hit; ttl=\d+$/ : /^deals-response; hit; ttl=\d+; detail=memory$/,
    )
    expect(second.headers.get('age')).toMatch(/^\d+$/)
    expect(second.text).toBe(first.text)
  })

  test('is the same with and without one trailing slash, and nothing redirects', async () => {
    const [route = '', query = ''] = path.split('?')
    const plain = await fetch(`${subject.service.url}${route.slice(0, -1)}${query === '' ? '' : `?${query}`}`, {
      headers: as() ? { authorization: `Bearer ${subject.token(one.viewer)}` } : {},
      redirect: 'error',
    })
    expect(plain.status).toBe(200)
    expect(await plain.text()).toBe((await subject.get(path, as())).text)
    expect((await subject.get(`${route}/`, as())).status).toBe(404)
  })

  test('answers 304 to its own validators, and 200 to others', async () => {
    const full = await subject.get(path, as())
    const etag = full.headers.get('etag') ?? ''
    expect(etag).toMatch(/^"[\w-]{22}"$/)
    const unchanged = await subject.get(path, as(), { 'if-none-match': `"other", W/${etag}` })
    expect(unchanged.status).toBe(304)
    expect(unchanged.text).toBe('')
    expect(unchanged.headers.get('etag')).toBe(etag)
    expect(unchanged.headers.get('cache-control')).toBe(cacheControl)
    expect(unchanged.headers.get('data-version')).toBe(full.headers.get('data-version'))
    expect((await subject.get(path, as(), { 'if-none-match': '"other"' })).status).toBe(200)
  })

  test.runIf(audience === 'member')('needs a sign-in, and membership', async () => {
    expect((await subject.get(path)).status).toBe(401)
    expect((await subject.get(path, undefined, { authorization: 'Bearer 1.1.forged' })).status).toBe(401)
    const own = subject.token(two.viewer)
    const forged = own.replace(/^\d+\.\d+/, '1.1')
    expect((await subject.get(path, undefined, { authorization: `Bearer ${forged}` })).status).toBe(401)
  })
})

test('X2 the public answers hold only fields that anyone may see', async () => {
  const info = await subject.get('/api/cached/organizations/1/info/')
  expect(Object.keys(info.json).sort()).toEqual([
    'founded_year',
    'id',
    'location',
    'name',
    'parent_id',
    'parent_name',
    'sector',
    'version',
  ])
  const roles = await subject.get('/api/cached/organizations/1/roles/')
  expect(Object.keys(roles.json).sort()).toEqual(['organization_id', 'roles', 'version'])
  expect(Object.keys(roles.json.roles[0]).sort()).toEqual([
    'description',
    'id',
    'inherited_permissions',
    'inherits_from',
    'level',
    'name',
    'permissions',
  ])
})

describe('S5 G23 an answer of one organisation never reaches a member of another', () => {
  const shared = [
    '/api/cached/organizations/1/statistics/?days=30',
    '/api/cached/analytics/deal-analytics/?organization=1',
    '/api/cached/analytics/performance-metrics/?organization=1',
    '/api/cached/search/?q=&organization=1',
    '/api/cached/users/dashboard/?organization=1',
    '/api/cached/users/permissions/?organization=1',
    '/api/dashboard/overview-advanced/?organization=1',
    '/api/dashboard/cache-analytics/?organization=1',
  ]
  test.each(shared)('%s', async (path) => {
    const own = await subject.get(path, one.manager)
    const foreign = await subject.get(path, two.manager)
    const repeated = await subject.get(path, two.manager, { 'if-none-match': own.headers.get('etag') ?? '*' })
    expect(own.status).toBe(200)
    expect(foreign.status).toBe(403)
    expect(foreign.headers.get('content-type')).toBe('application/problem+json')
    expect(foreign.text).not.toContain(String(own.json.name))
    expect(repeated.status).toBe(403)
  })

  test('two users of one organisation have dashboards of their own', async () => {
    const [viewer, manager] = [
      await subject.get('/api/cached/users/dashboard/', one.viewer),
      await subject.get('/api/cached/users/dashboard/', one.manager),
    ]
    expect(viewer.json.user.id).toBe(one.viewer.userId)
    expect(manager.json.user.id).toBe(one.manager.userId)
    expect(isHit(await subject.get('/api/cached/users/dashboard/', one.viewer)), 'in time').toBe(true)
    expect((await subject.get('/api/cached/users/dashboard/', one.viewer)).text).toBe(viewer.text)
  })

  test('a token for one organisation does not open another by its path', async () => {
    expect((await subject.get('/api/cached/organizations/2/statistics/', one.administrator)).status).toBe(403)
  })

  test('totals over all organisations are only for operators of the service', async () => {
    expect(
      (await subject.get('/api/cached/analytics/deal-analytics/?organization=all', two.administrator)).status,
    ).toBe(403)
    const all = await subject.get('/api/cached/analytics/deal-analytics/?organization=all&days=365', one.administrator)
    expect(all.status).toBe(200)
    expect(all.json.all_time.reduce((sum: number, stage: { deals: number }) => sum + stage.deals, 0)).toBe(400)
  })
})

describe('problem documents (RFC 9457)', () => {
  const cases: [string, string, number, boolean][] = [
    ['a malformed id', '/api/cached/organizations/abc/info/', 400, false],
    ['an id beyond the database', '/api/cached/organizations/99999999999/info/', 400, false],
    ['days that are no number', '/api/cached/organizations/1/statistics/?days=soon', 400, true],
    ['days that are not offered', '/api/cached/organizations/1/statistics/?days=13', 422, true],
    ['an unknown type', '/api/cached/analytics/deal-analytics/?type=everything', 422, true],
    ['an unknown stage', '/api/cached/search/?stage=closed', 422, true],
    ['a search that is too long', `/api/cached/search/?q=${'x'.repeat(101)}`, 422, true],
    ['a search with a NUL', '/api/cached/search/?q=%00', 422, true],
    ['no sign-in', '/api/cached/users/dashboard/', 401, false],
    ['an unknown organisation', '/api/cached/organizations/999/info/', 404, false],
    ['roles of an unknown organisation', '/api/cached/organizations/999/roles/', 404, false],
    ['statistics of an unknown organisation', '/api/cached/organizations/999/statistics/', 404, true],
    ['an unknown path', '/api/cached/nothing/', 404, false],
  ]
  test.each(cases)('%s: %s is %i', async (_, path, status, signedIn) => {
    const reply = await subject.get(path, signedIn ? one.viewer : undefined)
    expect(reply.status).toBe(status)
    expect(reply.headers.get('content-type')).toBe('application/problem+json')
    expect(reply.headers.get('cache-control')).toBe('no-store')
    expect(reply.json).toMatchObject({
      type: 'about:blank',
      status,
      title: expect.any(String),
      detail: expect.any(String),
    })
  })

  test('another method says which are offered', async () => {
    const reply = await subject.send('DELETE', '/api/cached/users/dashboard/', one.viewer)
    expect(reply.status).toBe(405)
    expect(reply.headers.get('allow')).toBe('GET, HEAD')
  })
})

test('demo tokens in a link work for reading only, and only for this machine by its own name', async () => {
  const token = subject.token(one.viewer)
  expect((await subject.get(`/api/cached/users/permissions/?access_token=${token}`)).status).toBe(200)
  expect((await subject.send('PATCH', `/api/users/me/?access_token=${token}`, undefined, { title: 'x' })).status).toBe(
    401,
  )
  expect(
    (await subject.get('/api/cached/users/permissions/', one.viewer, { 'x-forwarded-for': '203.0.113.9' })).status,
  ).toBe(401)
})

test('the search takes words literally and finds what the database holds', async () => {
  expect((await subject.get('/api/cached/search/?q=%25', one.viewer)).json.total).toBe(0)
  expect((await subject.get('/api/cached/search/?q=_', one.viewer)).json.total).toBe(0)
  const all = await subject.get('/api/cached/search/?q=', one.viewer)
  const some = await subject.get('/api/cached/search/?q=%20%20PILOT%20', one.viewer)
  expect(some.json.total).toBeGreaterThan(0)
  expect(some.json.total).toBeLessThan(all.json.total)
  expect(some.json.results.every((deal: { title: string }) => deal.title.toLowerCase().includes('pilot'))).toBe(true)
  // One spelling of the same question is one entry.
  expect(isHit(await subject.get('/api/cached/search/?q=pilot', one.viewer)), 'in time').toBe(true)
})

test('fifty first callers at once are one computation', async () => {
  const replies = await Promise.all(
    Array.from({ length: 50 }, () => subject.get('/api/cached/organizations/2/statistics/?days=365', two.viewer)),
  )
  const outcomes = replies.map(cacheStatus)
  expect(outcomes.filter((status) => status.endsWith('stored'))).toHaveLength(1)
  expect(new Set(replies.map((reply) => reply.text)).size).toBe(1)
})
