// The runner over the memory table and a clock that the test moves.
import { describe, expect, it } from 'vitest'
import type { Job, JobStore } from '../../src/core/jobs.ts'
import { createJobs, type Jobs } from '../../src/jobs/jobs.ts'
import { memoryJobs } from '../../src/jobs/memory.ts'
import type { JobsOptions } from '../../src/jobs/options.ts'
import type { JobContext } from '../../src/jobs/run-job.ts'
import { type FakeClock, fakeClock } from '../../src/testing/clock.ts'

interface Ran {
  readonly at: number
  readonly payload: unknown
  readonly id: string
  readonly attempt: number
}

interface Setup {
  readonly clock: FakeClock
  readonly store: JobStore
  readonly ran: Ran[]
  readonly errors: string[]
  readonly jobs: Jobs
}

function setup(
  more: Partial<JobsOptions> & { work?: (payload: unknown, context: JobContext) => unknown } = {},
  shared?: { clock: FakeClock; store: JobStore },
): Setup {
  const clock = shared?.clock ?? fakeClock({ now: 0, monotonic: 0 })
  const store = shared?.store ?? memoryJobs({ clock })
  const ran: Ran[] = []
  const errors: string[] = []
  const { work, ...options } = more
  const jobs = createJobs({
    store,
    clock,
    handlers: {
      work: (payload, context) => {
        ran.push({ at: clock.now(), payload, id: context.id, attempt: context.attempt })
        return work?.(payload, context)
      },
    },
    random: () => 0,
    onError: (error, job) =>
      errors.push(`${job?.id ?? '-'}: ${error instanceof Error ? error.message : String(error)}`),
    ...options,
  })
  return { clock, store, ran, errors, jobs }
}
const never = () => new Promise<never>(() => undefined)

