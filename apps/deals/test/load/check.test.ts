// The checker of the load run, on histories made by hand.
import { expect, test } from 'vitest'
import { findStale, groupAnswers } from '../../src/load/check.ts'
import { type Answer, readVersions, type Write } from '../../src/load/drive.ts'

const step = (path: string) => ({ method: 'GET' as const, path, as: { userId: 1, organizationId: 1 }, thinkMs: 0 })
const answer = (startedAt: number, versions: Record<string, number>, hash = 'a'): Answer => ({
  step: step('/x'),
  status: 200,
  versions: new Map(Object.entries(versions)),
  startedAt,
  endedAt: startedAt + 1,
  hash,
  cacheStatus: 'deals-response; hit',
})
const write = (position: number, endedAt: number, versions: Record<string, number>): Write => ({
  step: { ...step('/w'), method: 'PATCH' },
  status: 200,
  versions: new Map(Object.entries(versions)),
  startedAt: endedAt - 1,
  endedAt,
  position,
})

test('an answer that began after the ack must be at least as new, where the write touched it', () => {
  const writes = [write(1, 10, { deals: 1 }), write(2, 20, { roles: 1 })]
  expect(findStale({ answers: [answer(11, { deals: 0 })], writes, failures: [] })).toHaveLength(1)
  expect(findStale({ answers: [answer(11, { deals: 1 })], writes, failures: [] })).toEqual([])
  // It began before the ack, or shows something else.
  expect(findStale({ answers: [answer(9, { deals: 0 })], writes, failures: [] })).toEqual([])
  expect(findStale({ answers: [answer(30, { members: 0 })], writes, failures: [] })).toEqual([])
  // Newer than the ack is fine: the write had been committed.
  expect(findStale({ answers: [answer(5, { deals: 1 })], writes, failures: [] })).toEqual([])
})

test('answers are compared where their versions began, and after the last write acknowledged before them', () => {
  const writes = [write(1, 10, { deals: 1 }), write(2, 20, { roles: 1 }), write(3, 30, { deals: 2 })]
  const groups = groupAnswers({
    answers: [answer(11, { deals: 1 }), answer(25, { deals: 1 }, 'b')],
    writes,
    failures: [],
  })
  expect(groups).toHaveLength(1)
  expect(groups[0]?.positions).toEqual([1, 2])
  expect([...(groups[0]?.hashes ?? [])].sort()).toEqual(['a', 'b'])
  expect(groupAnswers({ answers: [answer(1, { deals: 0 })], writes, failures: [] })[0]?.positions).toEqual([0])
})

test('versions are read as the service writes them', () => {
  expect([...readVersions('"org:7:deals";v=12, "user:9";v=3')]).toEqual([
    ['org:7:deals', 12],
    ['user:9', 3],
  ])
})
