// Freshness and age (RFC 9111 4.2), computed once when an answer is stored, so that a hit compares two numbers.
import { MAX_SECONDS, seconds } from './cache-control.ts'
import { parseHttpDate } from './date.ts'
import { fieldValue, firstLine, type RawFields } from './fields.ts'
import type { Policy } from './targeted.ts'

export interface FreshnessOptions {
  /** Whether a shared cache reads `s-maxage` (RFC 9111 5.2.2.10). */
  readonly isShared: boolean
  /** Share of the time since `Last-Modified`, 0 for no heuristics (RFC 9111 4.2.2: 10 % is typical). */
  readonly heuristic: number
  /** For answers without any freshness information, in milliseconds. */
  readonly defaultTtlMs: number
}

/** The longest heuristic lifetime: an undeclared answer should not live for weeks. */
const MAX_HEURISTIC_MS = 86_400_000

/** Statuses that are cacheable by default (RFC 9110 15.1). */
export const HEURISTIC: ReadonlySet<number> = new Set([200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501])

/** Whether an answer has explicit freshness (RFC 9111 4.2.1). */
export function isExplicit(fields: RawFields, { directives, isTargeted }: Policy, isShared: boolean): boolean {
  if (isShared && directives.sMaxAge !== undefined) return true
  if (directives.maxAge !== undefined) return true
  return !isTargeted && firstLine(fields, 'expires') !== undefined
}

/** RFC 9111 4.2.1, in its order of precedence. Milliseconds, never negative. */
export function lifetimeMs(
  status: number,
  fields: RawFields,
  policy: Policy,
  responseAt: number,
  options: FreshnessOptions,
): number {
  const { directives } = policy
  if (options.isShared && directives.sMaxAge !== undefined) return directives.sMaxAge * 1000
  if (directives.maxAge !== undefined) return directives.maxAge * 1000
  const date = dateOf(fields, responseAt)
  // RFC 9213 2.2: with a targeted field Expires is ignored.
  const expires = policy.isTargeted ? undefined : firstLine(fields, 'expires')
  // RFC 9111 5.3: an invalid date, especially "0", is in the past.
  if (expires !== undefined)
    return Math.min(MAX_SECONDS * 1000, Math.max(0, (parseHttpDate(expires, responseAt) ?? 0) - date))
  // RFC 9111 4.2.2: only if the status or `public` permits it.
  if (!HEURISTIC.has(status) && !directives.isPublic) return 0
  const modified = parseHttpDate(firstLine(fields, 'last-modified'), responseAt)
  if (modified !== undefined && options.heuristic > 0 && modified <= date)
    return Math.min(MAX_HEURISTIC_MS, Math.floor((date - modified) * options.heuristic))
  return modified === undefined ? options.defaultTtlMs : 0
}

/** The answer's `Date`; if it is absent or unreadable, the time of its arrival (RFC 9110 6.6.1). */
export function dateOf(fields: RawFields, responseAt: number): number {
  return parseHttpDate(firstLine(fields, 'date'), responseAt) ?? responseAt
}

/** `corrected_initial_age` of RFC 9111 4.2.3, in milliseconds. */
export function initialAgeMs(fields: RawFields, requestAt: number, responseAt: number): number {
  const apparent = Math.max(0, responseAt - dateOf(fields, responseAt))
  return Math.max(apparent, ageValue(fields) * 1000 + Math.max(0, responseAt - requestAt))
}

/** RFC 9111 5.1: of several the first counts; an invalid one is ignored. */
function ageValue(fields: RawFields): number {
  const value = fieldValue(fields, 'age')
  return seconds(value?.split(',')[0]?.trim()) ?? 0
}
