// Rows by their ids: deals and users through the cache to the database, activities and looks behind it.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { until } from '../../../../packages/millpond/test/services/index.ts'
import { openDatabase } from '../../src/db/database.ts'
import { type Cast, twoCasts } from '../people.ts'
import { type Subject, startSubject } from '../service-under-test.ts'

let subject: Subject
let one: Cast
let two: Cast

beforeAll(async () => {
  subject = await startSubject()
  ;[one, two] = await twoCasts(subject.service.database)
})
afterAll(() => subject.stop())

const stored = async <T>(read: (db: Awaited<ReturnType<typeof openDatabase>>) => Promise<T>): Promise<T> => {
  const db = await openDatabase({ engine: 'sqlite', path: subject.service.database })
  return read(db).finally(() => db.close())
}

const rowOf = (id: number) =>
  stored((db) => db.kysely.selectFrom('deals').selectAll().where('id', '=', id).executeTakeFirstOrThrow())

describe('deals and users, written through', () => {
  test('a deal that was read is not asked of the database again, and a change goes to both', async () => {
    const path = `/api/deals/${one.dealId}/`
    const { json: deal } = await subject.get(path, one.manager)
    await stored((db) =>
      db.kysely.updateTable('deals').set({ title: 'Beneath the cache' }).where('id', '=', one.dealId).execute(),
    )
    expect((await subject.get(path, one.manager)).json.title).toBe(deal.title)
    const written = await subject.send('PATCH', path, one.manager, { amount_cents: 77_700 })
    expect(written.json).toMatchObject({
      id: one.dealId,
      invalidation: 'done',
      version: { [`deal:${one.dealId}`]: expect.any(Number) },
    })
    expect((await subject.get(path, one.manager)).json).toEqual({
      ...deal,
      amount_cents: 77_700,
      views: expect.any(Number),
    })
    expect(await rowOf(one.dealId)).toMatchObject({ title: deal.title, amount_cents: 77_700 })
  })

  test('of changes at once of one deal none is lost', async () => {
    const path = `/api/deals/${one.dealId}/`
    const changes = [
      { title: 'Both' },
      { amount_cents: 4_200 },
      { product: 'Sluice' },
      { source: 'event' },
      { stage: 'negotiation' },
    ]
    const replies = await Promise.all(changes.map((change) => subject.send('PATCH', path, one.manager, change)))
    expect(replies.map(({ status }) => status)).toEqual(changes.map(() => 200))
    expect((await subject.get(path, one.manager)).json).toMatchObject(Object.assign({}, ...changes))
    expect(await rowOf(one.dealId)).toMatchObject(Object.assign({}, ...changes))
  })

  test('a deal that was closed has a day for it in the cache as in the database', async () => {
    const path = `/api/deals/${one.dealId}/`
    await subject.send('PATCH', path, one.manager, { stage: 'won' })
    const { json } = await subject.get(path, one.manager)
    expect(json.closed).toBe('2025-12-31')
    await subject.send('PATCH', path, one.manager, { stage: 'engaging' })
    expect((await subject.get(path, one.manager)).json.closed).toBeNull()
  })

  test('a deal that is removed, and one whose id was asked for before it came to be', async () => {
    const asked = await subject.send('POST', '/api/deals/', one.manager, { title: 'Short', product: 'Weir' })
    const path = `/api/deals/${asked.json.id}/`
    expect((await subject.get(path, one.manager)).status).toBe(200)
    expect((await subject.send('DELETE', path, one.manager)).status).toBe(200)
    expect((await subject.get(path, one.manager)).status).toBe(404)
    expect((await subject.send('PATCH', path, one.manager, { stage: 'won' })).status).toBe(404)
    const again = await subject.send('POST', '/api/deals/', one.manager, { title: 'Anew', product: 'Weir' })
    expect(again.json.id).toBe(asked.json.id)
    expect((await subject.get(path, one.manager)).json.title).toBe('Anew')
    expect((await subject.send('PATCH', path, one.manager, { title: 'Anew, changed' })).status).toBe(200)
  })

  test('a user reads the own profile as it was written, by whomever', async () => {
    expect((await subject.get('/api/users/me/', two.manager)).json).toMatchObject({
      id: two.manager.userId,
      is_active: true,
    })
    await subject.send('PATCH', '/api/users/me/', two.manager, { title: 'Miller' })
    expect((await subject.get('/api/users/me/', two.manager)).json).toMatchObject({ title: 'Miller' })
    const path = `/api/organizations/2/users/${two.manager.userId}/`
    await Promise.all([
      subject.send('PATCH', path, two.administrator, { location: 'Upstream' }),
      subject.send('PATCH', '/api/users/me/', two.manager, { name: 'Ada Miller' }),
    ])
    expect((await subject.get('/api/users/me/', two.manager)).json).toMatchObject({
      title: 'Miller',
      location: 'Upstream',
      name: 'Ada Miller',
    })
  })
})

