// The confidence interval of a counted share.
import type { Range } from './sizing.ts'
import { SURE } from './tally.ts'

/** `count` of `of`, with a 95 % interval that holds for few cases too (Wilson, 1927). */
export function shareOf(count: number, of: number): Range {
  const value = count / of
  const scale = 1 + SURE ** 2 / of
  const middle = (value + SURE ** 2 / (2 * of)) / scale
  const half = (SURE * Math.sqrt((value * (1 - value)) / of + SURE ** 2 / (4 * of ** 2))) / scale
  return {
    value,
    low: count === 0 ? 0 : Math.max(0, middle - half),
    high: count === of ? 1 : Math.min(1, middle + half),
  }
}
