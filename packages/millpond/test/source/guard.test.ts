// What stands before a source: breaker, retries, bulkhead, hedged reads, and the threshold of errors. By a clock that
// the test moves.
import { type GuardOptions, MillpondError } from 'millpond'
import { describe, expect, it } from 'vitest'
import { Guard } from '../../src/source/guard/source-guard.ts'
import { type FakeClock, fakeClock } from '../../src/testing/clock.ts'
import { closeAfterEach, gate, onEverySetup, open } from '../engine/setups.ts'

closeAfterEach()

interface Setup {
  readonly guard: Guard
  readonly clock: FakeClock
  readonly told: string[]
}

function setup(options: GuardOptions = {}): Setup {
  const clock = fakeClock()
  const told: string[] = []
  const guard = new Guard('crm', options, {
    clock,
    random: () => 1,
    tell: (name, state) => told.push(`${name} ${state}`),
  })
  return { guard, clock, told }
}

const no = (why = 'down') => Promise.reject(new Error(why))
const yes = () => Promise.resolve('row')
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'ok',
    (error) => (error instanceof Error && 'code' in error ? error.code : String(error)),
  )
const never = () => new Promise<never>(() => undefined)

describe('the breaker of a source', () => {
  it('R1: opens by the share of failures within its window, not before it has seen enough', async () => {
    const { guard, clock, told } = setup({ breaker: { least: 10, errorRate: 0.5, openFor: '5s', window: '10s' } })
    for (let at = 0; at < 9; at++) await codeOf(guard.run(at % 2 === 0 ? () => no() : yes))
    expect(guard.state).toBe('closed')
    await codeOf(guard.run(() => no()))
    expect([guard.state, told]).toEqual(['open', ['crm open']])
    let asked = 0
    expect(await codeOf(guard.run(() => asked++))).toBe('SOURCE_OPEN')
    expect([asked, guard.stats().refusedOpen]).toEqual([0, 1])
    await clock.run(5000)
    expect(await guard.run(yes)).toBe('row')
    expect(told).toEqual(['crm open', 'crm half-open', 'crm closed'])
  })

  it('R1: forgets what lies before its window', async () => {
    const { guard, clock } = setup({ breaker: { least: 4, window: '10s' } })
    for (let at = 0; at < 3; at++) await codeOf(guard.run(() => no()))
    await clock.run(10_001)
    for (let at = 0; at < 3; at++) await guard.run(yes)
    await codeOf(guard.run(() => no()))
    expect([guard.state, guard.stats().errorRate]).toEqual(['closed', 0.25])
  })

  it('R1: opens by the share of slow calls', async () => {
    const { guard, clock } = setup({ breaker: { least: 4, slowAfter: '1s', slowRate: 0.75 } })
    await guard.run(yes)
    for (let at = 0; at < 3; at++) {
      const slow = gate<string>()
      const call = guard.run(() => slow.promise)
      await clock.run(1500)
      slow.open('late')
      expect(await call).toBe('late')
    }
    expect([guard.state, guard.stats().slow]).toEqual(['open', 3])
  })

  it('R1: lets one call try; its failure opens it anew, and after its success the first failures do', async () => {
    const { guard, clock, told } = setup({ breaker: { least: 2, openFor: '5s', probes: 2 } })
    guard.trip()
    await clock.run(5000)
    const first = gate<string>()
    const trying = guard.run(() => first.promise)
    expect(await codeOf(guard.run(yes))).toBe('SOURCE_OPEN')
    first.fail(new Error('still down'))
    await codeOf(trying)
    expect(guard.state).toBe('open')
    await clock.run(5000)
    await guard.run(yes)
    await codeOf(guard.run(() => no()))
    expect(guard.state).toBe('open')
    await clock.run(5000)
    for (let at = 0; at < 3; at++) await guard.run(yes)
    await codeOf(guard.run(() => no()))
    expect([guard.state, told.filter((state) => state === 'crm open')]).toEqual([
      'closed',
      ['crm open', 'crm open', 'crm open'],
    ])
  })

  it('R1: a try that never ends, or whose caller leaves, does not keep it shut', async () => {
    const { guard, clock } = setup({ breaker: { openFor: '5s' } })
    guard.trip()
    await clock.run(5000)
    void guard.run(never)
    expect(await codeOf(guard.run(yes))).toBe('SOURCE_OPEN')
    await clock.run(5000)
    const caller = new AbortController()
    const left = codeOf(guard.run(never, { signal: caller.signal }))
    caller.abort(new Error('gone'))
    expect(await left).toBe('Error: gone')
    expect(await guard.run(yes)).toBe('row')
    expect(guard.state).toBe('closed')
  })

  it('R1: a call from before it opened says nothing of later', async () => {
    const { guard, clock } = setup({ breaker: { least: 1, openFor: '5s' } })
    const old = gate<string>()
    const call = codeOf(guard.run(() => old.promise))
    await clock.run(0)
    guard.trip()
    await clock.run(5000)
    await guard.run(yes)
    old.fail(new Error('late'))
    await call
    expect(guard.state).toBe('closed')
  })

  it('R1: counts nothing of what is not the source’s fault, nor of callers who leave; a hard timeout counts', async () => {
    const { guard } = setup({ breaker: { least: 1 }, isFailure: (error) => !String(error).includes('no such row') })
    expect(await codeOf(guard.run(() => no('no such row')))).toBe('Error: no such row')
    const caller = new AbortController()
    const left = codeOf(guard.run(never, { signal: caller.signal }))
    caller.abort(new Error('gone'))
    await left
    expect(guard.state).toBe('closed')
    const late = new AbortController()
    const hanging = codeOf(guard.run(never, { signal: late.signal }))
    late.abort(new MillpondError('LOAD_TIMEOUT', 'too late'))
    expect([await hanging, guard.state]).toEqual(['LOAD_TIMEOUT', 'open'])
  })

  it('R1: can be set, tripped and reset while it runs', async () => {
    const { guard, clock } = setup({ breaker: { least: 100 } })
    await codeOf(guard.run(() => no()))
    guard.configure({ breaker: { least: 2 } })
    // Within a part what is left out stays, too.
    guard.configure({ breaker: { openFor: '9s' } })
    await codeOf(guard.run(() => no()))
    expect(guard.state).toBe('open')
    await clock.run(5000)
    expect(await codeOf(guard.run(yes))).toBe('SOURCE_OPEN')
    guard.reset()
    expect(await guard.run(yes)).toBe('row')
    guard.configure({ breaker: false })
    for (let at = 0; at < 10; at++) await codeOf(guard.run(() => no()))
    expect(guard.state).toBe('closed')
    expect(() => guard.configure({ breaker: { errorRate: 2 } })).toThrow(/errorRate/)
    expect(() => guard.configure({ errorThreshold: { failures: 1, action: 'hold' } })).toThrow(/which is off/)
  })
})

