// Writes: what they touch is gone from the cache when they answer, what they do not touch stays (X4, I3, G2).
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Cast, twoCasts } from '../people.ts'
import { isHit, type Member, type Reply, type Subject, startSubject } from '../service-under-test.ts'

let subject: Subject
let one: Cast
let two: Cast

beforeAll(async () => {
  subject = await startSubject()
  ;[one, two] = await twoCasts(subject.service.database)
})
afterAll(() => subject.stop())

const DEALS = [
  '/api/cached/organizations/1/statistics/?days=30',
  '/api/cached/analytics/deal-analytics/',
  '/api/cached/analytics/performance-metrics/',
  '/api/cached/search/?q=',
  '/api/dashboard/overview-advanced/',
]
const PEOPLE = [
  '/api/cached/organizations/1/info/',
  '/api/cached/organizations/1/roles/',
  '/api/cached/users/permissions/',
  '/api/cached/users/dashboard/',
]
const ALL = [...DEALS, ...PEOPLE]

const WAIT = { prefer: 'wait=20' }

const look = async (as: Member, paths = ALL): Promise<Map<string, Reply>> =>
  new Map(await Promise.all(paths.map(async (path) => [path, await subject.get(path, as)] as const)))
const hits = (replies: Map<string, Reply>) => [...replies].filter(([, reply]) => isHit(reply)).map(([path]) => path)

// Everybody concerned has everything in the cache.
beforeEach(async () => {
  for (const as of [one.viewer, one.manager, one.administrator, two.viewer])
    await look(as, as === two.viewer ? ALL.map((path) => path.replace('/1/', '/2/')) : ALL)
})

test('a changed deal: everything that shows deals is computed again, nothing else', async () => {
  const before = await look(one.viewer)
  const written = await subject.send('PATCH', `/api/deals/${one.dealId}/`, one.manager, {
    stage: 'won',
    amount_cents: 123_400,
  })
  expect(written.status).toBe(200)
  expect(written.json).toMatchObject({
    id: one.dealId,
    invalidation: 'done',
    version: { 'org:1:deals': expect.any(Number), 'all:deals': expect.any(Number) },
  })
  const after = await look(one.viewer)
  expect(hits(after).sort()).toEqual([...PEOPLE].sort())
  for (const path of DEALS) {
    expect(after.get(path)?.json.version['org:1:deals']).toBe(written.json.version['org:1:deals'])
    expect(after.get(path)?.headers.get('etag')).not.toBe(before.get(path)?.headers.get('etag'))
  }
  expect(
    hits(
      await look(
        two.viewer,
        ALL.map((path) => path.replace('/1/', '/2/')),
      ),
    ),
  ).toHaveLength(ALL.length)
})

test('a new deal is in the statistics, the search and its owner’s dashboard at once', async () => {
  const statistics = '/api/cached/organizations/1/statistics/?days=7'
  const before = await subject.get(statistics, one.manager)
  const dashboard = await subject.get('/api/cached/users/dashboard/', one.manager)
  const created = await subject.send('POST', '/api/deals/', one.manager, {
    title: 'Turbine hall',
    product: 'Mill Platform',
    amount_cents: 5_000,
  })
  expect(created.status).toBe(201)
  const after = await subject.get(statistics, one.manager)
  expect(after.json.deals.opened).toBe(before.json.deals.opened + 1)
  const found = await subject.get('/api/cached/search/?q=turbine', one.viewer)
  expect(found.json.results.map((deal: { id: number }) => deal.id)).toEqual([created.json.id])
  const mine = await subject.get('/api/cached/users/dashboard/', one.manager)
  expect(mine.json.deals.prospecting.deals).toBe((dashboard.json.deals.prospecting?.deals ?? 0) + 1)
  expect(isHit(await subject.get('/api/cached/users/dashboard/', one.viewer)), 'in time').toBe(true)

  const gone = await subject.send('DELETE', `/api/deals/${created.json.id}/`, one.manager)
  expect(gone.status).toBe(200)
  expect((await subject.get('/api/cached/search/?q=turbine', one.viewer)).json.total).toBe(0)
  expect((await subject.send('PATCH', `/api/deals/${created.json.id}/`, one.manager, { stage: 'won' })).status).toBe(
    404,
  )
})

