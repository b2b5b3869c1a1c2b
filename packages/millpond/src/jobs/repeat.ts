// A repeated job: one row of the table, which waits for its next time when a run is over. So two runs of it never
// overlap, whichever process runs them.
//
// The history of past runs is part of the row's payload, and passed on from run to run.
import { checkOptions, duration, flag, type Shape, whole } from '../core/checks.ts'
import { type Duration, parseDuration } from '../core/duration.ts'
import { MillpondError, show } from '../core/errors.ts'
import type { Job, JobDue, JobState } from '../core/jobs.ts'
import { checkJobWord, errorText } from './checks.ts'
import type { JobContext } from './run-job.ts'
import { TIMETABLE, type Timetable, type TimetableOptions, timetable } from './timetable.ts'

/** When a job is repeated, and how each run is handled. */
export interface RepeatOptions extends TimetableOptions {
  /** Run at once the first time, if the table does not contain the job yet. Default false. */
  readonly atStart?: boolean | undefined
  /** Attempts of one run; after the last one it waits for its next time. Default 3. */
  readonly attempts?: number | undefined
  /** When a run is given up. Default: that of the runner, `'5m'`. */
  readonly timeout?: Duration | undefined
}

/** A rejection is retried, `attempts` times in total. */
export type RepeatHandler = (context: JobContext) => Promise<unknown> | unknown

/** A finished run. Times in milliseconds, by the clock of the table. */
export interface RepeatedRun {
  /** When it was due, epoch milliseconds. */
  readonly dueAt: number
  /** How long after its due time its last attempt began. */
  readonly lateMs: number
  /** The duration of the last attempt. */
  readonly ms: number
  /** How often it was tried. */
  readonly attempts: number
  /** The error of the last attempt; absent if it succeeded. */
  readonly error?: string
}

/** A repeated job over all processes that share the table. */
export interface RepeatedJob {
  /** The name under which it was registered. */
  readonly name: string
  /** The id of its row in the table. */
  readonly id: string
  /** `undefined`: it is not in the table (yet), or never due again. */
  readonly state: JobState | undefined
  /** When it runs next, or, while it runs, was due. Epoch milliseconds of the table's clock. */
  readonly dueAt: number | undefined
  /** The error of the last attempt, if it is retried. */
  readonly error?: string
  /** The last twenty, the latest first. */
  readonly runs: readonly RepeatedRun[]
}

const OPTIONS: Shape<RepeatOptions> = { ...TIMETABLE, atStart: flag, attempts: whole(1, 100), timeout: duration }
const MAX_RUNS = 20
const MAX_ERROR = 300

/** The state of a repeated job in this process. */
export interface Repeat {
  readonly name: string
  readonly id: string
  readonly kind: string
  readonly when: Timetable
  readonly attempts: number
  readonly timeoutMs: number | undefined
  readonly handler: RepeatHandler
  /** When the first run is due. */
  readonly first: (now: number) => JobDue | undefined
}

/** @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`: also for a timetable that is never due. */
export function repeatOf(
  scope: string,
  name: string,
  options: RepeatOptions,
  handler: RepeatHandler,
  now: number,
): Repeat {
  checkJobWord(name, 'name')
  checkOptions<RepeatOptions>(options, OPTIONS, name)
  if (typeof handler !== 'function')
    throw new MillpondError('OPTION_INVALID', `${name}: ${show(handler)} is not a function that does the job`)
  const { atStart = false, attempts = 3, timeout, ...table } = options
  const timeoutMs = timeout === undefined ? undefined : parseDuration(timeout, `${name}.timeout`)
  if (timeoutMs !== undefined && !(timeoutMs >= 1))
    throw new MillpondError(
      'OPTION_INVALID',
      `${name}.timeout: ${show(timeout)} is not a valid time limit: give at least 1 ms`,
    )
  const when = timetable(table, name, now)
  const kind = checkJobWord(`millpond.repeat.${scope}${name}`, 'name')
  const first = (at: number): JobDue | undefined => {
    // An interval is counted by the table's clock; a cron expression names an instant.
    const next = atStart ? at : when.next(at, at)
    if (next === undefined) return undefined
    return table.cron === undefined && table.windows === undefined ? { inMs: next - at } : { at: when.opensAt(next) }
  }
  return { name, id: kind, kind, when, attempts, timeoutMs, handler, first }
}

export interface RepeatPayload {
  readonly when: string
  readonly runs: readonly RepeatedRun[]
  /** The waiting run was requested manually. */
  readonly isTriggered?: boolean
}

/** Whether the instant is within its windows, or it runs out of schedule. */
export const isOpen = (repeat: Repeat, job: Job, now: number): boolean =>
  readRepeat(job.payload).isTriggered === true || repeat.when.opensAt(now) <= now

/** The contents of a row, which are not trusted. */
export function readRepeat(payload: string): RepeatPayload {
  try {
    const { when, runs, isTriggered }: { when?: unknown; runs?: unknown; isTriggered?: unknown } = Object(
      JSON.parse(payload),
    )
    return {
      when: String(when),
      runs: Array.isArray(runs) ? runs.filter(isRun).slice(0, MAX_RUNS) : [],
      isTriggered: isTriggered === true,
    }
  } catch {
    return { when: '', runs: [] }
  }
}

const isRun = (run: unknown): run is RepeatedRun =>
  typeof run === 'object' &&
  run !== null &&
  ['dueAt', 'lateMs', 'ms', 'attempts'].every((name) => typeof Reflect.get(run, name) === 'number')

export const repeatText = (payload: RepeatPayload): string => JSON.stringify(payload)

/** When it is due next, and its payload then: this run becomes part of the history. `now`: by the table's clock. */
export function nextRun(
  repeat: Repeat,
  job: Job,
  now: number,
  run: { readonly lateMs: number; readonly ms: number; readonly error?: unknown },
): { readonly due: JobDue; readonly payload: string } | undefined {
  const at = repeat.when.next(now, job.dueAt)
  if (at === undefined) return undefined
  const { lateMs, ms, error } = run
  const ended: RepeatedRun = {
    dueAt: job.dueAt,
    lateMs: Math.round(lateMs),
    ms: Math.round(ms),
    attempts: job.attempts,
    ...(error !== undefined && { error: errorText(error).slice(0, MAX_ERROR) }),
  }
  const payload = repeatText({
    when: repeat.when.text,
    runs: [ended, ...readRepeat(job.payload).runs].slice(0, MAX_RUNS),
  })
  return { due: { at }, payload }
}

export function describeRepeat({ name, id }: Repeat, job: Job | undefined): RepeatedJob {
  return {
    name,
    id,
    state: job?.state,
    dueAt: job?.dueAt,
    ...(job?.error !== undefined && { error: job.error }),
    runs: job === undefined ? [] : readRepeat(job.payload).runs,
  }
}
