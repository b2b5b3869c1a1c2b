// Trends and forecasts: what they say of figures whose future is known, when the naive way is used and said so, and
// when nothing is said.
import { createCache } from 'millpond'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { forecast } from '../src/reports/forecast.ts'
import { slopeOf } from '../src/reports/slope.ts'
import { type Opened, open } from './setup.ts'

const HOUR_MS = 3_600_000
const HORIZON = 24
const SEASONS = [24, 168]

/** mulberry32, and normal by the sum of twelve. */
function randomFrom(seed: number): { next(): number; normal(): number } {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return { next, normal: () => Array.from({ length: 12 }, next).reduce((sum, one) => sum + one, -6) }
}

const daily = (at: number): number => 100 + 40 * Math.sin((2 * Math.PI * at) / 24)
const series = {
  'a day and noise': (hours: number, seed: number) => {
    const random = randomFrom(seed)
    return Array.from({ length: hours }, (_, at) => daily(at) + 10 * random.normal())
  },
  'a walk': (hours: number, seed: number) => {
    const random = randomFrom(seed)
    let at = 100
    return Array.from({ length: hours }, () => (at += random.normal()))
  },
  growth: (hours: number, seed: number) => {
    const random = randomFrom(seed)
    return Array.from({ length: hours }, (_, at) => 100 + 3 * at + 5 * random.normal())
  },
}

/**
 * Forecasts of series whose next day is known: how far they and the naive way of the back-test were off, and how often
 * the interval held what came.
 */
function played(make: (hours: number, seed: number) => number[], seeds = 16) {
  let [error, naive, held, steps, naiveUsed] = [0, 0, 0, 0, 0]
  for (let seed = 1; seed <= seeds; seed++) {
    const whole = make(14 * 24 + HORIZON, seed)
    const [known, future] = [whole.slice(0, -HORIZON), whole.slice(-HORIZON)]
    const told = forecast(known, HORIZON, SEASONS)
    if (typeof told === 'string') throw new Error(told)
    naiveUsed += told.isNaive ? 1 : 0
    // What one would say without any of this: the better of "as now" and "as yesterday".
    const ways = [known.at(-1) ?? 0, undefined].map((last) =>
      future.reduce((sum, was, at) => sum + Math.abs(was - (last ?? known[known.length - 24 + at] ?? 0)), 0),
    )
    naive += Math.min(...ways)
    told.steps.forEach(({ value, low, high }, at) => {
      const was = future[at] ?? 0
      error += Math.abs(was - value)
      held += low <= was && was <= high ? 1 : 0
      steps++
    })
  }
  return { error: error / steps, naive: naive / steps, held: held / steps, naiveShare: naiveUsed / seeds }
}

describe('a forecast', () => {
  it('of a repeating day beats "as now" and "as yesterday" on unseen data, and its interval contains it', () => {
    const { error, naive, held, naiveShare } = played(series['a day and noise'])
    expect(error).toBeLessThan(0.85 * naive)
    expect(naiveShare).toBeLessThan(0.2)
    expect(held).toBeGreaterThan(0.92)
    expect(held).toBeLessThan(0.995)
  })

  it('of a random walk is "as it is now", since nothing is better, and it says so', () => {
    const { error, naive, held, naiveShare } = played(series['a walk'])
    expect(naiveShare).toBeGreaterThan(0.5)
    // Where it took another way for better, that way was not much worse.
    expect(error).toBeLessThan(1.25 * naive)
    expect(held).toBeGreaterThan(0.75)
  })

  it('of a growing series continues to grow', () => {
    const { error, naive, held } = played(series.growth, 10)
    expect(error).toBeLessThan(0.5 * naive)
    expect(held).toBeGreaterThan(0.9)
    const told = forecast(series.growth(200, 3), HORIZON, SEASONS)
    expect(told).toMatchObject({ way: 'mean_step', isNaive: false })
  })

  it('is never more certain further ahead, and tolerates gaps', () => {
    const values = series['a day and noise'](300, 5).map((value, at) => (at % 7 === 3 ? null : value))
    const told = forecast(values, HORIZON, SEASONS)
    if (typeof told === 'string') throw new Error(told)
    const widths = told.steps.map(({ low, high }) => Math.round((high - low) * 1e6))
    expect(widths).toEqual(widths.toSorted((a, b) => a - b))
    expect(told.steps).toHaveLength(HORIZON)
    expect(told.steps.every(({ value }) => Number.isFinite(value))).toBe(true)
  })

  it('reaches only as far as past data can verify, and needs a past', () => {
    expect(forecast([], HORIZON, SEASONS)).toMatch(/^0 steps are known/)
    expect(
      forecast(
        Array.from({ length: 52 }, () => 1),
        HORIZON,
        SEASONS,
      ),
    ).toMatch(/^52 steps are known: 53 are needed/)
    expect(
      forecast(
        Array.from({ length: 200 }, () => null),
        HORIZON,
        SEASONS,
      ),
    ).toMatch(/^0 steps/)
    const short = forecast(
      Array.from({ length: 60 }, (_, at) => at % 2),
      HORIZON,
      SEASONS,
    )
    if (typeof short === 'string') throw new Error(short)
    expect(short.steps).toHaveLength(8)
  })
})

