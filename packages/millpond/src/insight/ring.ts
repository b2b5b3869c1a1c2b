// What happened to keys of the sample, until somebody has the time to look at it: a ring of notes of four words each, so that one is made at once and
// allocates nothing.

/** Notes that wait at most; a power of two. More in one turn of the event loop are lost, and counted. */
const PLACES = 16_384
/** What the keys of notes that wait take at most, in characters; beyond it notes are lost, too. A key may have 65,536. */
const MOST_CHARACTERS = 2 ** 21
const WORDS = 4

export const HIT = 0
export const MISS = 1
/** A miss that no size and no policy avoids. */
export const LOST = 2
export const LOADED = 3
export const WRITTEN = 4
const KINDS = 8

export class Ring {
  lost = 0
  count = 0
  readonly keys: string[] = new Array<string>(PLACES).fill('')
  /** Of loads and writes. */
  readonly ttls = new Float64Array(PLACES)
  /** Of loads. */
  readonly values = new Int32Array(PLACES)
  /** Of each note: hash, bytes, milliseconds since `#since`, kind and number of the namespace. */
  readonly #words = new Int32Array(PLACES * WORDS)
  /** When the first of the notes that wait was made. */
  #since = 0
  #from = 0
  #characters = 0
  /** The place that was taken last: its key is let go of with the next one. -1: none. */
  #taken = -1

  /** The place of a new note; -1: there is none. */
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
    words[word + 3] = space * KINDS + kind
    this.keys[at] = key
    this.#characters += key.length
    this.count = count + 1
    return at
  }

  /** The place of the oldest note, whose key is there until the next one is taken; -1: there is none. */
  take(): number {
    // Where all places have been noted since, it is another note's that waits.
    if (this.#taken >= 0 && this.count < PLACES) this.keys[this.#taken] = ''
    if (this.count === 0) {
      this.#taken = -1
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
    return (this.#words[at * WORDS + 3] as number) & (KINDS - 1)
  }

  space(at: number): number {
    return (this.#words[at * WORDS + 3] as number) >>> 3
  }
}
