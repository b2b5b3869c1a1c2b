// Warming of one namespace: single runs, named warmers, and a schedule whose plans run in one process of all.
import {
  checkedElsewhere,
  checkOptions,
  duration,
  flag,
  listOf,
  options as optionsOf,
  required,
  type Shape,
  whole,
} from '../core/checks.ts'
import { type Duration, parseDuration } from '../core/duration.ts'
import { MillpondError, reasonOf, show } from '../core/errors.ts'
import type { Key } from '../core/key.ts'
import type {
  Prefetched,
  ScheduledWarming,
  Warmer,
  Warming,
  WarmingSettings,
  WarmOptions,
  WarmPlan,
  WarmReport,
  WarmRequest,
  WarmScheduleOptions,
} from '../core/warm.ts'
import { HotList } from './hot-list.ts'
import { type CheckedPlan, checkPlan, loadKnown, type WarmItem } from './plan.ts'
import { Prefetching } from './prefetch.ts'
import { type CheckedOptions, checkRun, RUN, runOf, runPlans } from './run.ts'
import type { WarmedCache, WarmTable, WarmTimes } from './warmed-cache.ts'

const EVERY_MS = 300_000
const DEFAULTS: WarmingDefaults = Object.freeze({ isOn: true, everyMs: EVERY_MS })
const SETTINGS: Shape<WarmingSettings> = { enabled: flag, every: duration }
const EVERY_MS_OF: Readonly<Record<string, number>> = { model: 3_600_000, view: 1_800_000, api: 900_000 }
const SCHEDULE: Shape<WarmScheduleOptions> = {
  ...RUN,
  plans: required(listOf<WarmPlan>(checkedElsewhere, 'a list of plans')),
  every: duration,
  atStart: flag,
  afterInvalidation: (value, at) => (typeof value === 'boolean' ? value : afterInvalidation(value, at)),
}
const HEALING: Omit<CheckedPlan, 'items' | 'total'> = Object.freeze({
  name: 'after an invalidation',
  priority: 'high',
  kind: 'hot',
  interval: undefined,
  cron: undefined,
  timezone: undefined,
  windows: undefined,
})
const AFTER: Shape<{ readonly top?: number; readonly delay?: Duration }> = { top: whole(1, 10_000), delay: duration }
const afterInvalidation = optionsOf(AFTER)
const LEAST_MS = 1000

/** `WarmingSettings`, resolved. */
export interface WarmingDefaults {
  readonly isOn: boolean
  readonly everyMs: number
}

/** @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`. */
export function warmingDefaults(given: unknown): WarmingDefaults {
  if (given === undefined) return DEFAULTS
  checkOptions<WarmingSettings>(given, SETTINGS, 'warming')
  return {
    isOn: given.enabled ?? true,
    everyMs: given.every === undefined ? EVERY_MS : intervalOf(given.every, 'every'),
  }
}

interface Scheduled {
  readonly plan: CheckedPlan
  readonly when: WarmTimes
  readonly table: WarmTable
  readonly startedAt: number
  last: { readonly at: number; readonly report: WarmReport } | undefined
  runs: number
  failedRuns: number
  /** Ends it in this process. */
  end: () => void
}

export class NamespaceWarming implements Warming {
  readonly #cache: WarmedCache
  readonly #prefetching: Prefetching
  readonly #defaults: WarmingDefaults
  readonly #warmers = new Map<
    string,
    { readonly kind: 'model' | 'view' | 'api'; readonly name: string; readonly warmer: Warmer }
  >()
  #scheduled: readonly Scheduled[] = []
  /** The running runs, one after the other. */
  #running: Promise<unknown> = Promise.resolve()
  #ends = new AbortController()
  #stopHealing: (() => void) | undefined

  constructor(cache: WarmedCache, defaults: WarmingDefaults) {
    this.#cache = cache
    this.#defaults = defaults
    this.#prefetching = new Prefetching(cache)
  }

  /** See `Prefetching`. */
  prefetch(keys: readonly Key[]): Promise<Prefetched> {
    return this.#prefetching.load(keys)
  }