describe('reports of other forecasters’ users', () => {
  const told = (values: (number | null)[], horizon = HORIZON) => {
    const one = forecast(values, horizon, SEASONS)
    if (typeof one === 'string') throw new Error(one)
    return one
  }

  it('constant zeros, or one constant value: forecast as that, with no wider interval', () => {
    for (const value of [0, 7])
      for (const step of told(Array.from({ length: 200 }, () => value)).steps)
        expect(step).toEqual({ value, low: value, high: value })
  })

  it('hours missing in quiet times: nights are not forecast as busier than any observed hour', () => {
    const random = randomFrom(3)
    const values = Array.from({ length: 720 }, (_, at) => {
      const value = Math.max(0, Math.sin((2 * Math.PI * at) / 24)) + 0.02 * random.next()
      return value < 0.1 ? null : value
    })
    expect(values.filter((value) => value === null).length).toBeGreaterThan(289)
    for (const { value } of told(values).steps) {
      expect(value).toBeGreaterThan(-0.1)
      expect(value).toBeLessThan(1.1)
    }
  })

  it('one value a thousand times the others: the forecast stays among the others', () => {
    const values = Array.from({ length: 400 }, (_, at) => (at === 350 ? 1e5 : daily(at)))
    for (const { value } of told(values).steps) {
      expect(value).toBeGreaterThan(0)
      expect(value).toBeLessThan(200)
    }
  })

  it('a series that fell to zero stays there, as far as can be told', () => {
    const values = [...Array.from({ length: 300 }, (_, at) => daily(at)), ...Array.from({ length: 100 }, () => 0)]
    for (const { low, value } of told(values).steps) {
      expect(Number.isFinite(value)).toBe(true)
      expect(low).toBeLessThanOrEqual(0)
    }
  })
})

describe('a trend', () => {
  const days = (value: (day: number) => number, count = 14) =>
    Array.from({ length: count }, (_, day) => ({ day: 20_000 + day, value: value(day) }))

  it('is the median slope, whatever one unusual day does', () => {
    const random = randomFrom(1)
    const slope = slopeOf(days((day) => (day === 6 ? 1e6 : 50 - 2 * day + random.normal())))
    expect(slope?.value).toBeCloseTo(-2, 0)
    expect(slope?.high).toBeLessThan(0)
  })

  it('is not found in noise, in 19 of 20 cases', () => {
    let found = 0
    for (let seed = 1; seed <= 200; seed++) {
      const random = randomFrom(seed)
      const slope = slopeOf(days(() => random.normal()))
      if ((slope?.low ?? 0) > 0 || (slope?.high ?? 0) < 0) found++
    }
    expect(found / 200).toBeLessThan(0.09)
  })

  it('needs five days', () => {
    expect(slopeOf(days((day) => day, 4))).toBeUndefined()
    expect(slopeOf(days((day) => day, 5))).toMatchObject({ value: 1, low: 1, high: 1 })
  })
})

