// Why a read found nothing: one closed list for counters, events, metrics and people.
import type { RemovalReason } from './contracts.ts'

/**
 * All causes, in the order in which reports list them.
 *
 * - `cold`: no tier has it, and this process has not held it as long as it remembers (some hours).
 * - `expired_ttl`: its time to live was over.
 * - `evicted_capacity`, `not_admitted`, `too_large`, `memory_pressure`: memory gave it up, refused it, or could not
 *   hold it.
 * - `invalidated_key`, `invalidated_tag`, `invalidated_pattern`, `invalidated_all`: by such an invalidation;
 *   `invalidated_all` is `clear`, and anything older than the invalidations that the ledger still lists one by one.
 * - `epoch_changed`: the ledger's history was lost, so that nothing older is accepted.
 * - `unreadable`: corrupt, foreign, or written for another key. `other_shape`: not what the collection's schema says,
 *   as another version of the program writes it. `older_version`: this process has seen a later one, as `versionOf` of
 *   the collection tells.
 * - `switched_off`: every tier is switched off or left out by `route`, or the one that held the entry was.
 *   `ledger_unreachable`: it cannot be known what is valid. `tier_error`, `breaker_open`: a tier that may have it
 *   failed, or was not asked because it kept failing.
 * - `vary_mismatch`, `bypass_rule`, `bypass_request`: HTTP only.
 * - `negative`: the loader's last error is remembered and was given again.
 * - `unknown`: it was here, and why it is gone is not known; what is said beside it says why that is so.
 */
export const MISS_CAUSES = Object.freeze([
  'cold',
  'expired_ttl',
  'evicted_capacity',
  'not_admitted',
  'too_large',
  'invalidated_key',
  'invalidated_tag',
  'invalidated_pattern',
  'invalidated_all',
  'epoch_changed',
  'unreadable',
  'other_shape',
  'older_version',
  'memory_pressure',
  'switched_off',
  'ledger_unreachable',
  'vary_mismatch',
  'bypass_rule',
  'bypass_request',
  'negative',
  'tier_error',
  'breaker_open',
  'unknown',
] as const)

/** Why no tier could answer: a closed list, used by the event `miss`, by `explain` and in metrics. */
export type MissCause = (typeof MISS_CAUSES)[number]

/** What the departure of an entry from memory means for a later read. */
export const CAUSE_OF_REASON: Readonly<Record<RemovalReason, MissCause>> = Object.freeze({
  ttl_expired: 'expired_ttl',
  manual: 'invalidated_key',
  data_changed: 'invalidated_key',
  capacity_limit: 'evicted_capacity',
  not_admitted: 'not_admitted',
  too_large: 'too_large',
  error_threshold: 'unknown',
  tag_based: 'invalidated_tag',
  pattern_based: 'invalidated_pattern',
  cleared: 'invalidated_all',
  epoch_changed: 'epoch_changed',
  replaced: 'invalidated_key',
  memory_pressure: 'memory_pressure',
  switched_off: 'switched_off',
  erased: 'invalidated_key',
  superseded: 'invalidated_key',
})
