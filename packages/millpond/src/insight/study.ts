// What is watched of one cache: its ear, and what turns the notes into curves, a few at a time in turns of their own.
import type { Clock } from '../core/contracts.ts'
import type { PolicyName } from '../memory/options.ts'
import { policyByName } from '../memory/policies/index.ts'
import { HotKeys } from '../observe/index.ts'
import { Curve, type Outcome } from './curve.ts'
import { type PatternStudy, Patterns } from './patterns.ts'
import { type Counted, Ear, HOT_EVERY, nothingCounted } from './recorder.ts'
import { HIT, LOADED, LOST, Ring, WRITTEN } from './ring.ts'
import { mixed } from './sample.ts'
import { type Setting, sameSetting, settingOf, type WatchedCache } from './setting.ts'
import { type ShadowOf, Shadows } from './shadows.ts'
import { addTally, emptyTally, type Tally } from './tally.ts'

/** Sizes of the grid, as multiples of what is there now. */
export const FACTORS = [1 / 16, 1 / 8, 1 / 4, 0.35, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.25, 1.5, 1.75, 2, 2.5, 3, 4, 6, 8, 16]
/** Times to live, as multiples of what values are given now. */
export const TTL_SCALES = [0.25, 0.5, 2, 4, Number.POSITIVE_INFINITY]
export const ACTUAL = FACTORS.indexOf(1)
const OF_PATTERN = [0, 1 / 16, 1 / 4]
/** Where a pattern's own curve has what is there now, and its times to live after it. */
export const ACTUAL_OF_PATTERN = OF_PATTERN.length

/** Sizes that are tried under the policy that is there: the first is as it is. */
const SCALES = [1, 0.5, 2]
const RIVALS: readonly PolicyName[] = ['adaptive', 'w-tinylfu', 's3-fifo', 'lru']
const POLICIES: readonly PolicyName[] = [...RIVALS, 'sieve']
const MOST_SHADOWS = 6

const SOON_MS = 20
/** How often it is asked whether the memory tier is what it was. */
const FIT_EVERY_MS = 1000
/** The most of a core that looking may take, how often that is judged, and the share of keys below which it does not go. */
const MOST_BUSY = 0.03
const BUSY_EVERY_MS = 10_000
const LEAST_SHARE = 1 / 256
/** Notes that are looked at in one turn: well below a millisecond or two. */
const A_TURN = 1024
const DAY_MS = 86_400_000
const MOST_DAYS = 30
const HOT_KEYS = 1024
const MOST_TIERS = 4
/** What keys of the sample weigh, by their hash; a power of two. */
const WEIGHED = 32_768

/** A policy and size that a shadow stands for. */
export interface Shadowed {
  readonly policy: PolicyName
  readonly scale: number
}

/** A span of time that is over, or goes on. */
export interface Span {
  readonly from: number
  to: number
  readonly curve: Tally
  readonly shadows: Tally
  readonly counted: Counted
  lostNotes: number
}

export class Study {
  readonly cache: WatchedCache
  /** `undefined`: the cache has no memory tier, or one without an end. */
  setting: Setting | undefined
  curve: Curve | undefined
  shadows: Shadows | undefined
  shadowed: readonly Shadowed[] = []
  patterns: Patterns | undefined
  /** When the study began, or began anew. */
  begunAt: number
  readonly #clock: Clock
  readonly #ring = new Ring()
  readonly #ear: Ear
  readonly #hot = new Map<string, HotKeys>()
  readonly #weightTags = new Int32Array(WEIGHED)
  readonly #weights = new Float32Array(WEIGHED)
  #meanWeight = 0
  #spans: Span[] = []
  #spanFrom: number
  #fittedAt = 0
  /** Of all keys, the most that are watched. */
  #share = 1
  #workedMs = 0
  #busySince: number
  #stopTimer: (() => void) | undefined
  #stopRecording: (() => void) | undefined

  constructor(cache: WatchedCache, clock: Clock) {
    this.cache = cache
    this.#clock = clock
    this.begunAt = clock.now()
    this.#spanFrom = this.begunAt
    this.#busySince = clock.monotonic()
    this.#ear = new Ear(
      this.#ring,
      clock,
      'memory',
      0,
      () => this.#soon(SOON_MS),
      (tier, key, namespace) => this.#noteHot(tier, key, namespace),
    )
    this.#fit()
    this.#stopRecording = cache.record(this.#ear)
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

  /** Looks at all that waits, and at whether the memory tier is still what it was. */
  catchUp(): void {
    this.#look(Number.POSITIVE_INFINITY)
    this.#fit()
  }

