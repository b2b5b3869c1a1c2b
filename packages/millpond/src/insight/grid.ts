// The alternatives that are tried: sizes and TTLs for the curves, policies and sizes for the shadows.
import type { PolicyName } from '../memory/options.ts'
import { policyByName } from '../memory/policies/index.ts'
import type { Scenario } from './curve.ts'
import type { ShadowOf } from './shadows.ts'

/** The sizes of the grid, as multiples of the actual one. */
export const FACTORS = [
  1 / 16,
  1 / 8,
  1 / 4,
  0.35,
  0.5,
  0.6,
  0.7,
  0.8,
  0.9,
  1,
  1.1,
  1.25,
  1.5,
  1.75,
  2,
  2.5,
  3,
  4,
  6,
  8,
  16,
]
/** TTLs, as multiples of the actual ones. */
export const TTL_SCALES = [0.25, 0.5, 2, 4, Number.POSITIVE_INFINITY]
export const ACTUAL = FACTORS.indexOf(1)
const OF_PATTERN = [0, 1 / 16, 1 / 4]
/** The index of the actual setting in a pattern's own curve; its TTLs follow. */
export const ACTUAL_OF_PATTERN = OF_PATTERN.length

/** Sizes tried under the current policy; the first is the actual one. */
const SCALES = [1, 0.5, 2]
const RIVALS: readonly PolicyName[] = ['adaptive', 'w-tinylfu', 's3-fifo', 'lru']
const POLICIES: readonly PolicyName[] = [...RIVALS, 'sieve']
const MOST_SHADOWS = 6

/** The policy and size of a shadow. */
export interface Shadowed {
  readonly policy: PolicyName
  readonly scale: number
}

/** Sizes first, then times to live. */
export const scenariosOf = (capacity: number): Scenario[] => [...sized(FACTORS, capacity), ...livingLonger(capacity)]

export const scenariosOfPattern = (capacity: number): Scenario[] => [
  ...sized(OF_PATTERN, capacity),
  { size: capacity, ttlScale: 1 },
  ...livingLonger(capacity),
]

const sized = (factors: readonly number[], capacity: number): Scenario[] =>
  factors.map((factor) => ({ size: factor * capacity, ttlScale: 1 }))

const livingLonger = (capacity: number): Scenario[] => TTL_SCALES.map((ttlScale) => ({ size: capacity, ttlScale }))

/**
 * The actual setting, half and twice its size, and three other policies. A custom policy is not tried, since it cannot
 * be instantiated here.
 */
export function shadowedOf(policy: string): Shadowed[] {
  const known = POLICIES.find((name) => name === policy)
  const own = known === undefined ? [] : SCALES.map((scale) => ({ policy: known, scale }))
  const rivals = RIVALS.filter((name) => name !== policy).map((name) => ({ policy: name, scale: 1 }))
  return [...own, ...rivals].slice(0, MOST_SHADOWS)
}

export const shadowOf = ({ policy, scale }: Shadowed): ShadowOf => ({ policy: policyByName(policy), scale })
