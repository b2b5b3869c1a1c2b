// Key patterns, hot keys, and their bounds.
import { describe, expect, it } from 'vitest'
import { createKeyStatistics, FadingKeys, HotKeys, keyPattern, memoryByPattern } from '../../src/observe/index.ts'
import { fakeClock } from '../../src/testing/index.ts'
import fc from '../properties.ts'

describe('M2 key patterns', () => {
  it.each([
    ['user:123:profile', 'user:*:profile'],
    ['v1:user_perms:456:123', 'v1:user_perms:*:*'],
    ['v12:api_response:dashboard:456', 'v12:api_response:dashboard:*'],
    ['session:550e8400-e29b-41d4-a716-446655440000', 'session:*'],
    ['asset/9f86d081884c7d65/logo', 'asset/*/logo'],
    ['job:01ARZ3NDEKTSV4RRFFQ69G5FAV', 'job:*'],
    ['user:ann.b+c@example.co.uk:cart', 'user:*:cart'],
    ['report:2024-05-06:daily', 'report:*:daily'],
    ['app.user.17.name', 'app.user.*.name'],
    ['page12', 'page*'],
    ['["user",7]', '["user",*]'],
    ['["user","7"]', '["user","*"]'],
    ['/api/deals/7?days=30&type=overview', '/api/deals/*?days=*&type=overview'],
    ['settings', 'settings'],
    ['', ''],
    ['a::b', 'a::b'],
    ['decade:facade', 'decade:facade'],
  ])('%s -> %s', (key, pattern) => {
    expect(keyPattern(key)).toBe(pattern)
  })

  it('keys that differ in an id share their pattern', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), fc.uuid(), fc.uuid(), (a, b, c, d) => {
        expect(keyPattern(`user:${a}:${c}`)).toBe(keyPattern(`user:${b}:${d}`))
      }),
    )
  })

  it('a hostile key takes no time', () => {
    for (const key of [
      'a'.repeat(1_000_000),
      '@'.repeat(100_000),
      '-'.repeat(100_000),
      `${'a-'.repeat(50_000)}!`,
      '1a'.repeat(50_000),
    ]) {
      const before = process.cpuUsage()
      for (let i = 0; i < 100; i++) keyPattern(key)
      const { user, system } = process.cpuUsage(before)
      expect((user + system) / 1000).toBeLessThan(100)
      expect(keyPattern(key).length).toBeLessThan(300)
    }
  })
})

describe('M2 hot keys', () => {
  it('never counts too little, and says by how much too many at most', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 30 })), fc.integer({ min: 1, max: 8 }), (reads, capacity) => {
        const sketch = new HotKeys(capacity)
        const truth = new Map<string, number>()
        for (const read of reads) {
          const key = `k${read}`
          sketch.add(key)
          truth.set(key, (truth.get(key) ?? 0) + 1)
        }
        const top = sketch.top(capacity)
        expect(top.length).toBe(Math.min(capacity, truth.size))
        for (const { key, count, error } of top) {
          expect(count).toBeGreaterThanOrEqual(truth.get(key) ?? 0)
          expect(count - error).toBeLessThanOrEqual(truth.get(key) ?? 0)
          expect(error).toBeLessThanOrEqual(reads.length / capacity)
        }
        for (const [key, count] of truth) {
          if (count > reads.length / capacity) expect(top.map((hot) => hot.key)).toContain(key)
        }
        expect(top.map(({ count }) => count)).toEqual([...top.map(({ count }) => count)].sort((a, b) => b - a))
      }),
      { numRuns: 500 },
    )
  })
})

describe('M2 hot keys of late', () => {
  const HALF = 15 * 60_000

  it('a read counts half after 15 minutes, and is gone when nothing is left of it', () => {
    const clock = fakeClock()
    const keys = new FadingKeys(8, clock)
    keys.add('yesterday', 1000)
    clock.advance(HALF)
    keys.add('now', 600)
    expect(keys.top(8)).toEqual([
      { key: 'now', count: 600, error: 0 },
      { key: 'yesterday', count: 500, error: 0 },
    ])
    clock.advance(9 * HALF)
    expect(keys.top(8)).toEqual([
      { key: 'now', count: 1, error: 0 },
      { key: 'yesterday', count: 1, error: 0 },
    ])
    clock.advance(2 * HALF)
    expect(keys.top(8)).toEqual([])
    keys.clear()
    keys.add('now')
    expect(keys.top(8)).toEqual([{ key: 'now', count: 1, error: 0 }])
  })

  it('for months, and beside a wall clock that goes back', () => {
    const clock = fakeClock()
    const keys = new FadingKeys(2, clock)
    for (let quarter = 0; quarter < 10_000; quarter++) {
      keys.add('steady', 100)
      keys.add(`once ${quarter}`, 10)
      clock.advance(HALF)
    }
    // 50 + 25 + ...
    expect(keys.top(1)).toEqual([{ key: 'steady', count: 100, error: 0 }])
    clock.jump(-100 * HALF)
    keys.add('back', 300)
    const [first] = keys.top(1)
    expect(first?.key).toBe('back')
  })
})

