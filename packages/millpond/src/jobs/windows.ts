// The hours in which a job may run, in local time of a time zone: off-peak, for example.
import { DAYS, type JobWindow } from '../core/jobs.ts'

const DAY_MINUTES = 1440
const MINUTE_MS = 60_000
/** Every window of a week is reached within this many steps; a clock change may skip one. */
const MOST_STEPS = 64

interface Minutes {
  readonly day: number
  readonly minute: number
}

interface Parsed {
  readonly from: number
  readonly length: number
  readonly days: readonly number[]
}

export interface Windows {
  /** The instant itself if it is within a window, else when the next one opens. Epoch milliseconds. */
  opensAt(at: number): number
}

/** Of validated windows. */
export function windowsOf(given: readonly JobWindow[], timezone: string): Windows {
  const windows = given.map(parse)
  const local = localMinutes(timezone)
  return {
    opensAt(at) {
      let instant = at
      for (let step = 0; step < MOST_STEPS; step++) {
        const wait = Math.min(...windows.map((window) => minutesUntil(window, local(instant))))
        if (wait === 0) return instant
        // Checked again, because the clock may change in between.
        instant = Math.floor(instant / MINUTE_MS) * MINUTE_MS + wait * MINUTE_MS
      }
      return Number.POSITIVE_INFINITY
    },
  }
}

function parse(window: JobWindow): Parsed {
  const from = minuteOf(window.from)
  const to = minuteOf(window.to)
  return {
    from,
    length: to > from ? to - from : to + DAY_MINUTES - from,
    days: window.days?.map((day) => DAYS.indexOf(day)) ?? DAYS.map((_, day) => day),
  }
}

const minuteOf = (text: string): number => Number(text.slice(0, 2)) * 60 + Number(text.slice(3))

/** 0 within it, which may have begun the day before. */
function minutesUntil({ from, length, days }: Parsed, { day, minute }: Minutes): number {
  const waits = days.map((begin) => {
    const since = (((day - begin + 7) % 7) * DAY_MINUTES + minute - from + 7 * DAY_MINUTES) % (7 * DAY_MINUTES)
    return since < length ? 0 : 7 * DAY_MINUTES - since
  })
  return Math.min(...waits)
}

function localMinutes(timeZone: string): (at: number) => Minutes {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
  })
  return (at) => {
    const parts = new Map(format.formatToParts(at).map(({ type, value }) => [type, value]))
    const weekday = parts.get('weekday')?.toLowerCase()
    return {
      day: DAYS.findIndex((name) => weekday?.startsWith(name)),
      minute: Number(parts.get('hour')) * 60 + Number(parts.get('minute')),
    }
  }
}
