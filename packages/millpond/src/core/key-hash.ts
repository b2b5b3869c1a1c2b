// A hash of a whole key that is the same in every process: for what nodes compare or merge, and for what is remembered
// without its name.
//
// MurmurHash3 (Austin Appleby, 2011), 32 bits, over the UTF-16 code units of the key, two at a time. Not safe against
// chosen keys: users must bound the cost of collisions.

/** 32 bits, signed. The `seed` tells namespaces apart: `hashOf(name, 0)` of theirs. */
export function hashOf(key: string, seed: number): number {
  const length = key.length
  const even = length & ~1
  let hash = seed
  for (let i = 0; i < even; i += 2) {
    hash ^= scramble(key.charCodeAt(i) | (key.charCodeAt(i + 1) << 16))
    hash = (hash << 13) | (hash >>> 19)
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0
  }
  if (even < length) hash ^= scramble(key.charCodeAt(even))
  hash ^= length
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}

function scramble(units: number): number {
  const mixed = Math.imul(units, 0xcc9e2d51)
  return Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593)
}

/**
 * The hash mixed once more, non-negative: keys are sampled by it. No eviction policy mixes this way: if one sampled by
 * the same bits, a sample of its sample would not be a sample of all keys (multipliers of `lowbias32`, Chris Wellons,
 * public domain).
 */
export function mixed(hash: number): number {
  let mix = Math.imul(hash ^ (hash >>> 16), 0x7feb352d)
  mix = Math.imul(mix ^ (mix >>> 15), 0x846ca68b)
  return (mix ^ (mix >>> 16)) >>> 0
}