describe('activities and looks, written behind', () => {
  test('an activity is acknowledged with 202, and in the lists soon after', async () => {
    const path = `/api/deals/${two.dealId}/activities/`
    const reply = await subject.send('POST', path, two.manager, { kind: 'visit', minutes: 11 })
    expect([reply.status, reply.headers.get('location')]).toEqual([202, `/api/deals/${two.dealId}`])
    expect(reply.json).toEqual({ request_id: expect.any(String), state: 'queued' })
    await until('the overview to show it', async () => {
      const { json } = await subject.get('/api/dashboard/overview-advanced/', two.manager)
      return json.recent_activity[0].minutes === 11
    })
  })

  test('who waits is told the versions and the place of the write; of many at once each has its own', async () => {
    const path = `/api/deals/${two.dealId}/activities/`
    const post = () => subject.send('POST', path, two.manager, { kind: 'call' }, { prefer: 'wait=20' })
    const replies = await Promise.all(Array.from({ length: 12 }, post))
    expect(replies.map(({ status }) => status)).toEqual(replies.map(() => 201))
    expect(new Set(replies.map(({ json }) => json.write)).size).toBe(12)
    expect(new Set(replies.map(({ json }) => json.id)).size).toBe(12)
    expect(replies[0]?.json).toMatchObject({ invalidation: 'done', version: { 'org:2:activity': expect.any(Number) } })
  })

  test('an activity of a deal that is removed meanwhile is refused to who waits, and holds up no other', async () => {
    const made = await subject.send('POST', '/api/deals/', two.manager, { title: 'Gone soon', product: 'Weir' })
    const [, late, other] = await Promise.all([
      subject.send('DELETE', `/api/deals/${made.json.id}/`, two.manager),
      subject.send(
        'POST',
        `/api/deals/${made.json.id}/activities/`,
        two.manager,
        { kind: 'call' },
        { prefer: 'wait=20' },
      ),
      subject.send(
        'POST',
        `/api/deals/${two.dealId}/activities/`,
        two.manager,
        { kind: 'call' },
        { prefer: 'wait=20' },
      ),
    ])
    expect([201, 404]).toContain(late.status)
    expect(other.status).toBe(201)
  })

  test('each look is counted, however many come at once, and reaches the database as one row', async () => {
    const made = await subject.send('POST', '/api/deals/', one.manager, { title: 'Looked at', product: 'Weir' })
    const path = `/api/deals/${made.json.id}/`
    await Promise.all(Array.from({ length: 40 }, () => subject.get(path, one.viewer)))
    expect((await subject.get(path, one.viewer)).json.views).toBe(41)
    await until('the count to be stored', async () => {
      const rows = await stored((db) =>
        db.kysely.selectFrom('deal_views').selectAll().where('deal_id', '=', made.json.id).execute(),
      )
      return rows.length === 1 && rows[0]?.views === 41
    })
  })
})

test('without a cache all of it goes to the database at once', async () => {
  const plain = await startSubject({
    args: ['--organizations', '4', '--users', '24', '--deals', '400', '--cache', 'off'],
  })
  try {
    const [cast] = await twoCasts(plain.service.database)
    const path = `/api/deals/${cast.dealId}/`
    expect((await plain.send('PATCH', path, cast.manager, { title: 'Plain' })).json.invalidation).toBe('done')
    expect((await plain.get(path, cast.manager)).json).toMatchObject({ title: 'Plain', views: null })
    const activity = await plain.send('POST', `${path}activities/`, cast.manager, { kind: 'call' })
    expect([activity.status, activity.json.write]).toEqual([201, 2])
  } finally {
    await plain.stop()
  }
})
