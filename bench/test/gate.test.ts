// The gate: fails on a real loss, stays calm under noise.
import { describe, expect, test } from 'vitest'
import { compare, EXIT_CODES, judge, notMeasured, type Verdict, verdictOf, withoutBaseline } from '../src/gate.ts'
import { medianInterval, randomFrom, shuffledDraws, spread, zipfDraws } from '../src/numbers.ts'
import { Results, ratioTable } from '../src/results.ts'

function measured(ours: readonly number[], theirs: readonly number[]): Results {
  const results = new Results()
  for (const [round, ns] of ours.entries()) results.add(round, '1000', 'millpond', 'hit fresh', ns)
  for (const [round, ns] of theirs.entries()) results.add(round, '1000', 'lru-cache', 'hit fresh', ns)
  return results
}

describe('the gate', () => {
  const before = spread([0.5, 0.52, 0.54, 0.56, 0.58])
  const verdict = (...ratios: number[]) => judge(before, medianInterval(ratios))

  test('a loss is one where every round says so', () => {
    expect(verdict(0.66, 0.68, 0.7, 0.72, 0.74)).toBe('LOSS')
  })

  test('what is within the tolerance is kept, and so is every gain', () => {
    expect(verdict(0.56, 0.57, 0.58, 0.59, 0.6)).toBe('kept')
    expect(verdict(0.3, 0.31, 0.32, 0.3, 0.31)).toBe('kept')
  })

  test('what the baseline itself spread over is no loss, even above the tolerance', () => {
    const wide = spread([0.4, 0.5, 0.5, 0.8, 0.9])
    expect(judge(wide, medianInterval([0.7, 0.72, 0.74, 0.76, 0.78]))).toBe('kept')
  })

  test('where rounds differ, or are too few, nothing can be told, however bad or good the median', () => {
    expect(verdict(0.45, 0.5, 0.7, 0.9, 1)).toBe('cannot tell')
    expect(verdict(0.4, 0.41, 0.42, 0.43, 0.8)).toBe('cannot tell')
    expect(verdict(0.9, 0.9, 0.9, 0.9)).toBe('cannot tell')
  })

  test('more rounds settle it: one that was disturbed counts no longer', () => {
    expect(verdict(0.53, 0.54, 0.54, 0.55, 0.55, 0.55, 0.54, 0.9)).toBe('kept')
    expect(verdict(0.7, 0.71, 0.72, 0.7, 0.71, 0.72, 0.7, 0.5)).toBe('LOSS')
  })

  test('one loss is a loss; one row that cannot be told, or none at all, is no pass', () => {
    const of = (...verdicts: Verdict[]) =>
      verdictOf(
        verdicts.map((one) => ({ verdict: one })),
        [],
      )
    expect([of('kept', 'cannot tell', 'LOSS'), of('kept', 'cannot tell'), of('kept', 'kept'), of()]).toEqual([
      'LOSS',
      'cannot tell',
      'kept',
      'cannot tell',
    ])
  })

  test('scripts tell the three apart', () => {
    expect(EXIT_CODES).toEqual({ kept: 0, LOSS: 1, MISSING: 1, 'cannot tell': 3 })
  })

  test('what is awaited is compared with what is awaited', () => {
    const results = new Results()
    for (let round = 0; round < 5; round++) {
      results.add(round, 'awaited', 'millpond', 'getOrSet miss', 50)
      results.add(round, 'awaited', 'lru-cache fetch', 'getOrSet miss', 100)
    }
    const [line] = compare([{ size: 'awaited', name: 'millpond', row: 'getOrSet miss', ratio: before }], results)
    expect(line).toMatchObject({ label: 'millpond, awaited: getOrSet miss', verdict: 'kept', now: { median: 0.5 } })
  })

  test('a row that the baseline does not have is named', () => {
    const known = [{ size: '1000', name: 'millpond', row: 'hit prebuilt', ratio: before }]
    const results = measured([54, 55], [100, 100])
    expect(withoutBaseline(known, results)).toEqual(['millpond, 1000: hit fresh'])
    expect(withoutBaseline([{ size: '1000', name: 'millpond', row: 'hit fresh', ratio: before }], results)).toEqual([])
  })

  test('a row of the baseline that was not measured is named, and fails the gate unless a loss does', () => {
    const known = ['hit fresh', 'a row that was renamed'].map((row) => ({
      size: '1000',
      name: 'millpond',
      row,
      ratio: before,
    }))
    const results = measured([54, 54, 54, 54, 54], [100, 100, 100, 100, 100])
    const missing = notMeasured(known, results)
    expect(missing).toEqual(['millpond, 1000: a row that was renamed'])
    expect(verdictOf(compare(known, results), missing)).toBe('MISSING')
    expect(verdictOf([{ verdict: 'LOSS' }], missing)).toBe('LOSS')
    // The peer's part of a ratio was not measured.
    expect(notMeasured(known.slice(0, 1), measured([54], []))).toEqual(['millpond, 1000: hit fresh'])
  })

  test('ratios are taken within a round, so that a slow round for both is no loss', () => {
    const baseline = [{ size: '1000', name: 'millpond', row: 'hit fresh', ratio: before }]
    const [calm] = compare(baseline, measured([54, 540, 55, 54, 54], [100, 1000, 100, 100, 100]))
    expect(calm).toMatchObject({ verdict: 'kept', now: { median: 0.54 } })
    const [slow] = compare(baseline, measured([90, 91, 92, 90, 90], [100, 100, 100, 100, 100]))
    expect(slow?.verdict).toBe('LOSS')
  })
})

describe('figures', () => {
  test('medians and quarters', () => {
    expect(spread([4, 1, 3, 2, 5])).toEqual({ median: 3, low: 2, high: 4 })
    expect(spread([1, 2])).toEqual({ median: 1.5, low: 1.25, high: 1.75 })
  })

  test('the interval holds the median of what was drawn from in nine of ten cases, and is no wider than that asks', () => {
    const random = randomFrom(5)
    for (const count of [5, 6, 7, 8, 11, 15]) {
      let held = 0
      for (let turn = 0; turn < 2000; turn++) {
        const { least, most } = medianInterval(Array.from({ length: count }, random))
        if (least <= 0.5 && most >= 0.5) held += 1
      }
      expect(held, `${count} samples`).toBeGreaterThan(1760)
    }
    expect(medianInterval([1, 2, 3, 4])).toEqual({ median: 2.5, least: 0, most: Number.POSITIVE_INFINITY })
    expect(medianInterval([1, 2, 3, 4, 5])).toEqual({ median: 3, least: 1, most: 5 })
    expect(medianInterval([1, 2, 3, 4, 5, 6, 7, 8])).toEqual({ median: 4.5, least: 2, most: 7 })
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

  test('the table puts the cheapest first and leaves out columns without figures', () => {
    const table = ratioTable(measured([50, 50, 50], [100, 100, 100]), '1000', ['hit fresh', 'miss fresh'], 'lru-cache')
    expect(table).toEqual([
      ['library', 'hit fresh'],
      ['millpond', '0.50 ±0.00 (50)'],
      ['lru-cache', '1.00 ±0.00 (100)'],
    ])
  })
})
