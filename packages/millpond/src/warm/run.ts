// A run of plans: by priority, one plan after the other, at a pace that the source can bear.
import { setImmediate as yieldToOthers } from 'node:timers/promises'
import { check, checkOptions, flag, type Shape, share, signal, whole } from '../core/checks.ts'
import { reasonOf, show } from '../core/errors.ts'
import type { WarmOptions, WarmPlanReport, WarmReport } from '../core/warm.ts'
import { Pace } from './pace.ts'
import { type CheckedPlan, PRIORITIES, type WarmItem } from './plan.ts'
import type { WarmedCache } from './warmed-cache.ts'

/** The options of a run. */
export const RUN: Shape<WarmOptions> = {
  concurrency: whole(1, 1000),
  rate: check((value): value is number => typeof value === 'number' && value > 0, 'loads per second, above 0'),
  share: check(
    (value): value is number => typeof value === 'number' && value > 0 && value <= 1,
    'a share of the time, above 0 and up to 1',
  ),
  force: flag,
  errorThreshold: share,
  signal,
}
const MAX_ERRORS = 10
const LEAST_TRIED = 20
const PROGRESS_MS = 1000
/**
 * How many are started before timers and sockets get their turn: loads that resolve at once would otherwise block them
 * for the whole plan.
 */
const TURN = 100

export interface CheckedOptions {
  readonly concurrency: number
  readonly rate: number
  readonly share: number
  readonly isForced: boolean
  readonly errorThreshold: number
  readonly signal: AbortSignal | undefined
}

/** @throws MillpondError `OPTION_INVALID`. */
export function checkRun(options: WarmOptions): CheckedOptions {
  checkOptions<WarmOptions>(options, RUN, 'warm')
  return runOf(options)
}

/** The validated options, with their defaults. */
export function runOf({
  concurrency = 4,
  rate = Number.POSITIVE_INFINITY,
  share: part = 1,
  force = false,
  errorThreshold = 0.5,
  signal,
}: WarmOptions): CheckedOptions {
  return { concurrency, rate, share: part, isForced: force, errorThreshold, signal }
}

/** Never rejects: failures are in the report. */
export async function runPlans(
  plans: readonly CheckedPlan[],
  options: CheckedOptions,
  cache: WarmedCache,
): Promise<WarmReport> {
  const began = cache.clock.monotonic()
  const inOrder = PRIORITIES.flatMap((priority) => plans.filter((plan) => plan.priority === priority))
  const reports: WarmPlanReport[] = []
  const pace = new Pace(cache.clock, options.concurrency, options.rate, options.share)
  for (const plan of inOrder) reports.push(await new PlanRun(plan, options, pace, cache).run())
  const sum = (count: (report: WarmPlanReport) => number): number =>
    reports.reduce((all, report) => all + count(report), 0)
  const [warmed, fresh, empty, failed] = [
    sum((one) => one.warmed),
    sum((one) => one.fresh),
    sum((one) => one.empty),
    sum((one) => one.failed),
  ]
  const tried = warmed + fresh + empty + failed
  return {
    plans: reports,
    warmed,
    fresh,
    empty,
    failed,
    success_rate: tried === 0 ? 1 : (tried - failed) / tried,
    ms: cache.clock.monotonic() - began,
  }
}

class PlanRun {
  readonly #plan: CheckedPlan
  readonly #options: CheckedOptions
  readonly #pace: Pace
  readonly #cache: WarmedCache
  readonly #signal: AbortSignal
  readonly #errors = new Set<string>()
  readonly #running = new Set<Promise<void>>()
  #begun = 0
  #warmed = 0
  #fresh = 0
  #empty = 0
  #failed = 0
  #loadMs = 0
  #state: WarmPlanReport['state'] = 'done'
  #toldAt: number
  readonly #began: number

  constructor(plan: CheckedPlan, options: CheckedOptions, pace: Pace, cache: WarmedCache) {
    this.#plan = plan
    this.#options = options
    this.#pace = pace
    this.#cache = cache
    this.#signal = options.signal ?? new AbortController().signal
    this.#began = cache.clock.monotonic()
    this.#toldAt = this.#began
  }