test('an activity concerns the performance and the overview, not the statistics', async () => {
  const written = await subject.send(
    'POST',
    `/api/deals/${one.dealId}/activities/`,
    one.manager,
    { kind: 'call', minutes: 7 },
    WAIT,
  )
  expect(written.status).toBe(201)
  const after = await look(one.viewer)
  expect(isHit(after.get('/api/cached/organizations/1/statistics/?days=30') as Reply), 'in time').toBe(true)
  expect(isHit(after.get('/api/cached/analytics/performance-metrics/') as Reply)).toBe(false)
  expect(after.get('/api/dashboard/overview-advanced/')?.json.recent_activity[0]).toMatchObject({
    kind: 'call',
    minutes: 7,
    deal_id: one.dealId,
  })
})

test('I3 a changed role reaches the permissions of all who hold it, at once', async () => {
  const roles = await subject.get('/api/cached/organizations/1/roles/')
  const viewer = roles.json.roles.find((role: { name: string }) => role.name === 'viewer')
  expect((await subject.get('/api/cached/search/?q=', one.viewer)).status).toBe(200)
  const path = `/api/organizations/1/roles/${viewer.id}/`
  expect((await subject.send('PATCH', path, one.administrator, { permissions: ['dashboard.view'] })).status).toBe(200)
  expect((await subject.get('/api/cached/search/?q=', one.viewer)).status).toBe(403)
  // Managers inherit from viewers.
  expect((await subject.get('/api/cached/search/?q=', one.manager)).status).toBe(403)
  expect((await subject.get('/api/cached/users/permissions/', one.viewer)).json.permissions).toEqual(['dashboard.view'])
  expect((await subject.send('PATCH', path, one.administrator, { permissions: viewer.permissions })).status).toBe(200)
  expect((await subject.get('/api/cached/search/?q=', one.manager)).status).toBe(200)
})

test('G2 a taken role is gone with the answer to the write: the very next request is refused', async () => {
  const roles = (await subject.get('/api/cached/organizations/1/roles/')).json.roles as { id: number; name: string }[]
  const id = (name: string) => roles.find((role) => role.name === name)?.id
  const path = `/api/organizations/1/members/${one.manager.userId}/`
  expect((await subject.get('/api/dashboard/cache-analytics/', one.manager)).status).toBe(200)
  expect((await subject.send('PUT', path, one.administrator, { role_id: id('viewer') })).status).toBe(200)
  expect((await subject.get('/api/dashboard/cache-analytics/', one.manager)).status).toBe(403)
  expect(
    (await subject.get('/api/cached/organizations/1/statistics/?days=30', one.viewer)).json.users.by_role.viewer,
  ).toBeGreaterThan(1)
  expect((await subject.send('PUT', path, one.administrator, { role_id: id('manager') })).status).toBe(200)
  expect((await subject.get('/api/dashboard/cache-analytics/', one.manager)).status).toBe(200)
})

test('a deactivated user is refused at once, and counted as inactive', async () => {
  const path = `/api/organizations/2/users/${two.viewer.userId}/`
  const before = await subject.get('/api/cached/organizations/2/statistics/', two.manager)
  expect((await subject.send('PATCH', path, two.administrator, { is_active: false })).status).toBe(200)
  expect((await subject.get('/api/cached/users/dashboard/', two.viewer)).status).toBe(403)
  expect((await subject.get('/api/cached/organizations/2/statistics/', two.manager)).json.users.inactive).toBe(
    before.json.users.inactive + 1,
  )
  expect((await subject.send('PATCH', path, two.administrator, { is_active: true })).status).toBe(200)
  expect((await subject.get('/api/cached/users/dashboard/', two.viewer)).status).toBe(200)
})

test('a changed name is shown wherever it is shown', async () => {
  expect(
    (await subject.send('PATCH', '/api/users/me/', one.manager, { name: 'Someone New', title: 'Head of sales' }))
      .status,
  ).toBe(200)
  expect((await subject.get('/api/cached/users/dashboard/', one.manager)).json.user).toMatchObject({
    name: 'Someone New',
    title: 'Head of sales',
  })
  expect(
    (await subject.send('PATCH', '/api/organizations/1/', one.administrator, { name: 'Renamed Works' })).status,
  ).toBe(200)
  expect((await subject.get('/api/cached/organizations/1/info/')).json.name).toBe('Renamed Works')
  expect((await subject.get('/api/dashboard/overview-advanced/', one.viewer)).json.organization.name).toBe(
    'Renamed Works',
  )
})

