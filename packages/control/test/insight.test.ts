// Sizing and advice over the API: what a watched cache says, who may see what, and a change that is carried out and
// taken back.
import { type Cache, createCache, memory } from 'millpond'
import { createInsight, type Insight } from 'millpond/insight'
import { fakeClock } from 'millpond/testing'
import { sqlite } from 'millpond/tiers/sqlite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { until } from '../../millpond/test/services/index.ts'
import { agreedOn, type NodeAnswer } from '../src/operations/advice.ts'
import { type Opened, open } from './setup.ts'

let shop: Cache
let dark: Cache
let insight: Insight
let opened: Opened

beforeAll(async () => {
  shop = createCache({ name: 'shop', tiers: [memory({ maxEntries: 100, policy: 'lru', pressure: false })] })
  dark = createCache({ name: 'dark' })
  insight = createInsight({ caches: [shop] })
  const mine = shop.namespace('mine')
  // A loop over more keys than there is room for, each read twice.
  for (let read = 0; read < 6000; read++) {
    const key = `user:${read % 150}`
    if (mine.peek(key) === undefined) {
      await mine.get(key)
      await mine.set(key, read)
    }
    mine.peek(key)
    if (read % 1000 === 0) insight.sizing('shop')
  }
  opened = await open(':memory:', { caches: [shop, dark], insight })
  await opened.plane.start()
})
afterAll(async () => {
  await opened.close()
  insight.close()
  await Promise.all([shop.close(), dark.close()])
})

const post = (path: string, body: object, as: 'viewer' | 'operator' | 'editor' | 'limited' = 'viewer') =>
  opened.call('POST', path, { as, body })

describe('sizing/', () => {
  it('reports by process what other sizes, policies and TTLs would bring', async () => {
    const { status, json } = await opened.call('GET', 'sizing/?cache_name=shop&days=3', { as: 'viewer' })
    expect(status).toBe(200)
    const [{ said, error }] = json.nodes
    expect(error).toBeNull()
    expect(said).toMatchObject({
      capacity: { unit: 'entries', amount: 100 },
      policy: 'lru',
      evidence: { is_enough: true, reads: 12_000 },
    })
    expect(said.sizes.find(({ factor }: { factor: number }) => factor === 2).hit_ratio.value).toBeGreaterThan(0.6)
    expect(said.ttls.at(-1).factor).toBeNull()
  })

  it('says how to switch it on if it is not running, and refuses invalid days', async () => {
    const { status, json } = await opened.call('GET', 'sizing/?cache_name=dark', { as: 'viewer' })
    expect({ status, json }).toEqual({
      status: 200,
      json: {
        cache_name: 'dark',
        why: 'insight is not running in any process of dark: use createInsight({ caches }) there, and give its result to createControl({ caches, insight }), or attach(cache, { insight }) in another process',
        nodes: [{ node: expect.any(String), error: 'insight is not running there', said: null }],
      },
    })
    expect((await opened.call('GET', 'sizing/?cache_name=shop', { as: 'viewer' })).json.why).toBeNull()
    expect((await opened.call('GET', 'sizing/?cache_name=shop&days=31', { as: 'viewer' })).status).toBe(422)
  })
})

describe('sizing/what_if/', () => {
  it('answers one question with its interval, by process and together', async () => {
    const ask = (what: string) => opened.call('GET', `sizing/what_if/?cache_name=shop&${what}`, { as: 'viewer' })
    const { status, json } = await ask('size=2')
    expect(status).toBe(200)
    const [node] = json.nodes
    expect(node).toMatchObject({
      error: null,
      why: null,
      size: { unit: 'entries', amount: 200 },
      evidence: { is_enough: true },
    })
    expect(node.hit_ratio_change.low).toBeGreaterThan(0.1)
    expect(node.misses_per_second.value).toBeLessThan(0)
    expect(json.together.hit_ratio_change.value).toBeCloseTo(node.hit_ratio_change.value, 9)
    expect((await ask('ttl=forever')).json.nodes[0]).toMatchObject({ hit_ratio_change: expect.anything(), size: null })
    expect((await ask('more_bytes=1024')).json).toMatchObject({
      together: null,
      nodes: [{ why: expect.stringContaining('entries limit this memory') }],
    })
    for (const wrong of ['', 'size=2&policy=lru', 'size=-1', 'policy=mru', 'ttl=0'])
      expect((await ask(wrong)).status).toBe(422)
    expect((await opened.call('GET', 'sizing/what_if/?cache_name=dark&size=2', { as: 'viewer' })).json).toMatchObject({
      why: expect.stringContaining('createInsight({ caches })'),
      together: null,
      nodes: [{ error: 'insight is not running there', evidence: null }],
    })
  })
})

