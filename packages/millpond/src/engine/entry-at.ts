// Memory's entry of a key, read from its slot: a slot is valid only until the next change.
import type { MemorySpace } from '../core/contracts.ts'
import type { LedgerView } from '../core/ledger-view.ts'
import type { Found } from './found.ts'

/** The slot as a record. `value`: already read from it, if that was counted. */
export function entryAt(
  memory: MemorySpace,
  view: LedgerView,
  key: string,
  slot: number,
  value: unknown = memory.value(slot),
): Found {
  return {
    key,
    value,
    createdAt: memory.createdAt(slot),
    freshUntil: memory.freshUntil(slot),
    staleUntil: memory.staleUntil(slot),
    tags: memory.tags(slot),
    asOf: { epoch: view.epoch, seq: memory.asOf(slot) },
    tier: 'memory',
    bytes: memory.weight(slot),
    isCompressed: false,
    isEncrypted: false,
  }
}
