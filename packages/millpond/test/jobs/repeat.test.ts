// Jobs that run again and again, over tables that processes share, by a clock that the test moves.
import { memory } from 'millpond'
import { sqlite } from 'millpond/tiers/sqlite'
import { describe, expect, it } from 'vitest'
import type { JobStore } from '../../src/core/jobs.ts'
import {
  createJobs,
  type JobEvent,
  type Jobs,
  type JobsOptions,
  memoryJobs,
  type RepeatOptions,
  timetable,
} from '../../src/jobs/index.ts'
import { type FakeClock, fakeClock } from '../../src/testing/clock.ts'
import { closeAfterEach, gate, newFolder, open } from '../engine/setups.ts'

closeAfterEach()

const MINUTE = 60_000
const HOUR = 60 * MINUTE

interface Setup {
  readonly clock: FakeClock
  readonly store: JobStore
  readonly told: JobEvent[]
  /** `lateMs` and the like are looked at where they matter. */
  readonly states: () => string[]
  readonly jobs: Jobs
}

function setup(more: Partial<JobsOptions> = {}, shared: { clock?: FakeClock; store?: JobStore } = {}): Setup {
  const clock = shared.clock ?? fakeClock({ now: Date.UTC(2026, 0, 5), monotonic: 0 })
  const store = shared.store ?? memoryJobs({ clock })
  const told: JobEvent[] = []
  const jobs = createJobs({
    store,
    clock,
    handlers: {},
    random: () => 0,
    poll: '1s',
    onRun: (event) => told.push(event),
    ...more,
  })
  jobs.start()
  return { clock, store, told, states: () => told.map(({ job, state, attempt }) => `${job} ${state} ${attempt}`), jobs }
}

