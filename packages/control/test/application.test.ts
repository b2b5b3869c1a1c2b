// What an application registers, by its names: targets of invalidations, warming, coverage; in the process of the
// control plane and in another one.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Application, attach } from '@millpond/control/agent'
import { type Cache, createCache, memory } from 'millpond'
import { sqlite } from 'millpond/tiers/sqlite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { patient } from '../../millpond/test/services/index.ts'
import { type Opened, open } from './setup.ts'

const NAMES: Readonly<Record<string, string>> = { '7': 'Acme', '8': 'Globex' }
const application = (cache: Cache): Application => ({
  scopes: {
    organization: {
      find: (text) => Object.keys(NAMES).find((id) => id === text || NAMES[id] === text),
      tags: (id) => [`org:${id}`],
      plans: (id) => [{ plan: { name: `organisation ${id}`, values: [[`org:${id}:info`, id]], tags: [`org:${id}`] } }],
    },
  },
  cacheTypes: {
    stats: {
      namespaces: ['stats'],
      tags: ({ scopes }) => [scopes.organization === undefined ? 'stats' : `stats:${scopes.organization}`],
    },
    strategic: { namespaces: ['stats'] },
    slow: {
      plans: () => [
        { plan: { name: 'never', keys: endless(), load: () => new Promise((resolve) => setTimeout(resolve, 5)) } },
      ],
    },
  },
  criticalPaths: () => [
    { plan: { name: 'home', kind: 'view', views: [{ view_name: 'home' }] } },
    { name: 'by itself', run: () => cache.set('own', 1) },
    {
      namespace: 'stats',
      plan: {
        name: 'broken',
        keys: ['broken'],
        load: () => Promise.reject(new Error(`${cache.info().name} has no such row`)),
      },
    },
  ],
})

function* endless(): Generator<string> {
  for (let at = 0; ; at++) yield `endless:${at}`
}

async function fill(cache: Cache): Promise<void> {
  for (const id of Object.keys(NAMES)) {
    await cache.set(`org:${id}`, id, { tags: [`org:${id}`] })
    await cache.namespace('stats').set(`stats:${id}`, id, { tags: [`org:${id}`, 'stats', `stats:${id}`] })
  }
}

const folder = mkdtempSync(join(tmpdir(), 'millpond-application-'))
let cache: Cache
let opened: Opened
const closing: (() => Promise<void>)[] = []
const get = async (path: string, as: 'viewer' | 'limited' = 'viewer') => (await opened.call('GET', path, { as })).json
const post = (path: string, body: object, as: 'operator' | 'admin' | 'limited' | 'viewer' = 'operator', headers = {}) =>
  opened.call('POST', path, { as, body, headers })

