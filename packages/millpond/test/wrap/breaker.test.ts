// The breaker by itself: when it opens, whom it lets through, and how it closes.
import { expect, test } from 'vitest'
import { fakeClock } from '../../src/testing/clock.ts'
import { Breaker, type BreakerOptions, type BreakerState } from '../../src/wrap/breaker.ts'

function subject(options: BreakerOptions = { threshold: 3, openMs: 100 }) {
  const clock = fakeClock()
  const states: BreakerState[] = []
  return { clock, states, breaker: new Breaker(options, clock, (state) => states.push(state)) }
}
const fail = (breaker: Breaker, times: number): void => {
  for (let count = 0; count < times; count++) breaker.failed()
}

test('G14: opens after so many failures in a row, not in all', () => {
  const { breaker } = subject()
  fail(breaker, 2)
  breaker.succeeded()
  fail(breaker, 2)
  expect([breaker.state, breaker.allows()]).toEqual(['closed', true])
  breaker.failed()
  expect([breaker.state, breaker.allows()]).toEqual(['open', false])
})

test('G14: after the pause one call goes through, and no other until it has ended', () => {
  const { breaker, clock } = subject()
  fail(breaker, 3)
  clock.advance(99)
  expect(breaker.allows()).toBe(false)
  clock.advance(1)
  expect([breaker.allows(), breaker.allows(), breaker.allows(), breaker.state]).toEqual([
    true,
    false,
    false,
    'half-open',
  ])
  clock.advance(10_000)
  expect(breaker.allows()).toBe(false)
})

test('G14: it closes when that call succeeds, and opens for another pause when it fails', () => {
  const { breaker, clock, states } = subject()
  fail(breaker, 3)
  clock.advance(100)
  breaker.allows()
  breaker.failed()
  expect([breaker.state, breaker.allows()]).toEqual(['open', false])
  clock.advance(100)
  breaker.allows()
  breaker.succeeded()
  expect([breaker.allows(), breaker.allows()]).toEqual([true, true])
  fail(breaker, 2)
  expect(states).toEqual(['open', 'half-open', 'open', 'half-open', 'closed'])
})

test('failures of calls that were under way when it opened lengthen the pause, and are not reported again', () => {
  const { breaker, clock, states } = subject()
  fail(breaker, 3)
  clock.advance(60)
  breaker.failed()
  clock.advance(60)
  expect([breaker.allows(), states]).toEqual([false, ['open']])
})

test('a wall clock that is set changes nothing', () => {
  const { breaker, clock } = subject()
  fail(breaker, 3)
  clock.jump(3_600_000)
  expect(breaker.allows()).toBe(false)
  clock.jump(-7_200_000)
  clock.advance(100)
  expect(breaker.allows()).toBe(true)
})

test('protect passes results and errors unchanged, and calls nothing while open', async () => {
  const { breaker, clock } = subject({ threshold: 1, openMs: 100 })
  const error = new Error('down')
  let calls = 0
  const call = () => {
    calls++
    return Promise.reject(error)
  }
  await expect(breaker.protect(call)).rejects.toBe(error)
  await expect(breaker.protect(call)).rejects.toMatchObject({
    code: 'TIER_FAILED',
    message: expect.stringContaining('within 100 ms'),
  })
  expect(calls).toBe(1)
  clock.advance(100)
  const probe = breaker.protect(async () => 'well')
  await expect(breaker.protect(call)).rejects.toMatchObject({
    code: 'TIER_FAILED',
    message: expect.stringContaining('half-open'),
  })
  expect([await probe, breaker.state, calls]).toEqual(['well', 'closed', 1])
})

test('Infinity never opens; configure keeps what it does not name, undefined included', () => {
  const { breaker } = subject({ threshold: Number.POSITIVE_INFINITY })
  fail(breaker, 1000)
  expect([breaker.state, breaker.options]).toEqual(['closed', { threshold: Number.POSITIVE_INFINITY, openMs: 500 }])
  breaker.configure({ threshold: 2, openMs: undefined } as unknown as BreakerOptions)
  expect(breaker.options).toEqual({ threshold: 2, openMs: 500 })
  breaker.configure({ threshold: undefined } as unknown as BreakerOptions)
  breaker.failed()
  expect(breaker.state).toBe('open')
  expect(() => breaker.configure({ threshold: 0 })).toThrow(/threshold: 0/)
})

test('G14: a call is a function, and what it says of one failure is in the singular', async () => {
  const { breaker } = subject({ threshold: 1, openMs: 100 })
  await expect(breaker.protect(5 as unknown as () => Promise<void>)).rejects.toMatchObject({
    code: 'OPTION_INVALID',
    message: expect.stringContaining('protect: 5 is not allowed: give a function that makes the call'),
  })
  expect(breaker.state).toBe('closed')
  fail(breaker, 1)
  await expect(breaker.protect(async () => 1)).rejects.toThrow('the last call failed; it tries again within 100 ms')
})
