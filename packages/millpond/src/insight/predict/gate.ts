// Whether prefetching is of use at all: real misses against those of a cache without values that nobody prefetches
// into, on the same sample of keys.
import type { EvictionFactory } from '../../core/contracts.ts'
import { Shadows } from '../shadows.ts'

/** Misses of the ghost that make a window. */
const WINDOW = 256
/** The ghost has at least so many entries: with fewer, its misses and the real ones are too few to compare. */
const LEAST_ENTRIES = 4096
/** How much the last window counts of the benefit. */
const LAST = 0.5
/** The least benefit that keeps the gate open: the part of the ghost's misses that are spared. */
const LEAST = 0.02
/** A benefit below this closes the gate after one window. */
const HARM = -0.05
/** Windows without a benefit that close it. */
const PATIENCE = 2
/** Reads of the sample between two looks at the tally. */
const LOOK = 32
/**
 * While closed: the pause ends early when at least this share of the loads would have been spared, and twice the share
 * at the closing.
 */
const PROMISING = 0.1
const FIRST_PAUSE = 8
const LONGEST_PAUSE = 64

export interface GateOptions {
  readonly policy: EvictionFactory
  readonly capacity: number
  readonly unit: 'entries' | 'bytes'
  readonly entries: number
}

export class Gate {
  /** It begins closed: prefetching is only let once it would have spared enough loads, or after the first pause. */
  isOpen = false
  /** Fewer misses in the last window, as a part of the ghost's: negative for more. Undefined before the first one. */
  benefit: number | undefined
  /** How often it was closed. */
  closings = 0
  readonly #ghost: Shadows
  #bad = 0
  #pause = FIRST_PAUSE
  /** Windows until it opens again. */
  #closedFor = FIRST_PAUSE
  #spared = 0
  #loads = 0
  #promiseAtClosing = 0

  constructor({ policy, capacity, unit, entries }: GateOptions) {
    this.#ghost = new Shadows({ shadows: [{ policy, scale: 1 }], capacity, unit, entries, least: LEAST_ENTRIES })
  }

  /**
   * `isLost`: a miss that has nothing to do with what memory had room for. `spared`, of `loads`: what prefetching has
   * spared so far, or would have while the gate is closed.
   */
  read(
    hash: number,
    weight: number,
    now: number,
    isHit: boolean,
    isLost: boolean,
    spared: number,
    loads: number,
  ): void {
    this.#ghost.read(hash, weight, now, isHit, isLost)
    const { tally } = this.#ghost
    if (tally.looked < WINDOW || tally.looked % LOOK !== 0) return
    const ghost = sum(tally.misses) * this.#rate
    if (ghost < WINDOW) return
    const real = sum(tally.sampledMissed) * this.#rate
    this.#ghost.turn()
    const promise = loads === this.#loads ? 0 : (spared - this.#spared) / (loads - this.#loads)
    this.#spared = spared
    this.#loads = loads
    this.#judge(1 - real / ghost, promise)
  }

  stored(hash: number, now: number, ttlMs: number, isNew: boolean): void {
    this.#ghost.stored(hash, now, ttlMs, isNew)
  }

  /** What is tallied stands for all keys. */
  get #rate(): number {
    return this.#ghost.threshold / 2 ** 32
  }

  #judge(benefit: number, promise: number): void {
    this.benefit = this.benefit === undefined || !this.isOpen ? benefit : this.benefit + LAST * (benefit - this.benefit)
    if (!this.isOpen) {
      const isOther = promise >= Math.max(PROMISING, 2 * this.#promiseAtClosing)
      if (--this.#closedFor > 0 && !isOther) return
      this.isOpen = true
      this.#bad = 0
      return
    }
    if (this.benefit >= LEAST) {
      this.#bad = 0
      this.#pause = FIRST_PAUSE
      return
    }
    this.#bad++
    if (this.#bad < PATIENCE && this.benefit > HARM) return
    this.isOpen = false
    this.closings++
    this.#promiseAtClosing = promise
    this.#closedFor = this.#pause
    this.#pause = Math.min(LONGEST_PAUSE, this.#pause * 2)
  }
}

const sum = (numbers: Float64Array): number => {
  let all = 0
  for (let at = 0; at < numbers.length; at++) all += numbers[at] as number
  return all
}
