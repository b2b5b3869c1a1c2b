// The reads that memory has answered, until recorders take them: a hit writes one number, and the rest is done in
// batches.
import type { Clock, HeldEntries } from './contracts.ts'

/**
 * The most reads that wait. One more in a single turn of the event loop flushes all of them within a read: a quarter of
 * a millisecond.
 */
const PLACES = 16_384

/**
 * Under this symbol one of our recorders takes memory's reads in batches: a call for each read costs more than counting
 * it.
 */
export const BATCHED = Symbol('millpond.batched')

/** Reads that memory has answered, in order. Not to be retained: the next batch reuses the arrays. */
export interface ReadBatch {
  readonly count: number
  /** The slots still hold what was read. */
  readonly slots: Int32Array
  /** The keys' hashes, as recorders get them. */
  readonly hashes: Int32Array
  /** Of the first of them. */
  readonly time: number
  readonly held: HeldEntries
}

export interface Batched {
  /** The first read of a batch was logged: `flush` is to be called soon. */
  begun(): void
  reads(batch: ReadBatch): void
  /** Calls `reads` with what is waiting. Set by the cache while it is recorded. */
  flush(): void
}

/** What a recorder exposes under `BATCHED`. */
export const batched = (begun: () => void, reads: (batch: ReadBatch) => void): Batched => ({
  begun,
  reads,
  flush: () => {},
})

/**
 * The slots that were read, in order. They identify what was read only while each holds the same entry: so the log is
 * flushed before an entry leaves, and before any other event is reported.
 */
export class ReadLog {
  count = 0
  readonly #slots = new Int32Array(PLACES)
  readonly #hashes = new Int32Array(PLACES)
  readonly #clock: Clock
  readonly #held: HeldEntries
  readonly #readers: readonly Pick<Batched, 'begun' | 'reads'>[]
  #time = 0
  /** The positions at which something has to be done: the first one, or the last. */
  #rare = 0

  constructor(clock: Clock, held: HeldEntries, readers: readonly Pick<Batched, 'begun' | 'reads'>[]) {
    this.#clock = clock
    this.#held = held
    this.#readers = readers
  }

  /** Small, so that V8 inlines it: rare cases are separate. */
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