describe('as it was reported of others', () => {
  it('opossum #385: failures that come together open it once, and it tries again all the same', async () => {
    const { guard, clock, told } = setup({ breaker: { least: 5, openFor: '5s' } })
    const fails = gate<string>()
    const calls = Array.from({ length: 12 }, () => codeOf(guard.run(() => fails.promise)))
    await clock.run(0)
    fails.fail(new Error('down'))
    await Promise.all(calls)
    expect(told).toEqual(['crm open'])
    await clock.run(5000)
    expect(await guard.run(yes)).toBe('row')
  })

  it('opossum #276, #388: a try that fails opens it though few calls were seen; one whose error is not the source’s fault closes it', async () => {
    const { guard, clock } = setup({
      breaker: { least: 50, openFor: '5s' },
      isFailure: (error) => !String(error).includes('no such row'),
    })
    for (const [why, state] of [
      ['still down', 'open'],
      ['no such row', 'closed'],
    ] as const) {
      guard.trip()
      await clock.run(5000)
      await codeOf(guard.run(() => no(why)))
      expect(guard.state).toBe(state)
    }
  })

  it('opossum #119, #819: of many that come at once when it may try again, one goes through', async () => {
    const { guard, clock } = setup({ breaker: { openFor: '5s' }, bulkhead: { concurrency: 4, queue: 100 } })
    guard.trip()
    await clock.run(5000)
    let asked = 0
    const hangs = gate<string>()
    const calls = Array.from({ length: 20 }, () =>
      codeOf(
        guard.run(() => {
          asked++
          return hangs.promise
        }),
      ),
    )
    await clock.run(0)
    hangs.open('row')
    expect([asked, (await Promise.all(calls)).filter((code) => code === 'SOURCE_OPEN').length]).toEqual([1, 19])
  })

  it('p-retry #71, cockatiel #81: leaves nothing behind on a signal that its caller keeps, whatever becomes of the call', async () => {
    const { guard, clock } = setup({
      timeout: '1s',
      retry: { base: '10ms' },
      hedge: { after: '10ms' },
      bulkhead: { concurrency: 1, queue: 9 },
    })
    const caller = new AbortController()
    const { signal } = caller
    let held = 0
    const add = signal.addEventListener.bind(signal)
    const remove = signal.removeEventListener.bind(signal)
    Object.assign(signal, {
      addEventListener: (...args: Parameters<typeof add>) => {
        held++
        add(...args)
      },
      removeEventListener: (...args: Parameters<typeof remove>) => {
        held--
        remove(...args)
      },
    })
    const calls = [
      guard.run(yes, { signal }),
      guard.run(() => no(), { signal }),
      guard.run(never, { signal }),
      guard.hedged(never, yes, signal),
      guard.hedged(yes, yes, signal),
    ].map(codeOf)
    await clock.run(20_000)
    await Promise.all(calls)
    expect([held, guard.stats().running, guard.stats().waiting, clock.pending]).toEqual([0, 0, 0, 0])
  })

  it('a hundred calls that share a signal are one listener on it', async () => {
    const { guard } = setup({ bulkhead: { concurrency: 10, queue: 100 } })
    const caller = new AbortController()
    const warnings: string[] = []
    const note = (warning: Error) => warnings.push(warning.name)
    process.on('warning', note)
    const calls = Array.from({ length: 100 }, () => codeOf(guard.run(never, { signal: caller.signal })))
    await new Promise((resolve) => setImmediate(resolve))
    caller.abort(new Error('gone'))
    expect(new Set(await Promise.all(calls))).toEqual(new Set(['Error: gone']))
    await new Promise((resolve) => setImmediate(resolve))
    process.off('warning', note)
    expect(warnings).toEqual([])
  })

  it('p-retry #97: a caller who leaves during a call does not wait for the pause after it', async () => {
    const { guard, clock } = setup({ retry: { base: '10s', max: '10s' } })
    const caller = new AbortController()
    const call = codeOf(
      guard.run(
        ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
        {
          signal: caller.signal,
        },
      ),
    )
    await clock.run(0)
    caller.abort(new Error('gone'))
    expect([await call, clock.pending]).toEqual(['Error: gone', 0])
  })
})

