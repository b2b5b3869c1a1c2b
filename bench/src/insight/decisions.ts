// Whether shadow caches pick the better of two policies: against both policies in a whole cache, read by read.
import { missesPerRead, Shadows } from 'millpond/insight'
import { policyByName } from 'millpond/memory'
import { hitRatio } from '../hit-ratio/simulate.ts'
import { mean, type Row } from './report.ts'
import type { Traffic } from './traffic.ts'

const PARTS = [0.01, 0.05, 0.1]
const POLICIES = ['lru', 'sieve', 's3-fifo', 'w-tinylfu', 'adaptive']
const LEAST_ENTRIES = 256

export interface Decision {
  readonly trace: string
  readonly entries: number
  readonly pair: string
  /** Misses per read of the first over the second. */
  readonly exact: number
  readonly told: number
  /** Half of the 95 % interval. */
  readonly within: number
}

export function decisionsOf(traffic: Traffic): Decision[] {
  return PARTS.map((part) => Math.round(traffic.unique * part))
    .filter((entries) => entries >= LEAST_ENTRIES)
    .flatMap((entries) => {
      const exact = POLICIES.map((name) => 1 - hitRatio(policyByName(name), traffic, entries) / 100)
      const shadows = new Shadows({
        shadows: POLICIES.map((name) => ({ policy: policyByName(name), scale: 1 })),
        capacity: entries,
        unit: 'entries',
        entries,
      })
      for (let at = 0; at < traffic.keys.length; at++) shadows.read(traffic.hashes[at] as number, 1, 0, false, false)
      return POLICIES.flatMap((first, a) =>
        POLICIES.slice(a + 1).map((second, after) => {
          const b = a + 1 + after
          const { value, error } = missesPerRead(shadows.tally, a, b)
          return {
            trace: traffic.name,
            entries,
            pair: `${first} or ${second}`,
            exact: (exact[a] as number) - (exact[b] as number),
            told: value,
            within: shadows.within(error),
          }
        }),
      )
    })
}

export function judgeDecisions(decisions: readonly Decision[]): Row[] {
  const sure = decisions.filter(({ told, within }) => Math.abs(told) > within)
  const right = sure.filter(({ told, exact }) => Math.sign(told) === Math.sign(exact))
  const clear = decisions.filter(({ exact }) => Math.abs(exact) >= 0.01)
  const clearlyRight = clear.filter(({ told, exact }) => Math.sign(told) === Math.sign(exact))
  const errors = decisions.map(({ told, exact }) => Math.abs(told - exact))
  return [
    {
      what: `shadow decisions that were made: right (${sure.length} of ${decisions.length} pairs)`,
      goal: 'at least 95 %',
      is: percent(right.length / sure.length),
      isMet: right.length >= 0.95 * sure.length,
    },
    {
      what: `pairs that differ by a point or more: sign right (${clear.length})`,
      goal: 'at least 95 %',
      is: percent(clearlyRight.length / clear.length),
      isMet: clearlyRight.length >= 0.95 * clear.length,
    },
    { what: 'difference of two policies: mean error', goal: '', is: mean(errors).toFixed(4) },
  ]
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`
