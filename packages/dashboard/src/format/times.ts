// Times: absolute, and relative.

export interface TimesOptions {
  readonly locale: string
  /** IANA name; undefined: the browser's. */
  readonly timeZone?: string | undefined
}

const DAY_MS = 86_400_000

export function createTimes({ locale, timeZone }: TimesOptions) {
  const zone = timeZone === undefined ? {} : { timeZone }
  const clock = new Intl.DateTimeFormat(locale, {
    ...zone,
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
  })
  const minutes = new Intl.DateTimeFormat(locale, { ...zone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
  const date = new Intl.DateTimeFormat(locale, { ...zone, day: 'numeric', month: 'short' })
  const whole = new Intl.DateTimeFormat(locale, {
    ...zone,
    year: 'numeric',
    month: 'short',
    day: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
    timeZoneName: 'short',
  })
  const relative = new Intl.RelativeTimeFormat(locale, { numeric: 'auto', style: 'long' })
  const parts = new Intl.DateTimeFormat('en', {
    ...zone,
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
    hourCycle: 'h23',
  })
  const clockOf = (at: number): string => clock.format(at)
  return {
    clock: clockOf,
    minutes: (at: number): string => minutes.format(at),
    /** Milliseconds that the zone's clocks are ahead of UTC at a time. */
    offset: (at: number): number => {
      const of = new Map<string, number>(parts.formatToParts(at).map(({ type, value }) => [type, Number(value)]))
      const [year = 0, month = 1, day, hour, minute, second] = ['year', 'month', 'day', 'hour', 'minute', 'second'].map(
        (name) => of.get(name),
      )
      return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(at / 1000) * 1000
    },
    /** The time if it is within a day of `now`, else the date. */
    short: (at: number, now: number): string =>
      Math.abs(now - at) < DAY_MS / 2 ? clockOf(at) : `${date.format(at)}, ${minutes.format(at)}`,
    /** Date, time and zone. */
    whole: (at: number): string => whole.format(at),
    ago: (at: number, now: number): string => {
      const seconds = Math.round((at - now) / 1000)
      const size = Math.abs(seconds)
      if (size < 60) return relative.format(seconds, 'second')
      if (size < 3600) return relative.format(Math.round(seconds / 60), 'minute')
      if (size < 86_400) return relative.format(Math.round(seconds / 3600), 'hour')
      return relative.format(Math.round(seconds / 86_400), 'day')
    },
  }
}

export type Times = ReturnType<typeof createTimes>

/** A remaining time like a stopwatch, or in days if there are at least two. */
export const timeLeft = (ms: number): string => (ms < 2 * DAY_MS ? stopwatch(ms) : `${Math.floor(ms / DAY_MS)} d`)

/** Minutes and seconds like a stopwatch: 3:12, 1:02:07. */
export function stopwatch(ms: number): string {
  const all = Math.max(0, Math.floor(ms / 1000))
  const [hours, minutes, seconds] = [Math.floor(all / 3600), Math.floor((all % 3600) / 60), all % 60]
  const two = (value: number) => String(value).padStart(2, '0')
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds)}` : `${minutes}:${two(seconds)}`
}