  /** The hottest keys of each tier, hottest first; counts are estimates from one read in 64. */
  hotKeys(limit: number): { readonly tier: string; readonly keys: ReturnType<HotKeys['top']> }[] {
    return [...this.#hot].map(([tier, keys]) => ({ tier, keys: keys.top(limit) }))
  }

  /** What was seen of the last `days` days, as one. */
  seen(days: number): Span | undefined {
    const { curve, shadows } = this
    if (curve === undefined || shadows === undefined) return undefined
    this.#endSpan(false)
    const since = this.#clock.now() - days * DAY_MS
    const spans = this.#spans.filter(({ to }) => to > since)
    const [first] = spans
    const all: Span = {
      from: first?.from ?? this.#spanFrom,
      to: this.#clock.now(),
      curve: emptyTally(curve.scenarios.length),
      shadows: emptyTally(this.shadowed.length),
      counted: nothingCounted(),
      lostNotes: 0,
    }
    for (const span of spans) {
      addTally(all.curve, span.curve)
      addTally(all.shadows, span.shadows)
      addCounted(all.counted, span.counted)
      all.lostNotes += span.lostNotes
    }
    return all
  }

  #soon(ms: number): void {
    this.#stopTimer ??= this.#clock.after(ms, () => {
      this.#stopTimer = undefined
      const began = [cpuMs(), this.#clock.monotonic()] as const
      const isMore = this.#look(A_TURN)
      this.#followSample()
      this.#workedMs += Math.min(cpuMs() - began[0], this.#clock.monotonic() - began[1])
      if (this.#clock.now() - this.#fittedAt >= FIT_EVERY_MS) this.#fit()
      if (isMore) this.#soon(0)
    })
  }

