// Dates as whole days since 1970-01-01 (UTC): the same arithmetic in SQLite, PostgreSQL and JavaScript.

const MS_PER_DAY = 86_400_000

/** The day number of a calendar date, or undefined when there is no such date. */
export function dayOf(year: number, month: number, day: number): number | undefined {
  const at = new Date(Date.UTC(year, month - 1, day))
  const exists = at.getUTCFullYear() === year && at.getUTCMonth() === month - 1 && at.getUTCDate() === day
  return exists ? Math.round(at.getTime() / MS_PER_DAY) : undefined
}

/** Reads `YYYY-MM-DD`; undefined for anything else. */
export function parseIsoDay(text: string): number | undefined {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text)
  return match ? dayOf(Number(match[1]), Number(match[2]), Number(match[3])) : undefined
}

export function isoDay(day: number): string {
  return new Date(day * MS_PER_DAY).toISOString().slice(0, 10)
}

export function isoDayOrNull(day: number | null): string | null {
  return day === null ? null : isoDay(day)
}

/** Month of the day, 0 for January. */
export function monthOf(day: number): number {
  return new Date(day * MS_PER_DAY).getUTCMonth()
}
