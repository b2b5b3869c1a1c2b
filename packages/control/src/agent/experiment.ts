// An experiment in this process, led by a control plane, which polls: each poll says which experiment runs, and takes
// the counts. Without polls the experiment ends and all keys are treated alike again.
import type { Cache } from 'millpond'
import { type Counts, KeyTrial, type Plan, type PlanOptions, planOf, ShadowTrial } from 'millpond/insight'
import { newId } from '../access/tokens.ts'
import type { Answered } from './answers.ts'
import type { Asked, AskedPlan } from './requests.ts'

/** A restarted control plane polls within this time. */
const FORSAKEN_MS = 5 * 60_000
const LOOK_MS = 30_000

interface Led {
  readonly id: string
  /** The id of these counts: a restarted process has a new one. */
  readonly run: string
  readonly plan: Plan
  readonly trial: KeyTrial | ShadowTrial
}

export class ExperimentRunner {
  readonly #cache: Cache
  #led: Led | undefined
  #askedAt = 0
  #timer: NodeJS.Timeout | undefined

  constructor(cache: Cache) {
    this.#cache = cache
  }

  /** Starts, continues or ends the experiment as told. @throws MillpondError if the cache does not accept the arms */
  async ask({ id, plan, phase }: Asked<'experiment'>): Promise<Answered['experiment']> {
    this.#askedAt = performance.now()
    if (id === null || this.#led?.id !== id) this.close()
    if (id === null || plan === null) return null
    this.#led ??= this.#begin(id, planOf(planFrom(plan)))
    const { run, trial } = this.#led
    if (trial instanceof ShadowTrial) {
      // Observations of a different memory size or policy do not apply to this one.
      if (!trial.isSame) throw new Error('the size or the policy of memory has changed since the experiment began')
      const { tally, isFull } = trial.counts
      const { reads, missed, looked, sampled, sampledMissed, misses } = tally
      return {
        run,
        keys: null,
        shadow: {
          reads,
          missed,
          looked,
          sampled: [...sampled],
          sampled_missed: [...sampledMissed],
          misses: [...misses],
          is_full: isFull,
        },
      }
    }
    if (trial.phase !== phase) trial.enter(phase)
    return { run, keys: countsToJson(trial.counts), shadow: null }
  }

  close(): void {
    this.#led?.trial.close()
    this.#led = undefined
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #begin(id: string, plan: Plan): Led {
    const trial = plan.kind === 'keys' ? new KeyTrial(plan, this.#cache) : new ShadowTrial(plan, this.#cache)
    this.#timer = setInterval(() => {
      if (performance.now() - this.#askedAt > FORSAKEN_MS) this.close()
    }, LOOK_MS).unref()
    return { id, run: newId('run'), plan, trial }
  }
}

function countsToJson({
  before,
  measured,
  keys,
  outside,
}: Counts): NonNullable<NonNullable<Answered['experiment']>['keys']> {
  const sums = (of: Counts['before']) => ({
    reads: [...of.reads],
    misses: [...of.misses],
    loads: [...of.loads],
    errors: [...of.errors],
    slow: [...of.slow],
    stale: [...of.stale],
    foreign: [...of.foreign],
  })
  return { before: sums(before), measured: sums(measured), keys: [...keys], outside: outside[0] ?? 0 }
}

const seconds = (given: number | undefined): number | undefined => (given === undefined ? undefined : given * 1000)

/** In the library's form. */
export function planFrom(plan: AskedPlan): PlanOptions {
  const { arms, guards, select } = plan
  return {
    name: plan.name,
    arms: arms.map(({ name, share, ttl_seconds, refresh_ahead, memory }) => ({
      name,
      share,
      ...((ttl_seconds !== undefined || refresh_ahead !== undefined) && {
        settings: { ttl: seconds(ttl_seconds), refreshAhead: refresh_ahead },
      }),
      ...(memory !== undefined && { memory: { policy: memory.policy, factor: memory.factor } }),
    })),
    metric: plan.metric === 'hit_ratio' ? 'hit_rate' : plan.metric,
    effect: plan.effect,
    alpha: plan.alpha,
    ...(guards !== undefined && {
      guards: {
        hitRate: guards.hit_ratio,
        loads: guards.loads,
        slow: guards.slow,
        errors: guards.errors,
        stale: guards.stale,
      },
    }),
    slowAfter: seconds(plan.slow_after_seconds),
    before: seconds(plan.before_seconds),
    settle: seconds(plan.settle_seconds),
    minRun: seconds(plan.min_run_seconds),
    maxRun: seconds(plan.max_run_seconds),
    namespace: plan.namespace,
    ...(select !== undefined && {
      select: {
        keys: select.keys,
        except: select.except,
        tenants: select.tenants,
        tenantShare: select.tenant_share,
        share: select.share,
      },
    }),
  }
}

/**
 * A setting for all keys of a cache or a namespace, until the process ends: an experiment's result, or the previous
 * setting.
 */
export async function settled(
  cache: Cache,
  { namespace, ttl_seconds, refresh_ahead }: Asked<'settle'>,
): Promise<Answered['settle']> {
  const place = namespace === undefined ? cache : cache.namespace(namespace)
  const { changes } = await place.configure({
    defaults: {
      ...(ttl_seconds !== undefined && { ttl: ttl_seconds === null ? null : ttl_seconds * 1000 }),
      ...(refresh_ahead !== undefined && { refreshAhead: refresh_ahead }),
    },
  })
  return { changes }
}