describe('optimizations/analyze/', () => {
  it('reports all caches, and for an unwatched one the reason', async () => {
    const { status, json } = await post('optimizations/analyze/', {})
    expect(status).toBe(200)
    const [of, about] = [json.caches.find(byName('dark')), json.caches.find(byName('shop'))]
    expect(of.error).toContain('insight is not running in any process of dark')
    expect(about.recommendations[0]).toMatchObject({
      nodes: 1,
      of_nodes: 1,
      change: expect.anything(),
      undo: expect.anything(),
    })
    expect(about.nodes[0].said.bottlenecks[0].kind).toBe('capacity')
    expect(about.nodes[0].said.hot_keys[0].keys.length).toBeGreaterThan(0)
    expect((await post('optimizations/analyze/', { cache_name: 'dark' })).json.caches).toEqual([of])
    const { recommendations, left_out } = (
      await post('optimizations/analyze/', { cache_name: 'shop', min_impact_score: 99 })
    ).json.caches[0]
    expect(recommendations).toEqual(about.recommendations.filter(({ impact }: { impact: number }) => impact >= 99))
    expect(left_out).toBe(about.recommendations.length - recommendations.length)
    expect(about.left_out).toBe(0)
  })

  it('shows a caller limited to namespaces only their patterns, and no keys', async () => {
    const { json } = await post('optimizations/analyze/', { cache_name: 'shop' }, 'limited')
    const { said } = json.caches[0].nodes[0]
    expect(said.hot_keys).toEqual([])
    expect(said.patterns.map(({ namespace }: { namespace: string }) => namespace)).toEqual(['mine'])
  })
})

describe('optimizations/apply/', () => {
  it('changes memory in every process, and rolls it back, both as operations', async () => {
    const body = {
      cache_name: 'shop',
      change: { max_entries: 200, policy: 'adaptive' },
      reason: 'recommendation size:2',
    }
    expect((await post('optimizations/apply/', body, 'operator')).status).toBe(403)
    const { json } = await post('optimizations/apply/', body, 'editor')
    expect(json).toMatchObject({ state: 'completed', kind: 'optimize', reason: 'recommendation size:2' })
    expect(shop.info().memory).toMatchObject({ maxEntries: 200, policy: 'adaptive' })
    await post('optimizations/apply/', { cache_name: 'shop', change: { max_entries: 100, policy: 'lru' } }, 'editor')
    expect(shop.info().memory).toMatchObject({ maxEntries: 100, policy: 'lru' })
  })

  it('rolls back an operation by its id, only for whom may change the whole cache, and nothing that was set since', async () => {
    const back = (id: string, as: 'viewer' | 'operator' | 'editor' | 'limited' = 'editor', body = {}) =>
      post(`optimizations/${id}/roll_back/`, body, as)
    const apply = async (change: object) =>
      (await post('optimizations/apply/', { cache_name: 'shop', change }, 'editor')).json
    const bigger = await apply({ max_entries: 200, policy: 'adaptive' })
    // Whether there is such an operation is not told to whom may not do it.
    for (const id of [bigger.id, 'op_none']) expect((await back(id, 'operator')).status).toBe(403)
    expect((await back('op_none')).status).toBe(404)
    expect((await back(bigger.id, 'limited')).status).toBe(404)
    expect((await back(bigger.id, 'editor', { change: {} })).status).toBe(422)
    const other = (await post('invalidations/invalidate_keys/', { cache_name: 'shop', keys: ['x'] }, 'operator')).json
    expect((await back(other.id)).status).toBe(404)
    const same = await apply({ max_entries: 200 })
    expect((await back(same.id)).json).toMatchObject({ status: 409, code: 'nothing_known' })
    const { status, json } = await back(bigger.id)
    expect({ status, code: json.code }).toEqual({ status: 409, code: 'changed_since' })
    expect(json.detail).toContain('editor changed shop again at')
    const smaller = await apply({ max_entries: 150 })
    expect((await back(smaller.id, 'editor', { reason: 'slower' })).json).toMatchObject({
      state: 'completed',
      kind: 'optimize',
      reason: 'slower',
      request: { cache_name: 'shop', change: { max_entries: 200 } },
    })
    expect(shop.info().memory).toMatchObject({ maxEntries: 200, policy: 'adaptive' })
    expect((await back(smaller.id)).json.code).toBe('changed_since')
    await apply({ max_entries: 100, policy: 'lru' })
  })

  it('refuses an empty change, other settings, and a caller limited to a part of the cache', async () => {
    expect((await post('optimizations/apply/', { cache_name: 'shop', change: {} }, 'editor')).status).toBe(422)
    expect((await post('optimizations/apply/', { cache_name: 'shop', change: { ttl: 5 } }, 'editor')).status).toBe(422)
    expect(
      (await post('optimizations/apply/', { cache_name: 'shop', change: { max_entries: 5 } }, 'limited')).status,
    ).toBe(403)
  })
})

