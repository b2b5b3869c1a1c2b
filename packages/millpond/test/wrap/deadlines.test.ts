// Many deadlines on one timer.
import { describe, expect, test } from 'vitest'
import type { MillpondError } from '../../src/core/errors.ts'
import { fakeClock } from '../../src/testing/clock.ts'
import { Deadlines } from '../../src/wrap/deadlines.ts'

/** What has ended, in order; `answer` settles a call by name. */
function calls() {
  const clock = fakeClock()
  const deadlines = new Deadlines(clock)
  const ended: string[] = []
  const waiting = new Map<string, (value: string) => void>()
  const begin = (name: string, ms: number): void => {
    const work = new Promise<string>((resolve) => waiting.set(name, resolve))
    deadlines
      .hold(work, ms, () => name)
      .then(
        (value) => ended.push(value),
        (error: MillpondError) => ended.push(`${name}: ${error.code}`),
      )
  }
  return { clock, ended, begin, answer: (name: string) => waiting.get(name)?.(`${name} answered`) }
}

describe('deadlines', () => {
  test('G14: each call ends at its own time, however long those before it may take', async () => {
    const { clock, ended, begin, answer } = calls()
    begin('long', 250)
    await clock.run(50)
    begin('short', 20)
    begin('middle', 100)
    await clock.run(19)
    expect(ended).toEqual([])
    await clock.run(1)
    expect(ended).toEqual(['short: TIER_FAILED'])
    await clock.run(80)
    expect(ended).toHaveLength(2)
    answer('long')
    await clock.run(200)
    expect(ended).toEqual(['short: TIER_FAILED', 'middle: TIER_FAILED', 'long answered'])
  })

  test('of thousands that end at once some hundreds do in each turn', async () => {
    const { clock, ended, begin } = calls()
    for (let at = 0; at < 1000; at++) begin(`k${at}`, 250)
    let most = 0
    let before = 0
    const watch = (): void => {
      most = Math.max(most, ended.length - before)
      before = ended.length
      if (before < 1000) setImmediate(watch)
    }
    setImmediate(watch)
    await clock.run(260)
    expect(ended).toEqual(Array.from({ length: 1000 }, (_, at) => `k${at}: TIER_FAILED`))
    expect(most).toBe(250)
  })

  test('many calls are one timer, and none once all have ended, so that it keeps no process alive', async () => {
    const { clock, begin, answer } = calls()
    for (const name of ['a', 'b', 'c']) begin(name, 250)
    expect(clock.pending).toBe(1)
    for (const name of ['a', 'b', 'c']) answer(name)
    await clock.run(0)
    expect(clock.pending).toBe(0)
  })

  test('an answer that is there when the timer rings late counts', async () => {
    const { clock, ended, begin, answer } = calls()
    begin('a', 250)
    clock.stall(1000)
    clock.advance(0)
    answer('a')
    await clock.run(0)
    expect(ended).toEqual(['a answered'])
  })
})
