// Descriptions of why reads miss. The list is complete: it is the library's.
import type { Counts, Criteria } from '../api/types.ts'

const CAUSES: Readonly<Record<string, string>> = {
  cold: 'never asked for',
  expired_ttl: 'TTL ran out',
  evicted_capacity: 'evicted for space',
  not_admitted: 'not admitted',
  too_large: 'too large to keep',
  invalidated_key: 'key invalidated',
  invalidated_tag: 'tag invalidated',
  invalidated_pattern: 'pattern invalidated',
  invalidated_all: 'everything invalidated',
  epoch_changed: 'ledger started a new epoch',
  unreadable: 'unreadable entry',
  other_shape: 'written by another version',
  older_version: 'older than known',
  memory_pressure: 'memory was short',
  switched_off: 'cache switched off',
  ledger_unreachable: 'ledger did not answer',
  vary_mismatch: 'other variant',
  bypass_rule: 'bypassed by a rule',
  bypass_request: 'bypassed by the request',
  negative: 'known to be absent',
  tier_error: 'tier failed',
  breaker_open: 'breaker is open',
  unknown: 'not known',
}

export const causeName = (cause: string): string => CAUSES[cause] ?? cause.replaceAll('_', ' ')

export interface CauseShare {
  readonly cause: string
  readonly name: string
  readonly count: number
  readonly share: number
}

/** Largest first; those beyond `most` are combined. */
export function causeShares(counts: Counts, most = 4): readonly CauseShare[] {
  const all = Object.values(counts).reduce((sum, count) => sum + count, 0)
  if (all === 0) return []
  const rows = Object.entries(counts)
    .filter(([, count]) => count > 0)
    .sort(([, a], [, b]) => b - a)
    .map(([cause, count]) => ({ cause, name: causeName(cause), count, share: count / all }))
  if (rows.length <= most) return rows
  const rest = rows.slice(most - 1)
  const count = rest.reduce((sum, row) => sum + row.count, 0)
  return [...rows.slice(0, most - 1), { cause: '', name: `${rest.length} others`, count, share: count / all }]
}

/**
 * The target of an invalidation: its kind and its text.
 * @param keyName how a key is formatted
 */
export function aim(
  criteria: Criteria | undefined,
  keyName: (key: string) => string = (key) => key,
): { readonly kind: string; readonly text: string; readonly more: number } {
  if (criteria?.all === true) return { kind: 'everything', text: '', more: 0 }
  const of = (kind: string, list: readonly string[] | undefined) =>
    list === undefined || list[0] === undefined ? undefined : { kind, text: list[0], more: list.length - 1 }
  return (
    of('tag', criteria?.tags) ??
    of('pattern', criteria?.patterns) ??
    of('key', criteria?.keys?.map(keyName)) ??
    // URLs without a stored answer: there was nothing to invalidate.
    (criteria?.keys === undefined ? undefined : { kind: 'keys', text: 'none', more: 0 }) ?? {
      kind: 'model',
      text: `${criteria?.model ?? 'unknown'}${criteria?.id === undefined ? '' : ` ${criteria.id}`}`,
      more: 0,
    }
  )
}
