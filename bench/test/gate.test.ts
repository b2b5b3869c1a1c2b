// The gate: fails on a real loss, stays calm under noise.
import { describe, expect, test } from 'vitest'
import { compare, isLoss } from '../src/gate.ts'
import { randomFrom, shuffledDraws, spread, zipfDraws } from '../src/numbers.ts'
import { Results, ratioTable } from '../src/results.ts'

function measured(ours: readonly number[], theirs: readonly number[]): Results {
  const results = new Results()
  for (const [round, ns] of ours.entries()) results.add(round, '1000', 'millpond', 'hit fresh', ns)
  for (const [round, ns] of theirs.entries()) results.add(round, '1000', 'lru-cache', 'hit fresh', ns)
  return results
}

describe('the gate', () => {
  const before = spread([0.5, 0.52, 0.54, 0.56, 0.58])

  test('a loss of a quarter is one', () => {
    expect(isLoss(before, spread([0.66, 0.68, 0.7, 0.72, 0.74]))).toBe(true)
  })

  test('a small loss, or one within the spread, is none; a gain never is', () => {
    expect(isLoss(before, spread([0.56, 0.57, 0.58, 0.59, 0.6]))).toBe(false)
    expect(isLoss(before, spread([0.45, 0.5, 0.7, 0.9, 1]))).toBe(false)
    expect(isLoss(before, spread([0.3, 0.31, 0.32]))).toBe(false)
  })

  test('ratios are taken within a round, so that a slow round for both is no loss', () => {
    const baseline = [{ size: '1000', name: 'millpond', row: 'hit fresh', ratio: before }]
    const [calm] = compare(baseline, measured([54, 540, 55], [100, 1000, 100]))
    expect(calm?.now.median).toBeCloseTo(0.54)
    expect(calm?.isLoss).toBe(false)
    const [slow] = compare(baseline, measured([90, 91, 92], [100, 100, 100]))
    expect(slow?.isLoss).toBe(true)
  })
})

describe('figures', () => {
  test('medians and quarters', () => {
    expect(spread([4, 1, 3, 2, 5])).toEqual({ median: 3, low: 2, high: 4 })
    expect(spread([1, 2])).toEqual({ median: 1.5, low: 1.25, high: 1.75 })
  })

  test('shuffled draws meet every index equally often', () => {
    const draws = shuffledDraws(100, 1_000, randomFrom(3))
    const counts = new Map<number, number>()
    for (const draw of draws) counts.set(draw, (counts.get(draw) ?? 0) + 1)
    expect([...counts.values()].every((count) => count === 10)).toBe(true)
    expect(counts.size).toBe(100)
  })

  test('Zipf draws follow the law', () => {
    const draws = zipfDraws(1_000, 200_000, 1, randomFrom(9))
    const count = (rank: number): number => draws.filter((draw) => draw === rank).length
    expect(count(0) / count(9)).toBeGreaterThan(8)
    expect(count(0) / count(9)).toBeLessThan(12.5)
  })

  test('the table puts the cheapest first and leaves out what nobody did', () => {
    const table = ratioTable(measured([50, 50, 50], [100, 100, 100]), '1000', ['hit fresh', 'miss fresh'], 'lru-cache')
    expect(table).toEqual([
      ['library', 'hit fresh'],
      ['millpond', '0.50 ±0.00 (50)'],
      ['lru-cache', '1.00 ±0.00 (100)'],
    ])
  })
})
