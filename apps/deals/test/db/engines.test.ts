// SQLite and PostgreSQL give the same answers to the same questions, also after the same writes.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { describeWith, type PostgresService, startPostgres } from '../../../../packages/millpond/test/services/index.ts'
import { type Cast, castOf, withDatabase } from '../people.ts'
import { isHit, type Subject, startSubject } from '../service-under-test.ts'

const PATHS = [
  '/api/cached/organizations/1/info/',
  '/api/cached/organizations/1/roles/',
  ...[7, 30, 90, 365].map((days) => `/api/cached/organizations/1/statistics/?days=${days}`),
  ...['overview', 'trends', 'sources', 'payments', 'pipeline'].map(
    (type) => `/api/cached/analytics/deal-analytics/?days=365&type=${type}`,
  ),
  '/api/cached/analytics/deal-analytics/?organization=all&days=365',
  '/api/cached/analytics/performance-metrics/',
  '/api/cached/users/dashboard/',
  '/api/cached/users/permissions/',
  '/api/cached/search/?q=pilot',
  '/api/cached/search/?q=&stage=won&page=2',
  '/api/dashboard/overview-advanced/',
]

describeWith('postgres', 'X1 the same service on SQLite and on PostgreSQL', () => {
  let server: PostgresService
  let lite: Subject
  let big: Subject
  let one: Cast

  beforeAll(async () => {
    server = await startPostgres()
    lite = await startSubject()
    big = await startSubject({ env: { DATABASE_URL: server.url } })
    one = await withDatabase({ engine: 'sqlite', path: lite.service.database }, (db) => castOf(db, 1))
  })
  afterAll(async () => {
    await lite?.stop()
    await big?.stop()
    await server?.stop()
  })

  const WAIT = { prefer: 'wait=20' }
  const compare = async () => {
    for (const path of PATHS) {
      const [a, b] = [await lite.get(path, one.administrator), await big.get(path, one.administrator)]
      expect([path, a.status]).toEqual([path, 200])
      expect([path, b.json]).toEqual([path, a.json])
    }
  }

  test('every question', compare)

  test('the same writes have the same effect, ids and versions', async () => {
    const { dealId, manager, administrator } = one
    const writes: [string, string, typeof manager, unknown][] = [
      ['POST', '/api/deals/', manager, { title: 'Ünïcode “deal”', product: 'Weir', amount_cents: 9_007_199_254 }],
      ['PATCH', `/api/deals/${dealId}/`, manager, { stage: 'won', amount_cents: null }],
      ['POST', `/api/deals/${dealId}/activities/`, manager, { kind: 'call', minutes: 3 }],
      ['PATCH', '/api/users/me/', manager, { name: 'Renamed' }],
      [
        'POST',
        '/api/organizations/1/roles/',
        administrator,
        { name: 'auditor', description: 'Reads', level: 15, inherits_from: 'viewer', permissions: ['cache.view'] },
      ],
      ['DELETE', `/api/deals/${dealId + 1}/`, administrator, undefined],
    ]
    for (const [method, path, as, body] of writes) {
      const [a, b] = [await lite.send(method, path, as, body, WAIT), await big.send(method, path, as, body, WAIT)]
      const { receipts: _, duration_ms: __, ...forgotten } = a.json.forgotten
      expect([path, b.status, b.json]).toMatchObject([path, a.status, { ...a.json, forgotten }])
    }
    await compare()
  })

  test('the second answer comes from the cache, a write takes it away', async () => {
    const path = '/api/cached/organizations/1/statistics/?days=30'
    await big.get(path, one.manager)
    expect(isHit(await big.get(path, one.manager))).toBe(true)
    await big.send('POST', '/api/deals/', one.manager, { title: 'One more', product: 'Weir' })
    expect(isHit(await big.get(path, one.manager))).toBe(false)
  })

  test('other data is not overwritten unless asked', async () => {
    const args = ['--organizations', '3', '--users', '9', '--deals', '50']
    await expect(startSubject({ args, env: { DATABASE_URL: server.url } })).rejects.toThrow(
      /holds other data .*--reset/,
    )
  })
})
