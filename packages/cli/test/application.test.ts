// What the application registered, by the names that people type.
import type { Application } from '@millpond/control'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Desk, openDesk } from './desk.ts'

let desk: Desk
let isSlow = false
const application: Application = {
  scopes: {
    organization: {
      find: (text) => (['7', 'Acme\u202e'].includes(text) ? '7' : undefined),
      tags: (id) => [`org:${id}`],
      plans: (id) => [
        { name: `organisation ${id}`, run: async () => desk.shop.set(`org:${id}`, 1, { tags: [`org:${id}`] }) },
      ],
    },
  },
  cacheTypes: {
    stats: {
      tags: () => ['stats'],
      plans: () => [{ name: 'stats', run: async () => desk.shop.set('stats', 1, { tags: ['stats'] }) }],
    },
  },
  criticalPaths: () => [{ name: 'home', run: () => new Promise((resolve) => setTimeout(resolve, isSlow ? 150 : 0)) }],
}
beforeAll(async () => {
  desk = await openDesk({ application })
  desk.shop.warming.register('view', 'home', async () => void (await desk.shop.set('view:home', 1)))
  desk.shop.warming.register('api', '/api/deals/', async () => Promise.reject(new Error('the database is away')))
})
afterAll(() => desk.close())
const SHOP = ['--cache-name', 'shop']

it('is warmed by view, endpoint, organisation and cache type', async () => {
  expect(await desk.run(['warm', '--view', 'home', ...SHOP])).toMatchObject({
    code: 0,
    out: expect.stringMatching(/1 loaded[\s\S]*view home/),
  })
  expect(await desk.run(['warm', '--api', '/api/deals/', ...SHOP])).toMatchObject({
    code: 7,
    out: expect.stringMatching(/1 failed[\s\S]*the database is away/),
  })
  expect((await desk.run(['warm', '--organization', 'Acme\u202e', ...SHOP])).code).toBe(0)
  expect((await desk.run(['warm', '--cache-type', 'stats', ...SHOP])).code).toBe(0)
  expect([await desk.shop.get('view:home'), await desk.shop.get('org:7'), await desk.shop.get('stats')]).toEqual([
    1, 1, 1,
  ])
})

it('is counted and invalidated by organisation, and cleared by cache type', async () => {
  await desk.run(['warm', '--organization', '7', ...SHOP])
  const status = await desk.run(['status', '--organization', 'Acme\u202e', ...SHOP])
  expect(status).toMatchObject({ code: 0, out: expect.stringContaining('shop holds of "Acme\\u202e" (7): 1 entry') })
  expect(await desk.run(['invalidate', '--organization', '7', '--yes'])).toMatchObject({
    code: 0,
    out: expect.stringContaining('1 key,'),
  })
  expect(await desk.shop.get('org:7')).toBeUndefined()
  expect(await desk.run(['clear', '--cache-type', 'stats'])).toMatchObject({
    code: 9,
    err: expect.stringContaining('--force'),
  })
  expect(await desk.run(['clear', '--cache-type', 'stats', '--force'])).toMatchObject({ code: 0 })
  expect(await desk.shop.get('stats')).toBeUndefined()
})

it('has critical paths that are measured', async () => {
  const { json } = await desk.run(['test', '--critical', '--days', '1', '--json', ...SHOP])
  expect(json.paths).toEqual([{ name: 'home', ms: expect.any(Number), failed: 0 }])
  isSlow = true
  expect(await desk.run(['test', '--critical', '--days', '1', ...SHOP])).toMatchObject({
    code: 3,
    out: expect.stringMatching(/home .*slower than 100 ms/),
  })
})

it('refuses names that are not registered, in one line', async () => {
  for (const [args, words] of [
    [['warm', '--view', 'nosuch', ...SHOP], /that is not registered: there are home, \/api\/deals\/, stats/],
    [['invalidate', '--organization', 'nobody', '--yes', ...SHOP], /there is no organization "nobody"/],
    [['clear', '--cache-type', 'nosuch', '--force', ...SHOP], /there is no cache type "nosuch": there are stats/],
    [['warm', '--view', 'home', '--dry-run', ...SHOP], /--dry-run/],
  ] as const)
    expect(await desk.run(args), args.join(' ')).toMatchObject({ code: 2, out: '', err: expect.stringMatching(words) })
})
