// Which keys are watched: a share of them by hash, so that all reads of a key are seen or none, consistently across
// processes.

/** Hashes have 32 bits. */
export const ALL = 2 ** 32
/** Groups of keys, for intervals: samples differ by their keys, not by their requests. */
export const GROUPS = 64

/** The sample is chosen by the high bits, groups by the low ones. */
export const groupOf = (mix: number): number => mix & (GROUPS - 1)
