// What the control plane does with the caches of its own process, each act over the API.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { attach } from '@millpond/control/agent'
import { type Cache, createCache, memory } from 'millpond'
import { adaptiveTtl } from 'millpond/insight'
import { sqlite } from 'millpond/tiers/sqlite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { patient } from '../../millpond/test/services/index.ts'
import { type Opened, open } from './setup.ts'

const folder = mkdtempSync(join(tmpdir(), 'millpond-acts-'))
let shop: Cache
let deep: Cache
let opened: Opened

beforeAll(async () => {
  shop = createCache({ name: 'shop', tiers: [memory({ maxBytes: '8mb' })] })
  const tiers = [memory(), patient(sqlite({ path: join(folder, 'deep.db') }))]
  deep = createCache({ name: 'deep', tiers, adaptiveTtl: adaptiveTtl({ ttl: '2m' }) })
  opened = await open(':memory:', { caches: [shop, deep] })
  await opened.plane.start()
})
afterAll(async () => {
  await opened.close()
  await Promise.all([shop.close(), deep.close()])
  rmSync(folder, { recursive: true, force: true })
})

const get = async (path: string, as: 'viewer' | 'admin' | 'limited' = 'viewer') =>
  (await opened.call('GET', path, { as })).json
const post = (path: string, body: unknown, as: 'operator' | 'admin' | 'viewer' | 'limited' = 'operator') =>
  opened.call('POST', path, { as, body })
const invalidate = (body: object, as: 'operator' | 'admin' | 'limited' = 'operator') =>
  post('invalidations/invalidate_keys/', { cache_name: 'shop', ...body }, as)