  async run(): Promise<WarmPlanReport> {
    // A list in memory tells its length before its first item is warmed.
    const items = this.#plan.items()
    this.#tell('began')
    try {
      await this.#each(items)
    } catch (error) {
      // The plan's list has failed: what is missing is unknown.
      this.#fail(error)
      this.#state = 'failed'
    }
    await Promise.all(this.#running)
    this.#tell('ended')
    const { name, priority } = this.#plan
    return {
      name,
      priority,
      warmed: this.#warmed,
      fresh: this.#fresh,
      empty: this.#empty,
      failed: this.#failed,
      errors: [...this.#errors],
      state: this.#state,
      load_ms: this.#loadMs,
      ms: this.#cache.clock.monotonic() - this.#began,
    }
  }

  async #each(items: AsyncIterable<WarmItem> | Iterable<WarmItem>): Promise<void> {
    for await (const item of items) {
      if (++this.#begun % TURN === 0) await yieldToOthers()
      if (this.#isOver()) return
      await this.#pace.begin(this.#signal)
      if (this.#isOver()) {
        this.#pace.end(undefined, true)
        return
      }
      if (item.do === 'ask') {
        await this.#ask(item)
        continue
      }
      const work = this.#one(item).finally(() => this.#running.delete(work))
      this.#running.add(work)
    }
  }

  #isOver(): boolean {
    const { signal, errorThreshold } = this.#options
    if (signal?.aborted === true) this.#state = 'aborted'
    const tried = this.#warmed + this.#empty + this.#failed
    if (tried >= LEAST_TRIED && this.#failed / tried > errorThreshold) this.#state = 'error_threshold'
    return this.#state !== 'done'
  }

  async #ask({ what, ask }: Extract<WarmItem, { do: 'ask' }>): Promise<void> {
    const began = this.#cache.clock.monotonic()
    let items: AsyncIterable<WarmItem> | Iterable<WarmItem>
    try {
      items = await ask(this.#signal)
    } catch (error) {
      this.#fail(error, String(what))
      this.#pace.end(undefined, false)
      return
    }
    this.#took(began)
    let isEmpty = true
    const counted = async function* (): AsyncIterable<WarmItem> {
      for await (const item of items) {
        isEmpty = false
        yield item
      }
    }
    try {
      await this.#each(counted())
    } catch (error) {
      this.#fail(error, String(what))
    }
    // It has warmed the value itself.
    if (isEmpty) this.#warmed++
  }

  async #one({ what, load }: Extract<WarmItem, { do: 'load' }>): Promise<void> {
    const began = this.#cache.clock.monotonic()
    try {
      const { value, isLoaded } = await load(this.#options.isForced)
      if (isLoaded) {
        if (value === undefined) this.#empty++
        else this.#warmed++
        this.#took(began)
      } else {
        this.#fresh++
        this.#pace.end(undefined, true)
      }
    } catch (error) {
      this.#fail(error, show(what))
      this.#pace.end(undefined, false)
    }
    if (this.#cache.clock.monotonic() - this.#toldAt >= PROGRESS_MS) this.#tell('progress')
  }

  #took(began: number): void {
    const ms = this.#cache.clock.monotonic() - began
    this.#loadMs += ms
    this.#pace.end(ms, true)
  }

  #fail(error: unknown, what?: string): void {
    this.#failed++
    if (this.#errors.size < MAX_ERRORS)
      this.#errors.add(what === undefined ? reasonOf(error) : `${what}: ${reasonOf(error)}`)
  }

  #tell(state: 'began' | 'progress' | 'ended'): void {
    this.#toldAt = this.#cache.clock.monotonic()
    const { events, namespace } = this.#cache
    if (!events.has('warm')) return
    const total = this.#plan.total()
    events.emit('warm', {
      namespace,
      plan: this.#plan.name,
      state,
      warmed: this.#warmed,
      fresh: this.#fresh,
      empty: this.#empty,
      failed: this.#failed,
      ...(total !== undefined && { total }),
      ms: this.#toldAt - this.#began,
    })
  }
}
