// Whether loading ahead helps, and whether keeping what is foreseen does: misses on the same sample of keys.
//
// Prefetching is judged by real misses against those of a ghost cache without values and without prefetching. Keeping
// changes no load of its own, so it needs no trial in the real cache: a second ghost keeps all the time, and is
// compared with the first. Where keeping is on, that second ghost is what prefetching has to be better than.
import type { EvictionFactory } from '../../core/contracts.ts'
import { GROUPS } from '../sample.ts'
import { Shadows } from '../shadows.ts'

/** The ghost's misses in a window. */
const WINDOW = 256
/** The least entries of the ghost: with fewer, the misses are too few to compare. */
const LEAST_ENTRIES = 4096
/** The weight of the last window in the benefit. */
const LAST = 0.5
/** The least benefit that keeps the gate open: the share of the ghost's misses that are saved. */
const LEAST = 0.02
/** A benefit below this closes the gate after one window. */
const HARM = -0.05
/** Windows without benefit after which it closes. */
const PATIENCE = 2
/** Sampled reads between two checks of the tally. */
const LOOK = 32
/**
 * While closed: the pause ends early if at least this share of the loads would have been saved, and twice the share at
 * the closing.
 */
const PROMISING = 0.1
const FIRST_PAUSE = 8
const LONGEST_PAUSE = 64

/** The ghosts: one that is told nothing, and one that keeps what is foreseen. */
const PLAIN = 0
const KEEPING = 1
/** The least misses that keeping must save to be switched on, and to stay on, as shares of the plain ghost's. */
const KEEP_FROM = 0.015
const KEEP_UNTIL = 0.005
/** The weight of the last window in what keeping saves, and the windows before it may be switched on. */
const KEEP_LAST = 0.25
const KEEP_AFTER = 4

export interface GateOptions {
  readonly policy: EvictionFactory
  readonly capacity: number
  readonly unit: 'entries' | 'bytes'
  readonly entries: number
}

export class Gate {
  /** Starts closed: opens once prefetching would have saved enough loads, or after the first pause. */
  isOpen = false
  /**
   * The reduction of misses in the last window, relative to the ghost's; negative for an increase. Undefined before the
   * first.
   */
  benefit: number | undefined
  /** How often it was closed. */
  closings = 0
  /** Whether what is foreseen should be kept in memory. */
  isKeeping = false
  /** The reduction of misses by keeping, as a share of the plain ghost's. Undefined before the first window. */
  keepBenefit: number | undefined
  readonly #ghosts: Shadows
  #windows = 0
  #bad = 0
  #pause = FIRST_PAUSE
  /** Windows until it reopens. */
  #closedFor = FIRST_PAUSE
  #spared = 0
  #loads = 0
  #promiseAtClosing = 0

  constructor({ policy, capacity, unit, entries }: GateOptions) {
    const ghost = { policy, scale: 1 }
    this.#ghosts = new Shadows({ shadows: [ghost, ghost], capacity, unit, entries, least: LEAST_ENTRIES })
  }

  /**
   * `isLost`: a miss unrelated to memory's capacity. `spared`, of `loads`: those that prefetching has saved so far, or
   * would have while the gate is closed.
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
    this.#ghosts.read(hash, weight, now, isHit, isLost)
    const { tally } = this.#ghosts
    if (tally.looked < WINDOW || tally.looked % LOOK !== 0) return
    const plain = this.#missesOf(PLAIN)
    if (plain < WINDOW) return
    const keeping = this.#missesOf(KEEPING)
    const ghost = this.isKeeping ? keeping : plain
    const real = sum(tally.sampledMissed) * this.#rate
    this.#ghosts.turn()
    this.#judgeKeeping(1 - keeping / plain)
    const promise = loads === this.#loads ? 0 : (spared - this.#spared) / (loads - this.#loads)
    this.#spared = spared
    this.#loads = loads
    this.#judge(1 - real / ghost, promise)
  }

  /** The ghost has evicted: so has memory, which held as much. */
  get isFull(): boolean {
    return this.#ghosts.isFull
  }

  /** A key is foreseen. */
  keep(hash: number): void {
    this.#ghosts.keep(KEEPING, hash)
  }

  stored(hash: number, now: number, ttlMs: number, isNew: boolean): void {
    this.#ghosts.stored(hash, now, ttlMs, isNew)
  }

  /** The tallied share of all keys. */
  get #rate(): number {
    return this.#ghosts.threshold / 2 ** 32
  }

  #missesOf(ghost: number): number {
    return sum(this.#ghosts.tally.misses.subarray(ghost * GROUPS, (ghost + 1) * GROUPS)) * this.#rate
  }

  #judgeKeeping(benefit: number): void {
    this.keepBenefit =
      this.keepBenefit === undefined ? benefit : this.keepBenefit + KEEP_LAST * (benefit - this.keepBenefit)
    this.isKeeping = ++this.#windows > KEEP_AFTER && this.keepBenefit >= (this.isKeeping ? KEEP_UNTIL : KEEP_FROM)
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