describe('keys', () => {
  it('are listed page by page, each once, filtered by substring and tag, without their values', async () => {
    const space = shop.namespace('listed')
    for (let at = 0; at < 30; at++)
      await space.set(`page:${at}`, { secret: 'hidden' }, { tags: at % 3 === 0 ? ['third'] : [] })
    await space.set(['user', 7], 'tuple')
    const seen: string[] = []
    let cursor = ''
    do {
      const list = await opened.call('GET', `keys/?cache_name=shop&namespace=listed&limit=7${cursor}`, { as: 'viewer' })
      expect(list.text).not.toContain('hidden')
      seen.push(...list.json.data.map((row: { key: string }) => row.key))
      cursor = list.json.has_more ? `&cursor=${list.json.next_cursor}` : ''
    } while (cursor !== '')
    expect(seen.sort()).toEqual(['["user",7]', ...Array.from({ length: 30 }, (_, at) => `page:${at}`)].sort())
    expect((await get('keys/?cache_name=shop&namespace=listed&contains=user')).data).toHaveLength(1)
    expect((await get('keys/?cache_name=shop&namespace=listed&tag=third')).data).toHaveLength(10)
    const [tag] = (await get('tags/?cache_name=shop&namespace=listed')).data
    expect(tag).toMatchObject({ name: 'third', entries: 10 })
    expect((await get('top/?cache_name=shop&namespace=listed&by=pattern')).data.length).toBeGreaterThan(0)
  })

  it('have cursors that belong to one caller, and are refused once they have expired', async () => {
    expect((await opened.call('GET', 'keys/?cache_name=shop&cursor=bm8', { as: 'viewer' })).status).toBe(400)
    const cursor = Buffer.from(JSON.stringify([null, 'gone'])).toString('base64url')
    expect((await opened.call('GET', `keys/?cache_name=shop&cursor=${cursor}`, { as: 'viewer' })).json.code).toBe(
      'cursor_invalid',
    )
  })

  it('are explained in every tier, with who invalidated them', async () => {
    await deep.set('user:7', 1, { tags: ['users'] })
    await deep.flush()
    expect(await get('keys/user%3A7/?cache_name=deep')).toMatchObject({
      verdict: 'hit',
      by: null,
      nodes: [{ tiers: [{ tier: 'memory' }, { tier: 'sqlite' }] }],
    })
    const done = await post('invalidations/invalidate_keys/', {
      cache_name: 'deep',
      tags: ['users'],
      reason: 'price import',
    })
    expect(done.json).toMatchObject({ state: 'completed', actor: 'operator' })
    const why = await get('explain/?cache_name=deep&key=user:7')
    expect(why).toMatchObject({ verdict: 'miss', cause: 'invalidated_tag', detail: 'users' })
    expect(why.by).toMatchObject({ operation: done.json.id, actor: 'operator', reason: 'price import' })
    expect(why.note).toBeNull()
  })

  it('I6: are explained with the reason that the program gave in its own words', async () => {
    await deep.set('user:8', 1, { tags: ['users'] })
    const { id } = await deep.invalidateTags(['users'], { reason: 'users moved to <b>“Köln”</b>' })
    expect(await get('explain/?cache_name=deep&key=user:8')).toMatchObject({
      verdict: 'miss',
      receipt: id,
      note: 'users moved to <b>“Köln”</b>',
      by: null,
    })
  })

  it('are explained and shown where they are if no namespace is given', async () => {
    const there = deep.namespace('whereabouts')
    await there.set('only:there', { a: 1 }, { tags: ['moved'] })
    await deep.flush()
    const ask = (path: string, as: 'viewer' | 'admin' = 'viewer') => get(`${path}cache_name=deep&key=only:there`, as)
    expect(await ask('explain/?')).toMatchObject({ namespace: 'whereabouts', verdict: 'hit' })
    expect(await ask('explain/?namespace=default&')).toMatchObject({
      namespace: 'default',
      verdict: 'miss',
      cause: 'cold',
    })
    expect(await ask('keys/-/value/?', 'admin')).toMatchObject({ namespace: 'whereabouts', value: { a: 1 } })
    await there.invalidate({ tags: ['moved'] })
    expect(await ask('explain/?')).toMatchObject({
      namespace: 'whereabouts',
      verdict: 'miss',
      cause: 'invalidated_tag',
    })
    // What is there goes before what is remembered.
    await deep.set('only:there', 2)
    expect(await ask('explain/?')).toMatchObject({ namespace: 'default', verdict: 'hit' })
    expect(await get('explain/?cache_name=deep&key=nobody')).toMatchObject({ namespace: 'default', cause: 'cold' })
  })

  it('are explained with the TTL that was chosen for them', async () => {
    await deep.getOrSet('chosen', () => 1)
    const { nodes } = await get('explain/?cache_name=deep&key=chosen')
    expect(nodes).toMatchObject([
      { chosen_ttl: { seconds: 120, why: '2 min: too few reloads so far to choose another one' } },
    ])
    expect((await get('explain/?cache_name=deep&key=nobody')).nodes).toMatchObject([{ chosen_ttl: null }])
  })

  it('with slashes, dots and tuples are found by their own names', async () => {
    for (const key of ['a/b/../c', 'GET /x?y=1', '..', 'ä€', '%2F', 'line\r\nbreak', 'nul\u0000']) {
      await shop.set(key, 1)
      const { json, status } = await opened.call('GET', `explain/?cache_name=shop&key=${encodeURIComponent(key)}`, {
        as: 'viewer',
      })
      expect([status, json.verdict, json.key], key).toEqual([200, 'hit', key])
    }
    await shop.set(['user', 7], 1)
    for (const key of ['["user",7]', 'a/b/../c', 'ä€', '%2F', 'line\r\nbreak', 'nul\u0000'])
      expect(await get(`keys/${encodeURIComponent(key)}/?cache_name=shop`), key).toMatchObject({ key, verdict: 'hit' })
  })

  it('are given in the query if they do not fit in a path, and patterns in a list', async () => {
    for (const key of ['.', '..', ' a\n', 'b']) await shop.set(key, 1)
    for (const key of ['.', '..', ' a\n']) {
      const query = `?cache_name=shop&key=${encodeURIComponent(key)}`
      expect(await get(`keys/-/${query}`), key).toMatchObject({ key, verdict: 'hit' })
      expect(await get(`keys/-/value/${query}`, 'admin'), key).toMatchObject({ key, found: true, value: 1 })
    }
    const { id } = (await invalidate({ keys: ['..'] })).json
    expect((await get('keys/-/history/?cache_name=shop&key=..')).data).toMatchObject([{ operation: id }])
    const body = { cache_name: 'shop', namespace: 'default', pattern: [' a*', 'b'] }
    expect((await post('invalidations/plan/', body)).json.plan).toMatchObject({
      keys: 2,
      criteria: { patterns: [' a*', 'b'] },
    })
  })

  it('with line breaks and control characters are invalidated like any other', async () => {
    await shop.set('line\r\nbreak', 1)
    await shop.set('nul\u0000', 1)
    expect((await invalidate({ namespace: 'default', keys: ['line\r\nbreak', 'nul\u0000'] })).json.state).toBe(
      'completed',
    )
    expect([await shop.get('line\r\nbreak'), await shop.get('nul\u0000')]).toEqual([undefined, undefined])
  })

  it('show their value to permitted callers, which is recorded', async () => {
    await shop.set('secret', { name: 'Ada', set: new Set([1]) })
    expect((await opened.call('GET', 'keys/secret/value/?cache_name=shop', { as: 'editor' })).status).toBe(403)
    expect(await get('keys/secret/value/?cache_name=shop', 'admin')).toMatchObject({
      found: true,
      value: { name: 'Ada', set: { $set: [1] } },
    })
    const { data } = (await opened.call('GET', 'audit/?action=value.read&limit=1', { as: 'auditor' })).json
    expect(data[0]).toMatchObject({ kind: 'access', actor: 'admin', target: 'secret' })
  })
})

