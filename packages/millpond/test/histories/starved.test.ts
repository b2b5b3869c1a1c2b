// What a history says of a process that was late: what was found is found, and what had no processor was not run.
import { expect, test } from 'vitest'
import { checkHistory } from '../../src/testing/checker.ts'
import { judged } from './cell.ts'
import { drawCells } from './plan.ts'
import { count, isGood, newTally, tell } from './run.ts'
import { lateness, Starved } from './worker-process.ts'

test('a bound is missed for want of a processor, or by the process itself', () => {
  const late = lateness('p1.1 was not drained within 25000 ms', 4000, 25_000)
  expect(late).toBeInstanceOf(Starved)
  expect(late.message).toBe('p1.1 was not drained within 25000 ms, and waited for a processor 16 % of it')
  // One that hangs waits for no processor.
  expect(lateness('p1.1 was not drained within 25000 ms', 200, 25_000)).not.toBeInstanceOf(Starved)
})

test('a cell that was starved counts as not run, and says so; what else was found in it stays', () => {
  const [cell] = drawCells('ring', 1)
  if (cell === undefined) return expect.fail('a cell')
  const clean = checkHistory([])
  const starved = 'p1.1 was not drained within 25000 ms, and waited for a processor 16 % of it'
  const result = { cell, verdict: judged(clean, starved), troubles: [], starved, keptAt: undefined }
  expect(isGood(result)).toBe(true)
  const tally = newTally()
  count(tally, result)
  expect(tally).toMatchObject({ clean: 0, violated: 0, starved: 1 })
  expect(tell(result)).toMatch(/^starved .*\n +not run to its end: p1\.1 was not drained within 25000 ms/)
  expect(judged({ ...clean, outcome: 'violated' }, starved).outcome).toBe('violated')
  expect(judged(clean, undefined).outcome).toBe('clean')
  expect(isGood({ ...result, troubles: ['p0.1 crashed'] })).toBe(false)
})
