// What runs by the clock: warming, collecting analytics, settling invalidations that could not be delivered.
import type { Invalidation } from './cache/invalidation.ts'
import type { StrategicCache } from './cache/strategic.ts'
import type { Warming } from './cache/warming.ts'
import type { Observation } from './observation.ts'

export interface JobParts {
  readonly warming: Warming
  readonly invalidation: Invalidation
  readonly strategic: StrategicCache
  readonly observation: Observation
  /** Undefined: no warming. */
  readonly warmEveryMs: number | undefined
  readonly say: (line: string) => void
}

export interface Jobs {
  /** Stops the clock and waits for what is running. */
  stop(): Promise<void>
}

const SETTLE_EVERY_MS = 2_000
const COLLECT_EVERY_MS = 15 * 60_000
const WARM_ALL_EVERY_MS = 4 * 3_600_000
/** How many organisations the collector looks after. */
const COLLECTED = 10

export function startJobs({ warming, invalidation, strategic, observation, warmEveryMs, say }: JobParts): Jobs {
  const running = new Set<Promise<void>>()
  const stops: (() => void)[] = []
  /** Never twice at once; a failure is told and tried again the next time. */
  const every = (name: string, ms: number, work: () => Promise<unknown>, isFirstNow = false) => {
    let current: Promise<void> | undefined
    const turn = () => {
      if (current) return
      current = work()
        .catch((error: unknown) => say(`job ${name}: ${error instanceof Error ? error.message : String(error)}`))
        .then(() => {
          if (current) running.delete(current)
          current = undefined
        })
      running.add(current)
    }
    const timer = setInterval(turn, ms)
    timer.unref()
    stops.push(() => clearInterval(timer))
    if (isFirstNow) turn()
  }
  every('settle invalidations', SETTLE_EVERY_MS, () => invalidation.settlePending())
  if (warmEveryMs !== undefined) {
    every('warm all organisations', WARM_ALL_EVERY_MS, () => warmAll(warming, say), true)
    every('warm critical paths', warmEveryMs, () =>
      warming.warmAllOrganizations({ kinds: ['organization', 'permissions'], layer: 'strategic' }),
    )
    every('collect analytics', COLLECT_EVERY_MS, async () => {
      for (const id of observation.hotOrganizations(COLLECTED)) await strategic.collectAnalytics(id)
    })
  }
  return {
    stop: async () => {
      for (const stop of stops) stop()
      warming.stop()
      await Promise.all(running)
    },
  }
}

async function warmAll(warming: Warming, say: (line: string) => void): Promise<void> {
  const { organizations, warmed, failed, ms } = await warming.warmAllOrganizations()
  say(
    `warming: ${warmed.toLocaleString('en')} answers of ${organizations} organisations in ${(ms / 1000).toFixed(1)} s${failed > 0 ? `, ${failed} failed` : ''}`,
  )
}
