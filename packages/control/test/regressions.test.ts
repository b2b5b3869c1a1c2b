// Alerts of regressions: against this hour of the days before, beyond what minutes and days differ by, with what was
// marked before.

import { LATENCY_BOUNDS_MS } from 'millpond/observe'
import { describe, expect, it } from 'vitest'
import { regressionsOf } from '../src/alerts/regressions.ts'
import { DEFAULT_RULES, type RuleName, severityOf } from '../src/alerts/rules.ts'
import type { Point } from '../src/metrics/collector.ts'
import { type Before, History } from '../src/metrics/history.ts'
import { open } from './setup.ts'

/** Reads that take so long, one twentieth of them up to `p95` ms. */
function point(ratio: number, p95: number, reads = 1000): Point {
  const counters: Record<string, number> = {
    hits: Math.round(reads * ratio),
    misses: reads - Math.round(reads * ratio),
    'get.n': reads,
  }
  LATENCY_BOUNDS_MS.forEach((bound, at) => {
    counters[`get.b${at}`] = bound >= p95 ? reads : bound * 4 >= p95 ? reads * 0.9 : 0
  })
  return { at: 0, seconds: 60, counters, gauges: {} }
}

const wavering = (value: number, by: number, count: number): number[] =>
  Array.from({ length: count }, (_, at) => value * (1 + by * ((at % 3) - 1)))
const before = (
  ratio: number,
  p95: number,
  now: { ratio: number; p95: number; by?: number; minutes?: number },
  marker?: Before['marker'],
): Before => ({
  hours: wavering(1, 0.02, 7).map((by) => point(ratio * by, p95)),
  weeks: [],
  minutes: wavering(1, now.by ?? 0.02, now.minutes ?? 10).map((by) => point(Math.min(1, now.ratio * by), now.p95)),
  marker,
})
const found = (seen: Before, isWarm = true): Record<string, string | undefined | null> =>
  Object.fromEntries(
    regressionsOf(seen, isWarm).map(({ rule, value }) => [
      rule,
      value === null ? null : severityOf(rule as RuleName, DEFAULT_RULES[rule], value)?.severity,
    ]),
  )

