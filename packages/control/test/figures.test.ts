// What a process reports of its cache: the same sums however they are come by, and at a price that does not grow with
// namespaces in which nothing happens.
import { type Cache, createCache, memory } from 'millpond'
import { sqlite } from 'millpond/tiers/sqlite'
import { afterEach, describe, expect, it } from 'vitest'
import { Figures } from '../src/agent/figures.ts'
import type { Fleet } from '../src/fleet/fleet.ts'
import { Collector } from '../src/metrics/collector.ts'
import { seriesOf } from '../src/metrics/series.ts'

const opened: Cache[] = []
afterEach(async () => {
  await Promise.all(opened.splice(0).map((cache) => cache.close()))
})
const open = (
  ...tiers: Parameters<typeof createCache>[0] extends { tiers?: infer T } | undefined
    ? T extends readonly (infer U)[]
      ? U[]
      : never
    : never
): Cache => {
  const cache = createCache({ name: 'shop', ...(tiers.length > 0 && { tiers }) })
  opened.push(cache)
  return cache
}

/** Without times: those of hits are a sample, drawn as far as somebody has looked. */
const counted = (counters: Readonly<Record<string, number>>) =>
  Object.fromEntries(Object.entries(counters).filter(([name]) => !/(?:\.(?:b\d+|ms|n)|_seconds)$/.test(name)))

describe('reports of a cache', () => {
  it('are the same after any number of turns as a first one', async () => {
    const cache = open(memory(), sqlite({ path: ':memory:' }))
    const kept = new Figures(cache, 0)
    for (let at = 0; at < 70; at++) cache.namespace(`n${at}`)
    for (let round = 0; round < 6; round++) {
      for (let at = 0; at < 70; at++) {
        if ((at + round) % 3 === 0) continue
        const space = cache.namespace(`n${at}`)
        await space.getOrSet(`k${round}`, () => round)
        await space.get(`k${round}`)
        if (at % 5 === 0) await space.delete('k0')
      }
      const [now, fresh] = [kept.report(), new Figures(cache, 0).report()]
      expect(counted(now.counters)).toEqual(counted(fresh.counters))
      expect(Object.keys(now.namespaces).sort()).toEqual(Object.keys(fresh.namespaces).sort())
      expect(Object.keys(now.namespaces)).toHaveLength(51)
      const total = Object.values(now.namespaces).reduce((sum, one) => sum + (one.counters.hits ?? 0), 0)
      expect(total).toBe(now.counters.hits)
      const held = Object.values(now.namespaces).reduce((sum, one) => sum + (one.gauges.entries ?? 0), 0)
      expect(held).toBe(now.gauges.entries)
    }
  })

  it('never fall when a namespace closes, and continue when it is reopened', async () => {
    const cache = open()
    const figures = new Figures(cache, 0)
    await cache.namespace('short').set('a', 1)
    for (let at = 0; at < 5; at++) await cache.namespace('short').get('a')
    expect(figures.report().counters.hits).toBe(5)
    await cache.namespace('short').close()
    expect(figures.report().counters.hits).toBe(5)
    await cache.namespace('short').set('a', 1)
    await cache.namespace('short').get('a')
    expect(figures.report().counters.hits).toBe(6)
  })

  it('count a reopened namespace once, even if too many have changed to read all of them', async () => {
    const cache = open()
    const figures = new Figures(cache, 0)
    for (let at = 0; at < 600; at++) await cache.namespace(`n${at}`).get('nothing')
    for (let at = 0; at < 9; at++) await cache.namespace('last').get('nothing')
    for (let turn = 0; turn < 3; turn++) figures.report()
    for (let at = 0; at < 600; at++) await cache.namespace(`n${at}`).get('nothing')
    // The turn of the first 500 is next, which it is not among.
    for (let turn = 0; turn < 3; turn++) figures.report()
    await cache.namespace('last').close()
    for (let at = 0; at < 600; at++) await cache.namespace(`n${at}`).get('nothing')
    for (let at = 0; at < 4; at++) await cache.namespace('last').get('nothing')
    const told = [figures.report(), figures.report(), figures.report()].map(({ counters }) => counters.misses ?? 0)
    expect(told.at(-1)).toBe(3 * 600 + 9 + 4)
    expect(told).toEqual([...told].sort((a, b) => a - b))
  })

  it('read only the 50 busiest of thousands of namespaces, the active ones, and a few more', async () => {
    const cache = open()
    for (let at = 0; at < 3000; at++) cache.namespace(`tenant${at}`)
    const figures = new Figures(cache, 0)
    for (let turn = 0; turn < 6; turn++) figures.report()
    const asked: number[] = []
    const { info } = cache
    cache.info = (options) => {
      const told = info.call(cache, options)
      asked.push(told.namespaces.length)
      return told
    }
    figures.report()
    for (let at = 0; at < 30; at++) await cache.namespace(`tenant${at * 90}`).get('nothing')
    const report = figures.report()
    expect(asked[0]).toBeLessThanOrEqual(50 + 20)
    expect(asked[1]).toBeLessThanOrEqual(50 + 20 + 30)
    expect(report.counters.misses).toBe(30)
    expect(Object.keys(report.namespaces)).toHaveLength(51)
    expect(report.namespaces.other?.counters.misses).toBe(0)
    // Too many at once are read in turns, and none is forgotten.
    for (let at = 0; at < 1200; at++) await cache.namespace(`tenant${at}`).get('nothing')
    const counted = [figures.report(), figures.report(), figures.report()].map(({ counters }) => counters.misses)
    expect(counted[0]).toBeLessThanOrEqual(30 + 550)
    expect(counted[2]).toBe(1230)
    expect(Math.max(...asked)).toBeLessThanOrEqual(50 + 20 + 500)
  })
})

