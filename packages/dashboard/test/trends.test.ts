// Why figures have no trend or no forecast: each reason stands once on the page.
import { expect, it } from 'vitest'
import { reasonsOf } from '../src/pages/insight/reasons.ts'

const days = 'not enough data for a trend: 0 whole days are known, 5 are needed'
const steps = (known: number) => `not enough data for a forecast, in steps of 5 minutes: ${known} steps are known`

it('says a reason of all figures once, and names the figures of any other', () => {
  expect(
    reasonsOf([
      { name: 'hit_ratio', why: [days, steps(12)] },
      { name: 'loads_per_second', why: [days, steps(12)] },
      { name: 'get_p95_ms', why: [days, steps(9)] },
    ]),
  ).toEqual([
    { why: days, names: [] },
    { why: steps(12), names: ['hit_ratio', 'loads_per_second'] },
    { why: steps(9), names: ['get_p95_ms'] },
  ])
})

it('has nothing to say where everything is known, or nothing is asked', () => {
  expect(reasonsOf([{ name: 'bytes', why: [] }])).toEqual([])
  expect(reasonsOf([])).toEqual([])
})
