// Lists a tier, step by step. If a tier stops answering, the walk ends.
import { Deadlines } from '../wrap/deadlines.ts'
import type { FarTier, Space } from './space.ts'

/**
 * A step of a walk may take this many times a command's timeout: a server may have to scan much until it finds some.
 */
const FACTOR = 120

/** @throws MillpondError `TIER_FAILED`, and the tier's errors */
export async function* listed(
  { services }: Space,
  { guarded }: FarTier,
  prefix: string,
): AsyncGenerator<readonly string[]> {
  const steps = guarded.tier.scan?.(prefix)[Symbol.asyncIterator]()
  if (steps === undefined) return
  const deadlines = new Deadlines(services.clock)
  try {
    for (;;) {
      const step = await deadlines.hold(
        steps.next(),
        guarded.settings.timeoutMs * FACTOR,
        () => `${guarded.name}: the list of keys`,
      )
      if (step.done === true) return
      yield step.value
    }
  } finally {
    steps.return?.().catch(() => {}) // it has been reported, or is not needed
  }
}
