// The window's share of the cache, found by hill climbing on the hit ratio (Einziger et al., "Adaptive Software Cache
// Management", 2018).

const START = 0.01
const MIN = 0.0
const MAX = 0.8
const STEP = 0.0625
const DECAY = 0.98
const RESTART_AT = 0.05
const SAMPLE_PER_ENTRY = 10

/**
 * Continues in the same direction while the hit ratio of the last sample is not worse than before, and reverses
 * otherwise; steps shrink until the traffic changes.
 */
export class Climber {
  #share = START
  #step = STEP
  #sample = Number.POSITIVE_INFINITY
  #requests = 0
  #hits = 0
  #previous = 0

  /** The window's share, 0 .. 1. */
  get share(): number {
    return this.#share
  }

  resize(entries: number): void {
    this.#sample = Math.max(SAMPLE_PER_ENTRY * entries, 64)
  }

  /** Counts one request; `true` when the share has just moved. */
  request(hit: boolean): boolean {
    if (hit) this.#hits++
    if (++this.#requests < this.#sample) return false
    this.#climb()
    return true
  }

  #climb(): void {
    const ratio = this.#hits / this.#requests
    const change = ratio - this.#previous
    const move = change >= 0 ? this.#step : -this.#step
    this.#share = Math.min(MAX, Math.max(MIN, this.#share + move))
    this.#step = Math.abs(change) >= RESTART_AT ? Math.sign(move) * STEP : move * DECAY
    this.#previous = ratio
    this.#requests = 0
    this.#hits = 0
  }

  clear(): void {
    this.#share = START
    this.#step = STEP
    this.#requests = 0
    this.#hits = 0
    this.#previous = 0
  }
}