describe('a repeated job', () => {
  it('runs by its interval, at once where it is told to, in one process of all', async () => {
    const a = setup()
    const b = setup({}, a)
    const ran: number[] = []
    for (const { jobs } of [a, b])
      jobs.repeat('sweep', { every: '10m', atStart: true }, ({ dueAt }) => void ran.push(dueAt - Date.UTC(2026, 0, 5)))
    await a.clock.run(35 * MINUTE)
    expect(ran).toEqual([0, 10 * MINUTE, 20 * MINUTE, 30 * MINUTE])
    expect(a.told.length + b.told.length).toBe(8)
    const [sweep] = await b.jobs.repeating()
    expect(sweep).toMatchObject({ name: 'sweep', state: 'waiting', dueAt: Date.UTC(2026, 0, 5) + 40 * MINUTE })
    expect(sweep?.runs).toHaveLength(4)
    await Promise.all([a.jobs.stop(), b.jobs.stop()])
    expect(a.clock.pending).toBe(0)
  })

  it('never overlaps itself, and what was missed meanwhile is one run', async () => {
    const { clock, jobs, states } = setup()
    let running = 0
    let most = 0
    let runs = 0
    jobs.repeat('slow', { every: '1m', timeout: '1h' }, async () => {
      most = Math.max(most, ++running)
      runs++
      await new Promise<void>((resolve) => clock.after(150_000, resolve))
      running--
    })
    await clock.run(10 * MINUTE)
    expect([most, runs]).toEqual([1, 4])
    expect(states().filter((state) => state.includes('done'))).toHaveLength(3)
  })

  it('tries a failed run again within its attempts, then waits for its next time, and says why', async () => {
    const { clock, jobs, states, told } = setup()
    let tries = 0
    jobs.repeat('report', { every: '1h', attempts: 2 }, () => {
      if (++tries < 4) throw new Error(`no disk ${tries}`)
    })
    await clock.run(3.5 * HOUR)
    expect(states()).toEqual([
      ...['report began 1', 'report retried 1', 'report began 2', 'report failed 2'],
      ...['report began 1', 'report retried 1', 'report began 2', 'report done 2'],
      ...['report began 1', 'report done 1'],
    ])
    expect(told[1]).toMatchObject({ retryMs: 1000, error: new Error('no disk 1') })
    const [report] = await jobs.repeating()
    expect(report?.runs.map(({ attempts, error }) => [attempts, error])).toEqual([
      [1, undefined],
      [2, undefined],
      [2, 'Error: no disk 2'],
    ])
    expect(jobs.figures).toEqual([{ job: 'report', running: 0, done: 2, retried: 2, failed: 1, late: 0, lost: 0 }])
  })

  it('is run by another process when the one that ran it stops, and its late beginning is told', async () => {
    const a = setup({ lease: '30s' })
    a.jobs.repeat('backup', { every: '1h', timeout: '1d' }, () => new Promise(() => undefined))
    await a.clock.run(HOUR)
    expect(a.states()).toEqual(['backup began 1'])
    void a.jobs.stop({ timeout: 0 })
    expect((await a.store.list()).map(({ state }) => state)).toEqual(['running'])
    const b = setup({ lease: '30s' }, { clock: a.clock, store: a.store })
    let runs = 0
    b.jobs.repeat('backup', { every: '1h', timeout: '1d' }, () => void runs++)
    await a.clock.run(2 * MINUTE)
    expect(runs).toBe(1)
    await b.jobs.stop()
    await a.clock.run(5 * HOUR)
    const c = setup({}, { clock: a.clock, store: a.store })
    c.jobs.repeat('backup', { every: '1h' }, () => void runs++)
    await a.clock.run(MINUTE)
    expect(runs).toBe(2)
    expect(c.told[0]).toMatchObject({ state: 'late', lateMs: expect.any(Number) })
    expect(c.told[0]?.lateMs).toBeGreaterThan(3 * HOUR)
  })

  it('moves to its new time where a later version of the program says another one, and keeps its history', async () => {
    const a = setup()
    a.jobs.repeat('sweep', { every: '10m', atStart: true }, () => undefined)
    await a.clock.run(MINUTE)
    await a.jobs.stop()
    const b = setup({}, a)
    const ran: number[] = []
    b.jobs.repeat('sweep', { every: '2m' }, () => void ran.push(1))
    await a.clock.run(4 * MINUTE)
    expect(ran).toHaveLength(2)
    expect((await b.jobs.repeating())[0]?.runs).toHaveLength(3)
  })

  it('is neither put off nor run too often while two versions of the program differ in when it runs', async () => {
    for (const atStart of [false, true]) {
      const a = setup()
      const b = setup({}, a)
      const ran: number[] = []
      a.jobs.repeat('sweep', { every: '5m', atStart }, () => void ran.push(a.clock.now()))
      b.jobs.repeat('sweep', { every: '6m', atStart }, () => void ran.push(a.clock.now()))
      await a.clock.run(HOUR)
      expect(ran.length, `atStart ${atStart}: runs in an hour`).toBeGreaterThanOrEqual(10)
      expect(ran.length, `atStart ${atStart}: runs in an hour`).toBeLessThanOrEqual(13)
      await Promise.all([a.jobs.stop(), b.jobs.stop()])
    }
  })

  it('is not run at once because a later version says another time', async () => {
    const a = setup()
    a.jobs.repeat('sweep', { every: '1h', atStart: true }, () => undefined)
    await a.clock.run(MINUTE)
    await a.jobs.stop()
    const b = setup({}, a)
    let runs = 0
    b.jobs.repeat('sweep', { every: '2h', atStart: true }, () => void runs++)
    await a.clock.run(HOUR)
    expect([runs, (await b.jobs.repeating())[0]?.dueAt]).toEqual([0, Date.UTC(2026, 0, 5) + 2 * HOUR])
  })

  it('comes back where the table has lost it, and stays away where this process has ended it', async () => {
    const { clock, jobs, store } = setup()
    let runs = 0
    const end = jobs.repeat('sweep', { every: '1m' }, () => void runs++)
    await clock.run(MINUTE)
    const [row] = await store.list()
    expect(await store.cancel(row?.id ?? '')).toBe(true)
    await clock.run(2 * MINUTE)
    expect(runs).toBe(2)
    end()
    await clock.run(10 * MINUTE)
    expect([runs, await jobs.repeating()]).toEqual([2, []])
  })

  it('runs out of turn when it is triggered', async () => {
    const { clock, jobs } = setup()
    let runs = 0
    jobs.repeat('sweep', { every: '1h' }, () => void runs++)
    await clock.run(0)
    expect([await jobs.trigger('sweep'), await jobs.trigger('other')]).toEqual([true, false])
    await clock.run(MINUTE)
    expect([runs, (await jobs.repeating())[0]?.dueAt]).toEqual([1, Date.UTC(2026, 0, 5) + HOUR])
  })

  it('runs when it is triggered also outside of its windows, and where processes agree elsewhere who runs what', async () => {
    const { clock, jobs } = setup({ mayRepeat: () => false })
    let runs = 0
    jobs.repeat('night', { every: '1h', windows: [{ from: '22:00', to: '06:00' }] }, () => void runs++)
    await clock.run(12 * HOUR)
    expect(runs).toBe(0)
    expect(await jobs.trigger('night')).toBe(true)
    await clock.run(MINUTE)
    expect(runs).toBe(1)
    await clock.run(24 * HOUR)
    expect(runs).toBe(1)
  })

  it('asks again whether it may run if that could not be told, and does not run meanwhile', async () => {
    let answers = 0
    const { clock, jobs, states } = setup({
      mayRepeat: () => {
        if (++answers < 5) throw new Error('the ledger is silent')
        return true
      },
    })
    jobs.repeat('sweep', { every: '1h', atStart: true }, () => undefined)
    await clock.run(10 * MINUTE)
    expect([answers, states()]).toEqual([5, ['sweep began 1', 'sweep done 1']])
  })

  it('that this process has ended while it asked the table is left to others, and no failure', async () => {
    const a = setup()
    let end: () => void = () => undefined
    const { store } = a
    const claimed: JobStore = {
      ...store,
      claim: async (...args) => {
        const answer = await store.claim(...args)
        if (answer.jobs.length > 0) end()
        return answer
      },
    }
    const b = setup({}, { clock: a.clock, store: claimed })
    end = b.jobs.repeat('sweep', { every: '1h', atStart: true }, () => undefined)
    await a.clock.run(MINUTE)
    expect([b.told, (await store.list()).map(({ state, attempts, error }) => [state, attempts, error])]).toEqual([
      [],
      [['waiting', 0, undefined]],
    ])
    let runs = 0
    a.jobs.repeat('sweep', { every: '1h' }, () => void runs++)
    await a.clock.run(MINUTE)
    expect(runs).toBe(1)
  })

  it('goes on if the listener of its runs throws', async () => {
    const errors: unknown[] = []
    const { clock, jobs } = setup({
      onRun: () => {
        throw new Error('listener')
      },
      onError: (error) => errors.push(error),
    })
    let runs = 0
    jobs.repeat('sweep', { every: '1m', atStart: true }, () => void runs++)
    await clock.run(2 * MINUTE)
    expect(runs).toBe(3)
    expect(errors[0]).toEqual(new Error('listener'))
  })

  it('keeps its distance also where the clock of the process is wrong', async () => {
    const clock = fakeClock({ now: Date.UTC(2026, 0, 5), monotonic: 0 })
    const store = memoryJobs({ clock })
    const ran: number[] = []
    // The table's clock is ten seconds ahead of this process's.
    const behind: FakeClock = { ...clock, now: () => clock.now() - 10_000 }
    const { jobs } = setup({}, { clock: behind, store })
    jobs.repeat('sweep', { every: '1m' }, () => void ran.push(clock.monotonic()))
    await clock.run(5 * MINUTE + 5000)
    expect(ran).toEqual([1, 2, 3, 4, 5].map((at) => at * MINUTE))
  })
})

