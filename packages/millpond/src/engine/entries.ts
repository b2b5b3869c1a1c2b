// Walking the entries of a namespace: the valid ones over all tiers, each key once; or what memory holds, as it weighs.
import { setImmediate as yieldToOthers } from 'node:timers/promises'
import { decodeAll } from './encoding.ts'
import type { FarTier, Space } from './space.ts'

export interface ScannedEntry {
  readonly key: string
  readonly tags: readonly string[]
  readonly createdAt: number
}

/** An entry as memory holds it, without its value. */
export interface HeldEntry {
  /** The encoded key. */
  readonly key: string
  /** What it weighs, estimated: key, value and bookkeeping. */
  readonly bytes: number
  /** Reads since it was stored, at least approximately; the count saturates, with some eviction policies soon. */
  readonly hits: number
  /** Time left until it is no longer fresh, in milliseconds; 0 for one that is not. */
  readonly ttlMs: number
  readonly tags: readonly string[]
}

/** One at a time: nothing is gathered, so whoever walks may rest between two. Also what is over or void, while it takes room. */
export function* heldEntries({ near, services }: Space): IterableIterator<HeldEntry> {
  if (near === undefined) return
  for (const key of near.keys()) {
    const now = services.clock.now()
    const slot = near.find(key)
    const ttlMs = Math.max(0, near.freshUntil(slot) - now)
    yield { key, bytes: near.weight(slot), hits: near.hits(slot), ttlMs, tags: near.tags(slot) }
  }
}

/** How long the walk holds the event loop, in milliseconds, what is done with the entries included. */
const HOLD_MS = 5

/** Memory first, then every far tier that can be listed. Entries that come or go meanwhile may be missed. */
export async function* scanEntries(space: Space): AsyncIterable<ScannedEntry> {
  const seen = new Set<string>()
  for await (const entry of scanNear(space)) {
    seen.add(entry.key)
    yield entry
  }
  for (const far of space.far) {
    if (!far.enabled) continue
    for await (const entry of scanFar(space, far)) {
      if (seen.has(entry.key)) continue
      seen.add(entry.key)
      yield entry
    }
  }
}

async function* scanNear(space: Space): AsyncIterable<ScannedEntry> {
  const { near, ledger } = space
  if (near === undefined) return
  let since = space.services.clock.monotonic()
  for (const key of [...near.keys()]) {
    if (space.services.clock.monotonic() - since > HOLD_MS) {
      await yieldToOthers()
      since = space.services.clock.monotonic()
    }
    const slot = near.find(key)
    if (slot < 0 || near.staleUntil(slot) <= space.services.clock.now()) continue
    const tags = near.tags(slot)
    if (ledger.view.judge(key, tags, near.asOf(slot)) !== 'void') yield { key, tags, createdAt: near.createdAt(slot) }
  }
}

async function* scanFar(space: Space, far: FarTier): AsyncIterable<ScannedEntry> {
  const { tier } = far.guarded
  if (tier.scan === undefined) return
  for await (const keys of tier.scan(space.id.prefix)) {
    const answer = await far.guarded.read(keys)
    if (!answer.ok) return
    let since = space.services.clock.monotonic()
    const decoded = await decodeAll(space, far, answer.value)
    for (const [index, stored] of answer.value.entries()) {
      if (space.services.clock.monotonic() - since > HOLD_MS) {
        await yieldToOthers()
        since = space.services.clock.monotonic()
      }
      const parts = decoded[index]
      if (stored === undefined || parts === undefined || parts.staleUntil <= space.services.clock.now()) continue
      if (space.ledger.view.judgeAt(parts.key, parts.tags, stored.asOf) !== 'void') yield parts
    }
  }
}
