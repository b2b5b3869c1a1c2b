// Assigns keys to the arms of an experiment: by buckets of keys, the same in every process and after every restart.
import { hashOf, mixed } from '../../core/key-hash.ts'

/** Buckets of keys: the unit of assignment and of comparison. A power of two. */
export const BUCKETS = 256
/** With fewer buckets, the variance of an arm is unknown. */
export const LEAST_BUCKETS = 20

/** A seed that makes this experiment's buckets independent of any other's. */
export const seedOf = (name: string): number => hashOf(name, 0x5eed)

/** `hash`: of namespace and key, as given to recorders. */
export const bucketOf = (hash: number, seed: number): number => mixed(hash ^ seed) & (BUCKETS - 1)

/**
 * The arm of each bucket, drawn by the seed: each arm has its share of the buckets, rounded to whole ones. Shares must
 * sum to 1.
 */
export function drawArms(shares: readonly number[], seed: number): Uint8Array {
  const order = Array.from({ length: BUCKETS }, (_, bucket) => bucket).sort(
    (a, b) => mixed(seed ^ Math.imul(a + 1, 0x9e3779b1)) - mixed(seed ^ Math.imul(b + 1, 0x9e3779b1)) || a - b,
  )
  const arms = new Uint8Array(BUCKETS)
  let passed = 0
  shares.forEach((share, arm) => {
    const from = Math.round(passed * BUCKETS)
    passed += share
    for (const bucket of order.slice(from, Math.round(passed * BUCKETS))) arms[bucket] = arm
  })
  return arms
}