describe('an invalidation', () => {
  it('is planned exactly if there is only memory, and changes nothing before it is run', async () => {
    const space = shop.namespace('planned')
    for (let at = 0; at < 40; at++) await space.set(`row:${at}`, at, { tags: [at < 12 ? 'first' : 'rest'] })
    const { status, json } = await invalidate({ namespace: 'planned', tags: ['first'], dry_run: true })
    expect(status).toBe(200)
    expect(json.plan).toMatchObject({ keys: 12, is_exact: true, guard: { needs_confirmation: false } })
    expect(await space.get('row:1')).toBe(1)
    const run = await invalidate({ plan_id: json.plan.id, cache_name: undefined, reason: 'as planned' })
    expect(run.json).toMatchObject({ state: 'completed', kind: 'invalidate' })
    expect(run.json.result.caches.shop.nodes).toMatchObject([{ status: 'acked' }])
    expect([await space.get('row:1'), await space.get('row:20')]).toEqual([undefined, 20])
    const audit = (await opened.call('GET', 'audit/?action=invalidate&limit=3', { as: 'auditor' })).json.data
    expect(audit.map((row: { kind: string }) => row.kind)).toEqual(['result', 'intent', 'plan'])
  })

  it('accepts keys as existing clients send them, tuples, patterns and models', async () => {
    await shop.set('plain', 1)
    await shop.set(['user', 7], 1)
    expect((await invalidate({ keys: ['plain', ['user', 7]] })).json.state).toBe('completed')
    expect([await shop.get('plain'), await shop.get(['user', 7])]).toEqual([undefined, undefined])
    await shop.set('order:1', 1)
    expect((await invalidate({ pattern: 'order:*' })).json.result.caches.shop.probe).toEqual({ checked: 1, old: [] })
    expect(await shop.get('order:1')).toBeUndefined()
  })

  it('plans and probes keys in the namespaces that hold them if none is named', async () => {
    const [one, two] = [shop.namespace('holds-one'), shop.namespace('holds-two')]
    await Promise.all([one.set('held:1', 1), two.set('held:1', 2), two.set('held:2', 2)])
    const { plan } = (await invalidate({ keys: ['held:1', 'held:2'], dry_run: true })).json
    expect(plan).toMatchObject({
      keys: 2,
      is_exact: true,
      caches: [{ by_namespace: { 'holds-one': 1, 'holds-two': 2 } }],
    })
    const sample = plan.caches[0].sample.map(
      ({ namespace, key }: { namespace: string; key: string }) => `${namespace} ${key}`,
    )
    expect(sample.sort()).toEqual(['holds-one held:1', 'holds-two held:1', 'holds-two held:2'])
    expect((await invalidate({ plan_id: plan.id, cache_name: undefined })).json.result.caches.shop.probe).toEqual({
      checked: 3,
      old: [],
    })
    expect([one.peek('held:1'), two.peek('held:1'), two.peek('held:2')]).toEqual([undefined, undefined, undefined])
    const nowhere = (await invalidate({ keys: ['nobody'], dry_run: true })).json.plan
    expect(nowhere).toMatchObject({
      keys: 1,
      caches: [{ by_namespace: {}, sample: [{ namespace: 'default', key: 'nobody' }] }],
    })
  })

  it('keeps stale values if it is soft', async () => {
    await shop.set('soft', 1, { ttl: '1m', staleFor: '1h' })
    await invalidate({ keys: ['soft'], mode: 'soft' })
    expect(await shop.getEntry('soft')).toMatchObject({ kind: 'stale', value: 1 })
  })

  it('changes nothing without a target, with a wrong one, with an unknown field, or for an unknown cache', async () => {
    for (const body of [
      {},
      { keys: [], tags: 'x' },
      { keys: ['a'], dry_runn: true },
      { pattern: '^(' },
      { tags: [''] },
      { keys: [] },
      { tags: [], keys: [], dry_run: true },
    ])
      expect((await invalidate(body)).status, JSON.stringify(body)).toBe(422)
    expect((await invalidate({ keys: [] })).json.errors).toEqual([
      { pointer: '/keys', code: 'no_target', detail: 'the list is empty: name at least one' },
    ])
    expect((await invalidate({ keys: [], tags: ['some'] })).status).toBe(200)
    expect((await invalidate({ cache_name: 'none', keys: ['a'] })).status).toBe(404)
    expect((await invalidate({ plan_id: 'plan_none' })).status).toBe(404)
    expect((await invalidate({ keys: ['a'], tags: ['b'], plan_id: 'plan_x' })).status).toBe(404)
  })

  it('without a cache name skips caches that no process runs; by name such a one is reported', async () => {
    const gone = createCache({ name: 'gone' })
    const attached = attach(gone)
    await attached.join()
    await opened.plane.control.fleet.discover()
    await attached.close()
    await gone.close()
    const { status, json } = await invalidate({ cache_name: undefined, tags: ['whoever'] })
    expect([status, json.caches]).toEqual([200, ['deep', 'shop']])
    expect((await invalidate({ cache_name: 'gone', tags: ['whoever'] })).json.code).toBe('no_node')
  })

  it('of keys at a pace takes them second by second, and leaves the rest if it is cancelled', async () => {
    const space = shop.namespace('paced')
    // A minute of them: it is cancelled long before, however slow the machine is.
    const keys = Array.from({ length: 120 }, (_, at) => `k${at}`)
    for (const key of keys) await space.set(key, 1)
    const body = { cache_name: 'shop', namespace: 'paced', keys, pace_per_s: 2 }
    const { plan } = (await post('invalidations/plan/', body)).json
    expect(plan).toMatchObject({ keys: 120, pace_per_s: 2, cdn: null })
    const began = await opened.call('POST', 'invalidations/invalidate_keys/', {
      as: 'operator',
      body,
      headers: { Prefer: 'wait=0' },
    })
    expect(began.status).toBe(202)
    await opened.call('DELETE', `operations/${began.json.id}/`, { as: 'operator' })
    await expect.poll(async () => (await get(`operations/${began.json.id}/`)).state).toBe('cancelled')
    const { left } = (await get(`operations/${began.json.id}/`)).result.caches.shop
    expect(left).toBeGreaterThan(0)
    expect((await Promise.all(keys.map((key) => space.get(key)))).filter((value) => value === 1)).toHaveLength(left)
    const some = keys.slice(-6)
    const whole = await invalidate({ namespace: 'paced', keys: some, pace_per_s: 4 })
    expect(whole.json).toMatchObject({
      state: 'completed',
      result: { caches: { shop: { left: 0, probe: { old: [] } } } },
    })
    expect(whole.json.result.caches.shop.ms).toBeGreaterThan(900)
    expect(await Promise.all(some.map((key) => space.get(key)))).toEqual(some.map(() => undefined))
  })

  it('is refused if a pace does not apply, a tier is missing or unknown, or there is no CDN', async () => {
    for (const [body, pointer, code] of [
      [{ tags: ['a'], pace_per_s: 5 }, '/pace_per_s', 'not_by_key'],
      [{ keys: Array.from({ length: 601 }, (_, at) => `k${at}`), pace_per_s: 1 }, '/pace_per_s', 'too_slow'],
      [{ cache_name: 'deep', keys: ['a'], tiers: ['memory'] }, '/tiers', 'tier_left_out'],
      [{ cache_name: 'deep', keys: ['a'], tiers: ['memory', 'redis'] }, '/tiers', 'unknown_tier'],
    ] as const)
      expect((await invalidate(body)).json, code).toMatchObject({ status: 422, errors: [{ pointer, code }] })
    expect((await invalidate({ cache_name: 'deep', keys: ['a'], tiers: ['sqlite', 'memory'] })).json.state).toBe(
      'completed',
    )
    expect((await invalidate({ tags: ['a'], propagate_cdn: true })).status).toBe(422)
  })

  it('of everything needs its permission and a confirmation', async () => {
    await shop.namespace('whole').set('a', 1)
    expect((await invalidate({ namespace: 'whole', all: true })).status).toBe(403)
    const refused = await invalidate({ namespace: 'whole', all: true }, 'admin')
    expect(refused).toMatchObject({ status: 409, json: { code: 'needs_confirmation', plan: { keys: 1 } } })
    expect((await invalidate({ namespace: 'whole', all: true, confirm: 'all' }, 'admin')).json.state).toBe('completed')
    expect(await shop.namespace('whole').get('a')).toBeUndefined()
  })

  it('is refused above the limit that the caller set', async () => {
    const space = shop.namespace('many')
    for (let at = 0; at < 5; at++) await space.set(`k${at}`, 1, { tags: ['five'] })
    expect(await invalidate({ namespace: 'many', tags: ['five'], max_keys: 4 })).toMatchObject({
      status: 409,
      json: { code: 'too_many_keys' },
    })
    expect(await space.get('k1')).toBe(1)
  })

  it('of a limited caller touches nothing else', async () => {
    await shop.set('other', 1)
    await shop.namespace('mine').set('own', 1)
    expect((await invalidate({ namespace: 'default', keys: ['other'] }, 'limited')).status).toBe(403)
    expect((await invalidate({ keys: ['other', 'own'] }, 'limited')).json.state).toBe('completed')
    expect([await shop.get('other'), await shop.namespace('mine').get('own')]).toEqual([1, undefined])
  })

  it('is in the history, and undo warms its hottest keys again', async () => {
    const loads: string[] = []
    const space = shop.namespace('undone')
    space.source('hot:', (key) => {
      loads.push(String(key))
      return 1
    })
    await space.refresh('hot:1')
    await space.get('hot:1')
    const { json } = await invalidate({ namespace: 'undone', pattern: 'hot:*' })
    expect((await get('invalidations/?limit=1')).data[0].id).toBe(json.id)
    const undone = await post(`invalidations/${json.id}/undo/`, {})
    expect(undone.json).toMatchObject({ kind: 'warm', state: 'completed', result: { loaded: 1 } })
    expect(loads).toEqual(['hot:1', 'hot:1'])
  })

  it('of listed keys is undone for all of them, however few of them the plan shows', async () => {
    const space = shop.namespace('named')
    const keys = Array.from({ length: 60 }, (_, at) => `named:${at}`)
    space.source('named:', (key) => `value of ${key}`)
    const { json } = await invalidate({ namespace: 'named', keys })
    expect(json.result.caches.shop.probe.checked).toBe(20)
    expect((await post(`invalidations/${json.id}/undo/`, {})).json).toMatchObject({
      state: 'completed',
      result: { keys: 60, loaded: 60 },
    })
  })
})

