// Which keys are watched: a share of them by their hash, so that all reads of a key are seen or none, by every process the same.

/** Hashes have 32 bits. */
export const ALL = 2 ** 32
/** Groups of keys, for intervals: what varies from one sample to the next is the keys in it, not the requests. */
export const GROUPS = 64

/** 32 bits, not negative. Another mix than that of any eviction policy: a sample within another's sample would be none (multipliers of `lowbias32`, Chris Wellons, public domain). */
export function mixed(hash: number): number {
  let mix = Math.imul(hash ^ (hash >>> 16), 0x7feb352d)
  mix = Math.imul(mix ^ (mix >>> 15), 0x846ca68b)
  return (mix ^ (mix >>> 16)) >>> 0
}

/** The sample is taken by the high bits, groups by the low ones. */
export const groupOf = (mix: number): number => mix & (GROUPS - 1)