  /** `true`: there is more. */
  #look(most: number): boolean {
    for (let left = most; left > 0; left--) {
      const at = this.#ring.take()
      if (at < 0) return false
      this.#lookAt(at)
    }
    return this.#ring.count > 0
  }

  #lookAt(at: number): void {
    const { curve, shadows, patterns } = this
    if (curve === undefined || shadows === undefined || patterns === undefined || this.setting === undefined) return
    const ring = this.#ring
    const { keys, ttls, values } = ring
    const hash = ring.hash(at)
    const time = ring.time(at)
    const kind = ring.kind(at)
    const study = patterns.of(hash, keys[at] as string, this.#ear.spaces[ring.space(at)] ?? '')
    const weight = this.#weigh(hash, ring.bytes(at))
    if (kind === LOADED || kind === WRITTEN) {
      const ttlMs = (ttls[at] as number) * this.setting.ttlFactor
      curve.stored(hash, weight, time, ttlMs)
      shadows.stored(hash, time, ttlMs, kind === WRITTEN)
      if (study !== undefined)
        stored(study, patterns, hash, weight, time, ttlMs, kind === LOADED && !Number.isNaN(ttlMs), values[at] as number)
      return
    }
    const outcome: Outcome = kind === HIT ? 'hit' : kind === LOST ? 'lost' : 'miss'
    curve.read(hash, weight, time, outcome)
    shadows.read(hash, weight, time, kind === HIT, kind === LOST)
    if (study === undefined) return
    patterns.read(study)
    study.curve.read(hash, weight, time, outcome)
  }

  /** Of what is not told, what it weighed last, else what keys weigh in the mean. */
  #weigh(hash: number, told: number): number {
    if (this.setting?.unit !== 'bytes') return 1
    const cell = mixed(hash) & (WEIGHED - 1)
    if (told > 0) {
      this.#weightTags[cell] = hash
      this.#weights[cell] = told
      this.#meanWeight += (told - this.#meanWeight) * (this.#meanWeight === 0 ? 1 : 0.001)
      return told
    }
    return this.#weightTags[cell] === hash && this.#weights[cell] !== 0 ? (this.#weights[cell] as number) : this.#meanWeight || 1
  }

  #noteHot(tier: string, key: string, namespace: string): void {
    let keys = this.#hot.get(tier)
    if (keys === undefined) {
      if (this.#hot.size === MOST_TIERS) return
      keys = new HotKeys(HOT_KEYS)
      this.#hot.set(tier, keys)
    }
    keys.add(namespace === 'default' ? key : `${namespace} ${key}`, HOT_EVERY)
  }

  /** A study of another size or policy says nothing of the one that is there now: then it begins anew. */
  #fit(): void {
    this.#fittedAt = this.#clock.now()
    const setting = settingOf(this.cache, this.setting)
    if (sameSetting(setting, this.setting) && !this.#isTooBusy()) {
      this.#followSample()
      if (this.#clock.now() - this.#spanFrom >= DAY_MS) this.#endSpan(true)
      return
    }
    this.setting = setting
    this.begunAt = this.#clock.now()
    this.#spanFrom = this.begunAt
    this.#spans = []
    this.#takeCounts()
    if (setting === undefined) {
      this.curve = undefined
      this.shadows = undefined
      this.patterns = undefined
      this.#ear.threshold = 0
      return
    }
    this.#begin(setting)
  }

  #begin({ capacity, unit, entries, policy }: Setting): void {
    const share = this.#share
    const sizes = FACTORS.map((factor) => ({ size: factor * capacity, ttlScale: 1 }))
    const ttls = TTL_SCALES.map((ttlScale) => ({ size: capacity, ttlScale }))
    this.curve = new Curve([...sizes, ...ttls], ACTUAL, undefined, share)
    const ofPattern = OF_PATTERN.map((factor) => ({ size: factor * capacity, ttlScale: 1 }))
    this.patterns = new Patterns([...ofPattern, { size: capacity, ttlScale: 1 }, ...ttls], ACTUAL_OF_PATTERN)
    this.shadowed = shadowedOf(policy)
    this.shadows = new Shadows({ shadows: this.shadowed.map(shadowOf), capacity, unit, entries, share })
    this.#followSample()
  }

  /** What is looked at takes more time than it may: fewer keys are watched from now on, and what was seen of more of them is let go. */
  #isTooBusy(): boolean {
    const now = this.#clock.monotonic()
    const passed = now - this.#busySince
    if (passed < BUSY_EVERY_MS) return false
    const busy = this.#workedMs / passed
    this.#busySince = now
    this.#workedMs = 0
    if (busy <= MOST_BUSY || this.#share <= LEAST_SHARE) return false
    this.#share = Math.max(LEAST_SHARE, Math.min(this.#share, this.curve?.rate ?? 1) * Math.min(0.5, MOST_BUSY / busy))
    return true
  }

  /** Keys that any part watches are kept by the ear; what it has passed over is told to those that count all reads. */
  #followSample(): void {
    const { curve, shadows } = this
    if (curve === undefined || shadows === undefined) return
    const threshold = Math.max(curve.threshold, shadows.threshold)
    if (threshold < this.#ear.threshold || this.#ear.threshold === 0) this.patterns?.lowerTo(threshold)
    this.#ear.threshold = threshold
    const { skippedHits, skippedMisses } = this.#ear
    this.#ear.skippedHits = 0
    this.#ear.skippedMisses = 0
    curve.skip(skippedHits + skippedMisses, skippedMisses)
    shadows.skip(skippedHits + skippedMisses, skippedMisses)
  }

  #takeCounts(): { readonly counted: Counted; readonly lost: number } {
    const { counted } = this.#ear
    const { lost } = this.#ring
    this.#ear.counted = nothingCounted()
    this.#ring.lost = 0
    return { counted, lost }
  }

  /** The span that goes on becomes one of the past; of a day not yet over, the next one is added to it. */
  #endSpan(isDay: boolean): void {
    const { curve, shadows } = this
    if (curve === undefined || shadows === undefined) return
    this.#followSample()
    const { counted, lost } = this.#takeCounts()
    const now = this.#clock.now()
    const span: Span = { from: this.#spanFrom, to: now, curve: curve.turn(), shadows: shadows.turn(), counted, lostNotes: lost }
    const last = this.#spans.at(-1)
    if (last !== undefined && last.from === span.from) {
      addTally(last.curve, span.curve)
      addTally(last.shadows, span.shadows)
      addCounted(last.counted, counted)
      last.lostNotes += lost
      // Time in which nobody read anything belongs to no day.
      if (span.curve.reads > 0) last.to = now
    } else this.#spans.push(span)
    if (!isDay) return
    this.#spanFrom = now
    if (this.#spans.length > MOST_DAYS) this.#spans.shift()
  }
}

/** Beside the time: a machine that is busy with other things must not look like work of ours. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

function stored(
  study: PatternStudy,
  patterns: Patterns,
  hash: number,
  weight: number,
  time: number,
  ttlMs: number,
  isLoad: boolean,
  value: number,
): void {
  study.curve.stored(hash, weight, time, ttlMs)
  if (isLoad) patterns.loaded(study, hash, value)
}

/** As it is, half and twice as large, and three other policies. A policy of the user's own is not tried: nobody here can make one. */
function shadowedOf(policy: string): Shadowed[] {
  const known = POLICIES.find((name) => name === policy)
  const own = known === undefined ? [] : SCALES.map((scale) => ({ policy: known, scale }))
  const rivals = RIVALS.filter((name) => name !== policy).map((name) => ({ policy: name, scale: 1 }))
  return [...own, ...rivals].slice(0, MOST_SHADOWS)
}

const shadowOf = ({ policy, scale }: Shadowed): ShadowOf => ({ policy: policyByName(policy), scale })

function addCounted(into: Counted, more: Counted): void {
  into.hits += more.hits
  into.misses += more.misses
  into.loads += more.loads
  into.loadMs += more.loadMs
  into.expired += more.expired
  into.evicted += more.evicted
  into.lost += more.lost
}
