// The keys that may be read next: up to 12, each with its features. One object that is refilled for each read, so that
// nothing is allocated.
import type { Known } from './known.ts'
import type { Links } from './links.ts'
import { weightOf } from './model.ts'
import { PAIR, type Pairs } from './pairs.ts'

export const MOST = 12
export const FEATURES = 11

/** Bits of the heuristics that propose a key. */
const NEXT = 1
const SOON = 2
const PAIRED = 4
const MISSED = 8
const STEP = 16
const SOURCES = 32

/** Totals of `Links` are below this; it is added if the read was a miss, or would have been one. */
const WAS_MISS = 64

/**
 * Where the value of a key is: in memory, fresh; at its source, for which there is a loader; or out of a predictor's
 * reach.
 */
export type KeyPlace = 'memory' | 'source' | 'elsewhere'

/** Tells where a key's value is. */
export type KeyPlaceOf = (key: string, namespace: string) => KeyPlace

export class Candidates {
  count = 0
  readonly hashes = new Int32Array(MOST)
  readonly keys: string[] = new Array<string>(MOST).fill('')
  readonly chances = new Float64Array(MOST)
  readonly features = new Uint16Array(MOST * FEATURES)
  readonly #sources = new Uint8Array(MOST)
  /** The arguments of `level` for each heuristic: count and total. */
  readonly #next = new Uint8Array(MOST)
  readonly #soon = new Uint8Array(MOST)
  readonly #total = new Uint8Array(MOST)
  readonly #paired = new Uint8Array(MOST)
  readonly #pairTotal = new Uint8Array(MOST)
  readonly #missedNext = new Uint8Array(MOST)
  readonly #missedSoon = new Uint8Array(MOST)
  readonly #missedTotal = new Uint8Array(MOST)
  readonly #step = new Uint8Array(MOST)

  clear(): void {
    this.count = 0
  }

  /** A key that follows by a numeric step. `run`: how many did so before; `rank`: of the step. */
  addStep(hash: number, key: string, run: number, rank: number): void {
    const at = this.#place(hash)
    if (at < 0) return
    this.keys[at] = key
    this.#from(at, STEP)
    this.#step[at] = 1 + Math.min(7, Math.floor(Math.log2(run) * 2)) + rank * 8
  }

  addPair({ to, count, total }: Pairs, cell: number): void {
    for (let one = cell * PAIR; one < cell * PAIR + PAIR; one++) {
      if (count[one] === 0) continue
      const at = this.#place(to[one] as number)
      if (at < 0) return
      this.#from(at, PAIRED)
      this.#paired[at] = count[one] as number
      this.#pairTotal[at] = total[cell] as number
    }
  }

  addFollowers({ to, next, soon, total, width }: Links, row: number): void {
    for (let cell = row * width; cell < (row + 1) * width; cell++) {
      if (soon[cell] === 0) continue
      const at = this.#place(to[cell] as number)
      if (at < 0) return
      this.#from(at, next[cell] === 0 ? SOON : NEXT)
      this.#next[at] = next[cell] as number
      this.#soon[at] = soon[cell] as number
      this.#total[at] = total[row] as number
    }
  }

  addMissed({ to, next, soon, total, width }: Links, row: number, wasMiss: boolean): void {
    for (let cell = row * width; cell < (row + 1) * width; cell++) {
      if (soon[cell] === 0) continue
      const at = this.#place(to[cell] as number)
      if (at < 0) return
      this.#from(at, MISSED)
      this.#missedNext[at] = next[cell] as number
      this.#missedSoon[at] = soon[cell] as number
      this.#missedTotal[at] = (total[row] as number) + (wasMiss ? WAS_MISS : 0)
    }
  }

  /** Drops those whose names are unknown; the others get the model's features. */
  describe(known: Known, trigger: number, now: number): void {
    let kept = 0
    for (let at = 0; at < this.count; at++) {
      const hash = this.hashes[at] as number
      const row = known.find(hash)
      const key = row < 0 ? (this.keys[at] as string) : (known.keys[row] as string)
      if (key === '') continue
      this.#describe(at, kept * FEATURES, known, row, trigger, now)
      this.hashes[kept] = hash
      this.keys[kept] = key
      kept++
    }
    this.count = kept
  }

  #describe(at: number, to: number, known: Known, row: number, trigger: number, now: number): void {
    const { features } = this
    const pattern = known.pattern[trigger] as number
    const total = this.#total[at] as number
    const missedTotal = this.#missedTotal[at] as number
    const wasMiss = missedTotal >= WAS_MISS ? 1 : 0
    features[to] = weightOf(0, pattern)
    features[to + 1] = weightOf(1, (this.#sources[at] as number) + pattern * SOURCES)
    features[to + 2] = weightOf(2, level(this.#next[at] as number, total))
    features[to + 3] = weightOf(3, level(this.#soon[at] as number, total))
    features[to + 4] = weightOf(4, level(this.#paired[at] as number, this.#pairTotal[at] as number))
    features[to + 5] = weightOf(5, level(this.#missedNext[at] as number, missedTotal % WAS_MISS) * 2 + wasMiss)
    features[to + 6] = weightOf(6, level(this.#missedSoon[at] as number, missedTotal % WAS_MISS) * 2 + wasMiss)
    features[to + 7] = weightOf(7, this.#step[at] as number)
    features[to + 8] = weightOf(8, row < 0 ? NEVER : (known.tried[row] as number) * 16 + (known.used[row] as number))
    features[to + 9] = weightOf(
      9,
      row < 0 ? NEVER : log(now - (known.readAt[row] as number)) * 16 + log(known.reads[row] as number),
    )
    features[to + 10] = weightOf(10, (known.asked[trigger] as number) * 16 + (known.right[trigger] as number))
  }

  /** The place of the key, added if missing; -1: there is no room. */
  #place(hash: number): number {
    for (let at = 0; at < this.count; at++) if (this.hashes[at] === hash) return at
    if (this.count === MOST) return -1
    const at = this.count++
    this.hashes[at] = hash
    this.keys[at] = ''
    this.#sources[at] = 0
    this.#next[at] = 0
    this.#soon[at] = 0
    this.#total[at] = 0
    this.#paired[at] = 0
    this.#pairTotal[at] = 0
    this.#missedNext[at] = 0
    this.#missedSoon[at] = 0
    this.#missedTotal[at] = 0
    this.#step[at] = 0
    return at
  }

  #from(at: number, source: number): void {
    this.#sources[at] = (this.#sources[at] as number) | source
  }
}

/** Never read before, as a value that is otherwise unused. */
const NEVER = 1000

/** The bit length of a number. */
const log = (number: number): number => 32 - Math.clz32(number)

/** A share in eighths, combined with the amount of evidence. */
function level(count: number, total: number): number {
  if (count === 0) return 0
  const share = Math.min(8, Math.round((count / Math.max(1, total)) * 8))
  return 1 + share + 9 * Math.min(6, log(count))
}
