// The Prometheus text, judged by promtool and by a reader of our own.
import { spawnSync } from 'node:child_process'
import { createCache } from 'millpond'
import { describe, expect, it } from 'vitest'
import { CAUSE_OF_REASON, MISS_CAUSES } from '../../src/core/causes.ts'
import type { TierMember } from '../../src/core/contracts.ts'
import {
  type CacheStats,
  cacheCollector,
  createHistogram,
  createKeyStatistics,
  createRegistry,
  guardCollector,
  hitRate,
  jobCollector,
  keyCollector,
  METRICS,
  type MetricDefinition,
  metricsFor,
  OPENMETRICS_CONTENT_TYPE,
  openMetricsText,
  processCollector,
  prometheusText,
  type Registry,
} from '../../src/observe/index.ts'
import { simulatedServer } from '../../src/testing/simulator-server.ts'
import { distributed } from '../../src/tiers/distributed/index.ts'
import fc from '../properties.ts'
import { isHere, promtool, remedy } from '../services/program.ts'

const REASONS = Object.keys(CAUSE_OF_REASON)

function latency(...values: number[]) {
  const histogram = createHistogram()
  for (const value of values) histogram.record(value)
  return histogram.view({ buckets: true })
}

const moved = { movedIn: 6, movedOut: 7 }
const node: TierMember = {
  name: 'a',
  weight: 1,
  state: 'away',
  reads: 9,
  failures: 2,
  repaired: 3,
  hints: 4,
  handedOver: 8,
  hintsDropped: 5,
  ...moved,
}
const stats: CacheStats = {
  cache: 'shop',
  hits: 90,
  misses: 10,
  stale: 3,
  loads: 10,
  loadErrors: 1,
  sets: 4,
  deletes: 2,
  hitRate: hitRate(90, 10),
  compression: { compressed: 5, left: 2, bytesIn: 5000, bytesOut: 1000, compressMs: 250, inflateMs: 125 },
  queues: [{ collection: 'deal', depth: 3, lagMs: 1500, stored: 8, failed: 2, dead: 1, journalBytes: 4096 }],
  tiers: [
    {
      name: 'memory',
      hits: 80,
      misses: 20,
      errors: 0,
      sets: 100,
      drops: 1,
      entries: 50,
      bytes: 4096,
      maxBytes: 8192,
      breaker: 'closed',
      latency: latency(),
    },
    {
      name: 'redis',
      hits: 10,
      misses: 10,
      errors: 2,
      sets: 14,
      drops: 1,
      readBytes: 640,
      writtenBytes: 1400,
      missesByCause: { expired_ttl: 2, invalidated_tag: 1 },
      rejected: { tampered: 1, unknown_key: 2 },
      encryption: { id: 'k1', since: 1_700_000_000_000 },
      members: [node],
      breaker: 'half-open',
      latency: latency(0.5, 2, 300),
    },
  ],
  evictions: { capacity_limit: 7, ttl_expired: 1 },
  missesByCause: { cold: 8, expired_ttl: 2 },
  invalidationsByReason: { tag_based: 1 },
  youngEvictions: 2,
  ledger: { isUp: false, pending: 3, gaps: 1, epochs: 0, regions: [{ region: 'eu', lagMs: 1500, isHeard: false }] },
  latency: { get: latency(0.1, 0.2), set: latency(1), load: latency(20, 40, 900) },
}

function full(): Registry {
  const registry = createRegistry()
  const keys = createKeyStatistics({ sampleEvery: 1 })
  keys.record('user:1', true)
  keys.record('we"ird\\\n:1', false)
  registry.collect(cacheCollector(() => [stats, { ...stats, cache: 'we"ird \\ \n {cache="x"} \ud800 é' }]))
  registry.collect(processCollector())
  registry.collect(keyCollector('shop', keys))
  registry.collect(
    jobCollector('shop', () => [{ job: 'nightly', running: 1, done: 4, retried: 3, failed: 2, late: 1, lost: 0 }]),
  )
  const figures = { calls: 9, failed: 2, slow: 1, retried: 1, hedged: 1, refusedOpen: 3, refusedBusy: 1, opened: 1 }
  const guard = {
    guard: 'crm',
    state: 'open' as const,
    running: 1,
    waiting: 2,
    errorRate: 0.5,
    slowRate: 0,
    ...figures,
  }
  registry.collect(guardCollector('shop', () => [guard]))
  return registry
}

