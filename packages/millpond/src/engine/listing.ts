// What a tier lists, step by step. A tier that falls silent in the middle ends the walk, and keeps nobody for ever.
import { Deadlines } from '../wrap/deadlines.ts'
import type { FarTier, Space } from './space.ts'

/**
 * A step of a walk may take so many times what a command may: a server may have to look through much until it finds
 * some.
 */
const FACTOR = 120

/** @throws MillpondError `TIER_FAILED`, and what the tier throws. */
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
    steps.return?.().catch(() => {}) // it has been told, or nobody wants to know
  }
}