describe('warming', () => {
  it('loads missing keys, keeps fresh ones, continues after a failure, and names keys without a loader', async () => {
    const space = shop.namespace('warm')
    space.source('item:', (key) => (key === 'item:3' ? Promise.reject(new Error('no such item')) : `value of ${key}`))
    await space.set('item:1', 'fresh')
    const { json, status } = await post('warming/warm_keys/', {
      cache_name: 'shop',
      keys: ['item:1', 'item:2', 'item:3', 'nobody:1'],
    })
    expect([status, json.state]).toEqual([200, 'partial'])
    expect(json.result).toMatchObject({ keys: 4, done: 4, loaded: 1, fresh: 1, failed: 1, without_source: 1 })
    expect(json.result.errors[0]).toContain('no such item')
    expect(await space.get('item:2')).toBe('value of item:2')
  })

  it('runs a stored plan on request, and reports progress if it takes long', async () => {
    const space = shop.namespace('plans')
    let release: () => void = () => undefined
    const gate = new Promise<void>((resolve) => {
      release = resolve
    })
    space.source('slow:', async () => {
      await gate
      return 1
    })
    const made = await post('warming/', { name: 'mornings', cache_name: 'shop', keys: ['slow:1'] })
    expect(made.status).toBe(201)
    const began = await opened.call('POST', `warming/${made.json.id}/execute`, {
      as: 'operator',
      body: {},
      headers: { Prefer: 'wait=0' },
    })
    expect(began.status).toBe(202)
    expect(began.headers.get('location')).toContain('/api/admin/caching/operations/')
    release()
    await expect.poll(async () => (await get(`operations/${began.json.id}/`)).state).toBe('completed')
    expect((await get('warming/')).data.map((plan: { id: string }) => plan.id)).toContain(made.json.id)
    expect((await opened.call('DELETE', `warming/${made.json.id}/`, { as: 'operator' })).status).toBe(204)
    expect((await post(`warming/${made.json.id}/execute/`, {})).status).toBe(404)
  })
})

