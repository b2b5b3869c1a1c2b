// Where hit counts saturate: memory's policy keeps them in only as many bits as it needs for eviction.
import type { Cache } from 'millpond'

const LIMITS: ReadonlyMap<string, number> = new Map([
  ['sieve', 1],
  ['s3-fifo', 3],
  ['adaptive', 3],
])
/** Policies that count nothing themselves: the store does, in a byte. */
const OTHERS = 255

/** A hit count at this value may stand for more. */
export function hitsLimit(cache: Cache): number {
  const memory = cache.describe().tiers.find(({ name }) => name === 'memory')
  return memory !== undefined && 'policy' in memory ? (LIMITS.get(memory.policy) ?? OTHERS) : OTHERS
}
