// An experiment in this process: it counts, starts to differ, judges itself, and ends if it does harm. Fleets use the
// control plane instead.
import { check, checkOptions, clock as clockCheck, duration, fn, required, type Shape } from '../../core/checks.ts'
import { systemClock } from '../../core/clock.ts'
import type { Clock } from '../../core/contracts.ts'
import { type Duration, parseDuration } from '../../core/duration.ts'
import { MillpondError, show } from '../../core/errors.ts'
import type { WatchedCache } from '../setting.ts'
import { judgeKeys } from './judge.ts'
import { judgeShadow } from './judge-shadow.ts'
import { PLAN, type Plan, type PlanOptions, planOf } from './plan.ts'
import { ShadowTrial } from './shadow-trial.ts'
import { type DividedCache, KeyTrial, type Phase } from './trial.ts'
import type { Judgement } from './verdict.ts'

/** What an experiment needs of a cache: `createCache` creates one. */
export interface ExperimentCache extends WatchedCache, DividedCache {}

export interface ExperimentOptions extends PlanOptions {
  /** The cache whose traffic is divided. */
  readonly cache: ExperimentCache
  /** How often it is judged. Default 10 s. */
  readonly every?: Duration | undefined
  /** Called once, when it has ended by itself or was stopped. */
  readonly onEnd?: ((result: ExperimentResult) => void) | undefined
  /** Default: the system clock. */
  readonly clock?: Clock | undefined
}

/** The reason for the end. */
export type ExperimentEnd = 'stopped' | 'harm' | 'uneven' | 'over' | 'failed'

export interface ExperimentResult extends Judgement {
  /** The name given in its options. */
  readonly name: string
  /** The name of the cache whose traffic is divided. */
  readonly cache: string
  /** `keys`: each arm has a share of the keys. `shadow`: arms are simulated, and nothing is changed. */
  readonly kind: Plan['kind']
  /** `before` counts while all keys are treated alike, `settling` waits, `measuring` counts the arms. */
  readonly phase: Phase | 'ended'
  /** The reason; absent while it runs. */
  readonly ended?: ExperimentEnd
  /** Epoch milliseconds. */
  readonly began: number
  /** How long it has been counting since the arms differ. */
  readonly ranMs: number
}

/** A running or ended experiment. */
export interface Experiment {
  /** The name given in its options. */
  readonly name: string
  /** The current result. However often it is called, it is wrong no more often than `alpha`. */
  result(): ExperimentResult
  /**
   * Ends it: all keys are treated alike again, and the counts can still be read. Entries keep the TTL that they were
   * given.
   * @throws MillpondError `CLOSED` if it has already ended
   */
  stop(): ExperimentResult
}

const CACHE = check(
  (value): value is ExperimentCache =>
    typeof value === 'object' &&
    value !== null &&
    ['record', 'info', 'describe', 'divide', 'on'].every((name) => typeof Reflect.get(value, name) === 'function'),
  'a cache from createCache',
)
const OWN: Shape<Omit<ExperimentOptions, keyof PlanOptions>> = {
  cache: required(CACHE),
  every: duration,
  onEnd: fn('a function that receives the result'),
  clock: clockCheck,
}
const OPTIONS: Shape<ExperimentOptions> = { ...PLAN, ...OWN }
const EVERY_MS = 10_000

/**
 * Starts an experiment between settings of a cache, in this process. `settings` are applied to shares of the keys;
 * `memory` is simulated in shadow caches, which change nothing. Only one experiment at a time may divide a cache.
 * @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`
 * @example
 * const experiment = startExperiment({
 *   cache,
 *   name: 'longer lives',
 *   arms: [{ name: 'as it is' }, { name: 'ten minutes', settings: { ttl: '10m' } }],
 * })
 * console.log(experiment.result().text)
 */
