// A service that pauses for a moment, at any point: what it has just computed is there for the next request.
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { sized } from '../../../../packages/millpond/test/form.ts'
import { type Cast, twoCasts } from '../people.ts'
import { cacheStatus, type Subject, startSubject } from '../service-under-test.ts'

let subject: Subject
let one: Cast

beforeAll(async () => {
  subject = await startSubject()
  ;[one] = await twoCasts(subject.service.database)
})
afterAll(() => subject.stop())

/** Longer than an answer of the ledger is good for. */
const STALL_MS = 450
const PATH = '/api/cached/organizations/1/info/'

test('a public answer is not computed again, at whatever reading of the clock the process stood still', {
  timeout: 120_000,
}, async () => {
  const plain = performance.now.bind(performance)
  let offset = 0
  let readings = 0
  let stallsAt = -1
  vi.spyOn(performance, 'now').mockImplementation(() => {
    if (readings++ === stallsAt) offset += STALL_MS
    return plain() + offset
  })
  try {
    const again: number[] = []
    let last = 0
    for (let at = 0; at <= last; at += sized(4, 1)) {
      const forgotten = await subject.send('POST', '/api/cache-management/invalidate-cache/', one.administrator, {
        cache_type: 'all',
      })
      expect(forgotten.status).toBe(200)
      readings = 0
      stallsAt = at
      const first = await subject.get(PATH)
      expect(cacheStatus(first)).toBe('deals-response; fwd=uri-miss; stored')
      if (at === 0) last = readings
      stallsAt = -1
      if (!/^deals-http; hit/.test(cacheStatus(await subject.get(PATH)))) again.push(at)
    }
    expect(last).toBeGreaterThan(50)
    // One stall at a time: where the machine stands still besides, the answer is asked for again, and rightly.
    expect(again, 'in time').toEqual([])
  } finally {
    vi.restoreAllMocks()
  }
})