describe('figures', () => {
  it('sum up what the caches did, and over time count only what happened between two looks', async () => {
    const cache = createCache({ name: 'counted' })
    // Not started: nobody looks but this test.
    const still = await open(':memory:', { caches: [cache] })
    const look = async () => still.plane.control.collector.look((await still.store.now()) - 1000)
    const read = async (path: string) => (await still.call('GET', path, { as: 'viewer' })).json
    await cache.get('before')
    await look()
    await cache.namespace('other').set('a', 1)
    await cache.namespace('other').get('a')
    await cache.namespace('other').get('b')
    await new Promise((resolve) => setTimeout(resolve, 20))
    await look()
    const { caches, health_score } = await read('metrics/summary/')
    expect(caches[0].namespaces.find((one: { name: string }) => one.name === 'other')).toMatchObject({
      hits: 1,
      misses: 1,
      hit_ratio: 0.5,
      miss_causes: { cold: 1 },
    })
    expect(caches[0]).toMatchObject({ total: { misses: 2 }, last_minute: { hits: 1, misses: 1 } })
    expect(health_score).toBe(100)
    const { t, series } = await read('metrics/?cache_name=counted')
    expect(t).toHaveLength(1)
    const one = (name: string, labels = {}) =>
      series.find(
        (each: { name: string; labels: object }) =>
          each.name === name && JSON.stringify(each.labels) === JSON.stringify(labels),
      ).v[0]
    expect(one('hit_ratio')).toBe(0.5)
    expect(one('misses_per_second', { cause: 'cold' })).toBeGreaterThan(0)
    expect(one('latency_ms', { op: 'load', stat: 'avg' })).toBeNull()
    expect((await still.call('GET', 'metrics/?from=5&to=4', { as: 'viewer' })).status).toBe(422)
    const by = async (from: string) => (await still.call('GET', `metrics/?from=${from}`, { as: 'viewer' })).status
    expect([await by('2026-01-31'), await by('2026-01-31T00:00:00Z'), await by('1769817600')]).toEqual([200, 200, 200])
    const odd = await still.call('GET', 'metrics/?from=yesterday', { as: 'viewer' })
    expect(odd.json.errors).toEqual([
      {
        pointer: '?from',
        code: 'invalid_union',
        detail: 'give 2026-01-31T12:00:00Z, 2026-01-31 (its first instant in UTC), or epoch seconds',
      },
    ])
    await still.close()
    await cache.close()
  })

  it('name nodes, caches and roles', async () => {
    expect((await get('nodes/')).data).toHaveLength(2)
    expect((await get('caches/')).data[0].setup).toMatchObject({ name: 'deep', ledger: 'sqlite' })
    expect((await get('roles/')).data).toHaveLength(5)
  })
})