describe('a timetable', () => {
  const nextOf = async (options: RepeatOptions, runMs: number, from = Date.UTC(2026, 0, 5)) => {
    const clock = fakeClock({ now: from, monotonic: 0 })
    const { jobs } = setup({ poll: '1h' }, { clock })
    const ran: string[] = []
    jobs.repeat('x', options, () => void ran.push(new Date(clock.now()).toISOString().slice(5, 16)))
    await clock.run(runMs)
    await jobs.stop()
    return ran
  }

  it('is a line of cron in its time zone', async () => {
    expect(await nextOf({ cron: '0 3 * * *', timezone: 'Europe/Berlin' }, 48 * HOUR)).toEqual([
      '01-05T02:00',
      '01-06T02:00',
    ])
    // The day on which the clock is put forward.
    expect(await nextOf({ cron: '0 3 * * *', timezone: 'Europe/Berlin' }, 48 * HOUR, Date.UTC(2026, 2, 28))).toEqual([
      '03-28T02:00',
      '03-29T01:00',
    ])
  })

  it('waits for the next window, which may go over midnight and have its days', async () => {
    const night = [{ from: '22:00', to: '06:00' }]
    expect(await nextOf({ every: '5h', windows: night }, 30 * HOUR)).toEqual([
      '01-05T05:00',
      '01-05T22:00',
      '01-06T03:00',
    ])
    expect(await nextOf({ cron: '30 * * * *', windows: [{ from: '23:00', to: '00:31' }] }, 26 * HOUR)).toEqual([
      '01-05T00:30',
      '01-05T23:30',
      '01-06T00:30',
    ])
    const weekend = [{ from: '08:00', to: '09:00', days: ['sat' as const] }]
    expect(await nextOf({ every: '1d', windows: weekend }, 14 * 24 * HOUR)).toEqual(['01-10T08:00', '01-17T08:00'])
  })

  it('that has missed its window does not run in the hours that were to be spared', async () => {
    const a = setup()
    const options: RepeatOptions = { cron: '0 23 * * *', windows: [{ from: '22:00', to: '06:00' }] }
    const ran: number[] = []
    a.jobs.repeat('night', options, () => void ran.push(1))
    await a.clock.run(0)
    await a.jobs.stop()
    await a.clock.run(36 * HOUR)
    const b = setup({}, a)
    b.jobs.repeat('night', options, () => void ran.push(a.clock.now()))
    await a.clock.run(8 * HOUR)
    expect(ran).toEqual([])
    await a.clock.run(4 * HOUR)
    expect(ran).toHaveLength(1)
  })

  it('keeps to its windows also where a process died in a run, and says so', async () => {
    const { clock, store, jobs, told } = setup({ lease: '30s' })
    const options: RepeatOptions = { every: '1h', windows: [{ from: '22:00', to: '06:00' }] }
    const end = jobs.repeat('night', options, () => undefined)
    await clock.run(30 * MINUTE)
    end()
    await clock.run(5 * HOUR)
    const [row] = await store.list()
    expect((await store.claim([row?.kind ?? ''], 1, 'dies', 30_000)).jobs).toHaveLength(1)
    await clock.run(6 * HOUR)
    const ran: string[] = []
    jobs.repeat('night', options, () => void ran.push(new Date(clock.now()).toISOString().slice(5, 16)))
    await clock.run(13 * HOUR)
    expect(ran).toEqual(['01-05T22:00', '01-05T23:00', '01-06T00:00'].filter((at) => ran.includes(at)))
    expect(ran.length).toBeGreaterThan(0)
    expect(told.find(({ state }) => state === 'failed')?.error).toMatchObject({
      message: expect.stringMatching(/outside its windows/),
    })
  })

  it('by which nothing ever runs is refused, as is what is no timetable', () => {
    const { jobs } = setup()
    const repeat = (options: unknown) => () => jobs.repeat('x', options as RepeatOptions, () => undefined)
    expect(repeat({ cron: '0 0 31 2 *' })).toThrow(/"0 0 31 2 \*" never occurs/)
    expect(repeat({ cron: '0 12 * * *', windows: [{ from: '22:00', to: '06:00' }] })).toThrow(/never occurs/)
    expect(repeat({ cron: 'now and then' })).toThrow(/is not a cron expression/)
    expect(repeat({ cron: '* * * * *', timezone: 'Mars/Olympus' })).toThrow(/timezone: "Mars\/Olympus" is not known/)
    expect(repeat({})).toThrow(/give either every \('5m'\) or cron/)
    expect(repeat({ every: '1m', cron: '* * * * *' })).toThrow(/give either every/)
    expect(repeat({ every: 10 })).toThrow(/give a finite time from 1 s/)
    expect(repeat({ every: '1m', windows: [] })).toThrow(/x\.windows: \[\] is not allowed: give a list of windows/)
    expect(repeat({ every: '1m', windows: [{ from: '25:00', to: '06:00' }] })).toThrow(/windows\[0\]\.from/)
    jobs.repeat('x', { every: '1m' }, () => undefined)
    expect(repeat({ every: '1m' })).toThrow(/there is already a repeated job/)
  })
})

