// The tiers of a cache examined, all at once: each step by step, as the tier itself does it.
import type { TierStep } from '../core/contracts.ts'
import { reasonOf } from '../core/errors.ts'
import type { Space } from './space.ts'

/** What an examination of one tier has found. */
export interface ExaminedTier {
  readonly tier: string
  /** False: a step failed. */
  readonly ok: boolean
  /** None where the tier does not say anything of its store. */
  readonly steps: readonly TierStep[]
}

export function examineTiers({ far }: Space): Promise<readonly ExaminedTier[]> {
  return Promise.all(
    far.map(async ({ guarded: { name, tier } }) => {
      const steps = (await tier.examine?.().catch(broken)) ?? []
      return { tier: name, ok: steps.every(({ verdict }) => verdict !== 'failed'), steps }
    }),
  )
}

/** A tier of somebody else's that does not keep to the contract. */
const broken = (error: unknown): readonly TierStep[] => [
  { step: 'open', at: '', verdict: 'failed', ms: 0, detail: reasonOf(error), remedy: 'examine() of this tier rejected: tell who made it' },
]
