// What is put into memory: nothing that the ledger has moved past, and nothing beside which another value was shown
// (`read-fence.ts`).
import { isDeepStrictEqual } from 'node:util'
import type { MemorySpace } from '../core/contracts.ts'
import type { Position } from '../core/ledger.ts'
import type { Found } from './found.ts'
import type { Load } from './load.ts'
import { MEMORY } from './route.ts'
import { retainUntil, type Space } from './space.ts'

export function holds(memory: MemorySpace, key: string, value: unknown): boolean {
  const slot = memory.find(key)
  return slot >= 0 && isDeepStrictEqual(memory.value(slot), value)
}

/** Puts a loaded value into memory, unless another one was shown while it was on its way: see `read-fence.ts`. */
export function storeLoaded(space: Space, entry: Owned, load: Load, cost: number, now: number): void {
  const { memory, ledger } = space
  if (memory === undefined) return
  if (ledger.isLocal) storeInMemory(space, entry, load.asOf, cost, now)
  else if (load.isOverlapped && !holds(memory, entry.key, entry.value)) memory.drop(entry.key, 'replaced')
  else putInMemory(space, memory, entry, load.asOf.seq, cost, now)
}

/** An entry with a value that nobody else will ever change. */
type Owned = Omit<Found, 'asOf' | 'tier'>

/**
 * Puts an entry into memory unless the ledger has moved past it. Where memory holds one of a later position, nobody can
 * tell which of the two is newer, so that neither stays. Answers whether it is there.
 */
export function storeInMemory(
  space: Space,
  entry: Owned,
  asOf: Position,
  cost = 0,
  now = space.services.clock.now(),
): boolean {
  const { memory, ledger } = space
  if (memory === undefined || ledger.view.judgeAt(entry.key, entry.tags, asOf) === 'invalid') return false
  const held = memory.find(entry.key)
  if (held >= 0 && memory.asOf(held) > asOf.seq) {
    if (!ledger.isLocal) memory.drop(entry.key, 'replaced')
    return false
  }
  return !space.fence.isOf(entry.key, ledger) && putInMemory(space, memory, entry, asOf.seq, cost, now)
}

export function putInMemory(
  space: Space,
  memory: MemorySpace,
  made: Owned,
  asOf: number,
  cost: number,
  now: number,
): boolean {
  if (space.settings.route?.takes(MEMORY, made) === false) {
    // It goes elsewhere: what memory holds of the key would be older.
    memory.drop(made.key, 'replaced')
    return false
  }
  const entry = inTime(made, now)
  const until = retainUntil(space.settings.memoryRetention, entry, now)
  const isolated = entry.isolated ?? space.services.own(entry.value)
  return memory.set(entry.key, {
    value: isolated.value,
    isolated,
    createdAt: entry.createdAt,
    freshUntil: Math.min(entry.freshUntil, until),
    staleUntil: Math.min(entry.staleUntil, until),
    tags: entry.tags,
    asOf,
    cost,
  })
}

/**
 * An entry from the future was made by a clock that is ahead of this one, or before this one was set back. It lives for
 * as long as it was made for, from now, and no longer.
 */
function inTime(entry: Owned, now: number): Owned {
  const ahead = entry.createdAt - now
  if (ahead <= 0) return entry
  return { ...entry, createdAt: now, freshUntil: entry.freshUntil - ahead, staleUntil: entry.staleUntil - ahead }
}

/** Gives what memory holds of a key new times, as far as memory keeps an entry. */
export function retimeInMemory(
  space: Space,
  key: string,
  times: Pick<Owned, 'freshUntil' | 'staleUntil'>,
  now: number,
): void {
  const { memory, settings } = space
  const slot = memory?.find(key) ?? -1
  if (memory === undefined || slot < 0) return
  const until = retainUntil(settings.memoryRetention, times, now)
  memory.retime(slot, Math.min(times.freshUntil, until), Math.min(times.staleUntil, until))
}
