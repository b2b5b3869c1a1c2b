// Makes what memory holds of a key stale, and remembers why: its time alone would say that it was over.
import type { MissCause } from '../core/causes.ts'
import type { Near } from '../core/contracts.ts'
import type { Space } from './space.ts'

export function expireNear({ watch, services }: Space, near: Near, slot: number, key: string, cause: MissCause = 'invalidated_key'): void {
  const { coarse } = services.clock
  const freshUntil = near.freshUntil(slot)
  if (freshUntil <= coarse) return
  near.retime(slot, coarse, near.staleUntil(slot))
  watch.removals.note(watch.hash(key), cause, Math.max(coarse, near.createdAt(slot)), freshUntil)
}