async function withinTwoSeconds<T>(look: () => T, wanted: T): Promise<void> {
  const from = performance.now()
  await expect.poll(look).toBe(wanted)
  expect(performance.now() - from, 'in time').toBeLessThan(2000)
}

describe('configurations of running caches', () => {
  it('take effect within two seconds, are previewed, and are reverted when they are deleted', async () => {
    const cache = createCache({ name: 'live', defaults: { ttl: '10m' } })
    const other = await open(':memory:', { caches: [cache] })
    await other.plane.start()
    const body = { name: 'live', ttl_seconds: 60, max_size_mb: 1 }
    const { json } = await other.call('POST', 'configurations/?dry_run=true', { as: 'admin', body })
    expect(json.plan.effects[0].changes).toContainEqual({ setting: 'defaults.ttl_seconds', from: 600, to: 60 })
    const made = (await other.call('POST', 'configurations/', { as: 'admin', body })).json
    await withinTwoSeconds(() => cache.describe().defaults.ttl_seconds, 60)
    await other.call('PUT', `configurations/${made.id}/`, { as: 'admin', body: { ...body, is_active: false } })
    await withinTwoSeconds(() => cache.describe().tiers[0]?.enabled, false)
    expect((await other.call('GET', `configurations/${made.id}/stats/`, { as: 'viewer' })).json).toMatchObject({
      cache_name: 'live',
      hits: 0,
    })
    await other.call('DELETE', `configurations/${made.id}/`, { as: 'admin' })
    const both = () => `${cache.describe().defaults.ttl_seconds} ${cache.describe().tiers[0]?.enabled}`
    await withinTwoSeconds(both, '600 true')
    await other.close()
    await cache.close()
  })

  it('preview the additional loads of a shorter TTL and a smaller memory', async () => {
    const cache = createCache({ name: 'costly', defaults: { ttl: '10m' }, tiers: [memory({ maxBytes: '8mb' })] })
    const other = await open(':memory:', { caches: [cache] })
    await other.plane.start()
    const asked = async (change: object) => {
      const body = { name: 'costly', ttl_seconds: 600, max_size_mb: 8, ...change }
      return (await other.call('POST', 'configurations/?dry_run=true', { as: 'admin', body })).json.plan.effects[0]
    }
    for (let at = 0; at < 40; at++) await cache.set(`page:${at}`, 'x'.repeat(50_000), { tags: ['pages'] })
    // Nobody has read them.
    expect(await asked({ ttl_seconds: 60 })).toMatchObject({ loads_per_second: 0 })
    for (let at = 0; at < 10; at++) await cache.get(`page:${at}`)
    const shorter = (await asked({ ttl_seconds: 60 })).loads_per_second
    expect(Math.abs(shorter - 10 * (1 / 60 - 1 / 600))).toBeLessThan(0.02)
    expect((await asked({ ttl_seconds: 6000 })).loads_per_second).toBeLessThan(0)
    const smaller = await asked({ max_size_mb: 1 })
    expect(smaller).toMatchObject({ drops: [{ tier: 'memory' }], loads_per_second: 0 }) // what is not read goes first
    for (let at = 10; at < 40; at++) await cache.get(`page:${at}`)
    expect((await asked({ max_size_mb: 1 })).loads_per_second).toBeGreaterThan(0)
    expect((await asked({ is_active: false })).loads_per_second).toBeGreaterThan(
      (await asked({ max_size_mb: 1 })).loads_per_second,
    )
    expect(cache.describe().defaults.ttl_seconds).toBe(600)
    await other.close()
    await cache.close()
  })

  it('are tested step by step, even if no process runs them', async () => {
    const test = async (body: object) => {
      const made = (await opened.call('POST', 'configurations/', { as: 'admin', body })).json
      return (await opened.call('POST', `configurations/${made.id}/test_connection/`, { as: 'viewer' })).json
    }
    const running = await test({ name: 'deep' })
    expect(running).toMatchObject({ ok: true, tested: 'running cache' })
    expect(running.steps.map((step: { tier: string; step: string }) => `${step.tier} ${step.step}`)).toEqual([
      'sqlite open',
      'sqlite ping',
      'sqlite server',
      'sqlite settings',
      'all write',
      'memory read',
      'sqlite read',
      'all look',
      'all delete',
    ])
    expect((await opened.call('POST', 'configurations/shop/test_connection/', { as: 'viewer' })).json).toMatchObject({
      ok: true,
      tested: 'running cache',
    })
    expect((await opened.call('POST', 'configurations/shop/test_connection/', { as: 'limited' })).status).toBe(404)
    expect(running.steps[7].detail).toMatch(/^p50 \S+ ms, p99 \S+ ms of 20 probes/)
    expect(await test({ name: 'alone', cache_type: 'memory' })).toMatchObject({ ok: true, tested: 'new connection' })
    const unknown = await test({ name: 'nowhere', cache_type: 'redis' })
    expect(unknown.ok).toBe(false)
    expect(unknown.steps[0]).toMatchObject({
      verdict: 'failed',
      detail: expect.stringContaining('no tier for that type'),
      remedy: expect.any(String),
    })
  })
})

