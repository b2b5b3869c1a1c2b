// Which arm of an experiment a key belongs to: by buckets of keys, the same in every process and after every restart.
import { hashOf, mixed } from '../../core/key-hash.ts'

/** Buckets of keys: what is drawn for an arm, and what is compared. A power of two. */
export const BUCKETS = 256
/** An arm of fewer buckets says nothing: its spread is not known. */
export const LEAST_BUCKETS = 20

/** A number that tells this experiment's buckets from those of any other. */
export const seedOf = (name: string): number => hashOf(name, 0x5eed)

/** `hash`: of namespace and key, as recorders are told it. */
export const bucketOf = (hash: number, seed: number): number => mixed(hash ^ seed) & (BUCKETS - 1)

/**
 * The arm of each bucket, drawn by the seed: each arm has its share of the buckets, to the nearest one. Shares sum up
 * to 1.
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
