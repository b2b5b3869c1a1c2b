// One process's part in an experiment about memory: each arm is a shadow cache, so that all see the same reads and real
// traffic is unaffected.
import { systemClock } from '../../core/clock.ts'
import type { Clock } from '../../core/contracts.ts'
import { MillpondError } from '../../core/errors.ts'
import { policyByName } from '../../memory/policies/index.ts'
import { Budget } from '../budget.ts'
import { SamplingRecorder } from '../recorder.ts'
import { HIT, LOADED, LOST, Ring, WRITTEN } from '../ring.ts'
import { ALL } from '../sample.ts'
import { type Setting, sameSetting, settingOf, type WatchedCache } from '../setting.ts'
import { type ShadowOf, Shadows } from '../shadows.ts'
import { Weights } from '../weights.ts'
import type { ShadowCounts } from './judge-shadow.ts'
import type { Plan } from './plan.ts'
import type { Phase } from './trial.ts'

const SOON_MS = 20
const A_TURN = 1024

/** Observes a sample of the reads until it is closed. */
export class ShadowTrial {
  /** Always `measuring`: shadows differ from the start. */
  readonly phase: Phase = 'measuring'
  #shadows: Shadows
  readonly #arms: readonly ShadowOf[]
  readonly #setting: Setting
  readonly #cache: WatchedCache
  readonly #clock: Clock
  readonly #ring = new Ring()
  readonly #weights = new Weights()
  readonly #budget: Budget
  readonly #ear: SamplingRecorder
  readonly #stop: () => void
  #stopTimer: (() => void) | undefined

  /** @throws MillpondError `OPTION_INVALID` if the memory has no limit, or a custom policy */
  constructor(plan: Plan, cache: WatchedCache, clock: Clock = systemClock()) {
    const setting = settingOf(cache, undefined)
    if (setting === undefined)
      throw new MillpondError(
        'OPTION_INVALID',
        'experiment: the cache has no memory tier, or one without a limit: there is no size to try',
      )
    this.#setting = setting
    this.#cache = cache
    this.#clock = clock
    this.#budget = new Budget(clock)
    this.#arms = plan.arms.map(({ memory }) => ({
      policy: policyByName(memory?.policy ?? policyNamed(setting.policy)),
      scale: memory?.factor ?? 1,
    }))
    this.#ear = new SamplingRecorder(this.#ring, clock, 'memory', () => this.#soon(SOON_MS))
    this.#shadows = this.#begin(1)
    this.#stop = cache.record(this.#ear)
  }

  /** What was observed so far. */
  get counts(): ShadowCounts {
    this.#look(Number.POSITIVE_INFINITY)
    this.#follow()
    return { tally: this.#shadows.tally, isFull: this.#shadows.isFull }
  }

  /** Whether memory is as it was when the experiment started. */
  get isSame(): boolean {
    const now = settingOf(this.#cache, this.#setting)
    return sameSetting(now === undefined ? now : { ...now, entries: this.#setting.entries }, this.#setting)
  }

  /** Stops observing. `counts` stay. */
  close(): void {
    this.#stop()
    this.#stopTimer?.()
    this.#stopTimer = undefined
  }

  /** Uses fewer keys if they take too much CPU time; observation then starts anew. */
  #begin(share: number): Shadows {
    const { capacity, unit, entries } = this.#setting
    this.#shadows = new Shadows({ shadows: this.#arms, capacity, unit, entries, share })
    this.#ear.threshold = this.#shadows.threshold
    return this.#shadows
  }

  #soon(ms: number): void {
    this.#stopTimer ??= this.#clock.after(ms, () => {
      this.#stopTimer = undefined
      const isMore = this.#budget.work(() => this.#look(A_TURN))
      this.#follow()
      if (this.#budget.isExceeded(this.#shadows.threshold / ALL)) this.#begin(this.#budget.share)
      if (isMore) this.#soon(0)
    })
  }

  /** Counts the reads of keys that no shadow sees. */
  #follow(): void {
    const { hits, misses } = this.#ear.takeSkipped()
    this.#shadows.skip(hits + misses, misses)
  }

  /** `true`: there is more. */
  #look(most: number): boolean {
    const ring = this.#ring
    this.#ear.catchUp()
    for (let left = most; left > 0; left--) {
      const at = ring.take()
      if (at < 0) return false
      const [hash, kind, time] = [ring.hash(at), ring.kind(at), ring.time(at)]
      if (kind === LOADED || kind === WRITTEN)
        this.#shadows.stored(hash, time, (ring.ttls[at] as number) * this.#setting.ttlFactor, kind === WRITTEN)
      else {
        const weight = this.#setting.unit === 'bytes' ? this.#weights.of(hash, ring.bytes(at)) : 1
        this.#shadows.read(hash, weight, time, kind === HIT, kind === LOST)
      }
    }
    return ring.count > 0
  }
}

const NAMES = ['lru', 'sieve', 's3-fifo', 'w-tinylfu', 'adaptive'] as const

function policyNamed(policy: string): (typeof NAMES)[number] {
  const known = NAMES.find((name) => name === policy)
  if (known !== undefined) return known
  throw new MillpondError(
    'OPTION_INVALID',
    `experiment: the policy ${policy} is a custom one, which shadow caches cannot use: name a built-in policy for each arm`,
  )
}