export function startExperiment(options: ExperimentOptions): Experiment {
  checkOptions<ExperimentOptions>(options, OPTIONS, 'startExperiment')
  return new Running(options)
}

class Running implements Experiment {
  readonly name: string
  readonly #plan: Plan
  readonly #cache: ExperimentCache
  readonly #clock: Clock
  readonly #trial: KeyTrial | ShadowTrial
  readonly #onEnd: ((result: ExperimentResult) => void) | undefined
  readonly #everyMs: number
  readonly #began: number
  readonly #beganAt: number
  /** Monotonic milliseconds: the start of counting. */
  #measuredAt: number | undefined
  #stopTimer: (() => void) | undefined
  #last: ExperimentResult | undefined

  constructor({ cache, every, onEnd, clock = systemClock(), ...given }: ExperimentOptions) {
    this.#plan = planOf(given)
    this.name = given.name
    this.#cache = cache
    this.#clock = clock
    this.#onEnd = onEnd
    this.#everyMs = every === undefined ? EVERY_MS : Math.max(1, parseDuration(every, 'startExperiment.every'))
    this.#began = clock.now()
    this.#beganAt = clock.monotonic()
    this.#trial =
      this.#plan.kind === 'keys' ? new KeyTrial(this.#plan, cache) : new ShadowTrial(this.#plan, cache, clock)
    if (this.#plan.kind === 'shadow') this.#measuredAt = this.#beganAt
    this.#wait()
  }

  result(): ExperimentResult {
    if (this.#last === undefined) this.#turn()
    return this.#last ?? this.#now()
  }

  stop(): ExperimentResult {
    if (this.#last !== undefined)
      throw new MillpondError(
        'CLOSED',
        `the experiment ${show(this.name)} has already ended (${this.#last.ended}): start a new one`,
      )
    return this.#end('stopped')
  }

  #wait(): void {
    this.#stopTimer = this.#clock.after(this.#everyMs, () => {
      this.#turn()
      if (this.#last === undefined) this.#wait()
    })
  }

  /** Moves to the phase that is due, and ends the experiment if it must. */
  #turn(): void {
    const { beforeMs, settleMs, maxRunMs } = this.#plan
    const passed = this.#passed
    const trial = this.#trial
    if (trial instanceof KeyTrial) {
      const due = passed < beforeMs ? 'before' : passed < beforeMs + settleMs ? 'settling' : 'measuring'
      try {
        if (trial.phase !== due) this.#enter(trial, due)
      } catch {
        this.#end('failed') // something else has divided the cache meanwhile
        return
      }
    } else if (!trial.isSame) return void this.#end('failed')
    const { verdict } = this.#now()
    if (verdict === 'harm' || verdict === 'uneven') this.#end(verdict)
    else if (this.#ranMs >= maxRunMs) this.#end('over')
  }

  #enter(trial: KeyTrial, due: Phase): void {
    trial.enter(due)
    if (due === 'measuring') this.#measuredAt = this.#clock.monotonic()
  }

  #end(ended: ExperimentEnd): ExperimentResult {
    const last: ExperimentResult = { ...this.#now(), phase: 'ended', ended }
    this.#last = last
    this.#stopTimer?.()
    this.#trial.close()
    this.#onEnd?.(last)
    return last
  }

  #now(): ExperimentResult {
    const plan = this.#plan
    const trial = this.#trial
    const ranMs = this.#ranMs
    const judged =
      trial instanceof KeyTrial ? judgeKeys(plan, trial.counts, ranMs) : judgeShadow(plan, trial.counts, ranMs)
    const cache = this.#cache.info().name
    return { name: plan.name, cache, kind: plan.kind, phase: trial.phase, began: this.#began, ranMs, ...judged }
  }

  get #passed(): number {
    return this.#clock.monotonic() - this.#beganAt
  }

  get #ranMs(): number {
    return this.#measuredAt === undefined ? 0 : this.#clock.monotonic() - this.#measuredAt
  }
}
