// When a job runs again and again: by an interval or a line of cron, within windows where there are any.
import { checkOptions, duration, type Shape, text } from '../core/checks.ts'
import { type Duration, parseDuration } from '../core/duration.ts'
import { MillpondError, show } from '../core/errors.ts'
import { type JobWindow, jobWindows } from '../core/jobs.ts'
import { cronLine } from './cron.ts'
import { type Windows, windowsOf } from './windows.ts'

/** When: `every` or `cron`, one of them. */
export interface TimetableOptions {
  /** From the beginning of one run to that of the next, from 1 s. */
  readonly every?: Duration | undefined
  /** A line of cron: `'0 3 * * *'`, with seconds in front where there are six fields. Needs the package croner. */
  readonly cron?: string | undefined
  /**
   * Of `cron` and `windows`, as IANA names it: `'Europe/Berlin'`. Default `'UTC'`, so that processes agree wherever
   * they run.
   */
  readonly timezone?: string | undefined
  /** Runs within these hours only: what would be due outside of them waits for the next one. */
  readonly windows?: readonly JobWindow[] | undefined
}

export const TIMETABLE: Shape<TimetableOptions> = { every: duration, cron: text, timezone: text, windows: jobWindows }
const LEAST_MS = 1000
/** A line of cron that fires so often outside of its windows never meets them. */
const MOST_MISSES = 800

/** When something comes next, checked. */
export interface Timetable {
  /** Two that are the same say the same. */
  readonly text: string
  /**
   * The next time after an instant; `undefined`: there is none. `last`: when it was due last, which intervals are
   * counted from.
   */
  next(after: number, last: number): number | undefined
  /** May it run at this instant, or when else? */
  opensAt(at: number): number
}

/**
 * `name`: as errors call it; `now`: epoch milliseconds.
 * @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`: also for what never comes.
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
    // A run that was let go a moment early must not be due a second time.
    let from = Math.max(after, last)
    for (let misses = 0; misses < MOST_MISSES; misses++) {
      const at = next(from)
      if (at === undefined) return undefined
      const opensAt = windows.opensAt(at)
      if (opensAt === at) return at
      // The line may fire as the window opens.
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
