// How much may be loaded in vain: a share of what is loaded anyway. The threshold is what this pays for: it rises while
// the budget is short.

/** Of the loads that there would be without prefetching. */
const SHARE = 0.21
const LEAST = 0.25
const MOST = 0.95
const START = 0.5
/** Loads after which the threshold is looked at, and by how much it goes up or down then, in logits. */
const ROUND = 128
const UP = 0.2
const DOWN = 0.1
/**
 * In loads, at the usual share: what there is at first, what is kept at most, and where the threshold is raised and
 * lowered; of another share so much more or less. What can be foreseen comes in bursts, as scans do: calm times pay for
 * them.
 */
const FIRST = 64
const ROOM = 4096
const SHORT = 16
const AMPLE = 64

/** What may be loaded in vain. */
export interface WasteBounds {
  /**
   * Loads in vain, as a part of all loads that there would be without prefetching, 0 to 1. Default 0.21. What is not
   * spent is kept, up to 4,096 loads, of another share so much more or less.
   */
  readonly waste?: number | undefined
  /** Chances below it are never worth a load, 0 to 1. Default 0.25. */
  readonly least?: number | undefined
}

export class Budget {
  /** Chances from here on are worth a load. */
  threshold: number
  readonly #share: number
  readonly #least: number
  /** Of what is kept at the usual share. */
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

  /** A load that there would be without prefetching too: a miss, or what a prefetch has spared. */
  loaded(): void {
    this.#credit = Math.min(ROOM * this.#scale, this.#credit + this.#share)
    if (++this.#loads < ROUND) return
    this.#loads = 0
    if (this.#credit < SHORT * this.#scale) this.#turn(UP)
    else if (this.#credit > AMPLE * this.#scale) this.#turn(-DOWN)
  }

  /** Pays for what is expected to be in vain. */
  issued(chance: number): void {
    this.#credit -= 1 - chance
  }

  /** `label`: 1 for what was read in time, 0 for what was not. */
  ended(chance: number, label: number): void {
    this.#credit += label - chance
  }

  #turn(logits: number): void {
    const odds = Math.exp(Math.log(this.threshold / (1 - this.threshold)) + logits)
    this.threshold = Math.min(Math.max(MOST, this.#least), Math.max(this.#least, odds / (1 + odds)))
  }
}
