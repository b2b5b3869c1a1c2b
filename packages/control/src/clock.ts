// The control plane's periodic work: looking at the caches each second, and slower work every five seconds. Of several
// control planes one writes the history: the one that holds the lease.
import type { Evaluator } from './alerts/evaluator.ts'
import { bringSettings } from './configurations/settings.ts'
import type { Control } from './control.ts'
import { cleanUpWhereDue } from './maintenance/retention.ts'
import { healthOnly } from './metrics/summary.ts'
import { CodeErasures } from './operations/code-erasures.ts'
import { recheck } from './operations/invalidation.ts'
import { keepOutcome } from './operations/kept-outcome.ts'
import { ScheduledWarming } from './operations/scheduled-warming.ts'
import { makeDueReports } from './reports/reports.ts'
import { holdsLease } from './store/lease.ts'
import { tellFigures } from './stream/feed.ts'
import { tellEvents } from './stream/tail.ts'

const LOOK_MS = 1000
const ROUND_MS = 5000
const TAIL_MS = 500
/** Work that is due every few hours or days is checked for once a minute. */
const CARE_MS = 60_000
const LEASE = 'clock'

/** Returns a function that stops it: the current turn finishes, and the counts are stored. */
export function startClock(
  control: Control,
  evaluator: Evaluator,
  onError: (error: unknown) => void,
): () => Promise<void> {
  const running = new Set<Promise<void>>()
  const codeErasures = new CodeErasures()
  const scheduledWarming = new ScheduledWarming()
  let isWriter = false
  let begun = Number.POSITIVE_INFINITY
  /** A turn that takes longer than its interval delays the next one. */
  const every = (ms: number, work: () => Promise<void>): NodeJS.Timeout => {
    let current: Promise<void> | undefined
    const timer = setInterval(() => {
      if (current !== undefined) return
      current = work()
        .catch(onError)
        .finally(() => {
          if (current !== undefined) running.delete(current)
          current = undefined
        })
      running.add(current)
    }, ms)
    return timer.unref()
  }
  const timers = [
    every(LOOK_MS, async () => {
      const now = await control.store.now()
      begun = Math.min(begun, now)
      const points = await control.collector.look(now)
      for (const cache of points.keys())
        control.collector.judged(cache, { health_score: (await healthOnly(control, cache, now)).score.to })
      await tellFigures(control, points)
      if (isWriter) for (const [cache, point] of points) await control.history.add(cache, point)
    }),
    every(TAIL_MS, () => tellEvents(control)),
    every(ROUND_MS, async () => {
      isWriter = await holdsLease(control.store, LEASE, control.operations.holder)
      // Work that fails, because a meeting place is unreachable or a plan is broken, must not stop the alerts.
      await control.fleet.discover().catch(onError)
      if (!isWriter) {
        control.experiments.forget()
        control.auto.forget()
        return evaluator.forget()
      }
      await bringSettings(control).catch(onError)
      await recheck(control).catch(onError)
      await codeErasures.look(control).catch(onError)
      await scheduledWarming.look(control, onError).catch(onError)
      await control.experiments.turn(onError).catch(onError)
      await control.auto.turn(onError).catch(onError)
      await evaluator.turn()
    }),
    every(CARE_MS, async () => {
      if (!isWriter) return
      for (const cache of control.fleet.names) await keepOutcome(control, cache).catch(onError)
      await makeDueReports(control, begun)
      await cleanUpWhereDue(control.store)
    }),
  ]
  return async () => {
    for (const timer of timers) clearInterval(timer)
    await Promise.all(running)
    if (isWriter) await control.history.flush()
  }
}
