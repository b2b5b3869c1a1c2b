// The tiers of a cache examined, all at once: each step by step, as the tier itself does it.
import type { Tier, TierStep } from '../core/contracts.ts'
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
      const steps = await stepsOf(tier)
      return { tier: name, ok: steps.every(({ verdict }) => verdict !== 'failed'), steps }
    }),
  )
}

/** A tier of somebody else's may not keep to the contract. */
async function stepsOf(tier: Tier): Promise<readonly TierStep[]> {
  try {
    return (await tier.examine?.()) ?? []
  } catch (error) {
    const remedy = 'examine() of this tier failed: report this to the author of the tier'
    return [{ step: 'open', at: '', verdict: 'failed', ms: 0, detail: reasonOf(error), remedy }]
  }
}