function suite(name: string, isHere: boolean): void {
  describe(name, () => {
    beforeAll(async () => {
      const path = join(folder, `${isHere}.db`)
      cache = isHere
        ? createCache({ name: 'shop' })
        : createCache({ name: 'shop', tiers: [memory(), patient(sqlite({ path }))] })
      cache.namespace('stats')
      cache.warming.register('view', 'home', async () => void (await cache.set('home', 1)))
      cache.warming.register('model', 'User', () => [['user:1', 1]])
      if (isHere) opened = await open(':memory:', { caches: [cache], application: application(cache) })
      else {
        const attached = attach(cache, { id: 'web-1', application: application(cache) })
        await attached.join()
        const meeting = sqlite({ path })
        if (meeting.nodes === undefined) throw new Error('a tier without a meeting place')
        opened = await open(':memory:', { meetingPlaces: [meeting.nodes] })
        closing.push(
          () => meeting.close(),
          () => attached.close(),
        )
      }
      await opened.plane.start()
    })
    afterAll(async () => {
      await opened.close()
      for (const close of closing.splice(0)) await close()
      await cache.close()
    })

    it('is listed by its names', async () => {
      expect((await get('application/')).data).toEqual([
        {
          cache_name: 'shop',
          cache_types: ['stats', 'strategic', 'slow'],
          scopes: ['organization'],
          models: ['User'],
          views: ['home'],
          endpoints: [],
          has_critical_paths: true,
        },
      ])
    })

    it('reports what an organisation holds, and is invalidated by its name or id, in all namespaces or in those of a cache type', async () => {
      await fill(cache)
      expect((await get('application/coverage/?organization=Acme')).data).toMatchObject([
        { cache_name: 'shop', id: '7', entries: 2, by_namespace: { default: 1, stats: 1 } },
      ])
      expect((await get('application/coverage/?cache_type=strategic')).data[0]).toMatchObject({ id: null, entries: 2 })
      const { plan } = (await post('invalidations/plan/', { organization: 'Acme' })).json
      expect(plan).toMatchObject({ keys: 2, criteria: { tags: ['org:7'] } })
      const done = (await post('invalidations/invalidate_keys/', { organization: '7', cache_type: 'stats' })).json
      expect(done).toMatchObject({
        state: 'completed',
        request: { criteria: { tags: ['stats:7'] }, namespaces: { shop: ['stats'] } },
      })
      const stats = cache.namespace('stats')
      expect([await cache.get('org:7'), await stats.get('stats:7'), await stats.get('stats:8')]).toEqual([
        '7',
        undefined,
        '8',
      ])
      expect((await post('invalidations/invalidate_keys/', { organization: 'Acme' })).json.state).toBe('completed')
      expect([await cache.get('org:7'), await cache.get('org:8')]).toEqual([undefined, '8'])
    })

    it('clears a cache type without tags if that is permitted, and keeps the rest', async () => {
      await fill(cache)
      expect((await post('invalidations/plan/', { cache_type: 'strategic' })).status).toBe(403)
      const body = { cache_type: 'strategic', confirm: 'all' }
      expect((await post('invalidations/invalidate_keys/', body, 'admin')).json.state).toBe('completed')
      expect([await cache.get('org:8'), await cache.namespace('stats').get('stats:8')]).toEqual(['8', undefined])
    })

    it('warms a view, a model, an organisation, and critical paths of which one fails', async () => {
      const warm = async (body: object) => (await post('warming/warm_registered/', body)).json
      expect(await warm({ view: 'home' })).toMatchObject({
        state: 'completed',
        result: { loaded: 1, failed: 0, done: 1, keys: 1 },
      })
      expect(await warm({ model: 'User' })).toMatchObject({ state: 'completed', result: { loaded: 1 } })
      expect(await warm({ organization: 'Globex' })).toMatchObject({
        state: 'completed',
        result: { paths: [{ name: 'organisation 8' }] },
      })
      expect([await cache.get('home'), await cache.get('user:1'), await cache.get('org:8:info')]).toEqual([1, 1, '8'])
      const critical = await warm({ critical: true })
      expect(critical).toMatchObject({
        state: 'partial',
        result: {
          loaded: 2,
          failed: 1,
          done: 3,
          paths: [{ name: 'home' }, { name: 'by itself', failed: 0 }, { name: 'broken' }],
        },
      })
      expect(critical.result.errors[0]).toMatch(/no such row/)
    })

    it('is warmed, invalidated and inspected below /api/cache-management/, as existing clients do (C2)', async () => {
      const base = '/api/cache-management'
      await fill(cache)
      const warmed = await post(`${base}/warm-cache`, { cache_type: 'all' })
      expect([warmed.status, warmed.json.result.loaded]).toEqual([200, 2]) // the critical paths, of which one fails
      expect((await post(`${base}/warm-cache/`, { cache_type: 'all', organization: 'Globex' })).json.state).toBe(
        'completed',
      )
      const some = await post(`${base}/invalidate-cache/`, { cache_type: 'stats' })
      expect(some).toMatchObject({
        status: 200,
        json: { state: 'completed', request: { criteria: { tags: ['stats'] } } },
      })
      expect([await cache.get('org:7'), await cache.namespace('stats').get('stats:7')]).toEqual(['7', undefined])
      expect((await post(`${base}/invalidate-cache/`, { cache_type: 'all' })).status).toBe(403)
      expect((await post(`${base}/invalidate-cache/`, { cache_type: 'all' }, 'admin')).json.state).toBe('completed')
      expect(await cache.get('org:7')).toBeUndefined()
      const status = await get(`${base}/cache-status/`)
      expect(status).toMatchObject({ caches: [{ cache_name: 'shop', cache_types: ['stats', 'strategic', 'slow'] }] })
      for (const path of ['warm-cache/', 'invalidate-cache/'])
        expect((await post(`${base}/${path}`, { cache_type: 'all' }, 'viewer')).status).toBe(403)
      expect((await post(`${base}/warm-cache/`, { cache_type: 'none' })).status).toBe(422)
      expect((await opened.call('PUT', `${base}/warm-cache/`, { as: 'admin', body: {} })).headers.get('allow')).toBe(
        'POST',
      )
    })

    it('can be cancelled while it is being warmed', async () => {
      const begun = await post('warming/warm_registered/', { cache_type: 'slow' }, 'operator', { Prefer: 'wait=0' })
      expect(begun.status).toBe(202)
      expect((await opened.call('DELETE', `operations/${begun.json.id}/`, { as: 'operator' })).status).toBe(200)
      await expect.poll(async () => (await get(`operations/${begun.json.id}/`)).state).toBe('cancelled')
    })

    it('refuses names that are not registered, two at once, and callers limited to a part', async () => {
      for (const [body, words] of [
        [{ view: 'none' }, /that is not registered: there are User, home, stats/],
        [{ organization: 'none' }, /there is no organization "none"/],
        [{ cache_type: 'stats' }, /no warming is registered for/],
        [{ view: 'home', model: 'User' }, /name one of/],
        [{}, /name one of/],
      ] as const) {
        const { status, json } = await post('warming/warm_registered/', body)
        expect([status, json.detail], JSON.stringify(body)).toEqual([422, expect.stringMatching(words)])
      }
      expect((await post('invalidations/plan/', { organization: '7', tags: ['x'] })).status).toBe(422)
      expect((await post('invalidations/plan/', { cache_type: '__proto__' })).status).toBe(422)
      expect((await post('warming/warm_registered/', { view: 'home' }, 'limited')).status).toBe(403)
    })

    it('shows and invalidates only the permitted part for a limited caller', async () => {
      await fill(cache)
      const planned = async (body: object) => (await post('invalidations/plan/', body, 'limited')).json.plan
      expect((await planned({ organization: '7' })).caches[0].namespaces).toEqual(['mine'])
      expect(await planned({ organization: '7', cache_type: 'stats' })).toMatchObject({
        keys: 0,
        caches: [{ namespaces: [] }],
      })
      const done = (await post('invalidations/invalidate_keys/', { organization: '7', cache_type: 'stats' }, 'limited'))
        .json
      expect(done.request.namespaces).toEqual({ shop: [] })
      expect(await cache.namespace('stats').get('stats:7')).toBe('7')
      for (const names of ['organization=7', 'cache_type=strategic', 'organization=7&cache_type=stats'])
        expect((await get(`application/coverage/?${names}`, 'limited')).data, names).toMatchObject([
          { entries: 0, by_namespace: {} },
        ])
    })
  })
}

suite('an application in this process', true)
suite('an application in another process', false)

it('without registrations says so', async () => {
  const bare = createCache({ name: 'bare' })
  const desk = await open(':memory:', { caches: [bare] })
  expect((await desk.call('GET', 'application/', { as: 'viewer' })).json.data).toEqual([])
  const { status, json } = await desk.call('POST', 'invalidations/plan/', {
    as: 'operator',
    body: { organization: '7' },
  })
  expect([status, json.code]).toEqual([422, 'nothing_registered'])
  await desk.close()
  await bare.close()
  rmSync(folder, { recursive: true, force: true })
})
