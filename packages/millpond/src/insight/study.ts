// The observation of one cache: its recorder, and the processing of notes, a few at a time in separate turns.
import type { Clock } from '../core/contracts.ts'
import { Budget } from './budget.ts'
import { HotTiers } from './hot-tiers.ts'
import { nothingCounted, SamplingRecorder } from './recorder.ts'
import { Ring } from './ring.ts'
import { sameTier, settingOf, type WatchedCache } from './setting.ts'
import { DAY_MS, type Span, Spans } from './spans.ts'
import { SteadyClock } from './steady-clock.ts'
import { Watching } from './watching.ts'
import { Weights } from './weights.ts'

const SOON_MS = 20
/** How often the memory tier is checked for changes. */
const FIT_EVERY_MS = 1000
/** Notes processed in one turn: well below a millisecond or two. */
const A_TURN = 1024

export class Study {
  readonly cache: WatchedCache
  /** `undefined`: the cache has no memory tier, or one without a limit. */
  watching: Watching | undefined
  readonly hot: HotTiers
  /** When the study was started or restarted, by a clock that cannot be set. */
  begunAt: number
  readonly #clock: SteadyClock
  readonly #patterns: number | undefined
  readonly #ring = new Ring()
  readonly #ear: SamplingRecorder
  readonly #weights = new Weights()
  readonly #budget: Budget
  #spans: Spans
  #fittedAt = 0
  #stopTimer: (() => void) | undefined
  #stopRecording: (() => void) | undefined

  /** `patterns`: the most curves of patterns; default: as many as fit into memory. */
  constructor(cache: WatchedCache, clock: Clock, patterns?: number) {
    this.#patterns = patterns
    this.cache = cache
    this.#clock = new SteadyClock(clock)
    this.begunAt = this.#clock.now()
    this.hot = new HotTiers(clock)
    this.#spans = new Spans(this.begunAt)
    this.#budget = new Budget(clock)
    this.#ear = new SamplingRecorder(this.#ring, this.#clock, 'memory', () => this.#soon(SOON_MS), this.hot)
    this.#fit()
    this.#stopRecording = cache.record(this.#ear)
  }

  /** How far the wall clock is ahead of internal times. */
  get lead(): number {
    return this.#clock.lead
  }

  get isRecording(): boolean {
    return this.#stopRecording !== undefined
  }

  close(): void {
    this.#stopRecording?.()
    this.#stopRecording = undefined
    this.#stopTimer?.()
    this.#stopTimer = undefined
  }

  /** Processes everything that waits, and checks whether the memory tier is unchanged. */
  catchUp(): void {
    this.#look(Number.POSITIVE_INFINITY)
    this.#fit()
  }

  /** The sum of the last `days` days. */
  seen(days: number): Span | undefined {
    const { watching } = this
    if (watching === undefined) return undefined
    this.#putAside(watching)
    const now = this.#clock.now()
    return this.#spans.sum(now - days * DAY_MS, now, {
      curve: watching.curve.scenarios.length,
      shadows: watching.shadowed.length,
    })
  }

  #soon(ms: number): void {
    this.#stopTimer ??= this.#clock.after(ms, () => {
      this.#stopTimer = undefined
      const isMore = this.#budget.work(() => {
        const more = this.#look(A_TURN)
        this.#followSample()
        return more
      })
      if (this.#clock.now() - this.#fittedAt >= FIT_EVERY_MS) this.#fit()
      if (isMore) this.#soon(0)
    })
  }

  /** `true`: there is more. */
  #look(most: number): boolean {
    const { watching } = this
    this.#ear.catchUp()
    this.hot.catchUp()
    for (let left = most; left > 0; left--) {
      const at = this.#ring.take()
      if (at < 0) return false
      watching?.look(this.#ring, at, this.#ear.spaces.name(this.#ring.space(at)))
    }
    return this.#ring.count > 0
  }

  /**
   * A study of another size or policy says nothing about the current one: then it restarts. It also does if it took too
   * much time. Other weights of entries only need shadows of another scale.
   */
  #fit(): void {
    const now = this.#clock.now()
    this.#fittedAt = now
    const { watching } = this
    const setting = settingOf(this.cache, watching?.setting)
    if (sameTier(setting, watching?.setting) && !this.#budget.isExceeded(watching?.curve.rate ?? 1)) {
      this.#followSample()
      if (watching === undefined || setting === undefined) return
      if (setting.entries !== watching.setting.entries) {
        this.#putAside(watching)
        watching.rescale(setting, this.#budget.share)
        this.#followSample()
      }
      if (!this.#spans.isDayOver(now)) return
      this.#putAside(watching)
      this.#spans.endDay(now)
      return
    }
    this.#followSample()
    this.begunAt = now
    this.#spans = new Spans(now)
    this.#ear.counted = nothingCounted()
    this.#ring.lost = 0
    this.watching =
      setting === undefined ? undefined : new Watching(setting, this.#budget.share, this.#weights, this.#patterns)
    this.#followSample()
  }

  /** The recorder keeps keys that any part watches; skipped reads are reported to the parts that count all reads. */
  #followSample(): void {
    const { hits, misses } = this.#ear.takeSkipped()
    this.#ear.threshold = this.watching?.threshold() ?? 0
    this.watching?.skip(hits + misses, misses)
  }

  /** Adds the counts so far to the current day. */
  #putAside({ curve, shadows }: Watching): void {
    this.#followSample()
    const { counted } = this.#ear
    const { lost } = this.#ring
    this.#ear.counted = nothingCounted()
    this.#ring.lost = 0
    this.#spans.add({ curve: curve.turn(), shadows: shadows.turn(), counted, lostNotes: lost }, this.#clock.now())
  }
}
