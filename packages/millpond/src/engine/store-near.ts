// What is put into memory: nothing that the ledger has moved past, and nothing beside which another value was shown (`read-fence.ts`).
import { isDeepStrictEqual } from 'node:util'
import type { Near } from '../core/contracts.ts'
import type { Position } from '../core/ledger.ts'
import type { Found } from './found.ts'
import type { Load } from './load.ts'
import { MEMORY } from './route.ts'
import { retainUntil, type Space } from './space.ts'

export function holds(near: Near, key: string, value: unknown): boolean {
  const slot = near.find(key)
  return slot >= 0 && isDeepStrictEqual(near.value(slot), value)
}

/** Puts a loaded value into memory, unless another one was shown while it was on its way: see `read-fence.ts`. */
export function storeLoaded(space: Space, entry: Owned, load: Load, cost: number, now: number): void {
  const { near, ledger } = space
  if (near === undefined) return
  if (ledger.isLocal) storeNear(space, entry, load.asOf, cost, now)
  else if (load.isOverlapped && !holds(near, entry.key, entry.value)) near.drop(entry.key, 'replaced')
  else putNear(space, near, entry, load.asOf.seq, cost, now)
}

/** An entry with a value that nobody else will ever change. */
type Owned = Omit<Found, 'asOf' | 'tier'>

/**
 * Puts an entry into memory unless the ledger has moved past it. Where memory holds one of a later position, nobody can tell which of the two is newer,
 * so that neither stays. Answers whether it is there.
 */
export function storeNear(space: Space, entry: Owned, asOf: Position, cost = 0, now = space.services.clock.now()): boolean {
  const { near, ledger } = space
  if (near === undefined || ledger.view.judgeAt(entry.key, entry.tags, asOf) === 'invalid') return false
  const held = near.find(entry.key)
  if (held >= 0 && near.asOf(held) > asOf.seq) {
    if (!ledger.isLocal) near.drop(entry.key, 'replaced')
    return false
  }
  return !space.fence.isOf(entry.key, ledger) && putNear(space, near, entry, asOf.seq, cost, now)
}

export function putNear(space: Space, near: Near, made: Owned, asOf: number, cost: number, now: number): boolean {
  if (space.settings.route?.takes(MEMORY, made) === false) {
    // It goes elsewhere: what memory holds of the key would be older.
    near.drop(made.key, 'replaced')
    return false
  }
  const entry = inTime(made, now)
  const until = retainUntil(space.settings.nearRetention, entry, now)
  const isolated = entry.isolated ?? space.services.own(entry.value)
  return near.set(entry.key, {
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
 * An entry from the future was made by a clock that is ahead of this one, or before this one was set back. It lives for as long as it was made for,
 * from now, and no longer.
 */
function inTime(entry: Owned, now: number): Owned {
  const ahead = entry.createdAt - now
  if (ahead <= 0) return entry
  return { ...entry, createdAt: now, freshUntil: entry.freshUntil - ahead, staleUntil: entry.staleUntil - ahead }
}

/** Gives what memory holds of a key new times, as far as memory keeps an entry. */
export function retimeNear(space: Space, key: string, times: Pick<Owned, 'freshUntil' | 'staleUntil'>, now: number): void {
  const { near, settings } = space
  const slot = near?.find(key) ?? -1
  if (near === undefined || slot < 0) return
  const until = retainUntil(settings.nearRetention, times, now)
  near.retime(slot, Math.min(times.freshUntil, until), Math.min(times.staleUntil, until))
}