describe('a cache that insight does not watch', () => {
  it('says so, and how to switch it on; health and benchmark work', async () => {
    const analysis = await opened.call('POST', 'optimizations/analyze/', {
      as: 'admin',
      body: { cache_name: 'shop', days: 7 },
    })
    const sizing = await opened.call('GET', 'sizing/?cache_name=shop', { as: 'admin' })
    for (const { status, text } of [analysis, sizing]) {
      expect(status).toBe(200)
      expect(text).toMatch(/insight is not running in any process of shop: use createInsight/)
    }
    expect(
      (await opened.call('GET', 'optimizations/health_check/', { as: 'viewer' })).json.caches.map(
        (one: { cache_name: string }) => one.cache_name,
      ),
    ).toEqual(expect.arrayContaining(['deep', 'shop']))
    const bench = await post('optimizations/benchmark/', { cache_name: 'shop', duration_seconds: 20, operations: 200 })
    expect(bench.json.result.parts[0].ops.get.count).toBeGreaterThan(0)
    expect(shop.describe().namespaces.map(({ name }) => name)).not.toContain('millpond.probe')
  })

  it('marks deploys', async () => {
    expect((await post('events/markers/', { message: 'v812' })).status).toBe(201)
    expect((await get('events/markers/')).data[0]).toMatchObject({ kind: 'deploy', message: 'v812', actor: 'operator' })
  })
})

