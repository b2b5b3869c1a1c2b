// Coalescing and delay on a clock that the test moves.
import { describe, expect, it } from 'vitest'
import type { Duration } from '../../src/core/duration.ts'
import { Coalesce } from '../../src/invalidate/coalesce.ts'
import { Delays } from '../../src/invalidate/delay.ts'
import { fakeClock } from '../../src/testing/clock.ts'
import fc from '../properties.ts'

function recording(every: Duration, maxTargets?: number) {
  const clock = fakeClock({ monotonic: 0 })
  const runs: [number, string, number][] = []
  const coalesce = new Coalesce<number, number>({
    every,
    clock,
    ...(maxTargets === undefined ? {} : { maxTargets }),
    run: async (target, request) => {
      runs.push([clock.monotonic(), target, request])
      if (request < 0) throw new Error(`run ${request}`)
      return request
    },
  })
  return { clock, runs, coalesce }
}

describe('Coalesce', () => {
  it('runs the first call at once and the rest of the window once, at its end, with the last request', async () => {
    const { clock, runs, coalesce } = recording('5s')
    expect(await coalesce.call('a', 1)).toBe(1)
    const waiting = [coalesce.call('a', 2), coalesce.call('a', 3)]
    expect(await coalesce.call('b', 9)).toBe(9)
    await clock.run(4999)
    expect(runs).toEqual([
      [0, 'a', 1],
      [0, 'b', 9],
    ])
    await clock.run(1)
    expect(await Promise.all(waiting)).toEqual([3, 3])
    // The trailing run opened a window of its own.
    const next = coalesce.call('a', 4)
    await clock.run(4999)
    expect(runs).toHaveLength(3)
    await clock.run(1)
    expect([await next, runs.at(-1)]).toEqual([4, [10_000, 'a', 4]])
    await clock.run(5000)
    expect([coalesce.size, clock.pending]).toEqual([0, 0])
  })

  it('a failed run rejects those it answered, and the next call is not stuck', async () => {
    const { clock, coalesce } = recording('1s')
    await expect(coalesce.call('a', -1)).rejects.toThrow('run -1')
    const failing = expect(coalesce.call('a', -2)).rejects.toThrow('run -2')
    await clock.run(1000)
    await failing
    const fine = coalesce.call('a', 3)
    await clock.run(1000)
    expect(await fine).toBe(3)
  })

  it('flush runs what waits, at once', async () => {
    const { clock, runs, coalesce } = recording('1h')
    await coalesce.call('a', 1)
    const waiting = coalesce.call('a', 2)
    await coalesce.flush()
    expect([await waiting, runs.length, coalesce.size, clock.pending]).toEqual([2, 2, 0, 0])
  })

  it('beyond maxTargets a call runs at once, and `every: 0` never waits', async () => {
    const { runs, coalesce } = recording('1h', 1)
    await coalesce.call('a', 1)
    await coalesce.call('b', 1)
    await coalesce.call('b', 2)
    expect(runs).toHaveLength(3)
    const never = recording(0)
    await never.coalesce.call('a', 1)
    await never.coalesce.call('a', 2)
    expect([never.runs.length, never.coalesce.size]).toEqual([2, 0])
    expect(() => recording('5 sec' as never)).toThrow(/not a duration/)
    expect(() => recording(1, 0)).toThrow(/maxTargets/)
  })

  it('property: runs of a target are a window apart, and each call is answered by a run that began no earlier and at most a window later', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 1500 }), fc.constantFrom('a', 'b')), {
          minLength: 1,
          maxLength: 30,
        }),
        async (calls) => {
          const { clock, runs, coalesce } = recording(1000)
          const answers: Promise<number>[] = []
          const made: [number, string][] = []
          for (const [index, [wait, target]] of calls.entries()) {
            await clock.run(wait)
            made.push([clock.monotonic(), target])
            answers.push(coalesce.call(target, index))
          }
          await clock.run(1000)
          for (const [index, answer] of answers.entries()) {
            const answered = await answer
            const at = runs.find(([, , request]) => request === answered)?.[0] ?? Number.NaN
            const [calledAt, target] = made[index] ?? [Number.NaN, '']
            expect([
              at >= calledAt,
              at - calledAt <= 1000,
              runs.find(([, , request]) => request === answered)?.[1],
            ]).toEqual([true, true, target])
          }
          for (const target of ['a', 'b']) {
            const times = runs.filter(([, name]) => name === target).map(([at]) => at)
            for (let i = 1; i < times.length; i++)
              expect((times[i] ?? 0) - (times[i - 1] ?? 0)).toBeGreaterThanOrEqual(1000)
          }
        },
      ),
    )
  })
})

describe('Delays', () => {
  it('runs after the delay, unless cancelled; flush runs the rest', async () => {
    const clock = fakeClock()
    const delays = new Delays(clock)
    const ran: string[] = []
    const start = (name: string, delay: Duration) =>
      delays.start(delay, async () => {
        ran.push(name)
        return name
      })
    const [first, second, third] = [start('first', '1s'), start('second', '1s'), start('third', '1h')]
    expect([second.cancel(), second.cancel(), delays.size]).toEqual([true, false, 2])
    await clock.run(1000)
    expect([await first.done, await second.done, ran]).toEqual(['first', undefined, ['first']])
    expect(first.cancel()).toBe(false)
    await delays.flush()
    expect([await third.done, ran, delays.size, clock.pending]).toEqual(['third', ['first', 'third'], 0, 0])
    expect(() => start('x', '30d')).toThrow(/over 24 days/)
    expect(() => start('x', 'soon' as never)).toThrow(/not a duration/)
    const failing = delays.start(0, () => {
      throw new Error('boom')
    })
    const rejected = expect(failing.done).rejects.toThrow('boom')
    await clock.run(0)
    await rejected
  })
})