describe('recommendations of several processes', () => {
  type Analysis = Parameters<typeof agreedOn>[0][number]['said']
  const says = (reads: number, ids: readonly string[], isEnough = true): NodeAnswer<NonNullable<Analysis>> => ({
    node: `n${reads}`,
    error: null,
    said: {
      evidence: { reads, is_enough: isEnough },
      recommendations: ids.map((id) => ({ id, impact: 80, hit_ratio_change: { value: 0.1, low: 0.05, high: 0.15 } })),
    } as unknown as NonNullable<Analysis>,
  })

  it('are weighted by their reads: a process with enough data that does not agree counts against them', () => {
    expect(agreedOn([says(30_000, ['size:2']), says(10_000, [])])).toMatchObject([
      { id: 'size:2', impact: 60, nodes: 1, of_nodes: 2 },
    ])
    expect(agreedOn([says(30_000, ['size:2']), says(10_000, ['size:2']), says(90_000, [], false)])).toMatchObject([
      { id: 'size:2', impact: 80, nodes: 2, of_nodes: 2 },
    ])
    expect(agreedOn([{ node: 'late', error: 'late', said: null }])).toEqual([])
  })
})

const byName = (name: string) => (row: { readonly cache_name: string }) => row.cache_name === name

describe('optimizations/prediction/', () => {
  it('reports prediction quality, switches prefetching in every process and back, and says if nothing is predicted', async () => {
    const guessed = createCache({ name: 'guessed', tiers: [memory({ maxEntries: 100, pressure: false })] })
    const predicting = createInsight({ caches: [guessed], predictiveLoading: true })
    const keeping = { kept: 0, isKeeping: false }
    const insight: Insight = {
      ...predicting,
      prediction(name) {
        const told = predicting.prediction(name)
        return told && { ...told, ...keeping }
      },
    }
    const other = await open(':memory:', { caches: [guessed], insight })
    await other.plane.start()
    const ask = async () =>
      (await other.call('GET', 'optimizations/prediction/?cache_name=guessed', { as: 'viewer' })).json.nodes[0]
    const load = (load_ahead: unknown, as: 'viewer' | 'operator' | 'editor' = 'editor') =>
      other.call('POST', 'optimizations/prediction/', {
        as,
        body: { cache_name: 'guessed', load_ahead, reason: 'a slow source' },
      })
    expect(await ask()).toMatchObject({
      error: null,
      said: {
        state: 'open',
        accuracy: null,
        benefit: null,
        proposed: 0,
        kept: 0,
        is_keeping: false,
        model_fault: null,
      },
    })
    Object.assign(keeping, { kept: 7, isKeeping: true })
    expect(await ask()).toMatchObject({ said: { kept: 7, is_keeping: true } })
    expect((await load(false, 'operator')).status).toBe(403)
    expect((await load('no')).status).toBe(422)
    const { json } = await load(false)
    expect(json).toMatchObject({
      state: 'completed',
      kind: 'load_ahead',
      reason: 'a slow source',
      result: { nodes: [{ error: null, was_on: true }] },
    })
    expect(await ask()).toMatchObject({ said: { state: 'watching' } })
    expect((await load(true)).json.result.nodes).toMatchObject([{ was_on: false }])
    expect(await ask()).toMatchObject({ said: { state: 'open' } })
    expect((await other.call('GET', 'operations/?kind=load_ahead', { as: 'viewer' })).json.data).toHaveLength(2)
    await other.close()
    predicting.close()
    await guessed.close()
    // Watched, and nothing is predicted; not watched at all.
    for (const name of ['shop', 'dark'])
      expect(
        (await opened.call('GET', `optimizations/prediction/?cache_name=${name}`, { as: 'viewer' })).json,
      ).toMatchObject({
        why: expect.stringContaining('createInsight({ caches, usagePrediction: true }) or predictiveLoading'),
        nodes: [{ error: 'prediction is not running there', said: null }],
      })
    const { json: none } = await opened.call('POST', 'optimizations/prediction/', {
      as: 'editor',
      body: { cache_name: 'shop', load_ahead: true },
    })
    expect(none).toMatchObject({ state: 'failed', result: { nodes: [{ error: 'prediction is not running there' }] } })
  })
})

