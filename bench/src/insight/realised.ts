// Whether advice to double the memory comes true: what shadows of twice the size predict, against whole caches of both
// sizes.
import { missesPerRead, Shadows } from 'millpond/insight'
import { policyByName } from 'millpond/memory'
import { hitRatio } from '../hit-ratio/simulate.ts'
import type { Row } from './report.ts'
import type { Traffic } from './traffic.ts'

const PARTS = [0.01, 0.05, 0.1]
const POLICIES = ['adaptive', 'lru', 'w-tinylfu']
const LEAST_ENTRIES = 256
/** As `optimize` has it: below this gain nothing is recommended. */
const LEAST_GAIN = 0.005
const WITHIN = 0.3

export interface Doubling {
  readonly trace: string
  readonly entries: number
  readonly policy: string
  /** More hits per read. */
  readonly told: number
  readonly exact: number
  readonly isAdvised: boolean
}

export function doublingsOf(traffic: Traffic): Doubling[] {
  return PARTS.map((part) => Math.round(traffic.unique * part))
    .filter((entries) => entries >= LEAST_ENTRIES)
    .flatMap((entries) =>
      POLICIES.map((name) => {
        const policy = policyByName(name)
        const exact = (hitRatio(policy, traffic, 2 * entries) - hitRatio(policy, traffic, entries)) / 100
        const shadows = new Shadows({
          shadows: [1, 2].map((scale) => ({ policy, scale })),
          capacity: entries,
          unit: 'entries',
          entries,
        })
        for (let at = 0; at < traffic.keys.length; at++) shadows.read(traffic.hashes[at] as number, 1, 0, false, false)
        const { value, error } = missesPerRead(shadows.tally, 0, 1)
        const isAdvised = value - shadows.within(error) > 0 && value >= LEAST_GAIN
        return { trace: traffic.name, entries, policy: name, told: value, exact, isAdvised }
      }),
    )
}

export function judgeDoublings(doublings: readonly Doubling[]): Row[] {
  const advised = doublings.filter(({ isAdvised }) => isAdvised)
  const realised = advised.filter(({ told, exact }) => Math.abs(told - exact) <= WITHIN * told)
  const share = realised.length / advised.length
  return [
    {
      what: `advice to double the memory (${advised.length} of ${doublings.length} cells): realised within 30 %`,
      goal: 'at least 80 %',
      is: `${(share * 100).toFixed(1)} %`,
      isMet: share >= 0.8,
    },
  ]
}
