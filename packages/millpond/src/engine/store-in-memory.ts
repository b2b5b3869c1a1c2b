// Stores entries in memory, unless they were invalidated, or another value was shown meanwhile (`read-fence.ts`).
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

/** Stores a loaded value in memory, unless another one was shown while it was loading: see `read-fence.ts`. */
export function storeLoaded(space: Space, entry: Owned, load: Load, cost: number, now: number): void {
  const { memory, ledger } = space
  if (memory === undefined) return
  if (ledger.isLocal) storeInMemory(space, entry, load.asOf, cost, now, load.isAhead)
  else if (load.isOverlapped && !holds(memory, entry.key, entry.value)) memory.drop(entry.key, 'replaced')
  else putInMemory(space, memory, entry, load.asOf.seq, cost, now, load.isAhead)
}

/** An entry whose value no other code will change. */
type Owned = Omit<Found, 'asOf' | 'tier'>

/**
 * Stores an entry in memory unless it was invalidated. If memory holds one of a later position, it is unknown which of
 * the two is newer, so neither stays. Returns whether it is stored.
 */
export function storeInMemory(
  space: Space,
  entry: Owned,
  asOf: Position,
  cost = 0,
  now = space.services.clock.now(),
  isAhead = false,
): boolean {
  const { memory, ledger } = space
  if (memory === undefined || ledger.view.judgeAt(entry.key, entry.tags, asOf) === 'invalid') return false
  const held = memory.find(entry.key)
  if (held >= 0 && memory.asOf(held) > asOf.seq) {
    if (!ledger.isLocal) memory.drop(entry.key, 'replaced')
    return false
  }
  return !space.fence.isOf(entry.key, ledger) && putInMemory(space, memory, entry, asOf.seq, cost, now, isAhead)
}

export function putInMemory(
  space: Space,
  memory: MemorySpace,
  made: Owned,
  asOf: number,
  cost: number,
  now: number,
  isAhead = false,
): boolean {
  if (space.settings.route?.takes(MEMORY, made) === false) {
    // It is stored elsewhere: an entry of the key in memory would be older.
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
    isAhead,
  })
}

/**
 * An entry from the future was made by a clock that is ahead of this one, or before this one was set back. It keeps its
 * lifetime, counted from now.
 */
function inTime(entry: Owned, now: number): Owned {
  const ahead = entry.createdAt - now
  if (ahead <= 0) return entry
  return { ...entry, createdAt: now, freshUntil: entry.freshUntil - ahead, staleUntil: entry.staleUntil - ahead }
}

/** Changes the times of a key's entry in memory, within memory's retention. */
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
