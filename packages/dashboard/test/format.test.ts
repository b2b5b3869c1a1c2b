// Times and numbers as the pages write them.
import { describe, expect, it } from 'vitest'
import { runsOf } from '../src/charts/runs.ts'
import { axisValues, known, linePath, timeTicks } from '../src/charts/scale.ts'
import { lineOf, linesOf } from '../src/format/lines.ts'
import { createNumbers } from '../src/format/numbers.ts'
import { spelled } from '../src/format/text.ts'
import { createTimes, stopwatch, timeLeft } from '../src/format/times.ts'

const AT = Date.UTC(2026, 2, 1, 21, 30, 5)

describe('times', () => {
  it('are of the zone that was asked for: a clock while they are near, with their day else, whole with their zone', () => {
    const times = createTimes({ locale: 'en', timeZone: 'Asia/Tokyo' })
    expect(times.clock(AT)).toBe('06:30:05')
    expect(times.short(AT, AT + 3_600_000)).toBe('06:30:05')
    expect(times.short(AT, AT + 86_400_000)).toBe('Mar 2, 06:30')
    expect(times.whole(AT)).toMatch(/^Mar 2, 2026, 06:30:05 GMT\+9$/)
  })

  it('stand at round hours of the zone on an axis, also over the night in which its clocks change', () => {
    const { clock, offset } = createTimes({ locale: 'en', timeZone: 'Asia/Kolkata' })
    const day = timeTicks(AT - 86_400_000, AT, offset)
    expect(day.map(clock)).toEqual(['06:00:00', '12:00:00', '18:00:00', '00:00:00'])
    const london = createTimes({ locale: 'en', timeZone: 'Europe/London' })
    const [from, to] = [Date.UTC(2026, 9, 24, 20), Date.UTC(2026, 9, 25, 20)] // an hour longer than a day there
    const ticks = timeTicks(from, to, london.offset)
    expect(ticks.map(london.clock)).toEqual(['00:00:00', '06:00:00', '12:00:00', '18:00:00'])
    expect(new Set(ticks).size).toBe(ticks.length)
    const [before, after] = [Date.UTC(2026, 2, 28, 23), Date.UTC(2026, 2, 29, 3)] // one o'clock is two at once
    expect(timeTicks(before, after, london.offset).map(london.clock)).toEqual([
      '23:00:00',
      '00:00:00',
      '02:00:00',
      '03:00:00',
      '04:00:00',
    ])
  })

  it('have no place on an axis whose beginning is not known', () => {
    expect(timeTicks(Number.NaN, Number.NaN, createTimes({ locale: 'en', timeZone: 'UTC' }).offset)).toEqual([])
    expect(timeTicks(Number.NaN, AT)).toEqual([])
  })

  it('are said as people say them, before and after', () => {
    const { ago } = createTimes({ locale: 'en' })
    const said = [0, -59, -60, -7200, -172_800, 90].map((seconds) => ago(AT + seconds * 1000, AT))
    expect(said).toEqual(['now', '59 seconds ago', '1 minute ago', '2 hours ago', '2 days ago', 'in 2 minutes'])
  })

  it('run as on a stop-watch, and never below nothing', () => {
    expect([-1, 999, 59_999, 192_000, 3_727_000].map(stopwatch)).toEqual(['0:00', '0:00', '0:59', '3:12', '1:02:07'])
    expect([86_400_000, 31_536_000_000].map(timeLeft)).toEqual(['24:00:00', '365 d'])
  })
})

it('draws a gap where nothing is known, and a dot where only one value is', () => {
  expect(linePath([0, 10, 20, 30, 40, 50], [1, 2, null, 3, null, 4])).toBe(
    'M0.0 1.00L10.0 2.00M28.0 3.00h4M48.0 4.00h4',
  )
})

it('takes what is no number for what is not known, and says no value of an axis twice', () => {
  expect(known([1, Number.NaN, Number.POSITIVE_INFINITY, null, 0])).toEqual([1, null, null, null, 0])
  expect([1, 2, 5].map((max) => axisValues(max, (value) => value.toFixed(0)))).toEqual([
    [1, 0],
    [2, 1, 0],
    [5, 2.5, 0],
  ])
})

it('gives a time that was set as it was set, and one that was measured by no more than is worth saying', () => {
  const numbers = createNumbers('en')
  const said = ({ value, unit }: { value: string; unit: string }) => `${value} ${unit}`
  expect([90, 5400, 10_800, 10_801].map((seconds) => said(numbers.span(seconds)))).toEqual([
    '90 s',
    '90 min',
    '3 h',
    '10,801 s',
  ])
  expect([9000, 10_000, 90_000, 10_799_000, 10_801_000, 200_000_000].map((ms) => said(numbers.ms(ms)))).toEqual([
    '9,000 ms',
    '10 s',
    '90 s',
    '3 h',
    '3 h',
    '2.31 d',
  ])
})

it('gives numbers no more digits than are known, a true minus, and all of a hundred percent only where it is all', () => {
  const numbers = createNumbers('en')
  expect([0, 0.998, 1, 1.004, 1.02].map(numbers.times)).toEqual(['0 times', 'once', 'once', 'once', '1.02 times'])
  expect([0, 0.123, 12.34, 1234.5, -3].map(numbers.short)).toEqual(['0', '0.12', '12.3', '1,235', '\u22123'])
  expect([0, 0.0004, 0.004, 0.5, 0.9944, 1].map((share) => numbers.percent(share).value)).toEqual([
    '0',
    '< 0.1',
    '0.4',
    '50',
    '99.4',
    '100',
  ])
  // What is rounded to nothing has no sign.
  expect([-0.2, 0.2, -0.6, 0.6, 0].map((value) => numbers.signed(value))).toEqual(['0', '0', '\u22121', '+1', '0'])
  expect([
    numbers.fixed(-0.01, 1),
    numbers.short(-0.001),
    spelled(numbers, 'an hour, -0.10 (-0.95 to +0.76) of 12345 reads, web-1'),
  ]).toEqual(['0.0', '0', 'an hour, \u22120.10 (\u22120.95 to +0.76) of 12,345 reads, web-1'])
  expect([numbers.bytes(0), numbers.bytes(17_700), numbers.ms(0.015)]).toEqual([
    { value: '0', unit: 'B' },
    { value: '17.7', unit: 'kB' },
    { value: '0.015', unit: 'ms' },
  ])
})

it('writes names one a line and reads each back as it was', () => {
  const names = ['deals', ' both ends ', 'two\nlines', '"quoted"', '"half', 'عروض', '\t', '{"a":1}']
  expect(linesOf(names.map(lineOf).join('\r\n'))).toEqual(names)
  expect(linesOf(' deals \n\n"" \n "org: 1 "')).toEqual(['deals', '""', 'org: 1 '])
})

it('a line without axes has holes where nothing is known, and shows a lone value as one that lasts a step', () => {
  expect(runsOf([null, 1, 2, null, null, 3, null, 4])).toEqual([
    { from: 1, values: [1, 2] },
    { from: 4, values: [3, 3] },
    { from: 6, values: [4, 4] },
  ])
  expect(runsOf([5, null])).toEqual([{ from: 0, values: [5, 5] }])
  expect(runsOf([null, null])).toEqual([])
})
