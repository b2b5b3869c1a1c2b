// Warming of one namespace: single runs, warmers by name, and a schedule whose plans are run in one process of all.
import { checkedElsewhere, checkOptions, duration, flag, listOf, required, type Shape } from '../core/checks.ts'
import { type Duration, parseDuration } from '../core/duration.ts'
import { MillpondError, reasonOf, show } from '../core/errors.ts'
import type {
  ScheduledWarming,
  Warmer,
  Warming,
  WarmingSettings,
  WarmOptions,
  WarmPlan,
  WarmReport,
  WarmScheduleOptions,
} from '../core/warm.ts'
import { type CheckedPlan, checkPlan } from './plan.ts'
import { type CheckedOptions, checkRun, RUN, runOf, runPlans } from './run.ts'
import type { WarmSeam } from './seam.ts'

const EVERY_MS = 300_000
const DEFAULTS: WarmingDefaults = Object.freeze({ isOn: true, everyMs: EVERY_MS })
const SETTINGS: Shape<WarmingSettings> = { enabled: flag, every: duration }
const EVERY_MS_OF: Readonly<Record<string, number>> = { model: 3_600_000, view: 1_800_000, api: 900_000 }
const SCHEDULE: Shape<WarmScheduleOptions> = {
  ...RUN,
  plans: required(listOf<WarmPlan>(checkedElsewhere, 'a list of plans')),
  every: duration,
  atStart: flag,
}
const LEAST_MS = 1000
/** A process whose timer comes a little early must not be refused by the claim of its own last run. */
const CLAIM_SHARE = 0.9

/** `WarmingSettings`, resolved. */
export interface WarmingDefaults {
  readonly isOn: boolean
  readonly everyMs: number
}

/** @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`. */
export function warmingDefaults(given: unknown): WarmingDefaults {
  if (given === undefined) return DEFAULTS
  checkOptions<WarmingSettings>(given, SETTINGS, 'warming')
  return { isOn: given.enabled ?? true, everyMs: given.every === undefined ? EVERY_MS : intervalOf(given.every, 'every') }
}

interface Scheduled {
  readonly plan: CheckedPlan
  readonly everyMs: number
  nextAt: number
  last: { readonly at: number; readonly report: WarmReport } | undefined
  runs: number
  failedRuns: number
  cancel: () => void
}

export class NamespaceWarming implements Warming {
  readonly #seam: WarmSeam
  readonly #defaults: WarmingDefaults
  readonly #warmers = new Map<string, { readonly kind: 'model' | 'view' | 'api'; readonly name: string; readonly warmer: Warmer }>()
  #scheduled: readonly Scheduled[] = []
  /** What is under way, one after the other. */
  #running: Promise<unknown> = Promise.resolve()
  #ends = new AbortController()

  constructor(seam: WarmSeam, defaults: WarmingDefaults) {
    this.#seam = seam
    this.#defaults = defaults
  }

