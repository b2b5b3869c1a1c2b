// Copies an entry that was found in a far tier to memory and to the tiers above.
import type { MemorySpace, Stored } from '../core/contracts.ts'
import { commitBody } from './commit-far.ts'
import { bodyOf, codecOf } from './encoding.ts'
import type { Found } from './found.ts'
import { goesTo } from './route-tiers.ts'
import { type FarTier, inBackground, retainUntil, type Space } from './space.ts'
import { holds, putInMemory } from './store-in-memory.ts'

/** Maximum keys whose promotion is counted at a time. */
const MAX_PROMOTIONS = 10_000

/**
 * Copies an entry that has just been accepted to memory and to the tiers above the one that had it, once it was read
 * often enough there. `isAhead`: no read has asked for it.
 */
export function promote(
  space: Space,
  depth: number,
  entry: Found,
  stored: Stored,
  now: number,
  isAhead: boolean,
): void {
  const far = space.far[depth]
  if (far === undefined) return
  const isWanted = isDue(space, far, entry.key)
  if (space.memory !== undefined) promoteToMemory(space, space.memory, entry, isWanted, now, isAhead)
  if (!isWanted || depth === 0) return
  const bodyFor = bodyOf(space, entry, entry.asOf)
  const from = codecOf(space, far)
  for (let above = 0; above < depth; above++) {
    const to = space.far[above]
    if (to === undefined || !goesTo(space, to, entry)) continue
    // Bytes bound to a position must not be copied to another one.
    const isCopy = codecOf(space, to) === from && from.isBound !== true
    const commit = commitBody(
      space,
      to,
      entry,
      entry.asOf,
      isCopy ? () => stored.body : bodyFor,
      retainUntil(to.retention, entry, now),
      undefined,
    )
    inBackground(space, `promotion to ${to.guarded.name}`, commit)
  }
}

/**
 * A read gets here when memory has nothing to serve: an entry that it has now was stored while this answer was on its
 * way. If the two differ, readers may have seen both, and memory keeps neither: see `read-fence.ts`. With a ledger in
 * this process alone nothing is unheard, and the valid one is the latest.
 */
function promoteToMemory(
  space: Space,
  memory: MemorySpace,
  entry: Found,
  isWanted: boolean,
  now: number,
  isAhead: boolean,
): void {
  const { key } = entry
  const { ledger, fence } = space
  if (entry.freshUntil > now) space.loads.overlap(key)
  const held = memory.find(key)
  if (
    held < 0 ||
    memory.freshUntil(held) <= now ||
    ledger.view.judge(key, memory.tags(held), memory.asOf(held)) !== 'valid'
  ) {
    if (isWanted && !fence.isOf(key, ledger)) putInMemory(space, memory, entry, entry.asOf.seq, 0, now, isAhead)
  } else if (!ledger.isLocal && !holds(memory, key, entry.value)) {
    memory.drop(key, 'replaced')
    fence.mark(key, ledger)
  }
}

function isDue(space: Space, far: FarTier, key: string): boolean {
  if (far.promoteAfter <= 1) return true
  const reads = (space.promotions.get(key) ?? 0) + 1
  if (reads >= far.promoteAfter) {
    space.promotions.delete(key)
    return true
  }
  if (space.promotions.size >= MAX_PROMOTIONS) space.promotions.clear()
  space.promotions.set(key, reads)
  return false
}