describe('M2 key statistics', () => {
  it('tells the hottest keys of late, and counts patterns for ever', () => {
    const clock = fakeClock()
    const statistics = createKeyStatistics({ sampleEvery: 1, clock })
    for (let read = 0; read < 100; read++) statistics.record('user:1', true)
    clock.advance(2 * 60 * 60_000)
    for (let read = 0; read < 10; read++) statistics.record('user:2', true)
    expect(statistics.hotKeys()).toEqual([{ key: 'user:2', count: 10, error: 0 }])
    expect(statistics.patterns()).toEqual([{ pattern: 'user:*', hits: 110, misses: 0, hitRate: 1 }])
  })

  it('counts all when told to look at all', () => {
    const statistics = createKeyStatistics({ sampleEvery: 1, clock: fakeClock() })
    for (let i = 0; i < 10; i++) statistics.record(`user:${i}`, i < 7)
    statistics.record('org:1', false)
    expect(statistics.patterns()).toEqual([
      { pattern: 'user:*', hits: 7, misses: 3, hitRate: 0.7 },
      { pattern: 'org:*', hits: 0, misses: 1, hitRate: 0 },
    ])
    expect(statistics.hotKeys(1)).toEqual([{ key: 'user:0', count: 1, error: 0 }])
    statistics.reset()
    expect(statistics.patterns()).toEqual([])
  })

  it('a sample comes close, on traffic with a rhythm too', () => {
    const statistics = createKeyStatistics({ sampleEvery: 16 })
    for (let i = 0; i < 160_000; i++) statistics.record(i % 16 === 0 ? 'beat:1' : `user:${i}`, i % 4 !== 0)
    const beat = statistics.patterns().find(({ pattern }) => pattern === 'beat:*')
    const user = statistics.patterns().find(({ pattern }) => pattern === 'user:*')
    expect((beat?.hits ?? 0) + (beat?.misses ?? 0)).toBeGreaterThan(8_000)
    expect((beat?.hits ?? 0) + (beat?.misses ?? 0)).toBeLessThan(12_000)
    expect(user?.hitRate).toBeGreaterThan(0.77)
    expect(user?.hitRate).toBeLessThan(0.83)
    expect(statistics.hotKeys(1)[0]?.key).toBe('beat:1')
  })

  it('is bounded whatever the keys are', () => {
    const statistics = createKeyStatistics({ sampleEvery: 1, maxPatterns: 5, trackedKeys: 3 })
    for (const word of 'abcdefghijklmnopqrstuvwxyz') statistics.record(word, true)
    expect(statistics.patterns()).toHaveLength(6)
    expect(statistics.patterns()[0]).toEqual({ pattern: '(other)', hits: 21, misses: 0, hitRate: 1 })
    expect(statistics.hotKeys(100)).toHaveLength(3)
  })

  it.each([{ sampleEvery: 0 }, { maxPatterns: 1.5 }, { trackedKeys: Number.NaN }])('refuses %o', (options) => {
    expect(() => createKeyStatistics(options)).toThrowError(expect.objectContaining({ code: 'OPTION_INVALID' }))
  })

  it('sums memory by pattern', () => {
    const entries = [
      { key: 'user:1', bytes: 100 },
      { key: 'org:1', bytes: 300 },
      { key: 'user:2', bytes: 100 },
      { key: 'x', bytes: 500 },
    ]
    expect(memoryByPattern(entries)).toEqual([
      { pattern: 'x', entries: 1, bytes: 500, share: 0.5 },
      { pattern: 'org:*', entries: 1, bytes: 300, share: 0.3 },
      { pattern: 'user:*', entries: 2, bytes: 200, share: 0.2 },
    ])
    expect(memoryByPattern(entries, 1).map(({ pattern }) => pattern)).toEqual(['(other)', 'user:*'])
    expect(memoryByPattern([])).toEqual([])
  })
})
