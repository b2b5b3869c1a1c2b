// Conditional requests, both ways (RFC 9110 13, RFC 9111 4.3): the conditions for the origin, evaluating a client's,
// and the effect of a 304.
import type { AnswerMeta } from './answer.ts'
import { parseHttpDate } from './date.ts'
import { etagOf, matchesStrongly, matchesWeakly } from './etag.ts'
import { firstLine, hopByHop, listMembers, type RawFields, withoutFields } from './fields.ts'
import type { RequestFacts } from './request.ts'

export const CONDITIONS: ReadonlySet<string> = new Set([
  'if-none-match',
  'if-modified-since',
  'if-match',
  'if-unmodified-since',
  'if-range',
])

export const isCondition = (name: string): boolean => CONDITIONS.has(name)

/** RFC 9111 4.3.1: the stored validators, flat; empty without any. */
export function conditionsFor(answer: AnswerMeta): string[] {
  const fields: string[] = []
  const etag = firstLine(answer.fields, 'etag')
  const modified = firstLine(answer.fields, 'last-modified')
  if (etag !== undefined) fields.push('If-None-Match', etag)
  if (modified !== undefined) fields.push('If-Modified-Since', modified)
  return fields
}

/**
 * Whether a client's condition permits a 304 for the stored answer (RFC 9111 4.3.2; only for what would have been a
 * 200).
 */
export function isNotModified(request: RequestFacts, answer: AnswerMeta): boolean {
  if (answer.status !== 200) return false
  const noneMatch = request.get('if-none-match')
  // RFC 9110 13.2.2: If-Modified-Since counts only without If-None-Match.
  if (noneMatch !== undefined) return matchesAny(noneMatch, answer)
  const since = parseHttpDate(request.get('if-modified-since'), answer.responseAt)
  if (since === undefined) return false
  return (answer.lastModified ?? answer.date) <= since
}

function matchesAny(noneMatch: string, answer: AnswerMeta): boolean {
  if (noneMatch.trim() === '*') return true
  const { etag } = answer
  return (
    etag !== undefined &&
    listMembers(noneMatch).some((member) => etagOf(member) !== undefined && matchesWeakly(member, etag))
  )
}

/** RFC 9110 13.1.5: a range is answered only if the client's part is of this very representation. */
export function rangeApplies(request: RequestFacts, answer: AnswerMeta): boolean {
  const condition = request.get('if-range')
  if (condition === undefined) return true
  if (etagOf(condition) !== undefined) return answer.etag !== undefined && matchesStrongly(condition, answer.etag)
  const date = parseHttpDate(condition, answer.responseAt)
  // RFC 9110 8.8.2.2: a date is a strong validator only when it is at least a second older than the answer.
  return date !== undefined && answer.lastModified === date && answer.date - date >= 1000
}

/** The fields of a 304 (RFC 9110 15.4.5). */
const IN_NOT_MODIFIED: ReadonlySet<string> = new Set([
  'cache-control',
  'content-location',
  'date',
  'etag',
  'expires',
  'vary',
  'last-modified',
])

/**
 * The fields of a stored answer that a 304 repeats: those that guide caches, and those that are not metadata of the
 * content (RFC 9110 15.4.5).
 */
export function notModifiedFields(fields: RawFields): string[] {
  return withoutFields(fields, (name) => name.startsWith('content-') && !IN_NOT_MODIFIED.has(name))
}

/** RFC 9111 3.2: these describe the stored bytes, and an answer without them must not change them. */
const KEPT_ON_UPDATE: ReadonlySet<string> = new Set([
  'content-length',
  'content-encoding',
  'content-type',
  'content-range',
])

/** Whether a 304 is about this answer (RFC 9111 4.3.4). */
export function confirms(notModified: RawFields, answer: AnswerMeta): boolean {
  const etag = etagOf(firstLine(notModified, 'etag'))
  if (etag !== undefined) return answer.etag !== undefined && matchesWeakly(etag, answer.etag)
  const modified = parseHttpDate(firstLine(notModified, 'last-modified'), answer.responseAt)
  return modified === undefined || answer.lastModified === undefined || modified === answer.lastModified
}

/**
 * The stored fields, freshened by those of a 304 or of a HEAD (RFC 9111 3.2): new values replace all lines of their
 * name. An answer without a Date is from `receivedAt` (RFC 9110 6.6.1), otherwise the stored one would make it old from
 * the start.
 */
export function updatedFields(stored: RawFields, update: RawFields, receivedAt: number): string[] {
  const isHop = hopByHop(update)
  const fresh = withoutFields(update, (name) => isHop(name) || KEPT_ON_UPDATE.has(name))
  if (firstLine(update, 'date') === undefined) fresh.push('Date', new Date(receivedAt).toUTCString())
  const names = new Set<string>()
  for (let at = 0; at < fresh.length; at += 2) names.add((fresh[at] as string).toLowerCase())
  return [...withoutFields(stored, (name) => names.has(name)), ...fresh]
}