describe('M3 Prometheus text', () => {
  it.skipIf(!isHere('promtool'))(`promtool accepts it${isHere('promtool') ? '' : `: ${remedy('promtool')}`}`, () => {
    const { path, env } = promtool()
    const { status, stdout, stderr } = spawnSync(path, ['check', 'metrics'], {
      env,
      input: prometheusText(full()),
      encoding: 'utf8',
    })
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' })
  })

  it('says what the caches say', () => {
    const lines = prometheusText(full()).split('\n')
    for (const line of [
      '# TYPE millpond_hits_total counter',
      'millpond_hits_total{cache="shop",cache_ns="default",tier="memory"} 80',
      'millpond_tier_read_bytes_total{cache="shop",tier="redis"} 640',
      'millpond_tier_written_bytes_total{cache="shop",tier="redis"} 1400',
      ...MISS_CAUSES.map((cause) => {
        const count = { cold: 8, expired_ttl: 2 }[cause as string] ?? 0
        return `millpond_miss_causes_total{cache="shop",cache_ns="default",cause="${cause}"} ${count}`
      }),
      'millpond_misses_total{cache="shop",cache_ns="default",tier="redis"} 10',
      'millpond_miss_causes_total{cache="shop",cache_ns="default",cause="cold"} 8',
      'millpond_evictions_total{cache="shop",cache_ns="default",cause="capacity_limit"} 7',
      'millpond_hit_ratio{cache="shop",cache_ns="default"} 0.9',
      'millpond_used_bytes{cache="shop",cache_ns="default",tier="memory"} 4096',
      'millpond_limit_bytes{cache="shop",tier="memory"} 8192',
      'millpond_ledger_up{cache="shop",cache_ns="default"} 0',
      'millpond_ledger_pending{cache="shop",cache_ns="default"} 3',
      'millpond_operation_duration_seconds_count{cache="shop",cache_ns="default",op="load"} 3',
      'millpond_young_evictions_total{cache="shop",cache_ns="default"} 2',
      'millpond_breaker_state{cache="shop",tier="redis",state="half-open"} 1',
      'millpond_breaker_state{cache="shop",tier="redis",state="closed"} 0',
      '# TYPE millpond_tier_duration_seconds histogram',
      'millpond_tier_duration_seconds_bucket{cache="shop",tier="redis",le="0.001"} 1',
      'millpond_tier_duration_seconds_bucket{cache="shop",tier="redis",le="0.256"} 2',
      'millpond_tier_duration_seconds_bucket{cache="shop",tier="redis",le="+Inf"} 3',
      'millpond_tier_duration_seconds_count{cache="shop",tier="redis"} 3',
      'millpond_guard_state{cache="shop",guard="crm",state="open"} 1',
      'millpond_guard_calls_total{cache="shop",guard="crm",outcome="refused_open"} 3',
      'millpond_key_pattern_hits_total{cache="shop",pattern="user:*"} 1',
      'millpond_region_heard{cache="shop",region="eu"} 0',
      'millpond_region_lag_seconds{cache="shop",region="eu"} 1.5',
      'millpond_ring_node_state{cache="shop",tier="redis",ring_node="a",state="away"} 1',
      'millpond_ring_node_state{cache="shop",tier="redis",ring_node="a",state="up"} 0',
      'millpond_ring_reads_total{cache="shop",tier="redis",ring_node="a"} 9',
      'millpond_ring_failures_total{cache="shop",tier="redis",ring_node="a"} 2',
      'millpond_ring_repaired_total{cache="shop",tier="redis",ring_node="a"} 3',
      'millpond_ring_hints{cache="shop",tier="redis",ring_node="a"} 4',
      'millpond_ring_hints_delivered_total{cache="shop",tier="redis",ring_node="a"} 8',
      'millpond_ring_hints_dropped_total{cache="shop",tier="redis",ring_node="a"} 5',
      'millpond_ring_moved_total{cache="shop",tier="redis",ring_node="a",direction="in"} 6',
      'millpond_ring_moved_total{cache="shop",tier="redis",ring_node="a",direction="out"} 7',
    ]) {
      expect(lines).toContain(line)
    }
  })

  it('every metric of the list is given by some collector', () => {
    const given = new Set(
      full()
        .gather()
        .map(({ definition }) => definition.name),
    )
    const missing = Object.values(METRICS).filter(({ name }) => !given.has(name))
    expect(missing).toEqual([METRICS.droppedSeries])
  })

  it('takes a cache as it is', async () => {
    const cache = createCache({ name: 'whole' })
    const registry = createRegistry()
    registry.collect(cacheCollector(cache))
    await cache.namespace('basket').get('k')
    expect(prometheusText(registry)).toContain(
      'millpond_miss_causes_total{cache="whole",cache_ns="basket",cause="cold"} 1',
    )
    await cache.close()
  })

  it('tells 100 nodes of a ring apart, sums up the others, and counts those', () => {
    const registry = createRegistry()
    const members = Array.from(
      { length: 103 },
      (_, n): TierMember => ({ ...node, name: `n${n}`, state: n === 102 ? 'up' : 'away' }),
    )
    const [tier] = stats.tiers
    registry.collect(
      cacheCollector(() => (tier === undefined ? [] : [{ ...stats, tiers: [{ ...tier, name: 'ring', members }] }])),
    )
    const lines = prometheusText(registry).split('\n')
    for (const line of [
      'millpond_ring_reads_total{cache="shop",tier="ring",ring_node="n99"} 9',
      'millpond_ring_reads_total{cache="shop",tier="ring",ring_node="other"} 27',
      'millpond_ring_node_state{cache="shop",tier="ring",ring_node="other",state="away"} 2',
      'millpond_label_overflow_total{label="ring_node"} 3',
    ])
      expect(lines).toContain(line)
    expect(lines.filter((line) => line.startsWith('millpond_ring_reads_total'))).toHaveLength(101)
  })

  it('takes a ring as it is, whichever namespaces there are', async () => {
    const nodes = ['a', 'b', 'c'].map((name) => ({ name, tier: simulatedServer().connect() }))
    const cache = createCache({ name: 'ring', tiers: [distributed({ nodes, ledger: simulatedServer().connect() })] })
    const registry = createRegistry()
    registry.collect(cacheCollector(cache))
    await Promise.all([cache.get('k'), cache.namespace('more').get('k')])
    const asked = prometheusText(registry).match(
      /(?<=millpond_ring_reads_total\{cache="ring",tier="distributed",ring_node="[abc]"\} )\d+/g,
    )
    expect(asked).toHaveLength(3)
    // Two keys, each of both of its nodes, and of none twice.
    expect(asked?.reduce((sum, count) => sum + Number(count), 0)).toBe(4)
    expect(cache.info().namespaces[0]?.tiers[0]?.members?.map(({ name, state }) => `${name} ${state}`)).toEqual([
      'a up',
      'b up',
      'c up',
    ])
    await cache.close()
  })

  it('tells 50 namespaces of a cache apart, sums up the others, and counts those', () => {
    const registry = createRegistry()
    const all = Array.from({ length: 75 }, (_, i) => ({
      ...stats,
      namespace: `n${i}`,
      ledger: { isUp: i !== 60, pending: 1, gaps: 0, epochs: 0 },
    }))
    registry.collect(cacheCollector(() => [...all, { ...stats, cache: 'other cache' }]))
    const lines = prometheusText(registry).split('\n')
    for (const line of [
      'millpond_hits_total{cache="shop",cache_ns="n49",tier="memory"} 80',
      `millpond_hits_total{cache="shop",cache_ns="other",tier="memory"} ${25 * 80}`,
      `millpond_used_bytes{cache="shop",cache_ns="other",tier="memory"} ${25 * 4096}`,
      'millpond_hit_ratio{cache="shop",cache_ns="other"} 0.9',
      'millpond_ledger_up{cache="shop",cache_ns="other"} 0',
      'millpond_ledger_pending{cache="shop",cache_ns="other"} 25',
      `millpond_miss_causes_total{cache="shop",cache_ns="other",cause="expired_ttl"} ${25 * 2}`,
      `millpond_operation_duration_seconds_bucket{cache="shop",cache_ns="other",op="load",le="0.064"} ${25 * 2}`,
      `millpond_operation_duration_seconds_sum{cache="shop",cache_ns="other",op="load"} ${25 * 0.96}`,
      'millpond_hits_total{cache="other cache",cache_ns="default",tier="memory"} 80',
      'millpond_label_overflow_total{label="cache_ns"} 25',
    ]) {
      expect(lines).toContain(line)
    }
    expect(lines.some((line) => line.includes('"n50"'))).toBe(false)
  })

  it('stays under 9,300 series for 100,000 namespaces that count all there is', () => {
    const registry = createRegistry()
    const every = Object.fromEntries(MISS_CAUSES.map((cause) => [cause, 1]))
    const busy = { ...stats, missesByCause: every, evictions: Object.fromEntries(REASONS.map((reason) => [reason, 1])) }
    registry.collect(
      cacheCollector(() => Array.from({ length: 100_000 }, (_, i) => ({ ...busy, namespace: `tenant ${i}` }))),
    )
    const series = prometheusText(registry)
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
    expect(series.length).toBeLessThan(9300)
    expect(series.some((line) => line.startsWith('millpond_dropped_series'))).toBe(false)
  })

  it('one tier serves all namespaces: its errors, breaker and durations are told once', () => {
    const registry = createRegistry()
    registry.collect(cacheCollector(() => ['a', 'b'].map((namespace) => ({ ...stats, namespace }))))
    const lines = prometheusText(registry).split('\n')
    for (const start of ['millpond_tier_errors_total', 'millpond_tier_duration_seconds_count', 'millpond_limit_bytes'])
      expect(
        lines.filter((line) => line.startsWith(`${start}{`) && line.includes('tier="redis"')).length,
      ).toBeLessThanOrEqual(1)
  })

  it('any label value comes back as it was, cut at 200 characters', () => {
    const definition: MetricDefinition<'cache'> = { name: 'x', kind: 'gauge', help: 'h', labels: ['cache'] }
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 190 }), fc.string({ unit: 'binary' }), (cache, help) => {
        const registry = createRegistry()
        registry.number({ ...definition, help }, { cache }).value = 1
        const lines = prometheusText(registry).split('\n')
        expect(lines).toHaveLength(4)
        expect(lines[2]?.endsWith('} 1')).toBe(true)
        const quoted = lines[2]?.slice('x{cache="'.length, -'"} 1'.length) ?? ''
        expect(quoted.replace(/\\(.)/g, (_, char: string) => (char === 'n' ? '\n' : char))).toBe(cache.toWellFormed())
      }),
    )
  })

  it('long label values are cut and stay apart: one series twice would fail the whole scrape', () => {
    const definition: MetricDefinition<'cache'> = { name: 'x', kind: 'gauge', help: 'h', labels: ['cache'] }
    const registry = createRegistry()
    for (const end of ['a', 'b', 'b', '\ud800', '\ud801'])
      registry.number(definition, { cache: `${'x'.repeat(1_000_000)}${end}` }).value = 1
    for (const cache of ['\ud800', '\ud801']) registry.number(definition, { cache }).value = 1
    const series = prometheusText(registry).split('\n').slice(2, -1)
    expect(new Set(series).size).toBe(series.length)
    expect(series.length).toBeGreaterThanOrEqual(4)
    expect(series.join().length).toBeLessThan(1500)
  })

  it('writes special numbers as Prometheus reads them', () => {
    const definition: MetricDefinition<'n'> = { name: 'x', kind: 'gauge', help: 'h', labels: ['n'] }
    const registry = createRegistry()
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e-7, 1e21]) {
      registry.number(definition, { n: String(value) }).value = value
    }
    expect(prometheusText(registry)).toContain(
      'x{n="NaN"} NaN\nx{n="Infinity"} +Inf\nx{n="-Infinity"} -Inf\nx{n="1e-7"} 1e-7\nx{n="1e+21"} 1e+21\n',
    )
  })
})