describe('retries of a source', () => {
  it('R2: tries again with a growing pause, and gives the last error', async () => {
    const { guard, clock } = setup({ breaker: false, retry: { attempts: 3, base: '100ms' } })
    const at: number[] = []
    const began = clock.monotonic()
    const call = codeOf(
      guard.run(({ attempt }) => {
        at.push(clock.monotonic() - began)
        return no(`no ${attempt}`)
      }),
    )
    await clock.run(1000)
    expect([await call, at]).toEqual(['Error: no 3', [0, 100, 300]])
  })

  it('R2: spends no more than its budget when all fails', async () => {
    const { guard, clock } = setup({ breaker: false, retry: { attempts: 3, budget: 0.1 } })
    let asked = 0
    const calls = Array.from({ length: 200 }, () =>
      codeOf(
        guard.run(() => {
          asked++
          return no()
        }),
      ),
    )
    await clock.run(10_000)
    await Promise.all(calls)
    // 200 first ones, ten at once, and a tenth of the first ones at most.
    expect(asked).toBeGreaterThan(205)
    expect(asked).toBeLessThanOrEqual(230)
  })

  it('R2: stops when its caller leaves, also between two tries, and never begins again behind his back', async () => {
    const { guard, clock } = setup({ retry: { base: '1s' } })
    let asked = 0
    const caller = new AbortController()
    const call = codeOf(guard.run(() => no(`${++asked}`), { signal: caller.signal }))
    await clock.run(10)
    caller.abort(new Error('gone'))
    expect(await call).toBe('Error: gone')
    await clock.run(10_000)
    expect([asked, clock.pending]).toEqual([1, 0])
  })

  it('R2: gives a call up after its own time, and asks again', async () => {
    const { guard, clock } = setup({ timeout: '1s', retry: {} })
    let asked = 0
    const call = guard.run(() => (asked++ === 0 ? never() : yes()))
    await clock.run(2000)
    expect([await call, asked, guard.stats().failed]).toEqual(['row', 2, 1])
  })
})

