// The default policy: a lazy W-TinyLFU whose window size is chosen by miniature simulations of the cache.
//
// No window suits all traffic: scans and loops need a small one, a moving working set needs a large one or no frequency
// guard. The hill climber of "Adaptive Software Cache Management" (Einziger et al., Middleware 2018) needs a period of
// several cache sizes for each small step and is misled by noise; miniatures (`miniatures.ts`) compare all sizes at
// once on the same requests.
import type { Eviction, EvictionFactory } from '../../core/contracts.ts'
import { ClockWindow, type ClockWindowOptions } from './clock-window.ts'
import { Miniatures } from './miniatures.ts'

/** Set in the mark of a watched entry: the store sees a mark above the limit and reports the hit. */
const WATCHED = 0x80
const COUNT = 3
/** The candidate windows; 0 is plain CLOCK. */
const SHARES = [0, 0.02, 0.12, 0.35]
/** The best one while nothing is known ... */
const FIRST = 2
/**
 * ... and the one for a cache so large that learning takes long: there a wrong window costs recency more than the right
 * one gains on loops.
 */
const FIRST_IN_LARGE = 0
const LARGE = 4_096
/** The entries of a miniature: more if the sampled keys are a small share of all. */
const MINIATURE = 64
const MINIATURE_IN_LARGE = 256
const GHOST_SHARE = 0.5
/** The relative change of size from which the miniatures are refitted. */
const TOLERANCE = 1 / 8
/** Entries whose marks are updated with each insertion while the sample is being redrawn: some microseconds. */
const MARKED_AT_ONCE = 4_096

class Adaptive implements Eviction {
  readonly name = 'adaptive'
  readonly markLimit = COUNT
  readonly #areas: ClockWindow
  #miniatures: Miniatures
  /** The size to which the miniatures were fitted. */
  #fitted = 0
  /** Whether an entry has ever been evicted. */
  #isFull = false
  /** The slot from which marks are still to be updated; -1: all are. */
  #unmarked = -1

  constructor(weighed: boolean) {
    this.#areas = new ClockWindow(new Int32Array(0), {
      ...rival(SHARES[FIRST] ?? 0, 4096),
      ghostShare: GHOST_SHARE,
      weighed,
    })
    this.#miniatures = miniatures(MINIATURE, FIRST)
  }

  get marks(): Uint8Array {
    return this.#areas.marks
  }

  hit(slot: number): void {
    const { marks, hashes } = this.#areas
    const mark = marks[slot] as number
    if ((mark & COUNT) < COUNT) marks[slot] = mark + 1
    if (mark < WATCHED) return
    const hash = hashes[slot] as number
    if (this.#miniatures.watches(hash)) this.#observe(hash)
    // No longer watched: the cache has grown, or the hash has changed. Stop reporting hits of this entry.
    else marks[slot] = (marks[slot] as number) & COUNT
  }

  #observe(hash: number): void {
    if (this.#miniatures.request(hash)) this.#areas.share = SHARES[this.#miniatures.champion] as number
  }

  add(slot: number, hash: number, weight: number, cost: number, isAhead = false): void {
    const { marks } = this.#areas
    this.#areas.add(slot, weight, cost)
    if (!this.#isFull) this.#fit()
    if (this.#unmarked >= 0) this.#markSome()
    const isWatched = this.#miniatures.watches(hash)
    marks[slot] = isWatched ? WATCHED : 0
    if (!isWatched) return
    // In a large cache a window that holds what is foreseen is the better one for what will be: decision 0070.
    const counts = this.#miniatures.most !== MINIATURE
    if (!isAhead) this.#observe(hash)
    else if (this.#miniatures.loadAhead(hash, counts)) this.#areas.share = SHARES[this.#miniatures.champion] as number
  }

  reweigh(slot: number, weight: number, cost: number): void {
    this.#areas.reweigh(slot, weight, cost)
    this.hit(slot)
  }

  remove(slot: number): void {
    this.#areas.remove(slot)
  }

  victim(): number {
    const slot = this.#areas.victim()
    if (!this.#isFull) this.#begin()
    this.#fit()
    return slot
  }

  /** The first eviction: from now on the windows differ. */
  #begin(): void {
    this.#isFull = true
    this.#fitted = 0
    if (this.#areas.size < LARGE) return
    this.#miniatures.champion = FIRST_IN_LARGE
    this.#areas.share = SHARES[FIRST_IN_LARGE] as number
  }

  #fit(): void {
    const { size } = this.#areas
    if (Math.abs(size - this.#fitted) <= this.#fitted * TOLERANCE) return
    this.#fitted = size
    // Also before the cache is full, so that the miniatures are warm when they are needed.
    const most = size >= LARGE ? MINIATURE_IN_LARGE : MINIATURE
    const isOther = most !== this.#miniatures.most
    if (isOther) this.#miniatures = miniatures(most, this.#miniatures.champion)
    if (this.#miniatures.fit(size, this.#isFull) || isOther) this.#mark()
  }

  grow(slots: number, hashes: Int32Array): void {
    this.#areas.hashes = hashes
    this.#areas.grow(slots)
  }

  /**
   * The keys watched from now on are already cached, so their entries must be marked. What the miniatures have learnt
   * is kept.
   */
  rehashed(): void {
    this.#mark()
    this.#miniatures.clear()
  }

  /** In pieces, to bound the pause with millions of entries. Entries not yet reached keep their previous marks. */
  #mark(): void {
    this.#unmarked = 0
    this.#markSome()
  }

  #markSome(): void {
    const { marks, hashes } = this.#areas
    const end = Math.min(marks.length, this.#unmarked + MARKED_AT_ONCE)
    for (let slot = this.#unmarked; slot < end; slot++)
      marks[slot] = ((marks[slot] as number) & COUNT) | (this.#miniatures.watches(hashes[slot] as number) ? WATCHED : 0)
    this.#unmarked = end < marks.length ? end : -1
  }

  resize(): void {
    // The window is a share of what is held, and the store asks for victims: no size is kept here.
  }

  clear(): void {
    this.#areas.clear()
    this.#miniatures.clear()
    this.#isFull = false
    this.#fitted = 0
  }
}

const miniatures = (most: number, first: number): Miniatures =>
  new Miniatures(
    SHARES.map((share) => rival(share, 256)),
    first,
    most,
  )

/** Plain CLOCK keeps no ghosts: it admits returning entries anyway. */
function rival(share: number, leastWords: number): ClockWindowOptions {
  const sketch = { wordsPerEntry: 0.5, leastWords, samplePerEntry: 32, leastSample: 4096 }
  return { share, ghostShare: share === 0 ? 0 : GHOST_SHARE, sketch, weighed: false }
}

/**
 * Admission and eviction that adapt to the traffic; sizes and load times count if they are known. About 6 bytes per
 * entry, 7 or 8 with them.
 */
export const adaptive: EvictionFactory = ({ unit }) => new Adaptive(unit === 'bytes')