describe('M3 registry', () => {
  const counter: MetricDefinition<'k'> = { name: 'c_total', kind: 'counter', help: 'h', labels: ['k'] }

  it('gives the same number for the same labels, in whatever order', () => {
    const registry = createRegistry()
    const two: MetricDefinition<'a' | 'b'> = { name: 'g', kind: 'gauge', help: 'h', labels: ['a', 'b'] }
    registry.number(two, { a: '1', b: '2' }).value = 5
    registry.number(two, { b: '2', a: '1' }).value += 1
    expect(registry.gather()).toEqual([{ definition: two, samples: [{ labels: { a: '1', b: '2' }, value: 6 }] }])
  })

  it('tells series apart whose values are the same in a row', () => {
    const registry = createRegistry()
    const pairs = [
      ['a', 'bc'],
      ['ab', 'c'],
      ['abc', ''],
      ['', 'abc'],
      ['1:a', ''],
      ['1', ':a'],
      ['', '1:a'],
      ['a,1', 'b'],
    ]
    for (const [k = '', l = ''] of pairs) registry.number({ ...counter, labels: ['k', 'l'] }, { k, l }).value++
    expect(registry.gather()[0]?.samples.map(({ labels, value }) => [labels.k, labels.l, value])).toEqual(
      pairs.map((pair) => [...pair, 1]),
    )
  })

  it('limits the series of a metric and says how many it left out', () => {
    const registry = createRegistry({ maxSeries: 3 })
    registry.collect((emit) => {
      for (let i = 0; i < 10; i++) emit(counter, { k: `${i}` }, i)
    })
    for (let i = 0; i < 5; i++) registry.number({ ...counter, name: 'd_total' }, { k: `${i}` }).value++
    const families = registry.gather()
    expect(families.map(({ definition, samples }) => [definition.name, samples.length])).toEqual([
      ['c_total', 3],
      ['d_total', 3],
      ['millpond_dropped_series', 2],
    ])
    expect(prometheusText(registry)).toContain('millpond_dropped_series{metric="c_total"} 7\n')
  })

  it('a collector that throws is told, and the rest is given', () => {
    const errors: unknown[] = []
    const registry = createRegistry({ onError: (error) => errors.push(error) })
    registry.collect(() => {
      throw new Error('down')
    })
    const stop = registry.collect((emit) => emit(counter, { k: 'a' }, 1))
    expect(registry.gather()).toHaveLength(1)
    expect(errors).toEqual([new Error('down')])
    stop()
    expect(registry.gather()).toHaveLength(0)
  })

  it.each([
    ['a name with a hyphen', { ...counter, name: 'a-b_total' }, { k: 'a' }],
    ['a counter without _total', { ...counter, name: 'a' }, { k: 'a' }],
    ['a gauge with _total', { ...counter, kind: 'gauge' }, { k: 'a' }],
    ['a reserved label', { ...counter, labels: ['le'] }, { le: 'a' }],
    ['a missing label', counter, {}],
    ['a label too many', counter, { k: 'a', b: 'b' }],
    ['a label that is a number', counter, { k: 1 }],
    ['a number of a histogram', { ...counter, name: 'h', kind: 'histogram' }, { k: 'a' }],
  ])('refuses %s', (_, definition, labels) => {
    const registry = createRegistry()
    expect(() => Reflect.apply(registry.number, registry, [definition, labels])).toThrowError(
      expect.objectContaining({ code: 'OPTION_INVALID' }),
    )
  })

  it('refuses one name for two kinds', () => {
    const registry = createRegistry()
    registry.collect((emit) => {
      emit({ ...counter, name: 'x', kind: 'gauge' }, { k: 'a' }, 1)
      emit({ ...counter, name: 'x', kind: 'histogram' }, { k: 'a' }, latency(1))
    })
    expect(() => registry.gather()).toThrowError(expect.objectContaining({ code: 'OPTION_INVALID' }))
  })

  it('holds histograms of its own', () => {
    const registry = createRegistry()
    registry.histogram(METRICS.operation, { cache: 'a', cache_ns: 'default', op: 'get' }).record(3)
    expect(prometheusText(registry)).toContain(
      'millpond_operation_duration_seconds_bucket{cache="a",cache_ns="default",op="get",le="0.004"} 1\n',
    )
  })
})

