// The default policy: a lazy W-TinyLFU whose window follows what miniatures of the cache say of the traffic.
//
// No window is right for all traffic: scans and loops want a small one, work that moves on wants a large one or none of
// the frequency guard. The hill climber of "Adaptive Software Cache Management" (Einziger et al., Middleware 2018)
// needs a period of several cache sizes for each small step and is misled by noise; miniatures (see there) compare all
// sizes at once on the same requests.
import type { Eviction, EvictionFactory } from '../../core/contracts.ts'
import { ClockWindow, type ClockWindowOptions } from './clock-window.ts'
import { Miniatures } from './miniatures.ts'

/** Set in the mark of a watched entry: the store sees a mark above the limit and reports the hit. */
const WATCHED = 0x80
const COUNT = 3
/** The windows that compete; 0 is plain CLOCK. */
const SHARES = [0, 0.02, 0.12, 0.35]
/** The one that is best where nothing is known yet ... */
const FIRST = 2
/**
 * ... and in a cache so large that it is long until something is: there a wrong window costs recency more than the
 * right one brings to loops.
 */
const FIRST_IN_LARGE = 0
const LARGE = 4_096
/** What the miniatures hold: more where the keys that they watch are few among all. */
const MINIATURE = 64
const MINIATURE_IN_LARGE = 256
const GHOST_SHARE = 0.5
/** The size may differ by this part before the miniatures are told. */
const TOLERANCE = 1 / 8
/** Entries that are looked at with each one that comes, while it is chosen anew who is watched: some microseconds. */
const MARKED_AT_ONCE = 4_096

class Adaptive implements Eviction {
  readonly name = 'adaptive'
  readonly markLimit = COUNT
  readonly #areas: ClockWindow
  #miniatures: Miniatures
  /** The size that the miniatures were fitted to. */
  #fitted = 0
  /** Somebody had to leave already. */
  #isFull = false
  /** From this slot on it is still to be chosen anew who is watched; -1 where that is done. */
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
    // It is not watched any more: the cache has grown, or its hash has changed. Nothing more is to be told of this one.
    else marks[slot] = (marks[slot] as number) & COUNT
  }

  #observe(hash: number): void {
    if (this.#miniatures.request(hash)) this.#areas.share = SHARES[this.#miniatures.champion] as number
  }

  add(slot: number, hash: number, weight: number, cost: number): void {
    const { marks } = this.#areas
    this.#areas.add(slot, weight, cost)
    if (!this.#isFull) this.#fit()
    if (this.#unmarked >= 0) this.#markSome()
    const isWatched = this.#miniatures.watches(hash)
    marks[slot] = isWatched ? WATCHED : 0
    if (isWatched) this.#observe(hash)
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

  /** Somebody has to leave for the first time: from now on windows can be told apart. */
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
    // Before it is full, so that they hold what they should when they are asked.
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
   * Those that are watched from now on are there already, and must say so when they are read. What the miniatures have
   * judged stands.
   */
  rehashed(): void {
    this.#mark()
    this.#miniatures.clear()
  }

  /**
   * In pieces, so that nobody waits for millions. Of those whose turn has not come the miniatures hear by what was
   * chosen before, or nothing.
   */
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
    // The window is a share of what is held, and the store says when somebody must leave: no size is kept here.
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

/** Plain CLOCK keeps no ghosts: whoever comes back is kept in any case. */
function rival(share: number, leastWords: number): ClockWindowOptions {
  const sketch = { wordsPerEntry: 0.5, leastWords, samplePerEntry: 32, leastSample: 4096 }
  return { share, ghostShare: share === 0 ? 0 : GHOST_SHARE, sketch, weighed: false }
}

/**
 * Admission and eviction that follow the traffic; sizes and load times count where they are known. About 6 bytes per
 * entry, 7 or 8 with them.
 */
export const adaptive: EvictionFactory = ({ unit }) => new Adaptive(unit === 'bytes')