describe('the bulkhead of a source', () => {
  it('R2: bounds what runs and what waits, in order, and refuses the rest', async () => {
    const { guard } = setup({ bulkhead: { concurrency: 2, queue: 1 } })
    const gates = [gate<string>(), gate<string>(), gate<string>()]
    const began: number[] = []
    const calls = gates.map(({ promise }, at) =>
      guard.run(() => {
        began.push(at)
        return promise
      }),
    )
    expect(await codeOf(guard.run(yes))).toBe('SOURCE_BUSY')
    expect([began, guard.stats().running, guard.stats().waiting, guard.stats().refusedBusy]).toEqual([[0, 1], 2, 1, 1])
    gates[1]?.open('b')
    expect(await calls[1]).toBe('b')
    await Promise.resolve()
    expect(began).toEqual([0, 1, 2])
    for (const one of gates) one.open('x')
    await Promise.all(calls)
    expect(guard.stats()).toMatchObject({ running: 0, waiting: 0 })
  })

  it('R2: a caller who leaves gives up its place, in the queue and at work', async () => {
    const { guard } = setup({ bulkhead: { concurrency: 1, queue: 5 } })
    const leaving = [new AbortController(), new AbortController()]
    const calls = leaving.map(({ signal }) => codeOf(guard.run(never, { signal })))
    const third = guard.run(yes)
    leaving[1]?.abort(new Error('left the queue'))
    expect(await calls[1]).toBe('Error: left the queue')
    leaving[0]?.abort(new Error('left work'))
    expect([await calls[0], await third]).toEqual(['Error: left work', 'row'])
  })
})

describe('a bulkhead of a source', () => {
  it('cockatiel #114, failsafe #366, AsyncSemaphore #566: of thousands who leave its queue none keeps a place, and each place is given once', async () => {
    const { guard } = setup({ bulkhead: { concurrency: 2, queue: 5000 } })
    const atWork = [gate<string>(), gate<string>()]
    const calls = atWork.map(({ promise }) => guard.run(() => promise))
    const leaving = Array.from({ length: 3000 }, () => new AbortController())
    let ran = 0
    const left = leaving.map(({ signal }) => codeOf(guard.run(async () => void ran++, { signal })))
    const stay = Array.from({ length: 50 }, () => guard.run(yes))
    for (const one of leaving) one.abort(new Error('left'))
    expect(guard.stats()).toMatchObject({ running: 2, waiting: 50 })
    for (const one of atWork) one.open('done')
    expect([new Set(await Promise.all(stay)), new Set(await Promise.all(left)), ran]).toEqual([
      new Set(['row']),
      new Set(['Error: left']),
      0,
    ])
    await Promise.all(calls)
    expect(guard.stats()).toMatchObject({ running: 0, waiting: 0 })
  })
})