describe('known faults of other forecasters', () => {
  const HOURS = 14 * 24

  it('a constant series stays constant, without a width of NaN (robjhyndman/forecast#574)', () => {
    for (const value of [0, 5, 1e12]) {
      const told = forecast(Array(HOURS).fill(value), HORIZON, SEASONS)
      if (typeof told === 'string') throw new Error(told)
      expect(told.steps.map((step) => step.value)).toEqual(Array(HORIZON).fill(value))
      expect(told.steps.every(({ low, high }) => low <= value && value <= high)).toBe(true)
    }
  })

  it('an hour of the day that was never observed is not invented (sky-uk/anticipy#17)', () => {
    const seen = Array.from({ length: HOURS }, (_, at) => (at % 24 === 5 ? null : daily(at)))
    const told = forecast(seen, HORIZON, SEASONS)
    if (typeof told === 'string') throw new Error(told)
    for (const { value } of told.steps) {
      expect(value).toBeGreaterThan(20)
      expect(value).toBeLessThan(180)
    }
  })

  it('gaps at the beginning do not delay the forecast (autogluon/autogluon#4409)', () => {
    const told = forecast(
      [...Array(60).fill(null), ...Array.from({ length: HOURS }, (_, at) => daily(at))],
      HORIZON,
      SEASONS,
    )
    if (typeof told === 'string') throw new Error(told)
    expect(
      told.steps.every(
        ({ value, low, high }) => Number.isFinite(value) && Number.isFinite(low) && Number.isFinite(high),
      ),
    ).toBe(true)
    told.steps.forEach(({ value }, step) => expect(Math.abs(value - daily(HOURS + step))).toBeLessThan(15))
  })

  it('a shift by an hour last week (daylight saving) is forecast an hour earlier or with a wider interval (davidusb-geek/emhass#766)', () => {
    const put = HOURS - 72
    const seen = Array.from({ length: HOURS }, (_, at) => daily(at < put ? at : at + 1))
    const told = forecast(seen, HORIZON, SEASONS)
    if (typeof told === 'string') throw new Error(told)
    const held = told.steps.filter(
      ({ low, high }, step) => low <= daily(HOURS + step + 1) && daily(HOURS + step + 1) <= high,
    )
    expect(held.length).toBeGreaterThanOrEqual(20)
  })
})

