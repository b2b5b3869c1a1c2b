// A whole run: the same sessions with the cache and without it, then the check of every answer.
import { randomBytes } from 'node:crypto'
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isError } from 'millpond/options'
import { fill } from '../data/fill.ts'
import { generate } from '../data/generate.ts'
import { sourceName, sqliteFile } from '../data/prepare.ts'
import { openDatabase } from '../db/database.ts'
import { createTokens, type Tokens } from '../http/tokens.ts'
import { measureBeside, type Promised } from './beside.ts'
import { findStale, groupAnswers } from './check.ts'
import { createClient } from './client.ts'
import { type Answer, type Course, drive } from './drive.ts'
import type { LoadOptions } from './options.ts'
import { type Company, readCompanies } from './people.ts'
import { makePlan, type Session } from './plan.ts'
import { replay } from './replay.ts'
import { type Live, type ServiceProcess, startServiceProcess } from './service-process.ts'
import { sourceOf } from './source-of.ts'

export interface Measured {
  readonly course: Course
  /** What the service counted during the run. */
  readonly queries: number
  readonly cpuMs: number
  /** Share of answers by where they came from: a tier, `computed`. */
  readonly byTier: Readonly<Record<string, number>>
  readonly warming: { readonly warmed: number; readonly failed: number }
  /** Before the first request. Undefined: nothing was warmed. */
  readonly warmUp: WarmUp | undefined
  /** Of answers from memory, within the service; undefined: there were none. */
  readonly memoryP95Ms: number | undefined
  /** Calls of a loader during the run. */
  readonly loads: number
  /** The figures of prediction at the end; null: without prediction. */
  readonly prediction: NonNullable<Live['insight']>['prediction']
  /** 0 to 1; null without a cache. */
  readonly memoryEfficiency: number | null
  /**
   * The reads in the first minute after a restart, from the moment when it listened, while it warmed. Absent without
   * warming.
   */
  readonly restarted: readonly Answer[] | undefined
}

export interface WarmUp {
  readonly ms: number
  readonly answers: number
  /** It had ended when the first request came. */
  readonly isWhole: boolean
}

export interface Outcome {
  readonly sessions: number
  readonly cached: Measured
  /** Undefined: it was stopped before. */
  readonly uncached: Measured | undefined
  /** Measurements that the sessions do not make. */
  readonly beside: readonly Promised[]
  readonly compared: number
  /** All existing answers were compared. */
  readonly isChecked: boolean
  /** It ended before its time. */
  readonly isStopped: boolean
  readonly violations: readonly string[]
}

/** The first part after a restart, which is judged. */
const MINUTE_S = 60
/** How often the progress of warming is printed. */
const TELL_MS = 10_000

const whole = (value: number): string => value.toLocaleString('en')

export type Say = (line: string) => void

export interface MeasureOptions {
  readonly env?: Record<string, string>
  /** Played last, with warming, against the same service restarted. */
  readonly afterRestart?: readonly Session[]
  /** Awaited once it is warm: the sessions start when it resolves. */
  readonly whenWarm?: () => Promise<void>
}

/** Shared by the runs of one call: a folder, one filled database, tokens. */
export interface Ground {
  /** Plays the sessions against a service of its own, on a copy of the data. */
  measure(name: string, args: readonly string[], sessions: readonly Session[], more?: MeasureOptions): Promise<Measured>
  plan(seed: number, seconds?: number): readonly Session[]
  /** Sends the requests of the course to a service without a cache. */
  verify(course: Course): ReturnType<typeof replay>
  /** Promises that the sessions do not test, on this traffic. */
  beside(answers: readonly Answer[]): Promise<readonly Promised[]>
}

/** What a run may take beyond its own length: a service that cannot keep up does not make it endless. */
const LATE_S = 300

/**
 * @param use gets what the runs share, which is deleted when it ends
 * @param signal stops each run
 */