describe('hedged reads', () => {
  const hedged = (options: Partial<GuardOptions> = {}) => setup({ hedge: { after: '100ms' }, ...options })
  const signal = new AbortController().signal

  it('R2: ask the replica when the source is slow, take the first answer, and abort the other call', async () => {
    const { guard, clock } = hedged()
    let stopped = false
    const slow = ({ signal }: { signal: AbortSignal }) => {
      signal.addEventListener('abort', () => {
        stopped = true
      })
      return never()
    }
    const call = guard.hedged(slow, async () => 'replica', signal)
    await clock.run(100)
    expect([await call, stopped, guard.stats().hedged]).toEqual([{ answer: 'replica', isReplica: true }, true, 1])
    let asked = 0
    expect(await guard.hedged(yes, async () => String(asked++), signal)).toEqual({ answer: 'row', isReplica: false })
    await clock.run(1000)
    expect([asked, clock.pending]).toEqual([0, 0])
  })

  it('R2: ask it when the source fails or its breaker is open; where both fail, say what the source said', async () => {
    const { guard } = hedged()
    expect(
      await guard.hedged(
        () => no(),
        async () => 'replica',
        signal,
      ),
    ).toEqual({ answer: 'replica', isReplica: true })
    guard.trip()
    expect(await guard.hedged(yes, async () => 'replica', signal)).toEqual({ answer: 'replica', isReplica: true })
    guard.reset()
    expect(
      await codeOf(
        guard.hedged(
          () => no('the source'),
          () => no('the replica'),
          signal,
        ),
      ),
    ).toBe('Error: the source')
  })

  it('R2: do not ask it where the caller has left, or where the source is not at fault', async () => {
    const { guard } = hedged({ isFailure: (error) => !String(error).includes('no such row') })
    let asked = 0
    const replica = async () => `replica ${++asked}`
    const caller = new AbortController()
    const left = codeOf(guard.hedged(never, replica, caller.signal))
    caller.abort(new Error('gone'))
    expect([await left, await codeOf(guard.hedged(() => no('no such row'), replica, signal))]).toEqual([
      'Error: gone',
      'Error: no such row',
    ])
    expect(asked).toBe(0)
  })

  it('R5: hold: after so many failures in a row nothing more is asked until a try goes well', async () => {
    const { guard, clock, told } = setup({
      errorThreshold: { failures: 3, action: 'hold' },
      breaker: { openFor: '5s' },
    })
    for (const work of [() => no(), () => no(), yes, () => no(), () => no(), () => no()]) await codeOf(guard.run(work))
    expect([guard.state, told]).toEqual(['open', ['crm error_threshold', 'crm open']])
    await clock.run(5000)
    expect(await guard.run(yes)).toBe('row')
  })

  it('R2: of a slow source stay within their share', async () => {
    const { guard, clock } = hedged({ hedge: { after: '100ms', budget: 0.1 }, breaker: false })
    const slow = () => new Promise<string>((resolve) => clock.after(500, () => resolve('row')))
    let asked = 0
    const calls = Array.from({ length: 100 }, () => guard.hedged(slow, async () => `replica ${++asked}`, signal))
    await clock.run(1000)
    await Promise.all(calls)
    expect(asked).toBe(10)
  })
})

