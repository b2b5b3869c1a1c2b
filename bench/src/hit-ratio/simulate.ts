// Plays a trace against an eviction policy, with the store reduced to an array: what is measured is the policy alone.
import type { EvictionFactory } from 'millpond/memory'
import type { Trace } from './trace.ts'

export interface Play {
  /** Changes the hashes of the keys. */
  readonly seed?: number
  readonly onHit?: (key: number, at: number) => void
  /** How long loading a key takes this time, in milliseconds; 0 is "not told", the default. */
  readonly loadTime?: (key: number) => number
}

/**
 * Hits in percent of all requests, at most `capacity` entries. Each miss stores the key, as a cache in front of a
 * source does.
 */
export function hitRatio(
  factory: EvictionFactory,
  { keys, unique }: Pick<Trace, 'keys' | 'unique'>,
  capacity: number,
  { seed = 0x9e3779b9, onHit, loadTime }: Play = {},
): number {
  const policy = factory({ capacity, unit: 'entries' })
  const hashes = new Int32Array(capacity + 1)
  policy.grow(capacity + 1, hashes)
  const { marks } = policy
  const limit = policy.markLimit ?? 0
  const slotOf = new Int32Array(unique).fill(-1)
  const keyIn = new Uint32Array(capacity + 1)
  let held = 0
  let free = 0
  let hits = 0
  for (let at = 0; at < keys.length; at++) {
    const key = keys[at] as number
    const slot = slotOf[key] ?? -1
    if (slot >= 0) {
      hits++
      onHit?.(key, at)
      const mark = marks?.[slot]
      if (marks === undefined || mark === undefined || mark > limit) policy.hit(slot)
      else if (mark < limit) marks[slot] = mark + 1
      continue
    }
    slotOf[key] = free
    keyIn[free] = key
    const hash = hashOf(key ^ seed)
    hashes[free] = hash
    policy.add(free, hash, 1, loadTime?.(key) ?? 0)
    if (held < capacity) free = ++held
    else {
      free = policy.victim()
      slotOf[keyIn[free] ?? 0] = -1
    }
  }
  return (hits / keys.length) * 100
}

/** Scatters the numbers of keys over 32 bits (the finaliser of MurmurHash3, public domain, Austin Appleby). */
export function hashOf(key: number): number {
  let hash = Math.imul(key ^ (key >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}
