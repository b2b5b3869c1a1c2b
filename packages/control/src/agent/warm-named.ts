// Warming by registered names: runs on in the process while the control plane polls its progress, slice by slice, and
// ends when told to.
import { randomBytes } from 'node:crypto'
import type { Cache } from 'millpond'
import { z } from 'zod'
import type { Answered } from './answers.ts'
import { type Application, type NamedPlan, plansOf } from './application.ts'
import { reasonOf } from './reason.ts'
import type { Asked } from './requests.ts'
import { settled } from './settled.ts'
import { namespacesOf, spaceOf } from './spaces.ts'

const MOST_RUNS = 16
const MOST_ERRORS = 20
/** A run that is not polled for this long ends. */
const FORGOTTEN_MS = 120_000

const count = z.number().int().min(0)
/** What a warming function may resolve with. */
const figures = z.object({ warmed: count, fresh: count.default(0), empty: count.default(0), failed: count.default(0) })
const ONE = { warmed: 1, fresh: 0, empty: 0, failed: 0 }

interface Run {
  readonly end: AbortController
  readonly counts: { plans: number; plans_done: number; loaded: number; fresh: number; empty: number; failed: number }
  readonly paths: { name: string; ms: number; failed: number }[]
  readonly errors: Set<string>
  done: Promise<void>
  isDone: boolean
  askedAt: number
}

export class NamedWarming {
  readonly #cache: Cache
  readonly #application: Application
  readonly #runs = new Map<string, Run>()

  constructor(cache: Cache, application: Application) {
    this.#cache = cache
    this.#application = application
  }

  /** @throws Error for a name that is not registered, and an unknown run */
  async ask(asked: Asked<'warm_named'>): Promise<Answered['warm_named']> {
    const id = asked.run ?? (await this.#begin(asked))
    const run = this.#runs.get(id)
    if (run === undefined)
      throw new Error('this run is unknown: the process has restarted, or the run was never requested')
    run.askedAt = performance.now()
    if (asked.cancel === true) run.end.abort()
    await settled(run.done, asked.wait_ms)
    if (run.isDone) this.#runs.delete(id)
    return { run: id, is_done: run.isDone, ...run.counts, errors: [...run.errors], paths: run.paths }
  }

  async #begin(asked: Asked<'warm_named'>): Promise<string> {
    this.#sweep()
    if (this.#runs.size >= MOST_RUNS)
      throw new Error(`${MOST_RUNS} warming runs are already in progress in this process: wait for one to end`)
    const plans = await plansOf(this.#cache, this.#application, asked)
    const run: Run = {
      end: new AbortController(),
      counts: { plans: plans.length, plans_done: 0, loaded: 0, fresh: 0, empty: 0, failed: 0 },
      paths: [],
      errors: new Set(),
      done: Promise.resolve(),
      isDone: false,
      askedAt: performance.now(),
    }
    run.done = this.#work(run, plans, asked).finally(() => {
      run.isDone = true
    })
    const id = randomBytes(9).toString('base64url')
    this.#runs.set(id, run)
    return id
  }

  async #work(run: Run, plans: readonly NamedPlan[], asked: Asked<'warm_named'>): Promise<void> {
    const { end, counts, errors } = run
    for (const plan of plans) {
      if (end.signal.aborted) return
      try {
        if ('run' in plan) await this.#call(run, plan)
        else await this.#warm(run, plan, asked)
      } catch (error) {
        counts.failed++
        if (errors.size < MOST_ERRORS) errors.add(reasonOf(error))
      }
      counts.plans_done++
    }
  }

  async #call({ end, counts, paths, errors }: Run, { name, run }: Extract<NamedPlan, { run: unknown }>): Promise<void> {
    const began = performance.now()
    const path = { name, ms: 0, failed: 1 }
    paths.push(path)
    try {
      const { warmed, fresh, empty, failed } = figures.safeParse(await run({ signal: end.signal })).data ?? ONE
      path.failed = failed
      counts.loaded += warmed
      counts.fresh += fresh
      counts.empty += empty
      counts.failed += failed
      if (failed > 0 && errors.size < MOST_ERRORS) errors.add(`${name}: ${failed} could not be loaded`)
    } finally {
      path.ms = Math.round((performance.now() - began) * 100) / 100
    }
  }

  async #warm(
    { end, counts, paths, errors }: Run,
    { namespace, plan }: Extract<NamedPlan, { plan: unknown }>,
    { concurrency, per_second, force }: Asked<'warm_named'>,
  ): Promise<void> {
    const space = namespace === undefined ? this.#cache : this.#spaceOf(namespace)
    const report = await space.warm(plan, {
      concurrency,
      signal: end.signal,
      ...(per_second !== undefined && { rate: per_second }),
      ...(force === true && { force }),
    })
    counts.loaded += report.warmed
    counts.fresh += report.fresh
    counts.empty += report.empty
    counts.failed += report.failed
    for (const one of report.plans) {
      paths.push({ name: one.name, ms: Math.round(one.ms * 100) / 100, failed: one.failed })
      for (const error of one.errors) if (errors.size < MOST_ERRORS) errors.add(error)
    }
  }

  #spaceOf(namespace: string): Cache {
    if (!namespacesOf(this.#cache).includes(namespace))
      throw new Error(`the namespace ${JSON.stringify(namespace)} is not open in this process`)
    return spaceOf(this.#cache, namespace)
  }

  #sweep(): void {
    for (const [id, run] of this.#runs) {
      if (performance.now() - run.askedAt < FORGOTTEN_MS) continue
      run.end.abort()
      this.#runs.delete(id)
    }
  }
}