describe('OpenMetrics', () => {
  it('names families of counters without _total, and has an end', () => {
    const text = openMetricsText(full())
    expect(text).toContain('# TYPE millpond_hits counter\n')
    expect(text).toContain('\nmillpond_hits_total{cache="shop"')
    expect(text.endsWith('\n# EOF\n')).toBe(true)
    expect(text.match(/# EOF/g)).toHaveLength(1)
    for (const [, name = '', kind = ''] of text.matchAll(/^# TYPE (\S+) (\w+)$/gm)) {
      expect(kind === 'counter' && name.endsWith('_total'), name).toBe(false)
      const suffix = { counter: '_total', gauge: '', histogram: '_bucket' }[kind]
      expect(text, name).toMatch(new RegExp(`^${name}${suffix}[ {]`, 'm'))
    }
    // What the process uses is another moment's.
    const samples = (of: string): string => of.replace(/^(?:#|millpond_process_).*\n/gm, '')
    expect(samples(text)).toBe(samples(prometheusText(full())))
  })

  it.each([
    [
      'application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2',
      true,
    ],
    ['application/openmetrics-text; version="1.0.0"', true],
    ['text/plain;version=0.0.4;q=0.5,application/openmetrics-text;q=0.4', false],
    ['application/openmetrics-text;version=2.0.0', false],
    ['application/openmetrics-text;q=0', false],
    ['application/openmetrics-text;q=none', false],
    ['text/html,*/*', false],
    ['', false],
    [undefined, false],
  ])('for Accept: %s is %s', (accept, isOpen) => {
    expect(metricsFor(accept, full()).contentType === OPENMETRICS_CONTENT_TYPE).toBe(isOpen)
  })
})
