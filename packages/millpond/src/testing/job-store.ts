// The conformance suite of job stores: what `JobStore` promises, for every store of jobs.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { Duration } from '../core/duration.ts'
import { MillpondError } from '../core/errors.ts'
import type { Claimed, Job, JobStore } from '../core/jobs.ts'
import { type Case, type Runner, register, until } from './runner.ts'

/** A store on an empty queue, and further ones. */
export interface OpenJobStore {
  /** A new, empty store. */
  readonly store: JobStore
  /** Another one on the same queue, as a second process would have it. */
  readonly again: () => Promise<JobStore>
  /** One in the same place on another queue. */
  readonly elsewhere: () => Promise<JobStore>
}

/** The store under test. */
export interface JobStoreSubject {
  /** Names the store in the title of the suite. */
  readonly name: string
  /** Called once per case. */
  readonly open: (options?: { readonly keepDone?: Duration; readonly keepFailed?: Duration }) => Promise<OpenJobStore>
  /** Closes what the case has opened. */
  readonly close?: () => Promise<void>
  /** Ids of cases that this store cannot pass, each with the reason. */
  readonly skips?: Readonly<Record<string, string>>
}

/** Runs the suite: `describeJobStore({ describe, it }, { name: 'mine', open })`. */
export function describeJobStore(runner: Runner, subject: JobStoreSubject): void {
  register(runner, `${subject.name} keeps the JobStore contract`, subject, cases, subject.skips ?? {})
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
const take = (store: JobStore, limit = 10, lease = 'l1', ms = MINUTE): Promise<Claimed> =>
  store.claim(['mail'], limit, lease, ms)

/** `retention` is given if a case needs it short. */
function jobCase(
  id: string,
  title: string,
  run: (open: OpenJobStore) => Promise<void>,
  retention?: { readonly keepDone: Duration; readonly keepFailed: Duration },
): Case<JobStoreSubject> {
  return {
    id,
    title,
    run: async (subject) => {
      try {
        await run(await subject.open(retention))
      } finally {
        await subject.close?.()
      }
    },
  }
}

const cases: readonly Case<JobStoreSubject>[] = [
  jobCase('as-added', 'what was added comes back as it was', async ({ store }) => {
    const payload = JSON.stringify({ text: 'ä\n"\u0000\u2028😀 \\', n: 1.5, nested: [null, { a: [] }] })
    const id = '{odd}:*?[^$]\'";--'
    assert.equal(await store.add({ id, kind: 'mail', payload, due: { inMs: 1500 } }), true)
    const found = await store.get(id)
    assert.ok(found)
    const { dueAt, createdAt, readyAt, ...rest } = found
    assert.deepEqual(rest, { id, kind: 'mail', payload, state: 'waiting', attempts: 0 })
    assert.deepEqual([dueAt - createdAt, readyAt], [1500, dueAt])
    assert.equal(await store.get('another'), undefined)
  }),

  jobCase('added-once', 'an id is added once, also when it is done', async ({ store, again }) => {
    const other = await again()
    const added = await Promise.all([
      store.add(job('a')),
      other.add(job('a')),
      store.add(job('a')),
      other.add(job('a')),
    ])
    assert.equal(added.filter(Boolean).length, 1)
    await take(store)
    assert.equal(await store.add(job('a')), false)
    await store.complete('a', 'l1')
    assert.equal(await store.add(job('a')), false)
    assert.equal((await store.get('a'))?.state, 'done')
    assert.deepEqual((await take(store)).jobs, [])
  }),

  jobCase(
    'forgotten',
    'the id of a done job is free again after keepDone, that of a failed one after keepFailed',
    async ({ store }) => {
      await store.add(job('a'))
      await store.add(job('b'))
      await take(store)
      await store.complete('a', 'l1')
      await store.fail('b', 'l1', 'Error: no', undefined)
      await until(
        'both are forgotten',
        async () => (await store.get('a')) === undefined && (await store.get('b')) === undefined,
      )
      assert.deepEqual(await store.list(), [])
      assert.deepEqual([await store.add(job('a')), await store.add(job('b'))], [true, true])
      assert.deepEqual(ids((await take(store)).jobs).sort(), ['a', 'b'])
      assert.equal((await store.get('b'))?.error, undefined)
    },
    { keepDone: '50ms', keepFailed: '50ms' },
  ),

  jobCase(
    'due',
    'claims due jobs, the longest due first, of the requested kinds only, up to the limit',
    async ({ store }) => {
      const now = Date.now()
      await store.add(job('late', { at: now - 1000 }))
      await store.add(job('later', { at: now - 3000 }))
      await store.add(job('past', { at: -5 }))
      await store.add(job('future', { inMs: MINUTE }))
      await store.add(job('sms', soon, 'sms'))
      assert.deepEqual((await store.claim([], 10, 'l0', MINUTE)).jobs, [])
      const first = await take(store, 2)
      assert.deepEqual([ids(first.jobs), first.nextInMs], [['past', 'later'], 0])
      const [past] = first.jobs
      assert.deepEqual([past?.state, past?.attempts, past?.payload], ['running', 1, '{"id":"past"}'])
      const rest = await take(store)
      assert.deepEqual(ids(rest.jobs), ['late'])
      assert.ok((rest.nextInMs ?? 0) > MINUTE - 10_000 && (rest.nextInMs ?? 0) <= MINUTE, `next in ${rest.nextInMs} ms`)
      assert.deepEqual(ids((await store.claim(['sms', 'none'], 10, 'l2', MINUTE)).jobs), ['sms'])
      assert.equal((await store.claim(['none'], 10, 'l2', MINUTE)).nextInMs, undefined)
    },
  ),

  jobCase('next', 'tells how long until the next job, so that runners need not ask often', async ({ store }) => {
    assert.equal((await take(store)).nextInMs, undefined)
    await store.add(job('b', { inMs: MINUTE }))
    const { jobs, nextInMs = 0 } = await take(store)
    assert.deepEqual([jobs, nextInMs > 0 && nextInMs <= MINUTE], [[], true])
    await store.add(job('a', { inMs: 50 }))
    await until('it is due', async () => (await take(store)).jobs.length === 1)
  }),

  jobCase('one-claimer', 'each job goes to one of many claimers', async ({ store, again }) => {
    const claimers = [store, await again(), await again(), await again()]
    await Promise.all(Array.from({ length: 60 }, (_, i) => store.add(job(`job-${i}`))))
    const taken: string[] = []
    await Promise.all(
      claimers.map(async (one) => {
        for (let rounds = 0; rounds < 40; rounds++) taken.push(...ids((await take(one, 3, randomUUID())).jobs))
      }),
    )
    assert.deepEqual([taken.length, new Set(taken).size], [60, 60])
  }),

  jobCase(
    'lease-ends',
    'a lease that ends lets another take the job, and the first one is refused',
    async ({ store, again }) => {
      const other = await again()
      await store.add(job('a'))
      await take(store, 1, 'first')
      assert.deepEqual((await take(other, 1, 'second')).jobs, [])
      await store.renew('a', 'first', 1)
      const taken = await taking(other, 'second')
      assert.deepEqual([taken.id, taken.attempts], ['a', 2])
      assert.deepEqual(
        [
          await store.renew('a', 'first', MINUTE),
          await store.complete('a', 'first'),
          await store.fail('a', 'first', 'x', 0),
        ],
        [false, false, false],
      )
      assert.deepEqual(
        [
          await other.renew('a', 'second', MINUTE),
          await other.complete('a', 'second'),
          await other.complete('a', 'second'),
        ],
        [true, true, false],
      )
    },
  ),

  jobCase(
    'lease-renewed',
    'a renewed lease holds; an ended lease that was not taken over may still complete',
    async ({ store }) => {
      await store.add(job('a'))
      await take(store, 1, 'l1', 10_000)
      assert.equal(await store.renew('a', 'l1', MINUTE), true)
      assert.ok(((await store.get('a'))?.readyAt ?? 0) - Date.now() > MINUTE / 2)
      assert.deepEqual((await take(store, 1, 'l2')).jobs, [])
      assert.deepEqual([await store.renew('a', 'l1', 1), await store.complete('a', 'l1')], [true, true])
    },
  ),

  jobCase('fails', 'a failed try comes again after its pause, or never', async ({ store }) => {
    await store.add(job('a'))
    await take(store)
    assert.equal(await store.fail('a', 'l1', 'Error: first', 60), true)
    const waiting = await store.get('a')
    assert.deepEqual([waiting?.state, waiting?.error, waiting?.attempts], ['waiting', 'Error: first', 1])
    const again = await taking(store, 'l2')
    assert.deepEqual([again.attempts, again.error], [2, 'Error: first'])
    assert.equal(await store.fail('a', 'l2', 'Error: last', undefined), true)
    assert.deepEqual([(await store.get('a'))?.state, (await take(store)).jobs], ['failed', []])
  }),

  jobCase(
    'again',
    'only the holder of a run that is over can make it wait for its next time, as if it were new',
    async ({ store, again }) => {
      await store.add(job('a'))
      await take(store)
      await store.fail('a', 'l1', 'Error: first', 0)
      await taking(store, 'l2')
      assert.equal(await (await again()).again('a', 'l1', soon, '"stolen"'), false)
      assert.equal(await store.again('a', 'l2', { inMs: MINUTE }, '"next"'), true)
      const { dueAt, createdAt, readyAt, ...rest } = (await store.get('a')) ?? {}
      assert.deepEqual(rest, { id: 'a', kind: 'mail', payload: '"next"', state: 'waiting', attempts: 0 })
      assert.ok(
        (dueAt ?? 0) - (createdAt ?? 0) >= MINUTE && readyAt === dueAt,
        `due at ${dueAt}, ready at ${readyAt}, created at ${createdAt}`,
      )
      assert.deepEqual([(await take(store)).jobs, ids(await store.list({ states: ['waiting'] }))], [[], ['a']])
      assert.equal(await store.again('a', 'l2', soon, '""'), false)
      await store.cancel('a')
      await store.add(job('a'))
      await take(store, 1, 'l3')
      await store.again('a', 'l3', { at: 5 }, '"at"')
      assert.deepEqual([(await store.get('a'))?.dueAt, (await taking(store, 'l4')).attempts], [5, 1])
    },
  ),

  jobCase('cancels', 'cancels what waits or has failed, not what runs or is done', async ({ store }) => {
    for (const id of ['waits', 'runs', 'failed', 'done'])
      await store.add(job(id, id === 'waits' ? { inMs: MINUTE } : soon))
    await take(store)
    await store.fail('failed', 'l1', 'x', undefined)
    await store.complete('done', 'l1')
    const answers = await Promise.all(['waits', 'runs', 'failed', 'done', 'none'].map((id) => store.cancel(id)))
    assert.deepEqual(answers, [true, false, true, false, false])
    assert.deepEqual(
      [await store.get('waits'), await store.get('failed'), (await store.get('runs'))?.state],
      [undefined, undefined, 'running'],
    )
    assert.equal(await store.add(job('waits')), true)
  }),

  jobCase('lists', 'lists by due time and id, by state and kind, in pages', async ({ store }) => {
    const at = Date.now() + MINUTE
    for (const id of ['b', 'a', 'd', 'c']) await store.add(job(id, { at: id === 'd' ? at - 1 : at }))
    await store.add(job('now'))
    await store.add(job('sms', { at: at + 1 }, 'sms'))
    await take(store)
    assert.deepEqual(ids(await store.list()), ['now', 'd', 'a', 'b', 'c', 'sms'])
    assert.deepEqual(ids(await store.list({ states: ['running', 'failed'] })), ['now'])
    assert.deepEqual(ids(await store.list({ kind: 'sms' })), ['sms'])
    assert.deepEqual(ids(await store.list({ limit: 2, offset: 1, states: ['waiting'] })), ['a', 'b'])
    assert.deepEqual(ids(await store.list({ offset: 10 })), [])
    for (const wrong of [{ limit: 0 }, { offset: -1 }, { limit: 1.5 }])
      await assert.rejects(
        store.list(wrong),
        (error) => error instanceof MillpondError && error.code === 'OPTION_INVALID',
      )
  }),

  jobCase('queues', 'another queue sees nothing of it', async ({ store, elsewhere }) => {
    const other = await elsewhere()
    await store.add(job('a'))
    assert.deepEqual(
      [
        await other.get('a'),
        await other.list(),
        (await take(other)).jobs,
        await other.cancel('a'),
        await other.add(job('a')),
      ],
      [undefined, [], [], false, true],
    )
    await take(store, 1, 'l1')
    assert.deepEqual([await other.complete('a', 'l1'), await other.renew('a', 'l1', 1)], [false, false])
  }),

  jobCase('closed', 'rejects after close', async ({ store }) => {
    await store.close()
    const isClosed = (error: unknown): boolean => error instanceof MillpondError && error.code === 'CLOSED'
    await assert.rejects(store.add(job('a')), isClosed)
    await assert.rejects(take(store), isClosed)
  }),
]

/** Claims the one job as soon as it is due. */
async function taking(store: JobStore, lease: string): Promise<Job> {
  let taken: Job | undefined
  await until('the job can be taken', async () => {
    taken = (await take(store, 1, lease)).jobs[0]
    return taken !== undefined
  })
  assert.ok(taken)
  return taken
}
