// The conformance suite of tiers: what `Tier` promises, for every implementation.
import { type Case, type Runner, register } from './runner.ts'
import { boundCases } from './tier-bounds.ts'
import { damageCases } from './tier-damage.ts'
import { deadlineCases } from './tier-deadlines.ts'
import { entryCases } from './tier-entries.ts'
import { lifeCases } from './tier-life.ts'
import { removalCases } from './tier-removal.ts'
import type { TierSubject } from './tier-subject.ts'

export { item, oddKeys, type StoredRecord, type TierSubject } from './tier-subject.ts'

/** Runs the suite: `describeTier({ describe, it }, { name: 'redis', open })`. */
export function describeTier(runner: Runner, subject: TierSubject): void {
  register(runner, `${subject.name} keeps the Tier contract`, subject, tierCases, subject.skips ?? {})
}

/** All cases. */
export const tierCases: readonly Case<TierSubject>[] = [
  ...entryCases,
  ...boundCases,
  ...deadlineCases,
  ...removalCases,
  ...damageCases,
  ...lifeCases,
]