describe('optimizations/cost/', () => {
  const cost = (query: string, as: 'viewer' | 'limited' = 'viewer') =>
    opened.call('GET', `optimizations/cost/?${query}`, { as })

  it('reports the cost by process, at the given prices', async () => {
    const paid = createCache({
      name: 'paid',
      tiers: [memory({ maxEntries: 1000, pressure: false }), sqlite({ path: ':memory:' })],
    })
    const watching = createInsight({ caches: [paid] })
    for (let read = 0; read < 12_000; read++) {
      await paid.getOrSet(`user:${read % 150}`, () => read)
      if (read % 1000 === 0) watching.sizing('paid')
    }
    const other = await open(':memory:', { caches: [paid], insight: watching })
    await other.plane.start()
    const { status, json } = await other.call(
      'GET',
      'optimizations/cost/?cache_name=paid&memory_gb_month=4&million_loads=5',
      {
        as: 'viewer',
      },
    )
    expect({ status, detail: json.detail }).toEqual({ status: 200 })
    const [{ said }] = json.nodes
    expect(said).toMatchObject({
      evidence: { is_enough: true },
      tiers: [{ tier: 'memory', requests: 12_000, hits: 11_850 }, { tier: 'sqlite' }],
    })
    expect(said.avoided.seen).toBeCloseTo(11_850 * 5e-6, 9)
    expect(said.patterns).toMatchObject([{ pattern: 'user:*', requests: 12_000, beyond: 0 }])
    const priced = (tiers: string) =>
      other.call(
        'GET',
        `optimizations/cost/?cache_name=paid&memory_gb_month=4&million_loads=5&tiers=${encodeURIComponent(tiers)}`,
        {
          as: 'viewer',
        },
      )
    const below = await priced('sqlite.gb_month=2,sqlite.bytes=1000000000,sqlite.million_requests=3')
    const tier = below.json.nodes[0].said.tiers.find((one: { tier: string }) => one.tier === 'sqlite')
    // Two for a gigabyte that is there for a month, and what memory missed has asked it.
    expect(tier.stored.month).toBeCloseTo(2, 6)
    expect(tier).toMatchObject({ requests: 150, asked: { seen: expect.closeTo(150 * 3e-6, 9) } })
    for (const [query, detail] of [
      ['million_loads=5', '?memory_gb_month: it is missing'],
      ['memory_gb_month=&million_loads=5', '?memory_gb_month: Too small: expected number to be >0'],
      ['memory_gb_month=cheap&million_loads=5', '?memory_gb_month: "cheap" is not a number'],
    ])
      expect((await cost(`cache_name=shop&${query}`)).json, query).toMatchObject({ status: 422, detail })
    expect((await priced('redis.gb_month=2')).json.detail).toBe(
      'tiers: redis is not a tier below memory of paid: there are sqlite',
    )
    for (const wrong of [
      'sqlite.gb_month=0',
      'sqlite.gb_month=-1',
      'sqlite.price=1',
      'sqlite',
      'sqlite.gb_month=cheap',
      'memory.gb_month=1',
    ])
      expect((await priced(wrong)).status, wrong).toBe(422)
    await other.close()
    watching.close()
    await paid.close()
  })

  it('says that a load was not seen, how to switch it on if it is not running, and refuses invalid prices', async () => {
    const { json } = await cost('cache_name=shop&memory_gb_month=4&source_second=0.1')
    expect(json.nodes[0].said).toMatchObject({ load: null, tiers: [], evidence: { is_enough: false } })
    expect((await cost('cache_name=dark&memory_gb_month=4&million_loads=1')).json).toMatchObject({
      why: expect.stringContaining('insight is not running in any process of dark'),
      nodes: [{ said: null }],
    })
    for (const query of [
      '',
      'memory_gb_month=4',
      'memory_gb_month=0&million_loads=1',
      'memory_gb_month=-4&million_loads=1',
    ])
      expect((await cost(`cache_name=shop&${query}`)).status, query).toBe(422)
  })
})

