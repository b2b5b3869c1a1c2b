// The days that a statistic looks at, the same number of days before them, and how a trend is cut.

/** What statistics can look back over. */
export const PERIODS = [7, 30, 90, 365] as const
export type Period = (typeof PERIODS)[number]

/** First and last day, both included. */
export interface Days {
  readonly from: number
  readonly to: number
}

export interface Window extends Days {
  readonly days: Period
  readonly before: Days
  /** Days per point of a trend. */
  readonly step: number
}

const STEPS: Readonly<Record<Period, number>> = { 7: 1, 30: 1, 90: 7, 365: 30 }

export function windowOf(days: Period, today: number): Window {
  const from = today - days + 1
  return { days, from, to: today, before: { from: from - days, to: from - 1 }, step: STEPS[days] }
}

/** Share rounded to four digits; null when there is nothing to share. */
export function ratio(part: number, whole: number): number | null {
  return whole === 0 ? null : Math.round((part / whole) * 10_000) / 10_000
}

/** Mean rounded to one digit; null of nothing. */
export function mean(sum: number | null, count: number): number | null {
  return sum === null || count === 0 ? null : Math.round((sum / count) * 10) / 10
}
