// Walking the entries of a namespace: every valid copy over all tiers, or the contents of memory, by weight.
import { setImmediate as yieldToOthers } from 'node:timers/promises'
import { isPiece } from '../wrap/pieces.ts'
import { decodeAll, positionOf } from './encoding.ts'
import { type EntryFacts, factsOf, heldFacts } from './facts.ts'
import type { FarTier, Space } from './space.ts'
import { storageKey } from './storage-key.ts'

/** A valid copy of an entry in one tier: a read takes the first fresh one. */
export interface EntryCopy {
  readonly key: string
  readonly tags: readonly string[]
  readonly createdAt: number
  readonly isFresh: boolean
}

/** An entry as memory holds it, without its value. */
export interface HeldEntry extends EntryFacts {
  /** The encoded key. */
  readonly key: string
  readonly bytes: number
  readonly hits: number
}

/**
 * One at a time: nothing is collected, so the caller may pause between two. Includes expired and invalid ones, while
 * they take space.
 */
export function* heldEntries({ memory, ledger, services }: Space): IterableIterator<HeldEntry> {
  if (memory === undefined) return
  for (const key of memory.keys()) {
    const slot = memory.find(key)
    // The namespace was closed during the walk, and another one has its number in memory now.
    if (slot < 0) continue
    const { bytes, hits } = { bytes: memory.weight(slot), hits: memory.hits(slot) }
    yield { key, ...factsOf(heldFacts(memory, ledger.view.epoch, slot), services.clock.now()), bytes, hits }
  }
}

/** How long the walk may block the event loop, in milliseconds, including the processing of the entries. */
const HOLD_MS = 5

/**
 * Memory first, then every far tier that can list, by what the ledger says now. The copies of a key may differ in all
 * but the key: memory may hold a stale one beside a tier's that another process has made since. Entries that come or go
 * meanwhile may be missed.
 */
export async function* scanCopies(space: Space): AsyncIterable<EntryCopy> {
  await space.ledger.ensure()
  yield* scanMemory(space)
  for (const far of space.far) if (far.enabled) yield* scanFar(space, far)
}

async function* scanMemory(space: Space): AsyncIterable<EntryCopy> {
  const { memory, ledger } = space
  if (memory === undefined) return
  let since = space.services.clock.monotonic()
  for (const key of [...memory.keys()]) {
    if (space.services.clock.monotonic() - since > HOLD_MS) {
      await yieldToOthers()
      since = space.services.clock.monotonic()
    }
    const slot = memory.find(key)
    if (slot < 0 || memory.staleUntil(slot) <= space.services.clock.now()) continue
    const tags = memory.tags(slot)
    const judgement = ledger.view.judge(key, tags, memory.asOf(slot))
    if (judgement === 'invalid') continue
    const isFresh = judgement === 'valid' && memory.freshUntil(slot) > space.services.clock.now()
    yield { key, tags, createdAt: memory.createdAt(slot), isFresh }
  }
}

async function* scanFar(space: Space, far: FarTier): AsyncIterable<EntryCopy> {
  const { tier } = far.guarded
  if (tier.scan === undefined) return
  for await (const names of tier.scan(space.id.prefix)) {
    const keys = names.filter((name) => !isPiece(name))
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
      // Written when keys had other names: no read finds it.
      if (storageKey(space, parts.key) !== keys[index]) continue
      const { view } = space.ledger
      const { epoch, seq } = positionOf(space, parts, stored)
      const judgement =
        far.isApart || parts.sealed !== undefined
          ? view.judgeApart(parts.key, parts.tags, seq)
          : view.judge(parts.key, parts.tags, seq)
      if (epoch !== view.epoch || judgement === 'invalid') continue
      const { key, tags, createdAt } = parts
      yield { key, tags, createdAt, isFresh: judgement === 'valid' && parts.freshUntil > space.services.clock.now() }
    }
  }
}