describe('refused writes', () => {
  test.each([
    ['without a sign-in', 'POST', '/api/deals/', (): Member | undefined => undefined, {}, 401],
    ['as a viewer', 'POST', '/api/deals/', () => one.viewer, { title: 'x', product: 'y' }, 403],
    [
      'in another organisation',
      'POST',
      '/api/deals/',
      () => two.manager,
      { title: 'x', product: 'y', organization_id: 1 },
      403,
    ],
    ['with an unknown name', 'POST', '/api/deals/', () => one.manager, { title: 'x', product: 'y', amount: 5 }, 422],
    [
      'with an owner from elsewhere',
      'POST',
      '/api/deals/',
      () => one.manager,
      { title: 'x', product: 'y', owner_id: 999 },
      422,
    ],
    [
      'with a negative amount',
      'POST',
      '/api/deals/',
      () => one.manager,
      { title: 'x', product: 'y', amount_cents: -1 },
      422,
    ],
    ['with nothing to change', 'PATCH', '/api/users/me/', () => one.manager, {}, 422],
    [
      'of roles as a manager',
      'POST',
      '/api/organizations/1/roles/',
      () => one.manager,
      { name: 'x', description: 'y', level: 1 },
      403,
    ],
    [
      'a role whose parent is unknown',
      'POST',
      '/api/organizations/1/roles/',
      () => one.administrator,
      { name: 'x', description: 'y', level: 1, inherits_from: 'nobody' },
      422,
    ],
    [
      'a role name that is taken',
      'POST',
      '/api/organizations/1/roles/',
      () => one.administrator,
      { name: 'viewer', description: 'y', level: 1 },
      422,
    ],
    ['a user from elsewhere', 'PATCH', '/api/organizations/2/users/1/', () => two.administrator, { name: 'x' }, 404],
    ['a member from elsewhere', 'PUT', '/api/organizations/2/members/1/', () => two.administrator, { role_id: 5 }, 404],
  ] as const)('%s', async (_, method, path, as, body, status) => {
    const reply = await subject.send(method, path, as(), body)
    expect(reply.status).toBe(status)
    expect(reply.headers.get('content-type')).toBe('application/problem+json')
    // Nothing was touched.
    expect(hits(await look(one.viewer))).toHaveLength(ALL.length)
  })

  test('a deal of another organisation is as good as absent', async () => {
    const foreign = await subject.send('PATCH', `/api/deals/${one.dealId}/`, two.manager, { stage: 'lost' })
    const absent = await subject.send('PATCH', '/api/deals/999999/', two.manager, { stage: 'lost' })
    expect([foreign.status, absent.status]).toEqual([404, 404])
  })

  test('a role that somebody has cannot be removed, and no role inherits from itself', async () => {
    const roles = (await subject.get('/api/cached/organizations/1/roles/')).json.roles as { id: number; name: string }[]
    const id = (name: string) => roles.find((role) => role.name === name)?.id
    expect(
      (await subject.send('DELETE', `/api/organizations/1/roles/${id('viewer')}/`, one.administrator)).status,
    ).toBe(422)
    expect(
      (
        await subject.send('PATCH', `/api/organizations/1/roles/${id('viewer')}/`, one.administrator, {
          inherits_from: 'manager',
        })
      ).status,
    ).toBe(422)
  })

  test('a body that is no JSON is 400, another type 415, a huge one 413', async () => {
    const raw = (body: string, type: string) =>
      fetch(`${subject.service.url}/api/deals/`, {
        method: 'POST',
        body,
        headers: { authorization: `Bearer ${subject.token(one.manager)}`, 'content-type': type },
      })
    expect((await raw('{', 'application/json')).status).toBe(400)
    expect((await raw('a=1', 'application/x-www-form-urlencoded')).status).toBe(415)
    expect((await raw(JSON.stringify({ title: 'x'.repeat(70_000) }), 'application/json')).status).toBe(413)
  })
})
