// Changes the times of held entries: touch and expire.
import type { RemovalReason } from '../core/contracts.ts'
import { type LoadPolicy, timesOf } from '../core/options.ts'
import { policyOfKey } from './arms.ts'
import { commitFar } from './commit-far.ts'
import { entryAt } from './entry-at.ts'
import { readFar } from './far.ts'
import { forget } from './forget.ts'
import type { Found } from './found.ts'
import type { Receipt } from './receipt.ts'
import type { Space } from './space.ts'
import { retimeInMemory } from './store-in-memory.ts'

/**
 * Gives a held entry a new TTL from now; `false` if no tier holds a fresh one. Its value, position and stale window
 * stay.
 */
export async function touch(space: Space, key: string, given: LoadPolicy): Promise<boolean> {
  const policy = policyOfKey(space, given, key)
  const entry = await heldEntry(space, key)
  const now = space.services.clock.now()
  if (entry === undefined || entry.freshUntil <= now) return false
  const { freshUntil } = timesOf(policy, policy.ttlMs, now, space.services.random())
  const staleUntil =
    entry.staleUntil > entry.freshUntil ? freshUntil + (entry.staleUntil - entry.freshUntil) : freshUntil
  retimeInMemory(space, key, { freshUntil, staleUntil }, now)
  await rewriteFar(space, { ...entry, freshUntil, staleUntil })
  return true
}

/** Makes an entry stale here and in every process, without removing it. */
export async function expire(space: Space, key: string, reason: RemovalReason): Promise<Receipt> {
  const entry = space.far.length === 0 ? undefined : await heldEntry(space, key)
  if (entry !== undefined)
    await rewriteFar(space, { ...entry, freshUntil: Math.min(entry.freshUntil, space.services.clock.coarse) })
  return forget(space, { keys: [key], mode: 'expire', reason })
}

/**
 * The entry as held by the far tiers, or by memory if there are none, if it may be accepted. Not counted as a read.
 */
async function heldEntry(space: Space, key: string): Promise<Found | undefined> {
  await space.ledger.ensure()
  const far = space.far.length === 0 ? undefined : (await readFar(space, [key], false, true)).found[0]
  return far ?? memoryEntry(space, key)
}

function memoryEntry({ memory, ledger, services }: Space, key: string): Found | undefined {
  const slot = memory?.find(key) ?? -1
  if (memory === undefined || slot < 0) return undefined
  const held = entryAt(memory, ledger.view, key, slot)
  const judgement = ledger.view.judge(key, held.tags, held.asOf.seq)
  if (judgement === 'invalid') return undefined
  return judgement === 'stale' ? { ...held, freshUntil: Math.min(held.freshUntil, services.clock.now()) } : held
}

/** Stores an entry in the far tiers again, at its own position: refused if it was invalidated since. */
async function rewriteFar(space: Space, entry: Found): Promise<void> {
  if (space.far.length > 0) await commitFar(space, entry.key, entry, entry.asOf, undefined)
}
