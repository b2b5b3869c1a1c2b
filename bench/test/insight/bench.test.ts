// What the insight bench rests on: reading both kinds of traces, and the exact simulations.
import { describe, expect, it } from 'vitest'
import { allKnown, readsKnown } from '../../src/insight/bounds.ts'
import { curveCells, judgeCurves } from '../../src/insight/curves.ts'
import { decisionsOf, judgeDecisions } from '../../src/insight/decisions.ts'
import { exactMissRatio } from '../../src/insight/exact.ts'
import { isOrm, madeTraffic } from '../../src/insight/made.ts'
import { judgePrefetch, type Prefetched, prefetchedOf } from '../../src/insight/prefetch.ts'
import { doublingsOf, judgeDoublings } from '../../src/insight/realised.ts'
import { parseTraffic } from '../../src/insight/traffic.ts'
import { judgeTtls, ttlCells } from '../../src/insight/ttl.ts'
import { randomFrom } from '../../src/numbers.ts'

describe('traces', () => {
  it('of keys alone have a millisecond a request', () => {
    const { keys, times, unique, isTimed, sizes } = parseTraffic('t', '7\n9\n7\n', false)
    expect({ keys: [...keys], times: [...times], unique, isTimed, sizes }).toEqual({
      keys: [0, 1, 0],
      times: [0, 1, 2],
      unique: 2,
      isTimed: false,
      sizes: undefined,
    })
  })

  it('with times have sizes and sessions where each line tells them', () => {
    const { times, sizes, sessions } = parseTraffic(
      't',
      '1000\ta\t512\ts1\tg\n1500\tb\t10\ts2\ts\n1600\ta\t512\ts1\tg\n',
      true,
    )
    expect({ times: [...times], sizes: [...(sizes ?? [])], sessions: [...(sessions ?? [])] }).toEqual({
      times: [0, 500, 600],
      sizes: [512, 10, 512],
      sessions: [0, 1, 0],
    })
    expect(parseTraffic('t', '1000\ta\t512\t-\tg\n', true).sessions).toBeUndefined()
    expect(parseTraffic('t', '5 100 2\n6 50 3\n', false)).toMatchObject({
      times: new Float64Array([0, 1000]),
      isTimed: true,
    })
  })
})

describe('the exact simulation', () => {
  const traffic = parseTraffic('t', 'a\nb\nc\na\nb\na\n', false)

  it('evicts the least recently used', () => {
    expect([1, 2, 3].map((size) => exactMissRatio(traffic, size, Number.POSITIVE_INFINITY) * 6)).toEqual([6, 5, 3])
  })

  it('lets values expire where they were loaded, and gives their room away', () => {
    expect(exactMissRatio(traffic, 3, 3) * 6).toBeCloseTo(5)
    expect(exactMissRatio(traffic, 3, 6) * 6).toBeCloseTo(3)
  })

  it('weighs keys', () => {
    expect(exactMissRatio(traffic, 4, Number.POSITIVE_INFINITY, new Uint32Array([2, 2, 2, 2, 2, 2])) * 6).toBeCloseTo(5)
  })
})

describe('times to live', () => {
  it('are compared with the fixed one that is as stale, and can miss the goal', () => {
    const lines = Array.from({ length: 8000 }, (_, at) => `${at * 1000}\tk${(at * at) % 23}\t1\t-\tg`).join('\n')
    const cells = ttlCells(parseTraffic('t', lines, true))
    expect(cells).toHaveLength(16)
    for (const { loads, first, readsPerKey } of cells) {
      expect(loads).toBeGreaterThan(first)
      expect(readsPerKey).toBeGreaterThan(10)
    }
    expect(ttlCells(parseTraffic('t', 'a\nb\n', false))).toEqual([]) // it tells no times
    const cell = {
      trace: 't',
      kind: 'poisson',
      by: 'changes',
      target: 0.01,
      stale: 0.01,
      first: 1,
      readsPerKey: 20,
    } as const
    const verdicts = (loads: number) =>
      judgeTtls([{ ...cell, loads, fixed: 100, knowing: 70, readsKnown: 65, allKnown: 40 }]).map(({ isMet }) => isMet)
    expect(verdicts(79)).toEqual([true, true, undefined, undefined, undefined, undefined])
    expect(verdicts(81)).toEqual([false, false, undefined, undefined, undefined, undefined])
    const bounds = judgeTtls([{ ...cell, loads: 81, fixed: 100, knowing: 70, readsKnown: 65, allKnown: 40 }]).slice(
      2,
      5,
    )
    expect(bounds.map(({ is }) => is)).toEqual(['-30.0 %', '-35.0 %', '-60.0 %'])
  })
})

