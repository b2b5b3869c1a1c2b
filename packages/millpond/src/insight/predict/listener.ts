// The predictor's recorder: notes every read of memory for later, with its session if known.
import type { MissCause } from '../../core/causes.ts'
import type { Clock } from '../../core/contracts.ts'
import { mixed } from '../../core/key-hash.ts'
import { BATCHED, type Batched, batched, type ReadBatch } from '../../core/read-log.ts'
import type { Recorder } from '../../core/recorder.ts'
import { HIT, LOADED, LOST, MISS, Ring } from '../ring.ts'
import { ALL } from '../sample.ts'
import { SpaceNumbers } from '../space-numbers.ts'

/** Misses that depend on memory's capacity. */
const OF_ROOM: ReadonlySet<MissCause> = new Set([
  'cold',
  'evicted_capacity',
  'not_admitted',
  'memory_pressure',
  'unknown',
  'expired_ttl',
])
/** Reads that were announced but have not come yet; a power of two. */
const ANNOUNCED = 1024

export class Listener implements Required<Pick<Recorder, 'hit' | 'miss' | 'load' | 'context'>> {
  readonly ring = new Ring()
  readonly spaces = new SpaceNumbers()
  readonly [BATCHED]: Batched
  readonly #clock: Clock
  readonly #wake: () => void
  readonly #announced = new Int32Array(ANNOUNCED)
  #hasSessions = false
  readonly #sessions = new Int32Array(ANNOUNCED)

  constructor(clock: Clock, wake: () => void) {
    this.#clock = clock
    this.#wake = wake
    this[BATCHED] = batched(wake, (batch) => this.#reads(batch))
  }

  /** Takes over pending reports. */
  catchUp(): void {
    this[BATCHED].flush()
  }

  #reads(batch: ReadBatch): void {
    const { ring } = this
    const before = ring.count
    ring.noteHits(batch, ALL, this.spaces)
    if (!this.#hasSessions) return
    for (let note = before; note < ring.count; note++)
      ring.values[ring.placeOf(note)] = this.#sessionOf(batch.hashes[note - before] as number)
  }

  hit(hash: number, bytes: number, key: string, namespace: string, tier: string): void {
    const isHit = tier === 'memory'
    this.#read(isHit ? HIT : MISS, hash, isHit ? bytes : 0, this.#clock.coarse, key, namespace)
  }

  miss(hash: number, cause: MissCause, key: string, namespace: string): void {
    this.#read(OF_ROOM.has(cause) ? MISS : LOST, hash, 0, this.#clock.coarse, key, namespace)
  }

  load(
    hash: number,
    _ms: number,
    bytes: number,
    _valueHash: number,
    key: string,
    namespace: string,
    ttlMs: number,
  ): void {
    const at = this.#note(LOADED, hash, bytes, this.#clock.coarse, key, namespace)
    if (at >= 0) this.ring.ttls[at] = ttlMs
  }

  context(hash: number, session: number): void {
    const cell = mixed(hash) & (ANNOUNCED - 1)
    this.#hasSessions = true
    this.#announced[cell] = hash
    this.#sessions[cell] = session
  }

  #read(kind: number, hash: number, bytes: number, time: number, key: string, namespace: string): void {
    const at = this.#note(kind, hash, bytes, time, key, namespace)
    if (at >= 0) this.ring.values[at] = this.#sessionOf(hash)
  }

  #sessionOf(hash: number): number {
    const cell = mixed(hash) & (ANNOUNCED - 1)
    if (this.#announced[cell] !== hash) return 0
    const session = this.#sessions[cell] as number
    this.#sessions[cell] = 0
    return session
  }

  #note(kind: number, hash: number, bytes: number, time: number, key: string, namespace: string): number {
    if (this.ring.count === 0) this.#wake()
    return this.ring.note(kind, hash, bytes, time, key, this.spaces.of(namespace))
  }
}
