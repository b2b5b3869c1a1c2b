// Durations: a number is milliseconds, a string carries its unit. Parsed once, when options are resolved.
import { MillpondError, show } from './errors.ts'

/**
 * Milliseconds, or a number with a unit: `'250ms'`, `'5s'`, `'1.5m'`, `'12h'`, `'7d'`. A string from elsewhere is
 * validated when it is used: `text as Duration`.
 */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const FORM = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/

/** The longest finite duration: 100 years. Longer ones must say `Infinity`. */
export const MAX_DURATION_MS = 3_155_760_000_000
/** Options that set an entry's lifetime. */
const LIFE = /\b(ttl|staleFor|staleIfError)$/

/**
 * Milliseconds of a duration. 0 is allowed and means "not at all"; `Infinity` means "for ever".
 * @throws MillpondError `DURATION_INVALID` for negative numbers, NaN, malformed strings, and finite times over 100
 * years.
 */
export function parseDuration(value: unknown, name: string): number {
  const ms = typeof value === 'string' ? parseText(value) : value
  if (typeof ms !== 'number' || Number.isNaN(ms) || ms < 0) {
    throw new MillpondError(
      'DURATION_INVALID',
      `${name}: ${show(value)} is not a duration: give milliseconds (300_000) or a number with a unit ('5m', '250ms', '12h')`,
    )
  }
  if (ms > MAX_DURATION_MS && ms !== Number.POSITIVE_INFINITY) {
    const orEver = LIFE.test(name) ? ', or Infinity for an entry that never expires' : ''
    throw new MillpondError(
      'DURATION_INVALID',
      `${name}: ${show(value)} is over 100 years: give a shorter time${orEver}`,
    )
  }
  return ms
}

/** Programs use the same few again and again, with every call. */
const known = new Map<string, number>()
const MAX_KNOWN = 1000

function parseText(text: string): number {
  const before = known.get(text)
  if (before !== undefined) return before
  const ms = readText(text)
  if (!Number.isNaN(ms) && known.size < MAX_KNOWN) known.set(text, ms)
  return ms
}

function readText(text: string): number {
  const match = FORM.exec(text)
  const unit = match === null ? undefined : UNITS[match[2] ?? '']
  return match === null || unit === undefined ? Number.NaN : Number(match[1]) * unit
}
