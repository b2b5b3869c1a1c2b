// The time limit of key stores and key services counts the time that they take, not the time in which this process was
// paused.
import { expect, test } from 'vitest'
import { inTime } from '../../src/codec/in-time.ts'
import { stopwatch } from '../../src/testing/stopwatch.ts'

test('an answer that came while this process stood still is in time', async () => {
  const answer = inTime(new Promise((resolve) => setImmediate(resolve, 'answer')), 20)
  const stood = stopwatch()
  while (stood() < 60);
  expect(await answer).toBe('answer')
})

test('who waits for what never comes is told', async () => {
  await expect(inTime(new Promise(() => {}), 20)).rejects.toThrow('no answer within 20 ms')
})
