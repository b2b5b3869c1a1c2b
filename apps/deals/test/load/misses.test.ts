// Why an answer was computed, told from the answers of a run.
import { expect, test } from 'vitest'
import type { Answer } from '../../src/load/drive.ts'
import { attainable, missesByKind, missesOf } from '../../src/load/misses.ts'
import { sourceOf } from '../../src/load/source-of.ts'

const answer = (at: number, path: string, version: number, cacheStatus: string, userId = 1): Answer => ({
  step: { method: 'GET', path, as: { userId, organizationId: 1 }, thinkMs: 0 },
  status: 200,
  versions: new Map([['org:1:deals', version]]),
  startedAt: at,
  endedAt: at + 1,
  hash: 'a',
  cacheStatus,
})
const HIT = 'deals-response; hit; ttl=5; detail=memory, deals-http; fwd=uri-miss; fwd-status=200'
const MADE = 'deals-strategic; hit; detail=sqlite, deals-response; fwd=uri-miss; stored'

const isComputed = (one: Answer) => sourceOf(one) === 'computed'

test('an answer is new, changed by a write, or gone; what one user was shown is not known for another', () => {
  const answers = [
    answer(1, '/x', 1, MADE),
    answer(2, '/x', 1, HIT),
    answer(3, '/x', 2, MADE, 2),
    answer(4, '/x', 2, MADE),
    answer(5, '/api/cached/users/dashboard/', 1, MADE),
    answer(6, '/api/cached/users/dashboard/', 1, MADE, 2),
  ]
  expect(answers.map(sourceOf)).toEqual(['computed', 'memory', 'computed', 'computed', 'computed', 'computed'])
  const asked = { answers, isComputed, isWarmed: false }
  expect(missesOf(asked)).toEqual({ first: 3, written: 1, gone: 1 })
  expect(missesOf(asked, ({ startedAt }) => startedAt > 4)).toEqual({ first: 2, written: 0, gone: 0 })
  // Only the second answer had been given before, in the same state; and the fourth, to the same user.
  expect(attainable(asked)).toBeCloseTo(2 / 6)
  expect(attainable(asked, () => false)).toBeNull()
  expect(sourceOf(answer(7, '/x', 1, 'deals-http; hit; ttl=9'))).toBe('http')
})

test('what was warmed is not asked for the first time: it had changed since, or had gone; by kinds, the most computed first', () => {
  const answers = [
    answer(1, '/api/cached/search/?q=weir', 1, MADE),
    answer(2, '/api/cached/organizations/7/statistics/?days=30', 1, MADE),
    answer(3, '/api/cached/organizations/8/statistics/?days=30', 0, MADE),
    answer(4, '/api/cached/organizations/8/statistics/?days=30', 0, HIT),
    answer(5, '/api/dashboard/overview-advanced/', 0, HIT),
  ]
  expect([...missesByKind({ answers, isComputed, isWarmed: true }, () => true)]).toEqual([
    ['organizations/statistics', { asked: 3, first: 0, written: 1, gone: 1 }],
    ['search', { asked: 1, first: 1, written: 0, gone: 0 }],
    ['overview-advanced', { asked: 1, first: 0, written: 0, gone: 0 }],
  ])
})
