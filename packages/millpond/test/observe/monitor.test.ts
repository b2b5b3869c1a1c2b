// The monitor's answers come from the caches at the moment of the question.
import { describe, expect, it } from 'vitest'
import {
  type CacheStats,
  createHistogram,
  createKeyStatistics,
  createMonitor,
  createRegistry,
} from '../../src/observe/index.ts'

function shop(hits: number): CacheStats {
  const latency = createHistogram().view()
  return {
    cache: 'shop',
    hits,
    misses: 1,
    stale: 0,
    loads: 1,
    loadErrors: 0,
    sets: 0,
    deletes: 0,
    hitRate: hits / (hits + 1),
    tiers: [],
    evictions: {},
    missesByCause: { cold: 1 },
    latency: { get: latency, set: latency, load: latency },
  }
}

describe('M2 monitor', () => {
  it('exports what is true now', () => {
    let hits = 1
    const monitor = createMonitor({ caches: () => [shop(hits)] })
    hits = 3
    expect(monitor.exportMetrics('prometheus')).toContain('millpond_hit_ratio{cache="shop",cache_ns="default"} 0.75\n')
    expect(JSON.parse(monitor.exportMetrics('json'))).toMatchObject({
      caches: [{ cache: 'shop', hits: 3 }],
      process: { residentBytes: expect.any(Number) },
    })
    expect(() => Reflect.apply(monitor.exportMetrics, undefined, ['xml'])).toThrowError(
      expect.objectContaining({ code: 'OPTION_INVALID' }),
    )
  })

  it('reports key statistics and memory by pattern', async () => {
    const keys = createKeyStatistics({ sampleEvery: 1 })
    for (const key of ['user:1', 'user:1', 'user:2', 'org:1']) keys.record(key, true)
    const entries = () => [
      { key: 'user:1', bytes: 10 },
      { key: 'org:1', bytes: 30 },
    ]
    const monitor = createMonitor({ caches: () => [], keys: { shop: keys }, entries })
    expect(monitor.keyStatistics({ hotKeys: 1 })).toEqual([
      {
        cache: 'shop',
        patterns: [
          { pattern: 'user:*', hits: 3, misses: 0, hitRate: 1 },
          { pattern: 'org:*', hits: 1, misses: 0, hitRate: 1 },
        ],
        hotKeys: [{ key: 'user:1', count: 2, error: 0 }],
      },
    ])
    expect(await monitor.analyzeMemoryUsage()).toMatchObject({
      entries: 2,
      bytes: 40,
      patterns: [{ pattern: 'org:*' }, { pattern: 'user:*' }],
    })
    expect(monitor.exportMetrics('prometheus')).toContain(
      'millpond_key_pattern_hits_total{cache="shop",pattern="user:*"} 3\n',
    )
  })

  it('walks memory in pieces, and lets others run between', async () => {
    let walked = 0
    const entries = function* () {
      for (; walked < 200_000; walked++) yield { key: `user:${walked}:profile`, bytes: 1 }
    }
    const monitor = createMonitor({ caches: () => [], entries })
    const usage = monitor.analyzeMemoryUsage()
    const seen: number[] = []
    while (walked < 200_000) {
      seen.push(walked)
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(seen.length).toBeGreaterThan(3)
    expect(await usage).toMatchObject({
      entries: 200_000,
      bytes: 200_000,
      patterns: [{ pattern: 'user:*:profile', share: 1 }],
    })
  })

  it('shares a registry and leaves it on close', () => {
    const registry = createRegistry()
    const monitor = createMonitor({ caches: () => [shop(1)], registry })
    expect(registry.gather().length).toBeGreaterThan(10)
    monitor.close()
    expect(registry.gather()).toEqual([])
  })
})
