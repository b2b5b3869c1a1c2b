// What the suites of tiers under faults ask and expect of any tier.
import type { Tier } from '../../src/core/contracts.ts'

export const FAILED = { code: 'TIER_FAILED' }
export const UNREACHABLE = { code: 'LEDGER_UNREACHABLE' }

export async function text(tier: Tier, key: string): Promise<string | undefined> {
  const [stored] = await tier.read([key])
  return stored && new TextDecoder().decode(stored.body)
}

export const answers = (tier: Tier): Promise<boolean> =>
  tier.read(['k']).then(
    () => true,
    () => false,
  )
