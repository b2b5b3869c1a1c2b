// What every job table promises; run by all four against what they really are.
import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { Duration } from '../../src/core/duration.ts'
import type { Claimed, Job, JobStore } from '../../src/jobs/contract.ts'
import { until } from '../services/until.ts'

export interface StoreSubject {
  readonly name: string
  /** A store on an empty queue, and how to open another one on the same queue, as a second process would. */
  readonly open: (options?: {
    keepDone?: Duration
    keepFailed?: Duration
  }) => Promise<{ store: JobStore; again: () => Promise<JobStore>; elsewhere: () => Promise<JobStore> }>
}

const MINUTE = 60_000
const soon = { inMs: 0 }
const job = (id: string, due: { inMs: number } | { at: number } = soon, kind = 'mail') => ({
  id,
  kind,
  payload: `{"id":${JSON.stringify(id)}}`,
  due,
})
const ids = (jobs: readonly Job[]): string[] => jobs.map((one) => one.id)
const take = (store: JobStore, limit = 10, lease = 'l1', ms = MINUTE): Promise<Claimed> => store.claim(['mail'], limit, lease, ms)

export function describeJobStore({ name, open }: StoreSubject): void {
  describe(`${name} keeps the JobStore contract`, () => {
    it('what was added comes back as it was', async () => {
      const { store } = await open()
      const payload = JSON.stringify({ text: 'ä\n"\u0000\u2028😀 \\', n: 1.5, nested: [null, { a: [] }] })
      const id = '{odd}:*?[^$]\'";--'
      expect(await store.add({ id, kind: 'mail', payload, due: { inMs: 1500 } })).toBe(true)
      const found = await store.get(id)
      expect(found).toMatchObject({ id, kind: 'mail', payload, state: 'waiting', attempts: 0 })
      expect([(found?.dueAt ?? 0) - (found?.createdAt ?? 0), found?.readyAt === found?.dueAt, found?.error]).toEqual([
        1500,
        true,
        undefined,
      ])
      expect(await store.get('another')).toBeUndefined()
    })

    it('an id is added once, also when it is done', async () => {
      const { store, again } = await open()
      const other = await again()
      const added = await Promise.all([store.add(job('a')), other.add(job('a')), store.add(job('a')), other.add(job('a'))])
      expect(added.filter(Boolean)).toHaveLength(1)
      await take(store)
      expect(await store.add(job('a'))).toBe(false)
      await store.complete('a', 'l1')
      expect([await store.add(job('a')), (await store.get('a'))?.state, (await take(store)).jobs]).toEqual([false, 'done', []])
    })

    it('a done id is free again after keepDone, a failed one after keepFailed', async () => {
      const { store } = await open({ keepDone: '50ms', keepFailed: '50ms' })
      await store.add(job('a'))
      await store.add(job('b'))
      await take(store)
      await store.complete('a', 'l1')
      await store.fail('b', 'l1', 'Error: no', undefined)
      await until('both are forgotten', async () => (await store.get('a')) === undefined && (await store.get('b')) === undefined)
      expect(await store.list()).toEqual([])
      expect([await store.add(job('a')), await store.add(job('b'))]).toEqual([true, true])
      expect(ids((await take(store)).jobs).sort()).toEqual(['a', 'b'])
      expect((await store.get('b'))?.error).toBeUndefined()
    })

    it('claims what is due, the longest due first, of the asked kinds only, within the limit', async () => {
      const { store } = await open()
      const now = Date.now()
      await store.add(job('late', { at: now - 1000 }))
      await store.add(job('later', { at: now - 3000 }))
      await store.add(job('past', { at: -5 }))
      await store.add(job('future', { inMs: MINUTE }))
      await store.add(job('sms', soon, 'sms'))
      expect((await store.claim([], 10, 'l0', MINUTE)).jobs).toEqual([])
      const first = await take(store, 2)
      expect([ids(first.jobs), first.nextInMs]).toEqual([['past', 'later'], 0])
      expect(first.jobs[0]).toMatchObject({ state: 'running', attempts: 1, payload: '{"id":"past"}' })
      const rest = await take(store)
      expect(ids(rest.jobs)).toEqual(['late'])
      expect(rest.nextInMs).toBeGreaterThan(MINUTE - 10_000)
      expect(rest.nextInMs).toBeLessThanOrEqual(MINUTE)
      expect(ids((await store.claim(['sms', 'none'], 10, 'l2', MINUTE)).jobs)).toEqual(['sms'])
      expect((await store.claim(['none'], 10, 'l2', MINUTE)).nextInMs).toBeUndefined()
    })

    it('tells how long until the next one, so that nobody has to ask often', async () => {
      const { store } = await open()
      expect((await take(store)).nextInMs).toBeUndefined()
      await store.add(job('b', { inMs: MINUTE }))
      const { jobs, nextInMs = 0 } = await take(store)
      expect([jobs, nextInMs > 0 && nextInMs <= MINUTE]).toEqual([[], true])
      await store.add(job('a', { inMs: 50 }))
      await until('it is due', async () => (await take(store)).jobs.length === 1)
    })

    it('each job goes to one of many claimers', async () => {
      const { store, again } = await open()
      const others = [store, await again(), await again(), await again()]
      await Promise.all(Array.from({ length: 60 }, (_, i) => store.add(job(`job-${i}`))))
      const taken: string[] = []
      await Promise.all(
        others.map(async (one) => {
          for (let rounds = 0; rounds < 40; rounds++) taken.push(...ids((await take(one, 3, randomUUID())).jobs))
        }),
      )
      expect([taken.length, new Set(taken).size]).toEqual([60, 60])
    })

    it('a lease that ends lets another take the job, and the first one is refused', async () => {
      const { store, again } = await open()
      const other = await again()
      await store.add(job('a'))
      await take(store, 1, 'first')
      expect((await take(other, 1, 'second')).jobs).toEqual([])
      await store.renew('a', 'first', 1)
      const taken = await until('the lease ends', async () => (await take(other, 1, 'second')).jobs[0])
      expect([taken.id, taken.attempts]).toEqual(['a', 2])
      expect([await store.renew('a', 'first', MINUTE), await store.complete('a', 'first'), await store.fail('a', 'first', 'x', 0)]).toEqual(
        [false, false, false],
      )
      expect([await other.renew('a', 'second', MINUTE), await other.complete('a', 'second'), await other.complete('a', 'second')]).toEqual([
        true,
        true,
        false,
      ])
    })

    it('a renewed lease holds; an ended one that nobody took may still complete', async () => {
      const { store } = await open()
      await store.add(job('a'))
      await take(store, 1, 'l1', 10_000)
      expect(await store.renew('a', 'l1', MINUTE)).toBe(true)
      const before = (await store.get('a'))?.readyAt ?? 0
      expect(before - Date.now()).toBeGreaterThan(MINUTE / 2)
      expect((await take(store, 1, 'l2')).jobs).toEqual([])
      expect([await store.renew('a', 'l1', 1), await store.complete('a', 'l1')]).toEqual([true, true])
    })

    it('a failed try comes again after its pause, or never', async () => {
      const { store } = await open()
      await store.add(job('a'))
      await take(store)
      expect(await store.fail('a', 'l1', 'Error: first', 60)).toBe(true)
      expect(await store.get('a')).toMatchObject({ state: 'waiting', error: 'Error: first', attempts: 1 })
      const [again] = await until('the pause ends', async () => {
        const { jobs } = await take(store, 1, 'l2')
        return jobs.length > 0 && jobs
      })
      expect(again).toMatchObject({ attempts: 2, error: 'Error: first' })
      expect(await store.fail('a', 'l2', 'Error: last', undefined)).toBe(true)
      expect([(await store.get('a'))?.state, (await take(store)).jobs]).toEqual(['failed', []])
    })

    it('cancels what waits or has failed, not what runs or is done', async () => {
      const { store } = await open()
      for (const id of ['waits', 'runs', 'failed', 'done']) await store.add(job(id, id === 'waits' ? { inMs: MINUTE } : soon))
      await take(store)
      await store.fail('failed', 'l1', 'x', undefined)
      await store.complete('done', 'l1')
      const answers = await Promise.all(['waits', 'runs', 'failed', 'done', 'none'].map((id) => store.cancel(id)))
      expect(answers).toEqual([true, false, true, false, false])
      expect([await store.get('waits'), await store.get('failed'), (await store.get('runs'))?.state]).toEqual([
        undefined,
        undefined,
        'running',
      ])
      expect(await store.add(job('waits'))).toBe(true)
    })

    it('lists by due time and id, by state and kind, in pages', async () => {
      const { store } = await open()
      const at = Date.now() + MINUTE
      for (const id of ['b', 'a', 'd', 'c']) await store.add(job(id, { at: id === 'd' ? at - 1 : at }))
      await store.add(job('now'))
      await store.add(job('sms', { at: at + 1 }, 'sms'))
      await take(store)
      expect(ids(await store.list())).toEqual(['now', 'd', 'a', 'b', 'c', 'sms'])
      expect(ids(await store.list({ states: ['running', 'failed'] }))).toEqual(['now'])
      expect(ids(await store.list({ kind: 'sms' }))).toEqual(['sms'])
      expect(ids(await store.list({ limit: 2, offset: 1, states: ['waiting'] }))).toEqual(['a', 'b'])
      expect(ids(await store.list({ offset: 10 }))).toEqual([])
      for (const wrong of [{ limit: 0 }, { offset: -1 }, { limit: 1.5 }]) await expect(store.list(wrong)).rejects.toThrow(/whole number/)
      // @ts-expect-error done jobs are not listed
      await expect(store.list({ states: ['done'] })).rejects.toThrow(/states/)
    })

    it('G23: another queue sees nothing of it', async () => {
      const { store, elsewhere } = await open()
      const other = await elsewhere()
      await store.add(job('a'))
      expect([
        await other.get('a'),
        await other.list(),
        (await take(other)).jobs,
        await other.cancel('a'),
        await other.add(job('a')),
      ]).toEqual([undefined, [], [], false, true])
      await take(store, 1, 'l1')
      expect([await other.complete('a', 'l1'), await other.renew('a', 'l1', 1)]).toEqual([false, false])
    })

    it('rejects after close', async () => {
      const { store } = await open()
      await store.close()
      await expect(store.add(job('a'))).rejects.toMatchObject({ code: 'CLOSED' })
      await expect(take(store)).rejects.toMatchObject({ code: 'CLOSED' })
    })
  })
}
