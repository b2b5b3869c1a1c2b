// When a repeated job runs: by an interval or a cron expression, within windows if there are any.
import { checkOptions, duration, type Shape, text } from '../core/checks.ts'
import { type Duration, parseDuration } from '../core/duration.ts'
import { MillpondError, show } from '../core/errors.ts'
import { type JobWindow, jobWindows } from '../core/jobs.ts'
import { cronLine } from './cron.ts'
import { type Windows, windowsOf } from './windows.ts'

/** When: exactly one of `every` and `cron`. */
export interface TimetableOptions {
  /** From the start of one run to that of the next, from 1 s. */
  readonly every?: Duration | undefined
  /** A cron expression: `'0 3 * * *'`, with a leading field for seconds if there are six. Needs the package croner. */
  readonly cron?: string | undefined
  /**
   * The IANA time zone of `cron` and `windows`: `'Europe/Berlin'`. Default `'UTC'`, so that processes agree wherever
   * they run.
   */
  readonly timezone?: string | undefined
  /** Runs only within these hours: a run that would be due outside waits for the next window. */
  readonly windows?: readonly JobWindow[] | undefined
}

export const TIMETABLE: Shape<TimetableOptions> = { every: duration, cron: text, timezone: text, windows: jobWindows }
const LEAST_MS = 1000
/** A cron expression that matches this often outside of its windows never meets them. */
const MOST_MISSES = 800

/** When something is due next, validated. */
export interface Timetable {
  /** Equal timetables have equal texts. */
  readonly text: string
  /**
   * The next time after an instant; `undefined`: there is none. `last`: when it was due last, from which intervals are
   * counted.
   */
  next(after: number, last: number): number | undefined
  /** Whether it may run at this instant, or else when. */
  opensAt(at: number): number
}

/**
 * `name`: used in errors; `now`: epoch milliseconds.
 * @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`: also if it is never due.
 */
export function timetable(options: TimetableOptions, name: string, now: number): Timetable {
  checkOptions<TimetableOptions>(options, TIMETABLE, name)
  const { every, cron, timezone = 'UTC', windows: given } = options
  if ((every === undefined) === (cron === undefined))
    throw new MillpondError('OPTION_INVALID', `${name}: give either every ('5m') or cron ('0 3 * * *')`)
  checkZone(timezone, name)
  const windows: Windows = given === undefined ? { opensAt: (at) => at } : windowsOf(given, timezone)
  const table: Timetable = {
    text: JSON.stringify({
      every: every === undefined ? undefined : parseDuration(every, name),
      cron,
      timezone,
      windows: given,
    }),
    next: cron === undefined ? byInterval(intervalOf(every, name), windows) : byCron(cron, timezone, windows),
    opensAt: (at) => windows.opensAt(at),
  }
  if (table.next(now, now) === undefined)
    throw new MillpondError(
      'OPTION_INVALID',
      `${name}: ${show(cron)}${given === undefined ? '' : ` within ${show(given)}`} never occurs: give a day and an hour that exist`,
    )
  return table
}

function byInterval(everyMs: number, windows: Windows): Timetable['next'] {
  return (after, last) => windows.opensAt(last + (Math.floor(Math.max(0, after - last) / everyMs) + 1) * everyMs)
}

function byCron(line: string, timezone: string, windows: Windows): Timetable['next'] {
  const next = cronLine(line, timezone)
  return (after, last) => {
    // A run that started slightly early must not be due a second time.
    let from = Math.max(after, last)
    for (let misses = 0; misses < MOST_MISSES; misses++) {
      const at = next(from)
      if (at === undefined) return undefined
      const opensAt = windows.opensAt(at)
      if (opensAt === at) return at
      // The expression may match just as the window opens.
      from = opensAt - 1
    }
    return undefined
  }
}

function intervalOf(every: Duration | undefined, name: string): number {
  const ms = parseDuration(every, `${name}.every`)
  if (ms >= LEAST_MS && Number.isFinite(ms)) return ms
  throw new MillpondError('OPTION_INVALID', `${name}.every: ${show(every)} is not allowed: give a finite time from 1 s`)
}

function checkZone(timezone: string, name: string): void {
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: timezone })
  } catch (cause) {
    throw new MillpondError(
      'OPTION_INVALID',
      `${name}.timezone: ${show(timezone)} is not known: give one such as 'Europe/Berlin'`,
      {
        cause,
      },
    )
  }
}
