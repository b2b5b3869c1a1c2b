// A response body in transit from the origin: read by any number of clients, each at its own pace, while it is
// collected for the store.
import type { Reply } from './exchange.ts'
import type { RawFields } from './rules/fields.ts'

/** Bytes that may wait for the slowest client of a body that is not collected. */
const HIGH_WATER = 256 * 1024

interface Reader {
  readonly reply: Reply
  /** The next chunk, counted from the first. */
  at: number
  /** It has enough for now, and will say when it wants more. */
  isBusy: boolean
}

export interface ArrivalOptions {
  /** Collected for the store, and for clients that join late, up to this many bytes. 0: never. */
  readonly keepBytes: number
  /** The slowest client has caught up. */
  readonly onDrain: () => void
  /** The last client has left before the end. */
  readonly onDeserted: () => void
}

export class Arrival {
  readonly #options: ArrivalOptions
  readonly #readers = new Set<Reader>()
  #chunks: Buffer[] = []
  /** How many chunks have been dropped from the front. */
  #dropped = 0
  #bytes = 0
  #isKept: boolean
  #state: 'open' | 'ended' | 'failed' = 'open'
  #trailers: RawFields | undefined
  #isPaused = false
  /** Its first readers may still come. */
  #isHeld = true

  constructor(options: ArrivalOptions) {
    this.#options = options
    this.#isKept = options.keepBytes > 0
  }

  /** It is complete, and may be stored. */
  get isWhole(): boolean {
    return this.#isKept && this.#state === 'ended'
  }

  /** Nothing has been dropped yet, so another client may join. */
  get isJoinable(): boolean {
    return this.#dropped === 0 && this.#state !== 'failed'
  }

  get chunks(): readonly Buffer[] {
    return this.#chunks
  }

  get bytes(): number {
    return this.#bytes
  }

  /** The clients that read it from the start have joined. */
  release(): void {
    this.#isHeld = false
    this.#trim()
    if (this.#readers.size === 0 && this.#state === 'open') this.#options.onDeserted()
  }

  /** Sends everything to the client, whose head has been sent. */
  join(reply: Reply): void {
    const reader: Reader = { reply, at: this.#dropped, isBusy: false }
    this.#readers.add(reader)
    reply.onDrain(() => {
      reader.isBusy = false
      this.#feed(reader)
    })
    reply.onClose(() => this.#leave(reader))
    this.#feed(reader)
  }

  /** `false`: wait until `onDrain`. */
  write(chunk: Buffer): boolean {
    if (this.#state !== 'open') return true
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
    if (this.#isKept && this.#bytes > this.#options.keepBytes) this.#isKept = false
    for (const reader of this.#readers) this.#feed(reader)
    // A collected body is bounded by itself: one slow client delays no other.
    this.#isPaused = !this.#isKept && this.#waiting() > HIGH_WATER
    return !this.#isPaused
  }

  end(trailers?: RawFields): void {
    if (this.#state !== 'open') return
    this.#state = 'ended'
    this.#trailers = trailers
    for (const reader of this.#readers) this.#feed(reader)
  }

  fail(): void {
    if (this.#state !== 'open') return
    this.#state = 'failed'
    for (const reader of this.#readers) this.#feed(reader)
  }

  #feed(reader: Reader): void {
    const { reply } = reader
    if (reader.isBusy) return
    while (reader.at - this.#dropped < this.#chunks.length) {
      const chunk = this.#chunks[reader.at - this.#dropped] as Buffer
      reader.at++
      if (!reply.write(chunk)) {
        reader.isBusy = true
        this.#trim()
        return
      }
    }
    this.#trim()
    if (this.#state === 'open' || !this.#readers.delete(reader)) return
    if (this.#state === 'ended') reply.end(this.#trailers)
    else reply.cut()
  }

  #leave(reader: Reader): void {
    if (!this.#readers.delete(reader) || this.#state !== 'open') return
    this.#trim()
    if (this.#readers.size === 0 && !this.#isHeld) this.#options.onDeserted()
  }

  /** Drops what every client has read, unless it is collected. */
  #trim(): void {
    if (this.#isKept || this.#isHeld) return
    let least = this.#dropped + this.#chunks.length
    for (const { at } of this.#readers) least = Math.min(least, at)
    if (least > this.#dropped) {
      this.#chunks = this.#chunks.slice(least - this.#dropped)
      this.#dropped = least
    }
    if (!this.#isPaused || this.#waiting() > 0) return
    this.#isPaused = false
    this.#options.onDrain()
  }

  #waiting(): number {
    return this.#chunks.reduce((sum, { length }) => sum + length, 0)
  }
}
