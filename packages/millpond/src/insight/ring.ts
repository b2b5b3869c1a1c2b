// Events of sampled keys that wait to be processed: a ring of notes of four words each, so that recording one is fast
// and allocates nothing.
import { mixed } from '../core/key-hash.ts'
import type { ReadBatch } from '../core/read-log.ts'
import type { SpaceNumbers } from './space-numbers.ts'

/** The most notes that wait; a power of two. More within one turn of the event loop are lost, and counted. */
const PLACES = 16_384
/** The most characters of the keys of waiting notes; beyond this, notes are lost too. A key may have 65,536. */
const MOST_CHARACTERS = 2 ** 21
const WORDS = 4

export const HIT = 0
export const MISS = 1
/** A miss that no size or policy avoids. */
export const LOST = 2
export const LOADED = 3
export const WRITTEN = 4

/** The bits of the kind below the namespace's number. */
const SHIFT = 3

export class Ring {
  lost = 0
  count = 0
  readonly keys: string[] = new Array<string>(PLACES).fill('')
  /** For loads and writes. */
  readonly ttls = new Float64Array(PLACES)
  /** For loads. */
  readonly values = new Int32Array(PLACES)
  /** For each note: hash, bytes, milliseconds since `#since`, kind and namespace number. */
  readonly #words = new Int32Array(PLACES * WORDS)
  /** When the first waiting note was recorded. */
  #since = 0
  #from = 0
  #characters = 0
  /** The place that was taken last: its key is released by the next `take`. -1: none. */
  #taken = -1

  /** The place of a new note; -1: no room. */
  note(kind: number, hash: number, bytes: number, time: number, key: string, space: number): number {
    const { count } = this
    if (count === PLACES || this.#characters > MOST_CHARACTERS) {
      this.lost++
      return -1
    }
    if (count === 0) this.#since = time
    const at = (this.#from + count) & (PLACES - 1)
    const word = at * WORDS
    const words = this.#words
    words[word] = hash
    words[word + 1] = bytes
    words[word + 2] = time - this.#since
    words[word + 3] = (space << SHIFT) + kind
    this.keys[at] = key
    this.#characters += key.length
    this.count = count + 1
    return at
  }

  /**
   * Records the hits of a batch whose hash, mixed by `mixed`, is below the threshold; returns their number. Those
   * without room are lost.
   */
  noteHits({ count, slots, hashes, time, held }: ReadBatch, threshold: number, spaces: SpaceNumbers): number {
    const words = this.#words
    const { keys } = this
    const from = this.#from
    let waiting = this.count
    let characters = this.#characters
    let kept = 0
    if (waiting === 0) this.#since = time
    const after = time - this.#since
    for (let read = 0; read < count; read++) {
      const hash = hashes[read] as number
      if (mixed(hash) >= threshold) continue
      kept++
      if (waiting === PLACES || characters > MOST_CHARACTERS) {
        this.lost++
        continue
      }
      const slot = slots[read] as number
      const key = held.keyOf(slot)
      const at = (from + waiting) & (PLACES - 1)
      const word = at * WORDS
      words[word] = hash
      words[word + 1] = held.weightOf(slot)
      words[word + 2] = after
      words[word + 3] = (spaces.of(held.spaceOf(slot)) << SHIFT) + HIT
      keys[at] = key
      characters += key.length
      waiting++
    }
    this.count = waiting
    this.#characters = characters
    return kept
  }

  /** The place of the waiting note with this index. */
  placeOf(note: number): number {
    return (this.#from + note) & (PLACES - 1)
  }

  /** The place of the oldest note, whose key stays until the next `take`; -1: there is none. */
  take(): number {
    // If the ring is full, the place already holds a new note.
    if (this.#taken >= 0 && this.count < PLACES) this.keys[this.#taken] = ''
    if (this.count === 0) {
      this.#taken = -1
      // Starts at the beginning again: recently used places are in the CPU cache.
      this.#from = 0
      return -1
    }
    const at = this.#from
    this.#taken = at
    this.#characters -= (this.keys[at] as string).length
    this.#from = (at + 1) & (PLACES - 1)
    this.count--
    return at
  }

  hash(at: number): number {
    return this.#words[at * WORDS] as number
  }

  bytes(at: number): number {
    return this.#words[at * WORDS + 1] as number
  }

  time(at: number): number {
    return this.#since + (this.#words[at * WORDS + 2] as number)
  }

  kind(at: number): number {
    return (this.#words[at * WORDS + 3] as number) & ((1 << SHIFT) - 1)
  }

  space(at: number): number {
    return (this.#words[at * WORDS + 3] as number) >>> SHIFT
  }
}
