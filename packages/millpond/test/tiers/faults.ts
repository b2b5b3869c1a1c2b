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

const TICK_MS = 5

/** Stops with the first question: milliseconds in which this process was attended to. On a busy machine the event loop comes late, which is nobody's wait. */
export function stopwatch(): () => number {
  const began = performance.now()
  let seen = began
  let lagMs = 0
  const look = (): void => {
    const now = performance.now()
    lagMs += Math.max(0, now - seen - TICK_MS)
    seen = now
  }
  const timer = setInterval(look, TICK_MS)
  return () => {
    clearInterval(timer)
    look()
    return seen - began - lagMs
  }
}
