// The histogram against exact sorting.
import { describe, expect, it } from 'vitest'
import { createHistogram, LATENCY_BOUNDS_MS } from '../../src/observe/index.ts'
import fc from '../properties.ts'

const duration = fc.double({ min: 0.001, max: 4_000_000, noNaN: true })

function exact(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(1, Math.ceil(q * sorted.length)) - 1] ?? 0
}

function filled(values: readonly number[]) {
  const histogram = createHistogram()
  for (const value of values) histogram.record(value)
  return histogram
}

describe('M1 latency histogram', () => {
  it('is empty at first', () => {
    expect(createHistogram().view({ buckets: true })).toEqual({
      count: 0,
      avgMs: 0,
      p50Ms: 0,
      p95Ms: 0,
      p99Ms: 0,
      buckets: LATENCY_BOUNDS_MS.map(() => 0),
    })
  })

  it('percentiles are within 3.2 % of the exact ones', () => {
    fc.assert(
      fc.property(
        fc.array(duration, { minLength: 1, maxLength: 500 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (values, q) => {
          const truth = exact(values, q)
          expect(Math.abs(filled(values).percentile(q) - truth) / truth).toBeLessThanOrEqual(0.032)
        },
      ),
    )
  })

  it('count and average are exact, one value is exact', () => {
    fc.assert(
      fc.property(fc.array(duration, { minLength: 1 }), (values) => {
        const { count, avgMs } = filled(values).view()
        expect(count).toBe(values.length)
        expect(avgMs).toBeCloseTo(values.reduce((sum, value) => sum + value, 0) / values.length, 6)
        const [first = 0] = values
        expect(filled([first]).percentile(0.99)).toBe(first)
      }),
    )
  })

  it('coarse buckets count what is below their bound', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(duration, fc.constantFrom(...LATENCY_BOUNDS_MS))), (values) => {
        expect(filled(values).cumulative()).toEqual(
          LATENCY_BOUNDS_MS.map((bound) => values.filter((value) => value < bound).length),
        )
      }),
    )
  })

  it('merging is as if all had been recorded in one', () => {
    fc.assert(
      fc.property(fc.array(duration), fc.array(duration), (a, b) => {
        const merged = filled(a)
        merged.merge(filled(b))
        const whole = filled([...a, ...b])
        expect(merged.cumulative()).toEqual(whole.cumulative())
        expect(merged.percentile(0.95)).toBe(whole.percentile(0.95))
        expect(merged.count).toBe(whole.count)
      }),
    )
  })

  it('takes any number: NaN is left out, the rest is held at the ends', () => {
    const histogram = filled([Number.NaN, -5, 0, -0, Number.MIN_VALUE, 1e12, Number.POSITIVE_INFINITY])
    expect(histogram.count).toBe(6)
    expect(histogram.percentile(0.1)).toBeLessThan(0.002)
    expect(histogram.percentile(1)).toBeGreaterThan(4_000_000)
    expect(histogram.sumMs).toBeLessThan(1e7)
    histogram.reset()
    expect(histogram.count).toBe(0)
    expect(histogram.percentile(0.5)).toBe(0)
  })
})