describe('metrics/trends/', () => {
  const cache = createCache({ name: 'shop' })
  let opened: Opened
  beforeAll(async () => {
    opened = await open(':memory:', { caches: [cache] })
    const hour = Math.floor((await opened.store.now()) / HOUR_MS) * HOUR_MS
    const random = randomFrom(7)
    for (let back = 12 * 24; back > 0; back--) {
      const at = hour - back * HOUR_MS
      const reads = Math.round(3600 * daily((at / HOUR_MS) % 24))
      const hits = Math.round(reads * (0.95 - 0.002 * (12 - back / 24)))
      const counters = {
        hits,
        misses: reads - hits,
        loads: reads - hits,
        'get.n': reads,
        'get.ms': reads,
        'get.b0': reads,
      }
      const gauges = { bytes: 1e9 + (12 * 24 - back) * 1e6 + 1e6 * random.normal(), nodes: 1 }
      // A night of which nothing was seen.
      if (back > 100 && back < 106) continue
      const data = JSON.stringify([{ at: at + HOUR_MS, seconds: 3600, counters, gauges }])
      await opened.store.read.insertInto('history').values({ cache: 'shop', step: 3600, at, data }).execute()
    }
  })
  afterAll(async () => {
    await opened.close()
    await cache.close()
  })
  const ask = (query = '') => opened.call('GET', `metrics/trends/?${query}`, { as: 'viewer' })

  it('reports for each metric its value, its trend, its forecast and the method', async () => {
    const { status, json } = await ask('memory_gb_month=4&million_loads=0.5')
    expect(status).toBe(200)
    const of = (name: string) => json.trends.find((one: { name: string }) => one.name === name)
    expect(of('hit_ratio')).toMatchObject({ direction: 'falling', why: [] })
    expect(of('hit_ratio').per_day.value).toBeCloseTo(-0.002, 3)
    expect(of('bytes')).toMatchObject({ direction: 'rising', forecast: { is_naive: false, step_seconds: 3600 } })
    expect(of('bytes').per_day.low).toBeGreaterThan(20e6)
    expect(of('requests_per_second')).toMatchObject({ direction: 'steady' })
    expect(of('requests_per_second').forecast.by).toMatch(/same hour of the day|profile of the hour of the day/)
    expect(of('requests_per_second').forecast.steps).toHaveLength(24)
    expect(of('hit_ratio').forecast.steps.every(({ high }: { high: number }) => high <= 1)).toBe(true)
    // A gigabyte for 4 a month is 0.13 a day, and the loads come upon that.
    expect(of('cost_per_day').now).toBeGreaterThan(0.13)
    expect(json.hours_seen).toBe(283)
  })

  it('gives the reason if it cannot say anything, and refuses half a price', async () => {
    const { json } = await ask('days=1')
    const [hits] = json.trends
    expect(hits).toMatchObject({ per_day: null, direction: 'unknown', forecast: null })
    expect(hits.why).toEqual([
      expect.stringMatching(/: (0 whole days are|1 whole day is) known, 5 are needed/),
      expect.stringContaining('in steps of 5 minutes: 0 steps are known'),
    ])
    expect((await ask('memory_gb_month=4')).status).toBe(422)
    expect((await ask('million_loads=-1&memory_gb_month=4')).status).toBe(422)
  })

  it('starts its forecast now, even if the data ended hours ago', async () => {
    const stopped = createCache({ name: 'stopped' })
    const other = await open(':memory:', { caches: [stopped] })
    const hour = Math.floor((await other.store.now()) / HOUR_MS) * HOUR_MS
    try {
      for (let back = 12 * 24; back > 9; back--) {
        const at = hour - back * HOUR_MS
        // By night a tenth of the day: nine hours later it is something else.
        const reads = (hour / HOUR_MS - back) % 24 < 12 ? 36_000 : 3600
        const data = JSON.stringify([
          { at: at + HOUR_MS, seconds: 3600, counters: { hits: reads, misses: 0 }, gauges: {} },
        ])
        await other.store.read.insertInto('history').values({ cache: 'stopped', step: 3600, at, data }).execute()
      }
      const { json } = await other.call('GET', 'metrics/trends/', { as: 'viewer' })
      const { forecast: told } = json.trends.find((one: { name: string }) => one.name === 'requests_per_second')
      expect(told.steps.map(({ value }: { value: number }) => Math.round(value))).toEqual(
        Array.from({ length: 24 }, (_, step) => ((hour / HOUR_MS + step) % 24 < 12 ? 10 : 1)),
      )
    } finally {
      await other.close()
      await stopped.close()
    }
  })
})

describe('what others were reported for', () => {
  it('foresees nothing from one value, or from the same one long ago (openobserve/openobserve#14608)', () => {
    expect(forecast([5], 24, [])).toMatch(/^1 steps? (is|are) known: 53 are needed$/)
    expect(forecast([5, ...Array.from({ length: 500 }, () => null)], 24, [])).toMatch(/^1 steps? (is|are) known/)
    expect(slopeOf([{ day: 1, value: 5 }])).toBeUndefined()
  })

  it('is not spoilt by one value that is not a number (easimon/shelly-exporter#21, prometheus/prometheus#11433)', () => {
    const values = Array.from({ length: 200 }, (_, at) => 100 + (at % 7))
    for (const odd of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      const found = forecast(values.with(150, odd), 12, [])
      expect(typeof found).toBe('object')
      if (typeof found === 'string') continue
      expect(found.steps.flatMap(({ value, low, high }) => [value, low, high]).every(Number.isFinite), `${odd}`).toBe(
        true,
      )
      expect([found.error, found.naiveError].every(Number.isFinite), `${odd}`).toBe(true)
    }
    const days = Array.from({ length: 10 }, (_, day) => ({ day, value: day === 4 ? Number.NaN : day }))
    expect(slopeOf(days)).toMatchObject({ value: 1 })
  })
})
