// What memory holds of a key, read from its slot: a slot is valid only until the next change.
import type { Near } from '../core/contracts.ts'
import type { LedgerView } from '../core/ledger-view.ts'
import type { Found } from './found.ts'

/** The slot as a record. `value`: what was read from it, where that has been counted. */
export function heldAt(near: Near, view: LedgerView, key: string, slot: number, value: unknown = near.value(slot)): Found {
  return {
    key,
    value,
    createdAt: near.createdAt(slot),
    freshUntil: near.freshUntil(slot),
    staleUntil: near.staleUntil(slot),
    tags: near.tags(slot),
    asOf: { epoch: view.epoch, seq: near.asOf(slot) },
    tier: 'memory',
    bytes: near.weight(slot),
    isCompressed: false,
    isEncrypted: false,
  }
}
