// Examines the tiers of a cache, all at once: each step by step, by the tier itself.
import type { Tier, TierStep } from '../core/contracts.ts'
import { reasonOf } from '../core/errors.ts'
import type { Space } from './space.ts'

/** The examination of one tier. */
export interface ExaminedTier {
  /** The name of the tier. */
  readonly tier: string
  /** False: a step failed. */
  readonly ok: boolean
  /** Empty if the tier does not examine its store. */
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

/** A third-party tier may violate the contract. */
async function stepsOf(tier: Tier): Promise<readonly TierStep[]> {
  try {
    return (await tier.examine?.()) ?? []
  } catch (error) {
    const remedy = 'examine() of this tier failed: report this to the author of the tier'
    return [{ step: 'open', at: '', verdict: 'failed', ms: 0, detail: reasonOf(error), remedy }]
  }
}