  /** @throws MillpondError as documented at `cache.warm`. */
  async warm(plans: WarmPlan | readonly WarmPlan[], options: WarmOptions): Promise<WarmReport> {
    return runPlans(this.#check(plans), checkRun(options), this.#cache)
  }

  register<Kind extends WarmRequest['kind']>(kind: Kind, name: string, warmer: Warmer<Kind>): () => void {
    if (kind !== 'model' && kind !== 'view' && kind !== 'api')
      throw new MillpondError(
        'OPTION_INVALID',
        `warming: kind: ${show(kind)} is not known: use 'model', 'view' or 'api'`,
      )
    if (typeof name !== 'string' || name === '')
      throw new MillpondError('OPTION_INVALID', `warming: name: ${show(name)} is not a name`)
    if (typeof warmer !== 'function')
      throw new MillpondError('OPTION_INVALID', `warming: ${show(warmer)} is not a warmer: give a function`)
    const id = `${kind} ${name}`
    if (this.#warmers.has(id))
      throw new MillpondError(
        'OPTION_INVALID',
        `warming: there is already a warmer for the ${kind} ${show(name)}: remove it first`,
      )
    // A warmer is called with requests of the kind under which it is found.
    this.#warmers.set(id, { kind, name, warmer: warmer as Warmer })
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
    const { plans, every = this.#defaults.everyMs, atStart = true, afterInvalidation = false } = options
    const everyMs = intervalOf(every, 'every')
    const scheduled = this.#check(plans).map((plan) => this.#scheduledOf(plan, everyMs))
    const names = scheduled.map(({ plan }) => plan.name)
    const twice = names.find((name, at) => names.indexOf(name) !== at)
    if (twice !== undefined)
      throw new MillpondError('OPTION_INVALID', `warming: two plans are called ${show(twice)}: give each its own name`)
    this.#end()
    if (!this.#defaults.isOn) return
    this.#ends = new AbortController()
    const signal = run.signal === undefined ? this.#ends.signal : AbortSignal.any([run.signal, this.#ends.signal])
    this.#scheduled = scheduled
    if (afterInvalidation !== false) this.#heal(afterInvalidation === true ? {} : afterInvalidation, { ...run, signal })
    for (const one of scheduled)
      one.end = this.#cache.repeat(one.plan.name, { ...one.when, atStart }, (cut) =>
        this.#inTurn(one, { ...run, signal: AbortSignal.any([signal, cut]) }),
      )
  }

  async stop(): Promise<void> {
    this.#end()
    await this.#running
  }

  get schedule(): readonly ScheduledWarming[] {
    const now = this.#cache.clock.now()
    return this.#scheduled.map(
      ({ plan: { name, priority }, when: { every, cron }, table, startedAt, last, runs, failedRuns }) => ({
        name,
        priority,
        ...(every !== undefined && { every_ms: every }),
        ...(cron !== undefined && { cron }),
        next_at: table.next(now, startedAt) ?? Number.POSITIVE_INFINITY,
        ...(last !== undefined && { last }),
        runs,
        failed_runs: failedRuns,
      }),
    )
  }

  #scheduledOf(plan: CheckedPlan, everyMs: number): Scheduled {
    const { name, interval, cron, timezone, windows, kind } = plan
    if (cron !== undefined && interval !== undefined)
      throw new MillpondError(
        'OPTION_INVALID',
        `warming: ${name} has an interval and a cron expression: give one of them`,
      )
    const every = interval === undefined ? (EVERY_MS_OF[kind] ?? everyMs) : intervalOf(interval, `interval of ${name}`)
    const when: WarmTimes = {
      ...(cron === undefined ? { every } : { cron }),
      ...(timezone !== undefined && { timezone }),
      ...(windows !== undefined && { windows }),
    }
    const table = this.#cache.timetable(when, `warming ${name}`)
    return {
      plan,
      when,
      table,
      startedAt: this.#cache.clock.now(),
      last: undefined,
      runs: 0,
      failedRuns: 0,
      end: () => {},
    }
  }

  #check(plans: WarmPlan | readonly WarmPlan[]): CheckedPlan[] {
    const all: readonly WarmPlan[] = Array.isArray(plans) ? plans : [plans as WarmPlan]
    return all.map((plan) => checkPlan(plan, this.#cache, (kind, name) => this.#warmers.get(`${kind} ${name}`)?.warmer))
  }

  #end(): void {
    this.#ends.abort()
    this.#stopHealing?.()
    this.#stopHealing = undefined
    for (const { end } of this.#scheduled) end()
    this.#scheduled = []
  }

  /**
   * In each process, since each knows its own hot keys: keys requested by several are loaded once. Entries that the
   * invalidation has left are fresh, and skipped.
   */
  #heal(
    { top = 100, delay = '1s' }: { readonly top?: number; readonly delay?: Duration },
    options: CheckedOptions,
  ): void {
    const { clock } = this.#cache
    const delayMs = parseDuration(delay, 'warming afterInvalidation.delay')
    const hot = new HotList(this.#cache, top)
    let cancel: (() => void) | undefined
    const warm = (): void => {
      cancel = undefined
      const keys = hot.keys
      const items = (): WarmItem[] => keys.map((key) => loadKnown(key, this.#cache))
      this.#running = this.#running.then(() =>
        runPlans([{ ...HEALING, items, total: () => keys.length }], options, this.#cache),
      )
    }
    const stop = this.#cache.onInvalidation(() => {
      if (hot.keys.length > 0) cancel ??= clock.after(delayMs, warm)
    })
    void hot.follow()
    this.#stopHealing = () => {
      stop()
      hot.stop()
      cancel?.()
    }
  }

  /** One plan at a time: a schedule must not be noticeable. */
  #inTurn(one: Scheduled, options: CheckedOptions): Promise<void> {
    const turn = this.#running.then(() => this.#run(one, options))
    this.#running = turn
    return turn
  }

  async #run(one: Scheduled, options: CheckedOptions): Promise<void> {
    const { clock, events, namespace } = this.#cache
    const { plan } = one
    if (options.signal?.aborted === true) return
    try {
      const at = clock.now()
      const report = await runPlans([plan], options, this.#cache)
      one.last = { at, report }
      one.runs++
      const [failed] = report.plans.filter(({ state }) => state === 'failed' || state === 'error_threshold')
      if (failed === undefined) return
      one.failedRuns++
      events.emit('warning', {
        message: `warming of ${plan.name} in ${namespace} was abandoned: ${failed.errors.join('; ')}`,
      })
    } catch (error) {
      one.failedRuns++
      events.emit('warning', { message: `warming of ${plan.name} in ${namespace} failed: ${reasonOf(error)}`, error })
    }
  }
}

function intervalOf(every: Duration, name: string): number {
  const ms = parseDuration(every, `warming ${name}`)
  if (ms >= LEAST_MS && Number.isFinite(ms)) return ms
  throw new MillpondError(
    'OPTION_INVALID',
    `warming ${name}: ${show(every)} is not allowed: give a finite time from 1 s`,
  )
}
