// How likely a value is to change, by the time since its last change and its usual interval: a table of hazard rates.
//
// Observed only at reloads: whether the value differs from the last time, not when it changed. So a change is assigned
// to the middle of the interval, the actuarial estimate of a hazard (Cutler and Ederer, "Maximum utilization of the
// life table method in analyzing survival", 1958). Cells with few observations are shrunk towards all ages of the same
// scale, and those towards the total: gamma priors worth a few changes each.

/** Half octaves of the ratio of age to scale. */
const AGES = 24
/** The index at which age equals scale. */
const EVEN = 14
/** Octaves of the scale relative to the base; the first is for keys that were never seen to change. */
const SCALES = 12
const BASE_SCALE = 6
/** The weight of a prior, in changes. */
const PRIOR = 4
/** The initial guess: one change in this many times the base. */
const FIRST_GUESS = 10
/** After this many reloads, earlier ones count half. */
const ROUND = 4096

export class Hazard {
  readonly #baseMs: number
  readonly #changes = new Float32Array(SCALES * AGES)
  readonly #exposure = new Float32Array(SCALES * AGES)
  readonly #changesOf = new Float64Array(SCALES)
  readonly #exposureOf = new Float64Array(SCALES)
  #noted = 0

  constructor(baseMs: number) {
    this.#baseMs = baseMs
  }

  /**
   * A value that had last changed `ageMs` ago was checked again after `elapsedMs`. `scaleMs` 0: it was never seen to
   * change.
   */
  note(ageMs: number, scaleMs: number, elapsedMs: number, hasChanged: boolean): void {
    const scale = this.#scaleAt(scaleMs)
    const cell = scale * AGES + this.#ageAt(ageMs + elapsedMs / 2, scaleMs)
    const exposure = hasChanged ? elapsedMs / 2 : elapsedMs
    this.#exposure[cell] = (this.#exposure[cell] as number) + exposure
    this.#exposureOf[scale] = (this.#exposureOf[scale] as number) + exposure
    if (hasChanged) {
      this.#changes[cell] = (this.#changes[cell] as number) + 1
      this.#changesOf[scale] = (this.#changesOf[scale] as number) + 1
    }
    if (++this.#noted % ROUND === 0) this.#halve()
  }

  /** Changes per millisecond. */
  rate(ageMs: number, scaleMs: number): number {
    const scale = this.#scaleAt(scaleMs)
    const cell = scale * AGES + this.#ageAt(ageMs, scaleMs)
    const all = (sum(this.#changesOf) + 1) / (sum(this.#exposureOf) + this.#baseMs * FIRST_GUESS)
    const ofScale = leaning(this.#changesOf[scale] as number, this.#exposureOf[scale] as number, all)
    return leaning(this.#changes[cell] as number, this.#exposure[cell] as number, ofScale)
  }

  #ageAt(ageMs: number, scaleMs: number): number {
    const share = ageMs / (scaleMs === 0 ? this.#baseMs : scaleMs)
    return clamp(Math.floor(2 * Math.log2(Math.max(share, 1e-9))) + EVEN, 0, AGES - 1)
  }

  #scaleAt(scaleMs: number): number {
    return scaleMs === 0 ? 0 : clamp(Math.floor(Math.log2(scaleMs / this.#baseMs)) + BASE_SCALE, 1, SCALES - 1)
  }

  #halve(): void {
    for (const column of [this.#changes, this.#exposure, this.#changesOf, this.#exposureOf])
      for (let at = 0; at < column.length; at++) column[at] = (column[at] as number) / 2
  }
}

const leaning = (changes: number, exposure: number, on: number): number => (changes + PRIOR) / (exposure + PRIOR / on)

const clamp = (value: number, low: number, high: number): number => Math.max(low, Math.min(high, value))

function sum(column: Float64Array): number {
  let total = 0
  for (let at = 0; at < column.length; at++) total += column[at] as number
  return total
}