describe('a process that repeats its report for a while', () => {
  it('is not taken for an idle one: its next step is longer', async () => {
    let report = { counters: { hits: 10 }, gauges: {}, namespaces: {} }
    const node = () => ({ id: 'web-1', boot: 'a', isLate: false, report })
    const collector = new Collector({
      names: ['shop'],
      see: async () => ({ nodes: [node()], unseen: undefined }),
    } as unknown as Fleet)
    await collector.look(1000)
    report = { counters: { hits: 30 }, gauges: {}, namespaces: {} }
    expect((await collector.look(2000)).get('shop')).toMatchObject({ seconds: 1, counters: { hits: 20 } })
    expect((await collector.look(3000)).size).toBe(0)
    report = { counters: { hits: 90 }, gauges: {}, namespaces: {} }
    expect((await collector.look(4000)).get('shop')).toMatchObject({ seconds: 2, counters: { hits: 60 } })
    expect(collector.recent('shop')).toHaveLength(2)
    expect(collector.recent('shop', 2)).toMatchObject([{ at: 4000 }])
    expect(collector.recent('shop', 3)).toHaveLength(2)
  })
})

describe('processes that are seen again', () => {
  const far = (hits: number, uptime_seconds = 5000) => ({
    id: 'web-2',
    boot: 'b',
    isLate: false,
    report: { counters: { hits, process_cpu_seconds: hits / 10 }, gauges: {}, namespaces: {}, uptime_seconds },
  })
  const looking = () => {
    const here = {
      id: 'web-1',
      boot: 'a',
      isLate: false,
      report: { counters: { hits: 0 }, gauges: {}, namespaces: {} },
    }
    let others: readonly object[] | undefined = []
    const collector = new Collector({
      names: ['shop'],
      see: async () => {
        here.report = { ...here.report, counters: { hits: here.report.counters.hits + 1 } }
        return { nodes: [here, ...(others ?? [])], unseen: others === undefined ? 'no answer' : undefined }
      },
    } as unknown as Fleet)
    let now = 0
    return async (seen: readonly object[] | undefined) => {
      others = seen
      now += 1000
      return (await collector.look(now)).get('shop')?.counters
    }
  }

  it('are not counted from their start again when the place where they meet did not answer for a while', async () => {
    const look = looking()
    await look([far(9000)])
    expect(await look([far(9010)])).toEqual({ hits: 11, process_cpu_seconds: 1 })
    expect(await look(undefined)).toEqual({ hits: 1 })
    expect(await look(undefined)).toEqual({ hits: 1 })
    expect(await look([far(9040)])).toEqual({ hits: 31, process_cpu_seconds: 3 })
    expect(await look([])).toEqual({ hits: 1 })
    expect(await look([far(9050)])).toEqual({ hits: 11, process_cpu_seconds: 1 })
  })

  it('are counted from zero only if they have just started', async () => {
    const look = looking()
    await look([])
    expect(await look([far(9000)])).toEqual({ hits: 1 })
    expect(await look([far(9010), { ...far(70, 2), boot: 'c' }])).toEqual({ hits: 81, process_cpu_seconds: 1 })
  })
})

describe('namespaces in the history', () => {
  it('are the ten busiest, by namespaces that are in both reports, whatever their names', async () => {
    const of = (counts: Record<string, [hits: number, misses: number]>) => ({
      counters: {},
      gauges: {},
      namespaces: Object.fromEntries(
        Object.entries(counts).map(([name, [hits, misses]]) => [name, { counters: { hits, misses }, gauges: {} }]),
      ),
    })
    const many = (hits: number) =>
      Object.fromEntries(Array.from({ length: 12 }, (_, at) => [`n${at}`, [hits * at, hits] as [number, number]]))
    let report = of({ ['__proto__']: [5, 5], folded: [7, 0], ...many(0) })
    const node = () => ({ id: 'web-1', boot: 'a', isLate: false, report })
    const collector = new Collector({
      names: ['shop'],
      see: async () => ({ nodes: [node()], unseen: undefined }),
    } as unknown as Fleet)
    await collector.look(1000)
    report = of({ ['__proto__']: [305, 105], ...many(0) })
    await collector.look(2000)
    report = of({ ['__proto__']: [305, 105], folded: [9000, 0], ...many(10) })
    await collector.look(3000)
    const points = collector.recent('shop')
    const series = seriesOf(points).filter(({ name }) => name === 'namespace_hit_ratio')
    const ratios = new Map(series.map(({ labels, v }) => [labels.namespace, v]))
    expect(ratios.get('__proto__')).toEqual([0.75, null])
    expect(ratios.get('n11')).toEqual([null, 0.916667])
    expect([ratios.size, ratios.has('folded'), ratios.has('n1')]).toEqual([10, false, false])
  })
})