describe('freshness/', () => {
  it('tells by process and together how many reads are stale, and whether that is what was aimed at', async () => {
    const clock = fakeClock()
    const kept = createCache({ name: 'kept', tiers: [memory({ pressure: false })], clock })
    let version = 0
    kept.source('user:', () => `version ${version}`)
    const watching = createInsight({ caches: [kept], clock, freshness: { every: '1s', objective: 0.05 } })
    const other = await open(':memory:', { caches: [kept], insight: watching })
    await other.plane.start()
    const ask = () => other.call('GET', 'freshness/?cache_name=kept', { as: 'viewer' })
    const nothing = { objective: 0.05, checked: 0, stale: 0, stale_ratio: null, state: 'unknown' }
    expect((await ask()).json).toEqual({
      cache_name: 'kept',
      why: null,
      together: nothing,
      nodes: [
        {
          node: expect.any(String),
          error: null,
          said: { ...nothing, counts: { fresh: 0, stale: 0, failed: 0, unsettled: 0, volatile: 0 } },
        },
      ],
    })
    await kept.refresh('user:1')
    for (let check = 0; check < 20; check++) {
      version++
      await kept.get('user:1')
      clock.advance(1000)
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
    }
    const { together, nodes } = (await ask()).json
    expect(together).toMatchObject({ checked: 20, stale: 20, state: 'missed', stale_ratio: { value: 1, high: 1 } })
    expect(nodes[0].said).toMatchObject({ ...together, counts: { stale: 20 } })
    // The report of each second carries what the alert is judged by.
    const { collector } = other.plane.control
    await until('the report', () => collector.snapshot('kept')?.nodes[0]?.report?.freshness?.checked === 20)
    await other.close()
    watching.close()
    await kept.close()
  })

  it('says how to switch it on where it is not running', async () => {
    for (const name of ['shop', 'dark'])
      expect((await opened.call('GET', `freshness/?cache_name=${name}`, { as: 'viewer' })).json).toMatchObject({
        why: expect.stringContaining('use createInsight({ caches, freshness: true }) there'),
        together: null,
      })
    expect((await opened.call('GET', 'freshness/?cache_name=none', { as: 'viewer' })).status).toBe(404)
  })
})