export async function onGround<T>(
  options: LoadOptions,
  say: Say,
  signal: AbortSignal,
  use: (ground: Ground) => Promise<T>,
): Promise<T> {
  const root = mkdtempSync(join(tmpdir(), 'deals-load-'))
  const secret = randomBytes(32).toString('hex')
  const tokens = createTokens(secret)
  try {
    say(`data: ${sourceName(options.sizes)}`)
    const companies = await makeData(root, options)
    return await use({
      measure: (name, args, usual, { env = {}, afterRestart = [], whenWarm = async () => undefined } = {}) => {
        const start = { args, env: { ...env, DEALS_TOKEN_SECRET: secret }, whenWarm }
        return measured(root, name, options, start, tokens, { usual, afterRestart }, say, signal)
      },
      plan(seed, seconds = options.seconds) {
        const sessions = makePlan({ companies, ...options, seconds, seed })
        const requests = sessions.reduce((sum, session) => sum + session.steps.length, 0)
        say(`plan: ${sessions.length} sessions, ${requests} requests over ${seconds} s, seed ${seed}`)
        return sessions
      },
      verify: (course) => verify(root, options, secret, tokens, course, signal),
      beside: (answers) =>
        measureBeside({
          ...{ root, answers, tokens, secret, say, signal },
          sizes: options.sizes,
          traces: options.traces,
          copyData: (folder) => cpSync(join(root, 'data'), folder, { recursive: true }),
        }),
    })
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

/** @param signal stops it: what it has by then is its result */
export function runLoad(options: LoadOptions, say: Say, signal: AbortSignal): Promise<Outcome> {
  return onGround(options, say, signal, async ({ measure, plan, verify, beside }) => {
    const sessions = plan(options.seed)
    const cached = await measure(
      'with the cache',
      ['--cache', 'on', '--insight', options.insight === 'on' ? 'on' : 'off'],
      sessions,
      {
        env: options.plant === undefined ? {} : { DEALS_PLANTED_FAULT: options.plant },
        afterRestart: options.isCold ? [] : readsOnly(plan(options.seed + 1, Math.min(MINUTE_S, options.seconds))),
      },
    )
    const uncached = signal.aborted ? undefined : await measure('without the cache', ['--cache', 'off'], sessions)
    const all = { ...cached.course, answers: [...cached.course.answers, ...(cached.restarted ?? [])] }
    const check = async () => {
      if (signal.aborted) return { compared: 0, differences: [], isChecked: false }
      say('checking every answer against the database, write by write')
      return { ...(await verify(all)), isChecked: !signal.aborted }
    }
    // Neither is judged by the clock. Both end before the shared folder is deleted.
    const [verified, measured] = await Promise.allSettled([
      check(),
      options.isRunOnly ? [] : beside(cached.course.answers),
    ])
    if (verified.status === 'rejected') throw verified.reason
    if (measured.status === 'rejected') throw measured.reason
    const { isChecked, ...checked } = verified.value
    const failures = [...cached.course.failures, ...(uncached?.course.failures ?? [])].map(
      (failure) => `failed: ${failure}`,
    )
    return {
      ...{ sessions: sessions.length, cached, uncached, beside: measured.value, isChecked },
      compared: checked.compared,
      isStopped: signal.aborted,
      violations: [...failures, ...findStale(all), ...checked.differences],
    }
  })
}

/** Fills one database; every service of the run works on a copy. */
async function makeData(root: string, { sizes }: LoadOptions): Promise<Company[]> {
  const folder = join(root, 'data')
  mkdirSync(folder)
  const db = await openDatabase({ engine: 'sqlite', path: join(folder, sqliteFile(sourceName(sizes))) })
  try {
    await fill(db, { source: sourceName(sizes), produce: (add) => generate(sizes, add) })
    return await readCompanies(db)
  } finally {
    await db.close()
  }
}

interface Visits {
  readonly usual: readonly Session[]
  /** None: it is not restarted. */
  readonly afterRestart: readonly Session[]
}

/** So that the writes of a run are those of one course. */
const readsOnly = (sessions: readonly Session[]): Session[] =>
  sessions.map((session) => ({ ...session, steps: session.steps.filter(({ method }) => method === 'GET') }))

interface Start {
  readonly args: readonly string[]
  readonly env: Record<string, string>
  readonly whenWarm: () => Promise<void>
}

async function measured(
  root: string,
  name: string,
  { sizes, isCold, warmUpSeconds, seconds }: LoadOptions,
  { whenWarm, ...start }: Start,
  tokens: Tokens,
  sessions: Visits,
  say: Say,
  stop: AbortSignal,
): Promise<Measured> {
  const play = async (visits: readonly Session[]): Promise<Course> => {
    const late = AbortSignal.timeout((seconds + LATE_S) * 1000)
    const course = await drive(client, tokens, visits, AbortSignal.any([stop, late]))
    if (!late.aborted) return course
    const failure = `the sessions of ${seconds} s had not ended after ${seconds + LATE_S} s: the service cannot keep up`
    return { ...course, failures: [...course.failures, failure] }
  }
  const folder = mkdtempSync(join(root, 'run-'))
  cpSync(join(root, 'data'), folder, { recursive: true })
  const isWarmed = !isCold && start.args[1] !== 'off'
  const open = () =>
    startServiceProcess({ folder, sizes, ...start, env: { ...start.env, CACHE_WARMING_ENABLED: String(isWarmed) } })
  let service = await open()
  let client = createClient(service.url)
  try {
    const warmUp = isWarmed
      ? await warmUpOf(service, warmUpSeconds * 1000, (line) => say(`${name}: ${line}`), stop)
      : undefined
    await whenWarm()
    say(`${name}: running`)
    const before = await service.live()
    const course = await play(sessions.usual)
    const after = await service.liveWhole()
    const errors = new Set(service.errors())
    let restarted: Course | undefined
    if (isWarmed && sessions.afterRestart.length > 0 && !stop.aborted) {
      say(`${name}: restarted under load`)
      client.close()
      await service.stop()
      service = await open()
      client = createClient(service.url)
      restarted = await play(sessions.afterRestart)
      for (const error of service.errors()) errors.add(error)
    }
    for (const error of errors) say(`${name}: ${error}`)
    return {
      course: { ...course, failures: [...course.failures, ...(restarted?.failures ?? [])] },
      queries: after.database_queries - before.database_queries,
      cpuMs: after.cpu_ms - before.cpu_ms,
      byTier: tiersOf(course, after),
      warming: { warmed: after.warming.answers, failed: after.warming.failed },
      warmUp,
      memoryP95Ms: after.memory_hits.count === 0 ? undefined : after.memory_hits.p95_ms,
      loads: (after.cache?.loads ?? 0) - (before.cache?.loads ?? 0),
      prediction: after.insight?.prediction ?? null,
      memoryEfficiency: after.memory_efficiency,
      restarted: restarted?.answers,
    }
  } finally {
    client.close()
    await service.stop()
  }
}

/** Until warming has ended, or this time limit. */
export async function warmUpOf(
  service: Pick<ServiceProcess, 'live' | 'said'>,
  mostMs: number,
  say: Say,
  stop: AbortSignal,
): Promise<WarmUp> {
  say('warming')
  const began = performance.now()
  const ended = service.said('warming: ').then(() => true)
  ended.catch(() => undefined) // handled by waiters, and irrelevant without any
  for (let isWhole = false; ; ) {
    const ms = performance.now() - began
    const { warming } = await service.live()
    if (isWhole || ms >= mostMs || stop.aborted) {
      if (!isWhole && !stop.aborted)
        say(
          `warming has not finished after ${(ms / 1000).toFixed(0)} s, with ${whole(warming.answers)} answers: the run starts anyway`,
        )
      return { ms, answers: warming.answers, isWhole }
    }
    if (ms > 0.9 * TELL_MS) say(`warming, ${whole(warming.answers)} answers after ${(ms / 1000).toFixed(0)} s`)
    const pause = sleep(Math.min(TELL_MS, mostMs - ms), false, { signal: stop }).catch(() => false)
    isWhole = await Promise.race([ended, pause])
  }
}

async function verify(
  root: string,
  { sizes }: LoadOptions,
  secret: string,
  tokens: Tokens,
  course: Course,
  stop: AbortSignal,
) {
  const folder = mkdtempSync(join(root, 'reference-'))
  cpSync(join(root, 'data'), folder, { recursive: true })
  const service = await startServiceProcess({
    folder,
    sizes,
    args: ['--cache', 'off'],
    env: { DEALS_TOKEN_SECRET: secret },
  })
  const client = createClient(service.url)
  try {
    return await replay(client, tokens, course.writes, groupAnswers(course), stop)
  } catch (error) {
    // A write that was done, and had no answer, for example: the failures of the course say which.
    const reason = isError(error) ? error.message : String(error)
    return { compared: 0, differences: [`the answers could not be compared with the database: ${reason}`] }
  } finally {
    client.close()
    await service.stop()
  }
}

function tiersOf({ answers }: Course, { cache }: Live): Record<string, number> {
  const counts = new Map<string, number>((cache?.tiers ?? []).map((tier) => [tier, 0]))
  for (const answer of answers) counts.set(sourceOf(answer), (counts.get(sourceOf(answer)) ?? 0) + 1)
  return Object.fromEntries(
    [...counts].map(([from, count]) => [from, answers.length === 0 ? 0 : count / answers.length]),
  )
}
