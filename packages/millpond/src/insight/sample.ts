// Which keys are watched: a share of them by their hash, so that all reads of a key are seen or none, by every process
// the same.

/** Hashes have 32 bits. */
export const ALL = 2 ** 32
/** Groups of keys, for intervals: what varies from one sample to the next is the keys in it, not the requests. */
export const GROUPS = 64

/** The sample is taken by the high bits, groups by the low ones. */
export const groupOf = (mix: number): number => mix & (GROUPS - 1)
