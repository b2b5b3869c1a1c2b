// The entries of a key space that are read most.
import type { MemorySpace } from '../core/contracts.ts'
import { Turns } from './turns.ts'

export interface HotKey {
  /** The encoded key. */
  readonly key: string
  /** Reads since it was stored, as far as the policy counts them: at most 255. */
  readonly hits: number
}

/** Keys visited between two checks of the time. */
const SLICE = 256

/**
 * The keys of a space, the most read first, at most `limit` of them. Yields to the event loop every few milliseconds;
 * entries that are added or removed meanwhile may or may not be included.
 */
export async function hottestKeys(space: MemorySpace, limit: number): Promise<HotKey[]> {
  // Counts fit in a byte: a list for each count needs no sorting.
  const byHits: HotKey[][] = []
  const turns = new Turns()
  let seen = 0
  for (const key of space.keys()) {
    const hits = space.hits(space.find(key))
    byHits[hits] ??= []
    const keys = byHits[hits]
    if (keys.length < limit) keys.push({ key, hits })
    if (++seen % SLICE === 0) await turns.rest()
  }
  return byHits.reverse().flat().slice(0, limit)
}