describe('operations', () => {
  it('are listed for one cache, page by page, however many the others have; a cursor is only valid for its own filter', async () => {
    const done: number[] = []
    for (const reason of ['rare 0', 'rare 1']) {
      done.push((await invalidate({ cache_name: 'deep', tags: ['rare'], reason })).status)
      done.push((await invalidate({ tags: ['often'] })).status)
    }
    const both = await invalidate({ cache_name: undefined, tags: ['both'], reason: 'both' })
    expect([...done, both.status], both.text).toEqual([200, 200, 200, 200, 200])
    const path = 'operations/?kind=invalidate&cache_name=deep&limit=2'
    const first = await get(path)
    const second = await get(`${path}&cursor=${first.next_cursor}`)
    const reasons = [...first.data, ...second.data].map(({ reason }: { reason: string }) => reason)
    expect(reasons.slice(0, 3)).toEqual(['both', 'rare 1', 'rare 0'])
    expect((await get('operations/?cache_name=de')).data).toEqual([])
    expect((await get('operations/?cache_name=%25')).data).toEqual([])
    const other = `operations/?kind=invalidate&cache_name=shop&cursor=${first.next_cursor}`
    expect((await opened.call('GET', other, { as: 'viewer' })).json.code).toBe('cursor_invalid')
  })
})