describe('as it was reported of others', () => {
  it('agenda #1749, bullmq #4220: a run whose processes all die waits for its next time, neither starved nor begun for ever', async () => {
    const { clock, store, jobs, states } = setup({ lease: '30s' })
    let runs = 0
    const end = jobs.repeat('backup', { every: '1h', attempts: 3 }, () => void runs++)
    await clock.run(0)
    const [row] = await store.list()
    end()
    await clock.run(HOUR)
    // Three processes take it, and die.
    for (const lease of ['a', 'b', 'c']) {
      expect((await store.claim([row?.kind ?? ''], 1, lease, 30_000)).jobs).toHaveLength(1)
      await clock.run(30_000)
    }
    jobs.repeat('backup', { every: '1h', attempts: 3 }, () => void runs++)
    await clock.run(MINUTE)
    expect([runs, states().at(-1)]).toEqual([0, 'backup failed 4'])
    const [backup] = await jobs.repeating()
    expect(backup?.runs[0]?.error).toMatch(/was started 3 times and never finished/)
    await clock.run(HOUR)
    expect(runs).toBe(1)
  })

  it('bull #747: one that is let go a moment early comes at its next time, not never and not twice', () => {
    for (const options of [{ every: '10m' }, { cron: '*/10 * * * *' }] as const) {
      const table = timetable(options, 'x', Date.UTC(2026, 0, 5))
      const due = Date.UTC(2026, 0, 5, 0, 10)
      for (const early of [-13, 0, 13]) expect(table.next(due + early, due)).toBe(due + 10 * MINUTE)
    }
  })

  it('bullmq #3430, #3095: each new interval holds from when it is said, with what is to be done then', async () => {
    const { clock, jobs } = setup()
    const ran: string[] = []
    for (const minutes of [8, 4, 9, 2, 3]) {
      const before = ran.length
      const end = jobs.repeat('sweep', { every: `${minutes}m` }, () => void ran.push(`every ${minutes}`))
      await clock.run(36 * MINUTE)
      const here = ran.slice(before)
      expect(new Set(here)).toEqual(new Set([`every ${minutes}`]))
      expect(Math.abs(here.length - 36 / minutes), `every ${minutes}`).toBeLessThanOrEqual(1)
      end()
    }
  })

  it('bullmq #3063: ended and begun again at once, right after a run, it runs on', async () => {
    const { clock, jobs } = setup()
    const ran: number[] = []
    let end = jobs.repeat('sweep', { every: '3m' }, () => void ran.push(clock.now()))
    await clock.run(3 * MINUTE)
    for (let again = 0; again < 5; again++) {
      end()
      end = jobs.repeat('sweep', { every: '3m' }, () => void ran.push(clock.now()))
    }
    await clock.run(9 * MINUTE)
    expect(ran.length).toBeGreaterThanOrEqual(3)
    expect((await jobs.repeating()).map(({ name }) => name)).toEqual(['sweep'])
  })

  it('bullmq #3262, #3381: of processes that come and go while it is due, one runs it each time', async () => {
    const a = setup()
    const ran: number[] = []
    const begun = () => {
      const { jobs } = setup({}, a)
      jobs.repeat('sweep', { every: '1m' }, () => void ran.push(a.clock.now()))
      return jobs
    }
    const all = [begun(), begun(), begun()]
    for (let minute = 0; minute < 20; minute++) {
      await a.clock.run(MINUTE)
      all.push(begun())
      await all.shift()?.stop()
    }
    expect(new Set(ran).size).toBe(ran.length)
    expect(ran.length).toBeGreaterThanOrEqual(18)
    expect(ran.length).toBeLessThanOrEqual(20)
    await Promise.all(all.map((jobs) => jobs.stop()))
  })

  it('bullmq #2889: programs that start anew, all at once, leave one job, which keeps its rhythm', async () => {
    const { clock, store } = setup()
    const ran: number[] = []
    for (let start = 0; start < 5; start++) {
      const all = [1, 2, 3].map(() => setup({}, { clock, store }))
      for (const { jobs } of all) jobs.repeat('sync', { every: '10m' }, () => void ran.push(clock.now()))
      await clock.run(12 * MINUTE)
      await Promise.all(all.map(({ jobs }) => jobs.stop()))
    }
    expect(await store.list()).toHaveLength(1)
    expect(ran).toHaveLength(6)
  })

  it('cron #563: on the days of the clock change it runs once', async () => {
    const runs = async (from: number): Promise<number> => {
      const clock = fakeClock({ now: from, monotonic: 0 })
      const { jobs } = setup({ poll: '1h' }, { clock })
      let count = 0
      jobs.repeat('x', { cron: '30 2 * * *', timezone: 'Europe/Berlin' }, () => void count++)
      await clock.run(24 * HOUR)
      await jobs.stop()
      return count
    }
    expect([await runs(Date.UTC(2026, 2, 28, 12)), await runs(Date.UTC(2026, 9, 24, 12))]).toEqual([1, 1])
  })

  it.each([
    [
      'node-cron #919: an hour that is not there',
      '0 1 30 3 *',
      'Europe/Lisbon',
      '2024-11-15T00:00Z',
      '2025-03-30T01:00Z',
    ],
    [
      'node-cron #638: half past such an hour',
      '30 2 * * *',
      'Europe/Amsterdam',
      '2023-03-25T12:00Z',
      '2023-03-26T01:00Z',
    ],
    [
      'node-cron #118: a clock that changes at midnight',
      '0 12 11,26 * *',
      'America/Sao_Paulo',
      '2014-10-18T10:00Z',
      '2014-10-26T14:00Z',
    ],
    [
      'croner #142: the last hour before a change',
      '30 1 * * *',
      'Europe/Berlin',
      '2023-03-25T23:00Z',
      '2023-03-26T00:30Z',
    ],
    [
      'croner #142: an hour that comes twice has had its run',
      '30 2 * * *',
      'Europe/Berlin',
      '2023-10-29T00:31Z',
      '2023-10-30T01:30Z',
    ],
    ['cronie #218: a Sunday of 23 hours', '0 12 * * 0', 'Europe/Berlin', '2022-03-24T11:00Z', '2022-03-27T10:00Z'],
    [
      'cronie #217: a month of another offset',
      '* * * */3 *',
      'America/New_York',
      '2015-02-15T05:00Z',
      '2015-04-01T04:00Z',
    ],
    [
      'cron-utils #69: weekdays in a leap year',
      '0 * * * 1-5',
      'America/Chicago',
      '2016-02-29T17:00Z',
      '2016-02-29T18:00Z',
    ],
    [
      'crontap #2: the first of a month of another offset',
      '30 * 1 * *',
      'Europe/Berlin',
      '2023-03-02T00:00Z',
      '2023-03-31T22:30Z',
    ],
    [
      'spring #36859: a day that begins with an hour that is not there',
      '0 */2 * * *',
      'Africa/Cairo',
      '2025-04-24T20:00Z',
      '2025-04-24T23:00Z',
    ],
    [
      'croner #132: midnight that is not there',
      '0 0 * * *',
      'America/Santiago',
      '2025-09-06T04:00Z',
      '2025-09-07T04:00Z',
    ],
    [
      'agent-os #2495: half a minute before an hour that is not there',
      '30 2 * * *',
      'America/New_York',
      '2027-03-14T06:59:30Z',
      '2027-03-14T07:00Z',
    ],
    [
      'node-cron #881, chronos #247: every ten minutes, in an hour that comes twice',
      '*/10 * * * *',
      'Europe/Berlin',
      '2025-10-26T00:50Z',
      '2025-10-26T01:00Z',
    ],
    ['the leap day that a century leaves out', '0 0 29 2 *', 'UTC', '2096-03-01T00:00Z', '2104-02-29T00:00Z'],
  ])('%s', (_, cron, timezone, after, next) => {
    const at = Date.parse(after)
    expect(timetable({ cron, timezone }, 'x', at).next(at, at)).toBe(Date.parse(next))
  })

  it('bull #2207: of a week with the clock change too, once, at the hour of its zone', async () => {
    const clock = fakeClock({ now: Date.UTC(2021, 10, 1, 9), monotonic: 0 })
    const { jobs } = setup({ poll: '1h' }, { clock })
    const ran: string[] = []
    jobs.repeat(
      'x',
      { cron: '0 6 * * MON', timezone: 'America/New_York' },
      () => void ran.push(new Date(clock.now()).toISOString().slice(5, 16)),
    )
    await clock.run(7.5 * 24 * HOUR)
    await jobs.stop()
    expect(ran).toEqual(['11-01T10:00', '11-08T11:00'])
  })

  it('node-cron #120: a process that was held up runs what it missed once, and says how late', async () => {
    const { clock, jobs, told } = setup()
    let runs = 0
    jobs.repeat('tick', { every: '1m' }, () => void runs++)
    await clock.run(MINUTE)
    clock.stall(10 * MINUTE)
    await clock.run(MINUTE)
    expect(runs).toBe(3)
    expect(told.filter(({ state }) => state === 'late')).toMatchObject([{ job: 'tick' }])
  })
})

