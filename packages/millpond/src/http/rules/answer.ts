// A stored answer: its head ready to be sent, and the numbers that a hit compares. Plain data, so that every tier can
// store it.

import { parseHttpDate } from './date.ts'
import { etagOf } from './etag.ts'
import { fieldLines, firstLine, hopByHop, type RawFields, withoutFields } from './fields.ts'
import { dateOf, type FreshnessOptions, initialAgeMs, lifetimeMs } from './freshness.ts'
import { contentRange, type Part } from './range.ts'
import { type Policy, policyOf } from './targeted.ts'
import { varyNames } from './vary.ts'

export interface AnswerMeta {
  readonly status: number
  readonly reason: string
  /** End-to-end fields as received, without `Age` and those that directives exclude: flat, in their order. */
  readonly fields: RawFields
  /** When the origin's answer began to arrive. */
  readonly responseAt: number
  /** RFC 9111 4.2.3. */
  readonly initialAgeMs: number
  readonly lifetimeMs: number
  /** RFC 9111 5.2.2.4: never without validation. */
  readonly noCache: boolean
  /** RFC 9111 4.2.4: not used stale, whatever fails. */
  readonly neverStale: boolean
  readonly immutable: boolean
  /** RFC 5861, in milliseconds; 0 if the answer does not say. */
  readonly staleWhileRevalidateMs: number
  /** Negative if the answer does not say. */
  readonly staleIfErrorMs: number
  readonly etag: string | undefined
  readonly lastModified: number | undefined
  readonly date: number
  /** The request fields that selected it (RFC 9111 4.1). */
  readonly vary: readonly string[]
  /** The part that a 206 holds. */
  readonly part: Part | undefined
}

export interface Received {
  readonly status: number
  readonly reason: string
  readonly fields: RawFields
  readonly requestAt: number
  readonly responseAt: number
  /** Of the request: `Origin`. */
  readonly origin?: string | undefined
}

export interface AnswerOptions extends FreshnessOptions {
  readonly targets: readonly string[]
}

/** The stored parts of an answer (RFC 9111 3.1). */
export function answerOf(received: Received, options: AnswerOptions): AnswerMeta {
  const { status, reason, fields, requestAt, responseAt } = received
  const policy = policyOf(fields, options.targets)
  const { directives } = policy
  const lastModified = parseHttpDate(firstLine(fields, 'last-modified'), responseAt)
  return {
    status,
    reason,
    fields: storedFields(fields, policy, responseAt),
    responseAt,
    initialAgeMs: initialAgeMs(fields, requestAt, responseAt),
    lifetimeMs: lifetimeMs(status, fields, policy, responseAt, options),
    noCache: directives.noCache,
    // RFC 9111 5.2.2.10: s-maxage carries the meaning of proxy-revalidate.
    neverStale:
      directives.mustRevalidate ||
      directives.noCache ||
      (options.isShared && (directives.proxyRevalidate || directives.sMaxAge !== undefined)),
    immutable: directives.immutable,
    staleWhileRevalidateMs: (directives.staleWhileRevalidate ?? 0) * 1000,
    staleIfErrorMs: (directives.staleIfError ?? -1) * 1000,
    etag: etagOf(firstLine(fields, 'etag')),
    lastModified,
    date: dateOf(fields, responseAt),
    vary: varyNames(fields, received.origin),
    part: status === 206 ? contentRange(firstLine(fields, 'content-range')) : undefined,
  }
}

function storedFields(fields: RawFields, { directives }: Policy, responseAt: number): string[] {
  const isHop = hopByHop(fields)
  // RFC 9111 3.1 and 5.2.2.4, 5.2.2.7: named fields are not stored. Age is recomputed (5.1).
  const kept = withoutFields(fields, (name) => isHop(name) || name === 'age' || directives.fields.includes(name))
  // RFC 9110 6.6.1: a cache adds a missing Date.
  if (fieldLines(fields, 'date').length === 0) kept.push('Date', new Date(responseAt).toUTCString())
  return kept
}

/** Milliseconds of age at `now` (RFC 9111 4.2.3). */
export function ageMs(answer: AnswerMeta, now: number): number {
  return answer.initialAgeMs + Math.max(0, now - answer.responseAt)
}