describe('Jobs', () => {
  it('I4: runs after a delay, at a time, at once when that has passed, in the order of their time', async () => {
    const { clock, ran, jobs, store } = setup({ concurrency: 1 })
    clock.jump(1_000_000)
    await jobs.add('work', 'delayed', { in: '5s', id: 'a' })
    await jobs.add('work', { at: 'time' }, { at: new Date(1_003_000), id: 'b' })
    await jobs.add('work', 'past', { at: 5, id: 'c' })
    const id = await jobs.add('work', undefined)
    expect((await jobs.list()).map((job) => job.id)).toEqual(['c', id, 'b', 'a'])
    await clock.run(0)
    expect(ran).toEqual([])
    jobs.start()
    jobs.start()
    await clock.run(10_000)
    expect(ran.map(({ at, payload, attempt }) => [at, payload, attempt])).toEqual([
      [1_000_000, 'past', 1],
      [1_000_000, null, 1],
      [1_003_000, { at: 'time' }, 1],
      [1_005_000, 'delayed', 1],
    ])
    expect([(await store.get('a'))?.state, await jobs.list()]).toEqual(['done', []])
    await jobs.stop()
    expect(clock.pending).toBe(0)
  })

  it('a job can be listed, looked at and cancelled until it runs', async () => {
    const { clock, ran, jobs } = setup()
    jobs.start()
    const id = await jobs.add('work', 1, { in: '1m' })
    expect([(await jobs.get(id))?.state, await jobs.cancel(id), await jobs.cancel(id), await jobs.get(id)]).toEqual([
      'waiting',
      true,
      false,
      undefined,
    ])
    await clock.run(120_000)
    expect(ran).toEqual([])
  })

  it('adding the same id twice runs it once', async () => {
    const { clock, ran, jobs } = setup()
    jobs.start()
    for (let i = 0; i < 3; i++) {
      await jobs.add('work', i, { id: 'once' })
      await clock.run(1000)
    }
    expect(ran.map(({ payload }) => payload)).toEqual([0])
  })

  it('every process sees the table; each job runs in one of them', async () => {
    const clock = fakeClock({ now: 0 })
    const slowly = { concurrency: 2, work: () => new Promise<void>((resolve) => clock.after(45, resolve)) }
    const first = setup(slowly, { clock, store: memoryJobs({ clock }) })
    const second = setup(slowly, first)
    first.jobs.start()
    second.jobs.start()
    const adder = setup({}, first)
    await Promise.all(Array.from({ length: 50 }, (_, i) => adder.jobs.add('work', i, { in: i * 10 })))
    await clock.run(10_000)
    const all = [...first.ran, ...second.ran].map(({ payload }) => payload).sort((a, b) => Number(a) - Number(b))
    expect([all, first.ran.length > 0, second.ran.length > 0, adder.ran]).toEqual([
      Array.from({ length: 50 }, (_, i) => i),
      true,
      true,
      [],
    ])
  })

  it('a long job keeps its lease; one whose process froze is run by another, and its own result is refused', async () => {
    const slow = setup({
      lease: '30s',
      timeout: '10m',
      work: (_, { signal }) => new Promise((resolve) => signal.addEventListener('abort', resolve)),
    })
    const other = setup({ lease: '30s' }, slow)
    slow.jobs.start()
    await slow.jobs.add('work', 1, { id: 'long' })
    await slow.clock.run(0)
    other.jobs.start()
    await slow.clock.run(300_000)
    expect([slow.ran.length, other.ran.length, (await slow.store.get('long'))?.attempts]).toEqual([1, 0, 1])
    // Frozen: no renewal for longer than the lease, while the other one goes on.
    const stolen = await slow.store.claim(['work'], 1, 'thief', 60_000)
    expect(stolen.jobs).toEqual([])
    slow.clock.stall(31_000)
    expect((await slow.store.claim(['work'], 1, 'thief', 600_000)).jobs.map((job) => job.attempts)).toEqual([2])
    await slow.clock.run(0)
    expect(slow.errors.filter((text) => text.includes('lease of the job'))).not.toEqual([])
    expect((await slow.store.get('long'))?.state).toBe('running')
    expect(await slow.store.complete('long', 'thief')).toBe(true)
  })

  it('a failure is tried again after 1, 2, 4 … s, then kept as failed with its error', async () => {
    const { clock, ran, jobs, errors } = setup({
      retry: { attempts: 4, base: '1s', max: '3s' },
      work: () => {
        throw new Error('no luck')
      },
    })
    jobs.start()
    const id = await jobs.add('work', 1)
    await clock.run(60_000)
    expect(ran.map(({ at, attempt }) => [at, attempt])).toEqual([
      [0, 1],
      [1000, 2],
      [3000, 3],
      [6000, 4],
    ])
    expect(await jobs.list({ states: ['failed'] })).toMatchObject([{ id, attempts: 4, error: 'Error: no luck' }])
    expect(errors).toHaveLength(4)
    expect(await jobs.cancel(id)).toBe(true)
  })

  it('the pause is shortened at random, so that tries do not come together', async () => {
    const { clock, ran, jobs } = setup({
      random: () => 1,
      retry: { attempts: 2 },
      work: () => Promise.reject(new Error('x')),
    })
    jobs.start()
    await jobs.add('work', 1)
    await clock.run(5000)
    expect(ran.map(({ at }) => at)).toEqual([0, 750])
  })

  it('a job that kills every process that begins it is given up', async () => {
    const { clock, store, ran, jobs } = setup({ retry: { attempts: 3 } })
    await store.add({ id: 'poison', kind: 'work', payload: '1', due: { inMs: 0 } })
    for (let i = 0; i < 3; i++) {
      await store.claim(['work'], 1, `dead-${i}`, 1)
      clock.advance(2)
    }
    jobs.start()
    await clock.run(1000)
    expect([ran, (await store.get('poison'))?.state, (await store.get('poison'))?.error]).toEqual([
      [],
      'failed',
      expect.stringContaining('never finished'),
    ])
  })

  it('a handler that hangs is given up after its time, and frees its place', async () => {
    let signal: AbortSignal | undefined
    const { clock, jobs, store, errors, ran } = setup({
      timeout: '1m',
      concurrency: 1,
      retry: { attempts: 1 },
      work: (payload, context) => {
        if (payload !== 'hangs') return undefined
        signal = context.signal
        return never()
      },
    })
    jobs.start()
    await jobs.add('work', 'hangs', { id: 'hangs' })
    await clock.run(1000)
    await jobs.add('work', 'next', { id: 'next' })
    await clock.run(58_000)
    expect(ran).toHaveLength(1)
    await clock.run(2000)
    expect([
      signal?.aborted,
      (await store.get('hangs'))?.state,
      (await store.get('next'))?.state,
      errors.length,
    ]).toEqual([true, 'failed', 'done', 1])
  })

  it('never runs more than its concurrency at once, and takes the rest when there is room', async () => {
    let running = 0
    let most = 0
    const { clock, ran, jobs } = setup({
      concurrency: 3,
      work: async () => {
        most = Math.max(most, ++running)
        await new Promise<void>((resolve) => clock.after(100, resolve))
        running--
      },
    })
    jobs.start()
    await Promise.all(Array.from({ length: 10 }, (_, i) => jobs.add('work', i)))
    await clock.run(2000)
    expect([most, ran.length, running]).toEqual([3, 10, 0])
  })

  it('stop waits for what runs, then aborts it, and says what it left', async () => {
    const { clock, jobs, ran } = setup({
      work: (payload) => (payload === 'deaf' ? never() : new Promise<void>((resolve) => clock.after(500, resolve))),
    })
    jobs.start()
    await jobs.add('work', 'polite')
    await clock.run(0)
    const stopping = jobs.stop({ timeout: '1s' })
    await clock.run(600)
    expect([await stopping, ran.length]).toEqual([[], 1])
    await jobs.add('work', 'after the end')
    await clock.run(5000)
    expect(ran).toHaveLength(1)
    expect(clock.pending).toBe(0)
  })

  it('a store that fails is told and asked again; nothing is lost', async () => {
    const clock = fakeClock()
    const inner = memoryJobs({ clock })
    let isDown = true
    const store: JobStore = {
      ...inner,
      claim: (...args) => (isDown ? Promise.reject(new Error('store down')) : inner.claim(...args)),
    }
    const { jobs, ran, errors } = setup({}, { clock, store })
    jobs.start()
    await jobs.add('work', 1)
    await clock.run(2000)
    expect([ran, errors.length > 2, errors[0]]).toEqual([[], true, '-: store down'])
    isDown = false
    await clock.run(500)
    expect(ran).toHaveLength(1)
  })

  it('a store that cannot take the result leaves the job to its lease: it runs again, with its id', async () => {
    const clock = fakeClock()
    const inner = memoryJobs({ clock })
    let fails = 1
    const store: JobStore = {
      ...inner,
      complete: (...args) => (fails-- > 0 ? Promise.reject(new Error('cut')) : inner.complete(...args)),
    }
    const { jobs, ran } = setup({ lease: '5s' }, { clock, store })
    jobs.start()
    await jobs.add('work', 1, { id: 'twice' })
    await clock.run(6000)
    expect([ran.map(({ id, attempt }) => [id, attempt]), (await inner.get('twice'))?.state]).toEqual([
      [
        ['twice', 1],
        ['twice', 2],
      ],
      'done',
    ])
  })

  it('a lease that cannot be renewed in time stops the handler', async () => {
    const clock = fakeClock()
    const inner = memoryJobs({ clock })
    const store: JobStore = { ...inner, renew: () => Promise.reject(new Error('cut')) }
    let abortedAt = 0
    const { jobs } = setup(
      {
        lease: '30s',
        work: async (_, { signal }) => {
          await new Promise((resolve) => signal.addEventListener('abort', resolve))
          abortedAt = clock.monotonic()
        },
      },
      { clock, store },
    )
    const startedAt = clock.monotonic()
    jobs.start()
    await jobs.add('work', 1)
    await clock.run(31_000)
    expect([abortedAt - startedAt]).toEqual([30_000])
  })

  it('a renewal that never answers stops the handler when the lease is over', async () => {
    const clock = fakeClock()
    const store: JobStore = { ...memoryJobs({ clock }), renew: () => new Promise<boolean>(() => undefined) }
    const startedAt = clock.monotonic()
    let abortedAt = 0
    const { jobs } = setup(
      {
        lease: '30s',
        work: async (_, { signal }) => {
          await new Promise((resolve) => signal.addEventListener('abort', resolve))
          abortedAt = clock.monotonic()
        },
      },
      { clock, store },
    )
    jobs.start()
    await jobs.add('work', 1)
    await clock.run(30_000)
    expect(abortedAt - startedAt).toBe(30_000)
  })

  it('refuses what cannot be run', async () => {
    const { jobs } = setup()
    const wrong: [() => Promise<unknown>, string][] = [
      [() => jobs.add('', 1), 'OPTION_INVALID'],
      [() => jobs.add('a b', 1), 'OPTION_INVALID'],
      [() => jobs.add('work', 1, { id: 'é' }), 'OPTION_INVALID'],
      [() => jobs.add('work', 1, { id: '' }), 'OPTION_INVALID'],
      [() => jobs.add('work', 1, { in: 5, at: 5 }), 'OPTION_INVALID'],
      [() => jobs.add('work', 1, { in: -1 }), 'DURATION_INVALID'],
      [() => jobs.add('work', 1, { in: Number.POSITIVE_INFINITY }), 'OPTION_INVALID'],
      [() => jobs.add('work', 1, { at: Number.NaN }), 'OPTION_INVALID'],
      [() => jobs.add('work', 1, { at: new Date('never') }), 'OPTION_INVALID'],
      [() => jobs.add('work', 1n), 'VALUE_UNSUPPORTED'],
      [() => jobs.add('work', () => 1), 'VALUE_UNSUPPORTED'],
      [() => jobs.add('work', 'x'.repeat(70_000)), 'VALUE_TOO_LARGE'],
    ]
    for (const [call, code] of wrong) await expect(call()).rejects.toMatchObject({ code })
    for (const options of [
      { concurrency: 0 },
      { lease: 0 },
      { poll: 'soon' as never },
      { timeout: Number.POSITIVE_INFINITY },
      { retry: { attempts: 0 } },
      { handlers: { 'a b': () => 1 } },
    ]) {
      expect(() => setup(options)).toThrow(/\[millpond\]/)
    }
  })

  it('a job without a handler here stays for other processes', async () => {
    const { clock, jobs, store } = setup()
    jobs.start()
    await jobs.add('other', 1, { id: 'theirs' })
    await clock.run(5000)
    const job: Job | undefined = await store.get('theirs')
    expect([job?.state, job?.attempts]).toEqual(['waiting', 0])
  })
})