describe('a regression', () => {
  it('is not found if nothing has changed', () => {
    expect(found(before(0.9, 16, { ratio: 0.9, p95: 16 }))).toEqual({
      p95_regression: undefined,
      hit_ratio_regression: undefined,
    })
  })

  it('is found in p95 and in hits, and names the marker before it', () => {
    const marker = { kind: 'deploy', message: 'v812', at: '2026-11-27T02:00:00.000Z' }
    const seen = before(0.9, 16, { ratio: 0.6, p95: 256 }, marker)
    expect(found(seen)).toEqual({ p95_regression: 'high', hit_ratio_regression: 'high' })
    for (const { message, value } of regressionsOf(seen, true))
      expect(message(value ?? 0)).toMatch(
        /on the 7 days before; suspect: deploy "v812", marked at 2026-11-27T02:00:00.000Z$/,
      )
    const [, hits] = regressionsOf(before(0.9, 16, { ratio: 0.6, p95: 16 }), true)
    expect(hits?.message(hits.value ?? 0)).toMatch(
      /^59\.9 % of reads are served from the cache, at least 2\d\.\d points fewer than at this hour on the 7 days before$/,
    )
  })

  it('is not found if minutes or days vary that much anyway', () => {
    expect(found(before(0.9, 16, { ratio: 0.7, p95: 16, by: 0.4 }))).toMatchObject({ hit_ratio_regression: undefined })
    const restless = before(0.9, 16, { ratio: 0.7, p95: 16 })
    expect(found({ ...restless, hours: [0.5, 0.9, 0.65, 0.95, 0.7].map((ratio) => point(ratio, 16)) })).toMatchObject({
      hit_ratio_regression: undefined,
    })
  })

  it('is not found on a weekday that is always like this, and is found if that weekday has become worse', () => {
    const sunday = before(0.9, 16, { ratio: 0.6, p95: 64 })
    expect(found(sunday)).toEqual({ p95_regression: 'medium', hit_ratio_regression: 'high' })
    const weeks = [0.6, 0.61, 0.59, 0.6].map((ratio) => point(ratio, 64))
    expect(found({ ...sunday, weeks })).toEqual({ p95_regression: undefined, hit_ratio_regression: undefined })
    const worse = before(0.9, 16, { ratio: 0.4, p95: 256 })
    expect(found({ ...worse, weeks })).toEqual({ p95_regression: 'medium', hit_ratio_regression: 'high' })
    // A Sunday on which nobody came says nothing.
    expect(found({ ...sunday, weeks: [point(0.6, 64, 3)] })).toMatchObject({ hit_ratio_regression: 'high' })
  })

  it('is not judged for a young process, few minutes, few days, or few reads', () => {
    const worse = before(0.9, 16, { ratio: 0.5, p95: 256 })
    const unknown = { p95_regression: null, hit_ratio_regression: null }
    expect(found(worse, false)).toEqual(unknown)
    expect(found({ ...worse, minutes: worse.minutes.slice(0, 4) })).toEqual(unknown)
    expect(found({ ...worse, hours: worse.hours.slice(0, 2) })).toEqual(unknown)
    expect(found({ ...worse, minutes: worse.minutes.map(() => point(0.5, 256, 10)) })).toEqual(unknown)
    // 195 reads in all, and 200.
    const five = worse.minutes.slice(0, 5)
    expect(found({ ...worse, minutes: five.map(() => point(0.5, 256, 39)) })).toEqual(unknown)
    expect(found({ ...worse, minutes: five.map(() => point(0.5, 256, 40)) })).not.toEqual(unknown)
  })

  it('is not found among fast gets, nor after a single bad minute', () => {
    expect(found(before(0.9, 0.05, { ratio: 0.9, p95: 0.9 }))).toMatchObject({ p95_regression: undefined })
    const seen = before(0.9, 16, { ratio: 0.9, p95: 16 })
    expect(found({ ...seen, minutes: [...seen.minutes.slice(1), point(0.1, 1000)] })).toEqual({
      p95_regression: undefined,
      hit_ratio_regression: undefined,
    })
  })
})

describe('the data of a regression', () => {
  it('is from one hour: minutes after its end are not compared with the next one', async () => {
    const { store, close } = await open()
    const [minute, hour, day] = [60_000, 3_600_000, 86_400_000]
    const three = Math.floor((await store.now()) / day) * day + 3 * hour
    const put = async (step: number, at: number, p95: number) =>
      store.read
        .insertInto('history')
        .values({ cache: 'shop', step, at, data: JSON.stringify([{ ...point(0.9, p95), at }]) })
        .execute()
    // From two to three much is computed, every day.
    for (const back of [1, 2, 3, 4, 5, 6, 7, 14, 21, 28, 35]) {
      await put(3600, three - hour - back * day, 256)
      await put(3600, three - back * day, 16)
    }
    for (let at = -20; at < 0; at++) await put(60, three + at * minute, 256)
    try {
      const lengths: number[] = []
      for (let past = 0; past < 20; past++) {
        if (past > 0) await put(60, three + (past - 1) * minute, 16)
        const seen = await new History(store).before('shop', three + past * minute + 1000)
        lengths.push(seen.minutes.length)
        expect({ past, days: seen.hours.length, weeks: seen.weeks.length }).toEqual({ past, days: 7, weeks: 4 })
        expect({ past, found: found(seen) }).toEqual({
          past,
          found: { p95_regression: undefined, hit_ratio_regression: undefined },
        })
        expect(new Set(seen.minutes.map(({ at }) => at < three)).size).toBe(1)
      }
      expect(Math.min(...lengths)).toBeGreaterThanOrEqual(5)
    } finally {
      await close()
    }
  })
})
