// What memory has answered, until those who record take it: a hit pays for one number, and all the rest is done many at
// a time.
import type { Clock, HeldEntries } from './contracts.ts'

/**
 * Reads that wait at most. One more than that in one turn of the event loop has all of them looked at by whoever reads:
 * a quarter of a millisecond.
 */
const PLACES = 16_384

/**
 * Under this name a recorder of ours takes what memory has answered many at a time: a call for each read costs more
 * than to count it.
 */
export const BATCHED = Symbol('millpond.batched')

/** Reads that memory has answered, in their order. It is not kept: the next batch has the same arrays. */
export interface ReadBatch {
  readonly count: number
  /** What was read lies there now. */
  readonly slots: Int32Array
  /** Of the keys, as recorders are told. */
  readonly hashes: Int32Array
  /** Of the first of them. */
  readonly time: number
  readonly held: HeldEntries
}

export interface Batched {
  /** The first read of a batch was noted: `flush` is to be called soon. */
  begun(): void
  reads(batch: ReadBatch): void
  /** Has `reads` called with what waits. The cache sets it while it is recorded. */
  flush(): void
}

/** What a recorder shows under `BATCHED`. */
export const batched = (begun: () => void, reads: (batch: ReadBatch) => void): Batched => ({
  begun,
  reads,
  flush: () => {},
})

/**
 * The slots that were read, in order. They say what was read only as long as each holds what it held: so the log is
 * flushed before an entry leaves, and before anything else is told.
 */
export class ReadLog {
  count = 0
  readonly #slots = new Int32Array(PLACES)
  readonly #hashes = new Int32Array(PLACES)
  readonly #clock: Clock
  readonly #held: HeldEntries
  readonly #readers: readonly Pick<Batched, 'begun' | 'reads'>[]
  #time = 0
  /** The place with which something is to be done: the first one, or the last. */
  #rare = 0

  constructor(clock: Clock, held: HeldEntries, readers: readonly Pick<Batched, 'begun' | 'reads'>[]) {
    this.#clock = clock
    this.#held = held
    this.#readers = readers
  }

  /** Small, so that V8 makes it a part of its caller: what is rare stands apart. */
  note(slot: number): void {
    const at = this.count++
    this.#slots[at] = slot
    if (at === this.#rare) this.#isRare(at)
  }

  #isRare(at: number): void {
    if (at > 0) {
      this.flush()
      return
    }
    this.#rare = PLACES - 1
    this.#time = this.#clock.coarse
    for (const reader of this.#readers) reader.begun()
  }

  flush(): void {
    const { count } = this
    if (count === 0) return
    this.count = 0
    this.#rare = 0
    this.#held.hashesOf(this.#slots, count, this.#hashes)
    const batch = { count, slots: this.#slots, hashes: this.#hashes, time: this.#time, held: this.#held }
    for (const reader of this.#readers) reader.reads(batch)
  }
}
