// Scheduled invalidation: criteria survive the table unchanged, wrong ones never reach it.
import { describe, expect, it } from 'vitest'
import type { Duration } from '../../src/core/duration.ts'
import { type Criteria, resolveCriteria } from '../../src/invalidate/criteria.ts'
import {
  type DueInvalidation,
  INVALIDATION_JOB,
  invalidationHandler,
  scheduleInvalidation,
} from '../../src/invalidate/schedule.ts'
import { createJobs } from '../../src/jobs/jobs.ts'
import { memoryJobs } from '../../src/jobs/memory.ts'
import { fakeClock } from '../../src/testing/clock.ts'

function setup() {
  const clock = fakeClock()
  const due: DueInvalidation[] = []
  const jobs = createJobs({
    store: memoryJobs({ clock }),
    clock,
    handlers: { [INVALIDATION_JOB]: invalidationHandler(async (one) => due.push(one)) },
  })
  jobs.start()
  const schedule = (criteria: Criteria, when: { in?: Duration; at?: number | Date; id?: string }, mode?: 'expire') =>
    scheduleInvalidation(
      { jobs, namespace: 'shop', criteria, now: clock.now(), ...(mode === undefined ? {} : { mode }) },
      when,
    )
  return { clock, due, jobs, schedule }
}

describe('scheduleInvalidation', () => {
  it('I4: after a delay, with a job id that can be listed and cancelled', async () => {
    const { clock, due, jobs, schedule } = setup()
    const id = await schedule({ tags: ['a'] }, { in: '5m' }, 'expire')
    const other = await schedule({ tags: ['b'] }, { in: '5m', id: 'named' })
    expect([(await jobs.list()).map((job) => job.kind), other]).toEqual([[INVALIDATION_JOB, INVALIDATION_JOB], 'named'])
    expect(await jobs.cancel('named')).toBe(true)
    await clock.run(299_000)
    expect(due).toEqual([])
    await clock.run(2000)
    expect(due).toEqual([{ namespace: 'shop', criteria: { tags: ['a'] }, mode: 'expire', id }])
  })

  it('a time that has passed means at once', async () => {
    const { clock, due, schedule } = setup()
    await schedule({ all: true }, { at: clock.now() - 1_000_000 })
    await clock.run(0)
    expect(due).toHaveLength(1)
  })

  it('every criterion comes through the table as it was meant', async () => {
    const { clock, due, schedule } = setup()
    const criteria: Criteria = {
      key: ['user', 7n, null],
      keys: ['[odd', '\\odd', 'plain{}*\n', ['a', '1', 1]],
      tag: 't',
      pattern: /USER:\d/i,
      patterns: ['u:*', '^u'],
      model: 'User',
      id: 9_007_199_254_740_993n,
      createdBefore: new Date(clock.now() - 5),
      olderThan: '1h',
    }
    const before = resolveCriteria(criteria, { now: clock.now() })
    await schedule(criteria, { in: 0 })
    await clock.run(0)
    const after = resolveCriteria(due[0]?.criteria ?? {}, { now: clock.now() })
    expect([...after.keys].sort()).toEqual([...before.keys].sort())
    expect({ ...after, keys: [], selects: 0 }).toEqual({ ...before, keys: [], selects: 0 })
    expect(due[0]?.mode).toBe('delete')
  })

  it('wrong criteria and times reject before anything is stored', async () => {
    const { jobs, schedule } = setup()
    for (const criteria of [{}, { keys: [''] }, { pattern: '^(a)\\1' }, { tags: ['\ud800'] }, { id: 7 }])
      await expect(schedule(criteria, { in: 1 })).rejects.toThrow(/\[millpond\]/)
    await expect(schedule({ all: true }, { in: -1 })).rejects.toMatchObject({ code: 'DURATION_INVALID' })
    await expect(schedule({ all: true }, { in: 1, at: 1 })).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    await expect(
      schedule({ keys: Array.from({ length: 9000 }, (_, i) => `a-long-key-${i}`) }, { in: 1 }),
    ).rejects.toMatchObject({
      code: 'VALUE_TOO_LARGE',
    })
    expect(await jobs.list()).toEqual([])
  })

  it('a payload that somebody else wrote into the table is judged again', async () => {
    const { clock, due, jobs } = setup()
    await jobs.add(INVALIDATION_JOB, { namespace: 'a b', criteria: {} }, { id: 'bad' })
    await jobs.add(INVALIDATION_JOB, 'garbage')
    await clock.run(10)
    expect([due, (await jobs.get('bad'))?.error]).toEqual([[], expect.stringContaining('is not a name')])
  })
})
