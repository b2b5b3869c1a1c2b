// Scheduled and queued work: warming, invalidation, maintenance, reports, over all processes of the service; and
// invalidations that could not be delivered, in each.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Cache } from 'millpond'
import { showWarming } from 'millpond/observe'
import { isError } from 'millpond/options'
import { z } from 'zod'
import type { Invalidation } from './cache/invalidation.ts'
import { KIND_NAMES } from './cache/kinds.ts'
import type { StrategicCache } from './cache/strategic.ts'
import type { Warmed, Warming } from './cache/warming.ts'
import type { Observation } from './observation.ts'
import type { Views } from './records/views.ts'

export interface JobParts {
  /** Undefined if it is off: then the only jobs are settling invalidations. */
  readonly cache: Cache | undefined
  readonly warming: Warming
  readonly invalidation: Invalidation
  readonly strategic: StrategicCache
  readonly observation: Observation
  readonly views: Pick<Views, 'fold'>
  /** The busiest first; used before there is any traffic. */
  readonly busiest: (limit: number) => Promise<readonly number[]>
  /** Undefined: no warming. */
  readonly warmEveryMs: number | undefined
  /** Where reports are written. */
  readonly folder: string
  readonly say: (line: string) => void
}

/** What is to be warmed or invalidated, in an organisation's caches or in all of them. */
export interface OrganizationJob {
  readonly organization_id?: number | undefined
  readonly kinds?: readonly (typeof KIND_NAMES)[number][] | undefined
  readonly layer?: 'strategic' | 'response' | undefined
}

export interface Jobs {
  /** Queues it; resolves with the job's id. Undefined: the cache is off. */
  warmOrganizationCaches(job: OrganizationJob): Promise<string> | undefined
  invalidateOrganizationCaches(job: OrganizationJob): Promise<string> | undefined
  /** The repeated jobs, with their last runs. */
  repeated(): Promise<object[]>
  /** Warms the most requested first, and starts running jobs. */
  start(): void
  /** Stops the clock and waits for what is running. */
  stop(): Promise<void>
}

const SETTLE_EVERY_MS = 2_000
/** How many organisations are warmed at the start, and maintained by the collector and the critical paths. */
const FIRST = 200
const HOT = 10
const KEPT_REPORTS = 120

const organizationJob = z.object({
  organization_id: z.int().positive().optional(),
  kinds: z.array(z.enum(KIND_NAMES)).optional(),
  layer: z.enum(['strategic', 'response']).optional(),
})

