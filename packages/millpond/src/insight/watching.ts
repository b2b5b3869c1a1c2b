// Observes a memory tier with its current setting: a curve, shadows, and curves of the patterns. Another setting gets a
// new instance.
import { LastReads } from './cost/ledger.ts'
import { Curve, type Outcome } from './curve.ts'
import {
  ACTUAL,
  ACTUAL_OF_PATTERN,
  type Shadowed,
  scenariosOf,
  scenariosOfPattern,
  shadowedOf,
  shadowOf,
} from './grid.ts'
import { type PatternStudy, Patterns } from './patterns.ts'
import { HIT, LOADED, LOST, type Ring, WRITTEN } from './ring.ts'
import { ALL } from './sample.ts'
import type { Setting } from './setting.ts'
import { Shadows } from './shadows.ts'
import type { Weights } from './weights.ts'

export class Watching {
  setting: Setting
  readonly curve: Curve
  /** What each shadow represents. */
  readonly shadowed: readonly Shadowed[]
  shadows: Shadows
  readonly patterns: Patterns
  readonly #weights: Weights
  readonly #lastReads = new LastReads()
  #threshold = Number.POSITIVE_INFINITY

  /** `share`: the largest share of keys that is watched. `patterns`: the most curves of patterns. */
  constructor(setting: Setting, share: number, weights: Weights, patterns?: number) {
    const { capacity, policy } = setting
    this.setting = setting
    this.curve = new Curve(scenariosOf(capacity), ACTUAL, undefined, share)
    this.patterns = new Patterns(scenariosOfPattern(capacity), ACTUAL_OF_PATTERN, patterns)
    this.shadowed = shadowedOf(policy)
    this.shadows = shadowsOf(setting, this.shadowed, share)
    this.#weights = weights
  }

  /** The memory tier holds another number of entries than expected: what was found stays, and shadows start over. */
  rescale(setting: Setting, share: number): void {
    this.setting = setting
    this.shadows = shadowsOf(setting, this.shadowed, share)
  }

  /** Keys that any part watches have a mixed hash below this; it falls over time. */
  threshold(): number {
    const threshold = Math.max(this.curve.threshold, this.shadows.threshold)
    if (threshold < this.#threshold) this.patterns.lowerTo(threshold)
    this.#threshold = threshold
    return threshold
  }

  /** Reads of keys that are not watched. */
  skip(reads: number, misses: number): void {
    this.curve.skip(reads, misses)
    this.shadows.skip(reads, misses)
  }

  /** Processes the note at a place of the ring. */
  look(ring: Ring, at: number, namespace: string): void {
    const hash = ring.hash(at)
    const time = ring.time(at)
    const kind = ring.kind(at)
    const study = this.patterns.of(hash, ring.keys[at] as string, namespace, time)
    if (kind === LOADED || kind === WRITTEN) {
      const weight = this.setting.unit === 'bytes' ? this.#weights.ofStored(hash, ring.bytes(at)) : 1
      const ttlMs = (ring.ttls[at] as number) * this.setting.ttlFactor
      this.curve.stored(hash, weight, time, ttlMs)
      this.shadows.stored(hash, time, ttlMs, kind === WRITTEN)
      study?.curve.stored(hash, weight, time, ttlMs)
      // Without a TTL it is a copy from a lower tier.
      if (study !== undefined && kind === LOADED && !Number.isNaN(ttlMs))
        this.#loaded(study, hash, ring.values[at] as number)
      return
    }
    const weight = this.setting.unit === 'bytes' ? this.#weights.of(hash, ring.bytes(at)) : 1
    this.#read(hash, weight, time, kind === HIT ? 'hit' : kind === LOST ? 'lost' : 'miss', study)
    const since = this.#lastReads.since(hash, time)
    if (kind === HIT) study?.ledger.hit(ring.bytes(at), since, ALL / this.#threshold)
    else study?.ledger.miss(ALL / this.#threshold)
  }

  #loaded(study: PatternStudy, hash: number, valueHash: number): void {
    this.patterns.loaded(study, hash, valueHash)
    study.ledger.loads += ALL / this.#threshold
  }

  #read(hash: number, weight: number, time: number, outcome: Outcome, study: PatternStudy | undefined): void {
    this.curve.read(hash, weight, time, outcome)
    this.shadows.read(hash, weight, time, outcome === 'hit', outcome === 'lost')
    this.patterns.read(study)
    study?.curve.read(hash, weight, time, outcome)
  }
}

const shadowsOf = ({ capacity, unit, entries }: Setting, shadowed: readonly Shadowed[], share: number): Shadows =>
  new Shadows({ shadows: shadowed.map(shadowOf), capacity, unit, entries, share })