  /** @throws MillpondError as `cache.warm` says. */
  async warm(plans: WarmPlan | readonly WarmPlan[], options: WarmOptions): Promise<WarmReport> {
    return runPlans(this.#check(plans), checkRun(options), this.#seam)
  }

  register(kind: 'model' | 'view' | 'api', name: string, warmer: Warmer): () => void {
    if (kind !== 'model' && kind !== 'view' && kind !== 'api')
      throw new MillpondError('OPTION_INVALID', `warming: kind: ${show(kind)} is not known: use 'model', 'view' or 'api'`)
    if (typeof name !== 'string' || name === '') throw new MillpondError('OPTION_INVALID', `warming: name: ${show(name)} is not a name`)
    if (typeof warmer !== 'function') throw new MillpondError('OPTION_INVALID', `warming: ${show(warmer)} is not a warmer: give a function`)
    const id = `${kind} ${name}`
    if (this.#warmers.has(id))
      throw new MillpondError('OPTION_INVALID', `warming: there is a warmer of the ${kind} ${show(name)} already: take it back first`)
    this.#warmers.set(id, { kind, name, warmer })
    return () => {
      if (this.#warmers.get(id)?.warmer === warmer) this.#warmers.delete(id)
    }
  }

  get registered(): Warming['registered'] {
    return [...this.#warmers.values()].map(({ kind, name }) => ({ kind, name }))
  }

  start(options: WarmScheduleOptions): void {
    checkOptions<WarmScheduleOptions>(options, SCHEDULE, 'warming')
    const run = runOf(options)
    const { plans, every = this.#defaults.everyMs, atStart = true } = options
    const everyMs = intervalOf(every, 'every')
    const scheduled = this.#check(plans).map((plan): Scheduled => {
      const ms = plan.interval === undefined ? (EVERY_MS_OF[plan.kind] ?? everyMs) : intervalOf(plan.interval, `interval of ${plan.name}`)
      return { plan, everyMs: ms, nextAt: 0, last: undefined, runs: 0, failedRuns: 0, cancel: () => {} }
    })
    const names = scheduled.map(({ plan }) => plan.name)
    const twice = names.find((name, at) => names.indexOf(name) !== at)
    if (twice !== undefined)
      throw new MillpondError(
        'OPTION_INVALID',
        `warming: two plans are called ${show(twice)}: processes agree by names, so give each its own`,
      )
    this.#end()
    if (!this.#defaults.isOn) return
    this.#ends = new AbortController()
    const signal = run.signal === undefined ? this.#ends.signal : AbortSignal.any([run.signal, this.#ends.signal])
    this.#scheduled = scheduled
    for (const one of scheduled) {
      if (atStart) this.#runSoon(one, { ...run, signal })
      this.#await(one, { ...run, signal })
    }
  }

  async stop(): Promise<void> {
    this.#end()
    await this.#running
  }

  get schedule(): readonly ScheduledWarming[] {
    return this.#scheduled.map(({ plan: { name, priority }, everyMs, nextAt, last, runs, failedRuns }) => ({
      name,
      priority,
      every_ms: everyMs,
      next_at: nextAt,
      ...(last !== undefined && { last }),
      runs,
      failed_runs: failedRuns,
    }))
  }

  #check(plans: WarmPlan | readonly WarmPlan[]): CheckedPlan[] {
    const all: readonly WarmPlan[] = Array.isArray(plans) ? plans : [plans as WarmPlan]
    return all.map((plan) => checkPlan(plan, this.#seam, (kind, name) => this.#warmers.get(`${kind} ${name}`)?.warmer))
  }

  #end(): void {
    this.#ends.abort()
    for (const { cancel } of this.#scheduled) cancel()
    this.#scheduled = []
  }

  #await(one: Scheduled, options: CheckedOptions): void {
    const { clock } = this.#seam
    one.nextAt = clock.now() + one.everyMs
    one.cancel = clock.after(one.everyMs, () => {
      this.#await(one, options)
      this.#runSoon(one, options)
    })
  }

  /** One plan at a time: a schedule is not to be felt. */
  #runSoon(one: Scheduled, options: CheckedOptions): void {
    this.#running = this.#running.then(() => this.#run(one, options))
  }

  async #run(one: Scheduled, options: CheckedOptions): Promise<void> {
    const { clock, events, namespace } = this.#seam
    const { plan } = one
    if (options.signal?.aborted === true) return
    try {
      if (!(await this.#seam.claim(plan.name, Math.floor(one.everyMs * CLAIM_SHARE)))) return
      const at = clock.now()
      const report = await runPlans([plan], options, this.#seam)
      one.last = { at, report }
      one.runs++
      const [failed] = report.plans.filter(({ state }) => state === 'failed' || state === 'error_threshold')
      if (failed === undefined) return
      one.failedRuns++
      events.emit('warning', { message: `warming of ${plan.name} in ${namespace} was given up: ${failed.errors.join('; ')}` })
    } catch (error) {
      one.failedRuns++
      events.emit('warning', { message: `warming of ${plan.name} in ${namespace} failed: ${reasonOf(error)}`, error })
    }
  }
}

function intervalOf(every: Duration, name: string): number {
  const ms = parseDuration(every, `warming ${name}`)
  if (ms >= LEAST_MS && Number.isFinite(ms)) return ms
  throw new MillpondError('OPTION_INVALID', `warming ${name}: ${show(every)} is not allowed: give a finite time from 1 s`)
}
