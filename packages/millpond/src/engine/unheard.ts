// Entries that are stale because another region was not heard.
import { unheardOf } from '../core/relay.ts'
import type { Found } from './found.ts'
import type { Space } from './space.ts'

/**
 * Whether a stale entry must not be served while its load is awaited: it was made stale because it is unknown what
 * another region has invalidated since, so it may already be as old as the lag between regions permits. Then it only
 * stands in for a load that fails. A step that expired everything and is no longer remembered counts as such.
 */
export function isUnheard({ ledger, loads, watch, services }: Space, { key, tags, asOf }: Found): boolean {
  if (ledger.regions === undefined || loads.isPaused(key, services.clock)) return false
  const blame = ledger.view.blame(key, tags, asOf.seq)
  if (blame === undefined) return false
  const seen = watch.history.find(blame.seq)
  return seen === undefined ? blame.kind === 'clear' : unheardOf(seen.line.id) !== undefined
}