describe('bounds of times to live', () => {
  const drawn = randomFrom(77)
  const keys = Uint32Array.from({ length: 14 }, () => Math.floor(drawn() * 3))
  const unique = new Set(keys).size
  const at = new Map<number, number>()
  /** Half of the reads find another version than the one before. */
  const versions = keys.map((key) => {
    const version = (at.get(key) ?? 0) + (drawn() < 0.5 ? 1 : 0)
    at.set(key, version)
    return version
  })

  /** Every choice of reads that load. */
  function fewest(stale: number): number {
    let least = keys.length
    for (let choice = 0; choice < 2 ** keys.length; choice++) {
      const held = new Map<number, number>()
      let loads = 0
      let outdated = 0
      keys.forEach((key, read) => {
        if (!held.has(key) || ((choice >> read) & 1) === 1) {
          loads++
          held.set(key, versions[read] as number)
        } else if (held.get(key) !== versions[read]) outdated++
      })
      if (outdated <= stale * keys.length) least = Math.min(least, loads)
    }
    return least
  }

  it('of who knows everything are those of the best of all choices', () => {
    for (const stale of [0, 1, 2, 3, 5].map((reads) => reads / keys.length))
      expect(allKnown({ keys, unique }, versions, stale)).toBe(fewest(stale))
  })

  it('of who knows the reads load where a gap is long', () => {
    const reads = { keys: new Uint32Array(6), unique: 1 }
    const outcomes = readsKnown(
      reads,
      Float64Array.of(0, 1, 2, 1000, 1001, 1002),
      Uint32Array.of(0, 0, 0, 1, 1, 1),
      Float64Array.of(0.01),
    )
    const loads = outcomes.map((outcome) => outcome.loads)
    expect([Math.min(...loads), Math.max(...loads)]).toEqual([2, 6])
  })
})

describe('made traffic', () => {
  it('is the same each time, of several kinds, with sessions where there are some', () => {
    const [first, again] = [madeTraffic(500), madeTraffic(500)].map((all) => all.map(({ read }) => read()))
    expect(first?.map(({ names }) => names)).toEqual(again?.map(({ names }) => names))
    expect(first?.every(({ keys, isRenumbered }) => keys.length === 500 && !isRenumbered)).toBe(true)
    expect(first?.filter(({ sessions }) => sessions !== undefined)).toHaveLength(2)
    expect(first?.filter(({ name }) => isOrm(name))).toHaveLength(3)
  })
})

describe('the table of goals', () => {
  it('is made of a trace, and can miss a goal', () => {
    const keys = Array.from({ length: 6000 }, (_, at) => `${(at * at) % 701}`).join('\n')
    const traffic = parseTraffic('t', keys, false)
    expect(judgeCurves(curveCells(traffic)).map(({ isMet }) => isMet)).toEqual([true, true, undefined])
    expect(
      judgeCurves([{ trace: 't', unit: 'entries', ttl: 1, mean: 0.5, worst: 0.6, covered: 0, cost: 1, looked: 1 }]),
    ).toMatchObject([{ isMet: false }, { isMet: false }, {}])
    expect(decisionsOf(traffic)).toEqual([]) // no cache is large enough to tell policies apart
    expect(doublingsOf(traffic)).toEqual([])
    const off = { trace: 't', entries: 1000, policy: 'lru', told: 0.1, exact: 0.2, isAdvised: true }
    expect(judgeDoublings([off, { ...off, isAdvised: false, exact: 0.1 }]).map(({ isMet }) => isMet)).toEqual([false])
    const wrong = { trace: 't', entries: 1000, pair: 'lru or sieve', exact: 0.1, told: -0.1, within: 0.01 }
    expect(judgeDecisions([wrong]).map(({ isMet }) => isMet)).toEqual([false, false, undefined])
  })
})

describe('prefetching', () => {
  it('spares misses in a loop, and not by the numbers of keys that only say in which order they came', () => {
    const loop = parseTraffic(
      'orm loop',
      Array.from({ length: 20_000 }, (_, at) => String(at % 2000)).join('\n'),
      false,
    )
    expect(loop.isRenumbered).toBe(true)
    expect(judgePrefetch(prefetchedOf(loop)).map(({ isMet }) => isMet)).toEqual([
      true,
      undefined,
      undefined,
      true,
      true,
      expect.any(Boolean),
      undefined,
    ])
    const fresh = Array.from({ length: 12_000 }, (_, at) => String(at)).join('\n')
    expect(prefetchedOf(parseTraffic('t', fresh, false)).map(({ misses }) => misses)).toEqual([12_000, 12_000, 12_000])
    const blocks = prefetchedOf(
      parseTraffic('t', Array.from({ length: 12_000 }, (_, at) => String(at * 8)).join('\n'), false),
    )
    expect(Math.max(...blocks.map(({ misses }) => misses))).toBeLessThan(8000)
  })

  it('can miss each goal', () => {
    const cell: Prefetched = {
      trace: 'orm',
      seed: 0,
      entries: 100,
      better: 100,
      without: 100,
      misses: 101,
      loads: 140,
      accuracy: 0,
      cost: 20,
    }
    expect(judgePrefetch([cell]).map(({ isMet }) => isMet)).toEqual([
      false,
      undefined,
      undefined,
      false,
      false,
      false,
      undefined,
    ])
    const [kind] = judgePrefetch([cell, { ...cell, seed: 1, misses: 51 }])
    expect(kind?.is).toBe('24.0 % (-1.0 % to 49.0 % by seed)')
    expect(judgePrefetch([])).toEqual([])
    const made = { ...cell, trace: 'made: transactions' }
    expect(judgePrefetch([made]).map(({ isMet }) => isMet)).toEqual([false, false, false])
    expect(judgePrefetch([{ ...made, trace: 'made: chance', misses: 100, loads: 100 }])).toMatchObject([
      { isMet: true },
      { isMet: true },
    ])
  })
})