describe('the jobs of a cache', () => {
  it('are shown, counted and told', async () => {
    const clock = fakeClock({ now: Date.now() })
    const cache = open({ clock })
    const told: string[] = []
    cache.on('job', ({ job, state }) => told.push(`${job} ${state}`))
    cache.jobs.handle('mail', () => undefined)
    cache.jobs.repeat('sweep', { every: '1m' }, () => undefined)
    expect(cache.info().jobs).toMatchObject([{ job: 'sweep', done: 0 }])
    await cache.jobs.add('mail', { to: 'ada' })
    await clock.run(MINUTE)
    expect(told).toEqual(['mail began', 'mail done', 'sweep began', 'sweep done'])
    expect(cache.info().jobs.map(({ job, done }) => [job, done])).toEqual([
      ['sweep', 1],
      ['mail', 1],
    ])
    expect(() => cache.jobs.handle('mail', () => undefined)).toThrow(/already/)
  })

  it('without a table of their own run in one process of all that share the ledger', async () => {
    const clock = fakeClock({ now: Date.now() })
    const path = `${newFolder()}/shared.db`
    const ran: string[] = []
    for (const name of ['a', 'b']) {
      const cache = open({ clock, tiers: [memory(), sqlite({ path })] })
      cache.jobs.repeat('sweep', { every: '10m', atStart: true }, () => void ran.push(name))
    }
    // The file's own clock is the machine's: its lease stands for the rest of the test.
    await clock.run(35 * MINUTE)
    expect(ran).toEqual(['a'])
  })

  it('do not keep scheduled invalidations waiting', async () => {
    const clock = fakeClock({ now: Date.now() })
    const cache = open({ clock })
    const ends = gate()
    for (const at of [1, 2, 3, 4, 5])
      cache.jobs.repeat(`long-${at}`, { every: '1h', atStart: true, timeout: '1d' }, () => ends.promise)
    await cache.set('k', 1, { tags: ['t'], ttl: '1d' })
    await cache.schedule({ tags: ['t'] }, { in: '1s' })
    await clock.run(2000)
    expect(await cache.get('k')).toBeUndefined()
    ends.open()
  })
})