export function createJobs(parts: JobParts): Jobs {
  const { cache, warming, invalidation, strategic, observation, views, warmEveryMs, folder, say } = parts
  const ends = new AbortController()
  const settling = settle(invalidation, say)
  let first: Promise<unknown> = Promise.resolve()

  const warm = (payload: unknown, signal: AbortSignal): Promise<Warmed> => {
    const { organization_id: id, kinds, layer } = organizationJob.parse(payload)
    const options = { signal, ...(kinds !== undefined && { kinds }), ...(layer !== undefined && { layer }) }
    return id === undefined ? warming.warmAllOrganizations(options) : warming.warmOrganizationCache(id, options)
  }
  const hot = async (): Promise<readonly number[]> => {
    const seen = observation.hotOrganizations(HOT)
    return seen.length > 0 ? seen : parts.busiest(HOT)
  }
  const handle = (jobs: Cache['jobs']): void => {
    jobs.handle('warmOrganizationCaches', async (payload, { signal }) => void (await warm(payload, signal)))
    jobs.handle('invalidateOrganizationCaches', async (payload) => {
      const { organization_id: id, kinds = KIND_NAMES, layer } = organizationJob.parse(payload)
      await invalidation.invalidateKinds(kinds, id ?? null, layer)
    })
    jobs.repeat('cacheMaintenance', { every: '1h' }, async () => {
      await invalidation.settlePending()
      await views.fold()
    })
    jobs.repeat('generateCachePerformanceReport', { every: '6h' }, ({ dueAt }) =>
      writeReport(folder, dueAt, observation.analytics(null)),
    )
    if (warmEveryMs === undefined) return
    jobs.repeat('scheduledCacheWarming', { every: '4h', timeout: '3h' }, async ({ signal }) =>
      told(await warming.warmAllOrganizations({ signal })),
    )
    jobs.repeat('criticalPaths', { every: warmEveryMs, timeout: '1h' }, async ({ signal }) =>
      told(await warming.warmCriticalPaths(await hot(), signal)),
    )
    jobs.repeat('collectAnalytics', { every: '15m' }, async () => {
      for (const id of await hot()) await strategic.collectAnalytics(id)
    })
  }
  return {
    warmOrganizationCaches: (job) => cache?.jobs.add('warmOrganizationCaches', job),
    invalidateOrganizationCaches: (job) => cache?.jobs.add('invalidateOrganizationCaches', job),
    repeated: async () =>
      ((await cache?.jobs.repeating()) ?? []).map(({ name, state, dueAt, runs }) => ({
        name,
        state: state ?? 'waiting',
        due_at: dueAt === undefined ? null : new Date(dueAt).toISOString(),
        last:
          runs[0] === undefined
            ? null
            : { ms: runs[0].ms, late_ms: runs[0].lateMs, attempts: runs[0].attempts, error: runs[0].error ?? null },
      })),
    start: () => {
      if (cache === undefined) return
      handle(cache.jobs)
      if (warmEveryMs !== undefined) first = warmFirst(cache, warming, ends.signal, say)
    },
    stop: async () => {
      ends.abort()
      await Promise.all([first, settling.stop()])
    },
  }
}

/** A run with many failures is a failed run. */
function told({ warmed, fresh, failed }: Warmed): void {
  if (failed > (warmed + fresh + failed) / 20)
    throw new Error(`${failed} of ${warmed + fresh + failed} answers could not be computed`)
}

async function warmFirst(
  cache: Cache,
  warming: Warming,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<void> {
  const hide = process.stderr.isTTY === true ? showWarming(cache) : () => undefined
  try {
    const { organizations, warmed, fresh, failed, ms } = await warming.warmBusiestOrganizations(FIRST, { signal })
    const besides = [
      ...(fresh > 0 ? [`${fresh.toLocaleString('en')} were there`] : []),
      ...(failed > 0 ? [`${failed} failed`] : []),
      ...(signal.aborted ? ['the rest was abandoned because the service is stopping'] : []),
    ]
    say(
      `warming: ${warmed.toLocaleString('en')} answers of the ${organizations} busiest organisations in ${(ms / 1000).toFixed(1)} s${besides.map((text) => `, ${text}`).join('')}`,
    )
  } catch (error) {
    say(`warming: ${isError(error) ? error.message : String(error)}`)
  } finally {
    hide()
  }
}

function writeReport(folder: string, dueAt: number, report: object): void {
  const reports = join(folder, 'reports')
  mkdirSync(reports, { recursive: true })
  writeFileSync(
    join(reports, `cache-performance-${new Date(dueAt).toISOString().replaceAll(':', '-')}.json`),
    `${JSON.stringify(report, null, 2)}\n`,
  )
  const old = readdirSync(reports)
    .filter((name) => name.startsWith('cache-performance-'))
    .sort()
    .slice(0, -KEPT_REPORTS)
  for (const name of old) rmSync(join(reports, name))
}

/** In each process, with or without a cache: undelivered invalidations are its own. Never twice at once. */
function settle(invalidation: Invalidation, say: (line: string) => void): { stop(): Promise<void> } {
  let current: Promise<unknown> | undefined
  const turn = (): void => {
    current ??= invalidation
      .settlePending()
      .catch((error: unknown) => say(`settling invalidations: ${isError(error) ? error.message : String(error)}`))
      .finally(() => {
        current = undefined
      })
  }
  const timer = setInterval(turn, SETTLE_EVERY_MS)
  timer.unref()
  return {
    stop: async () => {
      clearInterval(timer)
      await current
    },
  }
}
