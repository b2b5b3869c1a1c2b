// Durations as in bentocache: '10m', '2 days', milliseconds, or null.
import { MAX_DURATION_MS } from '../core/duration.ts'
import { MillpondError, show } from '../core/errors.ts'

/** Milliseconds, a text with a unit (`'10m'`, `'2 days'`), or `null` for no limit. */
export type BentoDuration = number | string | null

const SECOND = 1000
const DAY = 86_400 * SECOND
const UNITS: readonly (readonly [RegExp, number])[] = [
  [/^(ms|msecs?|milliseconds?)?$/, 1],
  [/^s(ecs?|econds?)?$/, SECOND],
  [/^m(ins?|inutes?)?$/, 60 * SECOND],
  [/^h(rs?|ours?)?$/, 3600 * SECOND],
  [/^d(ays?)?$/, DAY],
  [/^w(eeks?)?$/, 7 * DAY],
  [/^y(rs?|ears?)?$/, 365.25 * DAY],
]
const FORM = /^(\d*\.?\d+) ?([a-z]*)$/i

/** Milliseconds; `Infinity` for `null`. @throws MillpondError `DURATION_INVALID`. */
export function bentoMs(value: unknown, at: string): number {
  if (value === null) return Number.POSITIVE_INFINITY
  const ms = typeof value === 'string' ? read(value) : value
  if (typeof ms === 'number' && ms >= 0) return ms > MAX_DURATION_MS ? Number.POSITIVE_INFINITY : ms
  throw new MillpondError(
    'DURATION_INVALID',
    `${at}: ${show(value)} is not a duration: give milliseconds, '10m', '2 days', or null for no limit`,
  )
}

function read(text: string): number {
  const [, amount = '', name = ''] = FORM.exec(text.trim()) ?? []
  const unit = UNITS.find(([form]) => form.test(name.toLowerCase()))
  return amount === '' || unit === undefined ? Number.NaN : Number(amount) * unit[1]
}