onEverySetup('a guarded source', (openCache) => {
  it('R1, R5: is shown, serves stale values while it is open, and delays no other source', async () => {
    const cache = openCache()
    const told: string[] = []
    cache.on('guard', ({ guard, state }) => told.push(`${guard} ${state}`))
    let isDown = false
    const load = (id: number) => (isDown ? no() : `deal ${id}`)
    const deals = cache.collection('deal', {
      load,
      staleIfError: '1h',
      guard: { breaker: { least: 3, window: '1h', openFor: '1h' } },
    })
    expect(await deals.get(1)).toBe('deal 1')
    await cache.flush()
    isDown = true
    await codeOf(deals.get(2))
    await codeOf(deals.get(3))
    expect(cache.info().guards).toMatchObject([{ guard: 'default.deal', state: 'open', failed: 2, opened: 1 }])
    expect([cache.info().health, told]).toEqual(['degraded', ['default.deal open']])
    expect(await codeOf(deals.get(4))).toBe('SOURCE_OPEN')
    await cache.expire(deals.keyOf(1))
    expect(await deals.get(1)).toBe('deal 1')
    expect((await cache.explain(deals.keyOf(1))).source).toMatchObject({ guard: 'default.deal', state: 'open' })
    expect(await cache.getOrSet('other', () => 'at once')).toBe('at once')
    cache.guard('default.deal').reset()
    isDown = false
    expect(await deals.get(4)).toBe('deal 4')
  })

  it('R2: one key that hangs delays no other, and loads of many are one call', async () => {
    const cache = openCache()
    cache.guard('crm', { bulkhead: { concurrency: 4, queue: 10 } })
    const hangs = gate<string>()
    const users = cache.collection('user', {
      load: (id: number) => (id === 0 ? hangs.promise : `user ${id}`),
      guard: 'crm',
    })
    const calls: number[][] = []
    const teams = cache.collection('team', {
      loadMany: (ids: readonly number[]) =>
        Promise.resolve(calls.push([...ids])).then(() => ids.map((id) => `team ${id}`)),
      guard: cache.guard('crm'),
    })
    const hanging = users.get(0)
    expect(await Promise.all([users.get(1), users.get(2), teams.get(1), teams.get(2)])).toEqual([
      'user 1',
      'user 2',
      'team 1',
      'team 2',
    ])
    expect([calls, cache.guard('crm').stats().calls]).toEqual([[[1, 2]], 4])
    hangs.open('user 0')
    expect(await hanging).toBe('user 0')
  })

  it('R5: what a source has brought goes when it keeps failing, where it is told so', async () => {
    const cache = openCache()
    let isDown = false
    const options: GuardOptions = { breaker: false, errorThreshold: { failures: 3, action: 'invalidate' } }
    cache.source(['rate'], () => (isDown ? no() : 'fresh'), { guard: options, name: 'rates' })
    const prices = cache.collection('price', { load: () => (isDown ? no() : 'fresh') })
    await Promise.all([cache.refresh(['rate', 1]), prices.get(1)])
    await cache.flush()
    isDown = true
    for (const id of [2, 3, 4]) await codeOf(cache.refresh(['rate', id]))
    await cache.flush()
    expect([await cache.get(['rate', 1]), await prices.get(1)]).toEqual([undefined, 'fresh'])
    expect(cache.stats().invalidationsByReason).toMatchObject({ error_threshold: 1 })
  })
})

describe('guards of a cache', () => {
  it('have names of their own, and are found, refused and let go by them', async () => {
    const cache = open()
    const other = open()
    const crm = cache.guard('crm', {})
    expect(cache.guard('crm')).toBe(crm)
    expect(() => cache.guard('crm', {})).toThrow(/there is already a guard "crm"/)
    expect(() => cache.guard('crn')).toThrow(/there is no guard "crn".*crm/)
    expect(() => other.source('user:', () => 1, { guard: crm })).toThrow(/belongs to another cache/)
    expect(() => cache.collection('x', { load: () => 1, guard: { breaker: { least: 0 } } })).toThrow(
      /guard default\.x\.breaker\.least/,
    )
    const end = cache.source('user:', () => 1, { guard: { retry: {} }, name: 'users' })
    expect(cache.info().guards.map(({ guard }) => guard)).toEqual(['crm', 'default.users'])
    end()
    cache.source('user:', () => 1, { guard: { retry: {} }, name: 'users' })
  })

  it('R2: what a replica answers is not kept, unless it is told so', async () => {
    const cache = open()
    const options = (replicaTtl?: '1m'): GuardOptions => ({
      breaker: false,
      hedge: { after: '1h', ...(replicaTtl && { replicaTtl }) },
    })
    const lagging = cache.collection('a', { load: (_: number) => no(), replicaLoad: () => 'old', guard: options() })
    const current = cache.collection('b', {
      load: (_: number) => no(),
      replicaLoad: () => 'same',
      guard: options('1m'),
    })
    expect(await Promise.all([lagging.get(1), current.get(1)])).toEqual(['old', 'same'])
    expect([cache.peek(lagging.keyOf(1)), cache.peek(current.keyOf(1))]).toEqual([undefined, 'same'])
  })
})
