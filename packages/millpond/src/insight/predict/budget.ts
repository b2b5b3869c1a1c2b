// How many prefetches may be wasted: a share of the loads that happen anyway. The threshold is set by this budget: it
// rises while the budget is short.

/** The share of the loads that would happen without prefetching. */
const SHARE = 0.18
const LEAST = 0.25
const MOST = 0.95
const START = 0.5
/** Loads between two adjustments of the threshold, and its step in logits. */
const ROUND = 128
const UP = 0.2
const DOWN = 0.1
/**
 * In loads, at the default share (scaled for others): the initial budget, its maximum, and where the threshold is
 * raised and lowered. Predictable reads come in bursts, such as scans: quiet times pay for them.
 */
const FIRST = 64
const ROOM = 4096
const SHORT = 16
const AMPLE = 64

/** Limits on wasted loads. */
export interface WasteBounds {
  /**
   * Wasted loads, as a share of all loads that would happen without prefetching, 0 to 1. Default 0.18. Unspent budget
   * is kept, up to 4,096 loads, scaled for other shares.
   */
  readonly waste?: number | undefined
  /** Probabilities below this never justify a load, 0 to 1. Default 0.25. */
  readonly least?: number | undefined
}

export class Budget {
  /** Probabilities from here on justify a load. */
  threshold: number
  readonly #share: number
  readonly #least: number
  /** Relative to the budget at the default share. */
  readonly #scale: number
  #credit: number
  #loads = 0

  constructor({ waste = SHARE, least = LEAST }: WasteBounds = {}) {
    this.#share = waste
    this.#least = least
    this.threshold = Math.max(START, least)
    this.#scale = waste / SHARE
    this.#credit = FIRST * this.#scale
  }

  isWorth(chance: number): boolean {
    return chance >= this.threshold && this.#credit > 1 - chance
  }

  /**
   * Whether so many loads in vain, of `loads` that there would be without prefetching, are within the share. What is
   * not read yet has to be among them: that it is in vain is known only as many loads later as memory has entries, but
   * a use at once, so that chances are overrated until then.
   */
  covers(vain: number, loads: number): boolean {
    return vain < SHORT * this.#scale + this.#share * loads
  }

  /** Counts a load that would also happen without prefetching: a miss, or one that a prefetch has saved. */
  loaded(): void {
    this.#credit = Math.min(ROOM * this.#scale, this.#credit + this.#share)
    if (++this.#loads < ROUND) return
    this.#loads = 0
    if (this.#credit < SHORT * this.#scale) this.#turn(UP)
    else if (this.#credit > AMPLE * this.#scale) this.#turn(-DOWN)
  }

  /** Pays for the expected waste. */
  issued(chance: number): void {
    this.#credit -= 1 - chance
  }

  /** `label`: 1 if it was read in time, otherwise 0. */
  ended(chance: number, label: number): void {
    this.#credit += label - chance
  }

  #turn(logits: number): void {
    const odds = Math.exp(Math.log(this.threshold / (1 - this.threshold)) + logits)
    this.threshold = Math.min(Math.max(MOST, this.#least), Math.max(this.#least, odds / (1 + odds)))
  }
}
