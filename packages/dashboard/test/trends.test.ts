// When one sentence stands for all figures that nothing is foreseen of.
import { expect, it } from 'vitest'
import { onlyReason } from '../src/pages/insight/only-reason.ts'

const unknown = (...why: string[]) => ({ per_day: null, forecast: null, why })

it('gives the reason of all, and none where another figure has another or can be told', () => {
  const two = unknown('one day was seen', 'two steps were seen')
  expect(onlyReason([two, { ...two }])).toBe('one day was seen; two steps were seen')
  expect(onlyReason([two, unknown('no day was seen')])).toBeUndefined()
  expect(onlyReason([two, { ...two, per_day: { value: 0, low: -1, high: 1 } }])).toBeUndefined()
  expect(onlyReason([])).toBeUndefined()
})
