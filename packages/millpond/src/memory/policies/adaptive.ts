// The default policy: a lazy W-TinyLFU whose window follows what miniatures of the cache say of the traffic.
import type { Eviction, EvictionFactory } from '../../core/contracts.ts'
import { grownWords } from './arrays.ts'
import { ClockWindow, type ClockWindowOptions } from './clock-window.ts'
import { Miniatures } from './miniatures.ts'

/** Set in the mark of a watched entry: the store sees a mark above the limit and reports the hit. */
const WATCHED = 0x80
const COUNT = 3

export interface AdaptiveOptions {
  shares: readonly number[]
  start: number
  most: number
  roundPerEntry: number
  memory: number
  margin: number
  sigmas: number
  ghostShare: number
}
export const defaults: AdaptiveOptions = {
  shares: [0, 0.02, 0.12, 0.35],
  start: 2,
  most: 128,
  roundPerEntry: 8,
  memory: 0.75,
  margin: 0.005,
  sigmas: 1,
  ghostShare: 0.5,
}

class Adaptive implements Eviction {
  readonly name = 'adaptive'
  readonly markLimit = COUNT
  #hashes = new Uint32Array(0)
  readonly #areas: ClockWindow
  readonly #miniatures: Miniatures
  readonly #shares: readonly number[]
  #fitted = 0
  #full = false

  constructor(o: AdaptiveOptions) {
    const rival = (share: number, leastWords: number): ClockWindowOptions => ({
      share,
      ghostShare: share === 0 ? 0 : o.ghostShare,
      sketch: { wordsPerEntry: 0.5, leastWords, samplePerEntry: 32, leastSample: 4096 },
    })
    this.#shares = o.shares
    this.#areas = new ClockWindow((slot) => this.#hashes[slot] ?? 0, { ...rival(o.shares[o.start] ?? 0, 4096), ghostShare: o.ghostShare })
    this.#miniatures = new Miniatures(
      {
        rivals: o.shares.map((share) => rival(share, 512)),
        most: o.most,
        roundPerEntry: o.roundPerEntry,
        memory: o.memory,
        margin: o.margin,
        sigmas: o.sigmas,
      },
      o.start,
    )
  }

  get marks(): Uint8Array {
    return this.#areas.marks
  }

  hit(slot: number): void {
    const mark = this.marks[slot] ?? 0
    if ((mark & COUNT) < COUNT) this.marks[slot] = mark + 1
    if (mark >= WATCHED) this.#observe(this.#hashes[slot] ?? 0)
  }

  #observe(hash: number): void {
    if (this.#miniatures.watches(hash) && this.#miniatures.request(hash)) this.#areas.share = this.#shares[this.#miniatures.champion] ?? 0
  }

  add(slot: number, hash: number): void {
    this.#hashes[slot] = hash
    this.#areas.marks[slot] = this.#miniatures.watches(hash) ? WATCHED : 0
    this.#areas.add(slot, hash)
    if (!this.#full && this.#areas.size > this.#fitted * 1.25) this.#fit()
    this.#observe(hash)
  }

  #fit(): void {
    this.#fitted = this.#areas.size
    this.#miniatures.fit(this.#fitted, this.#full)
  }

  reweigh(slot: number): void {
    this.hit(slot)
  }

  remove(slot: number): void {
    this.#areas.remove(slot)
  }

  victim(): number {
    const slot = this.#areas.victim()
    if (!this.#full || Math.abs(this.#areas.size - this.#fitted) > this.#fitted / 8) {
      this.#full = true
      this.#fit()
    }
    return slot
  }

  grow(slots: number): void {
    this.#hashes = grownWords(this.#hashes, slots)
    this.#areas.grow(slots)
  }

  resize(): void {}

  clear(): void {
    this.#areas.clear()
    this.#miniatures.clear()
    this.#full = false
    this.#fitted = 0
  }
  get champion(): number {
    return this.#miniatures.champion
  }
}

export const adaptiveWith =
  (o: Partial<AdaptiveOptions>): EvictionFactory =>
  () =>
    new Adaptive({ ...defaults, ...o })
export const adaptive: EvictionFactory = adaptiveWith({})
