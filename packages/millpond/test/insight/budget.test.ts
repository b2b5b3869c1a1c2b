// What insight may take is a share of what the process is given, also where other processes take most of the machine.

import { fakeClock } from 'millpond/testing'
import { expect, test } from 'vitest'
import { Budget, OwnTime, spentNow } from '../../src/insight/budget.ts'

/** A process that runs for `cpu` and is idle for `idle` of each millisecond that passes. */
function processOf({ cpu, idle }: { cpu: number; idle: number }) {
  const clock = fakeClock()
  const spent = { cpuMs: 0, idleMs: 0 }
  const ownTime = new OwnTime(clock, () => ({ ...spent }))
  const pass = (ms: number) => {
    spent.cpuMs += cpu * ms
    spent.idleMs += idle * ms
    clock.advance(ms)
  }
  return { clock, ownTime, pass }
}

const QUIET = { cpu: 0.2, idle: 0.8 }
/** It has always something to do, and runs for a fifth of the time. */
const STARVED = { cpu: 0.2, idle: 0 }
/** What it has to do is little, and takes five times as long as it should. */
const WAITING = { cpu: 0.02, idle: 0.9 }

test.each([
  ['on a quiet machine', QUIET, 1],
  [
    'of a process that is given a fifth of what it could use, work takes as large a part of that as of the time that passed',
    STARVED,
    1,
  ],
  [
    "of a process that waits for its turn now and then, most of the time of work was others'",
    WAITING,
    0.02 / 0.1 / 0.92,
  ],
  ['of a process with threads that run longer than time passes', { cpu: 2, idle: 0 }, 1],
  ['of a process that nothing is known of', { cpu: 0, idle: 0 }, 1],
])('%s', (_, kind, weight) => {
  const { ownTime, pass } = processOf(kind)
  pass(1000)
  expect(ownTime.weight).toBeCloseTo(weight, 6)
})

test.each([
  ['quiet', QUIET, 20, false],
  ['quiet', QUIET, 40, true],
  // 40 ms of 1000 that passed are 8 of the 200 in which it ran: 4 of 100.
  ['starved', STARVED, 40, true],
  ['starved', STARVED, 20, false],
  // 100 ms of 1000 that passed, of which it ran in some 20, of 920.
  ['waiting', WAITING, 100, false],
  ['waiting', WAITING, 160, true],
])('on a machine that is %s, more than 3 % of what the process is given is too much', (_, kind, workMs, isTooMuch) => {
  const { clock, ownTime, pass } = processOf(kind)
  const budget = new Budget(clock, ownTime)
  // Of the process's own: those that pass are more where others take a part of them.
  const seconds = (count: number, ms: number) => {
    for (let second = 0; second < Math.ceil(count / (kind.cpu + kind.idle)); second++) {
      pass(1000 - ms)
      budget.work(() => pass(ms))
    }
    return budget.isExceeded(1)
  }
  // Once can be a beginning.
  expect(seconds(10, workMs)).toBe(false)
  expect(seconds(9, workMs)).toBe(false)
  expect(seconds(1, workMs)).toBe(isTooMuch)
  expect(budget.share < 1).toBe(isTooMuch)
  // Of the smaller share it is a beginning again.
  expect(seconds(10, workMs)).toBe(false)
})

test('a process that has hardly run is not judged by its first moments, in which its code is slow', () => {
  const { clock, ownTime, pass } = processOf({ cpu: 0.05, idle: 0 })
  const budget = new Budget(clock, ownTime)
  const half = () => {
    pass(500)
    budget.work(() => pass(500))
  }
  // A minute by the clock is three seconds of its own.
  for (let second = 0; second < 60; second++) half()
  expect([budget.isExceeded(1), budget.share]).toEqual([false, 1])
  for (let second = 0; second < 140; second++) half()
  expect(budget.isExceeded(1)).toBe(true)
})

test('four times the most is too much at once, and a calm while between makes it a beginning again', () => {
  const { clock, ownTime, pass } = processOf(QUIET)
  const budget = new Budget(clock, ownTime)
  const found = [130, 40, 10, 40, 40].map((workMs) => {
    for (let second = 0; second < 10; second++) {
      pass(1000 - workMs)
      budget.work(() => pass(workMs))
    }
    return budget.isExceeded(1)
  })
  expect(found).toEqual([true, false, false, false, true])
})

test('this process says what it was given', () => {
  const before = spentNow()
  let after = before
  while (after.cpuMs - before.cpuMs < 5) after = spentNow()
  expect(after.idleMs).toBeGreaterThanOrEqual(before.idleMs)
})
