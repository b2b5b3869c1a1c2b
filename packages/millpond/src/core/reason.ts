// Why something was invalidated: one of the counted reasons, and if the caller gave one, a reason in its own words.
import { type Check, refused } from './checks.ts'
import { REMOVAL_REASONS, type RemovalReason } from './contracts.ts'

/** The counted reasons that a caller may name. The others are reported by the cache itself. */
const NAMED = ['manual', 'data_changed', 'superseded', 'error_threshold'] as const

/**
 * One of the counted reasons, or a reason in the caller's own words: a line of up to 200 characters, such as `'price
 * list imported'`. It is stored in plain with the invalidation: it must not contain personal data.
 */
export type InvalidationReason = (typeof NAMED)[number] | (string & {})

export const MAX_NOTE = 200

const own: ReadonlySet<string> = new Set(REMOVAL_REASONS.filter((reason) => !NAMED.some((named) => named === reason)))

export const invalidationReason: Check<InvalidationReason> = (value, at) => {
  const wanted = `${NAMED.join(', ')}, or your own words: a line of up to ${MAX_NOTE} characters`
  if (typeof value !== 'string' || value.trim() === '' || value.length > MAX_NOTE) throw refused(value, at, wanted)
  if (own.has(value)) throw refused(value, at, `${wanted}; this one is reported by the cache itself`)
  // A store, a log or a terminal could not keep it as it is.
  if (/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u.test(value))
    throw refused(value, at, `${wanted}, without control characters and line separators`)
  return value
}

/** The reason that is counted, and the caller's own words. `fallback`: what the criteria suggest. */
export function reasonGiven(
  given: InvalidationReason | undefined,
  fallback: RemovalReason,
): { readonly reason: RemovalReason; readonly note?: string } {
  if (given === undefined) return { reason: fallback }
  const named = NAMED.find((reason) => reason === given)
  return named === undefined ? { reason: fallback, note: given } : { reason: named }
}

/** Both as one text, as a line of the ledger keeps them. */
export const lineReason = (reason: RemovalReason, note: string | undefined): string =>
  note === undefined ? reason : `${reason}: ${note}`

/** A reason as another process wrote it; one that this version does not know counts as `manual`. */
export const reasonFrom = (text: string): RemovalReason => {
  const [counted] = text.split(': ', 1)
  return REMOVAL_REASONS.find((reason) => reason === counted) ?? 'manual'
}

/** The caller's own words in it; untrusted, so no longer than a caller's may be. */
export function noteFrom(text: string): string | undefined {
  const at = text.indexOf(': ')
  return at < 0 ? undefined : text.slice(at + 2, at + 2 + MAX_NOTE)
}
