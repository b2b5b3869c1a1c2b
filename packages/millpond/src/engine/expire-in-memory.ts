// Makes memory's entry of a key stale, and remembers why: by its times alone it would look expired.
import type { MissCause } from '../core/causes.ts'
import type { MemorySpace } from '../core/contracts.ts'
import type { Space } from './space.ts'

export function expireInMemory(
  { watch, services }: Space,
  memory: MemorySpace,
  slot: number,
  key: string,
  cause: MissCause = 'invalidated_key',
): void {
  const { coarse } = services.clock
  const freshUntil = memory.freshUntil(slot)
  if (freshUntil <= coarse) return
  memory.retime(slot, coarse, memory.staleUntil(slot))
  watch.removals.note(watch.hash(key), cause, Math.max(coarse, memory.createdAt(slot)), freshUntil)
}
