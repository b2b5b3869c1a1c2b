// Deadlines count the time in which the process ran, for whatever was begun while others were under way, too.
import { expect, it } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import { Deadlines as RedisDeadlines } from '../../src/tiers/redis/deadlines.ts'
import { Deadlines } from '../../src/wrap/deadlines.ts'

const MS = 120
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Keeps the loop from turning, as a long step of this process does. */
function stall(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

it('a call that begins before a pause, behind another one, is not late for the pause', async () => {
  const deadlines = new Deadlines(systemClock())
  const first = deadlines.hold(pause(MS - 10), MS, () => 'first')
  await pause(MS * 0.8)
  const second = deadlines.hold(pause(2 * MS), MS, () => 'second')
  stall(1.5 * MS)
  await Promise.all([first, second])
})

it('the same of exchanges with Redis', async () => {
  const deadlines = new RedisDeadlines(MS)
  let isLate = false
  deadlines.begin(() => {})
  await pause(MS * 0.8)
  const second = deadlines.begin(() => (isLate = true))
  stall(1.5 * MS)
  await pause(MS / 2)
  deadlines.end(second)
  expect(isLate).toBe(false)
})

it('what does not answer while the process runs is late', async () => {
  const began = performance.now()
  await expect(new Deadlines(systemClock()).hold(new Promise(() => {}), MS, () => 'it')).rejects.toThrow(
    'did not answer',
  )
  expect(performance.now() - began).toBeGreaterThanOrEqual(MS - 2)
})
