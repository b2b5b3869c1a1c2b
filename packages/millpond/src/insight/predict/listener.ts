// The ear of the predictor: every read of memory, noted for later, with the session that it belongs to where that was told.
import type { MissCause } from '../../core/causes.ts'
import type { Clock } from '../../core/contracts.ts'
import { mixed } from '../../core/key-hash.ts'
import type { Recorder } from '../../core/recorder.ts'
import { HIT, LOADED, LOST, MISS, Ring } from '../ring.ts'
import { SpaceNumbers } from '../space-numbers.ts'

/** Misses that have to do with what memory had room for. */
const OF_ROOM: ReadonlySet<MissCause> = new Set(['cold', 'evicted_capacity', 'not_admitted', 'memory_pressure', 'unknown', 'expired_ttl'])
/** Reads that were announced and have not come yet; a power of two. */
const ANNOUNCED = 1024

export class Listener implements Required<Pick<Recorder, 'hit' | 'miss' | 'load' | 'context'>> {
  readonly ring = new Ring()
  readonly spaces = new SpaceNumbers()
  readonly #clock: Clock
  readonly #wake: () => void
  readonly #announced = new Int32Array(ANNOUNCED)
  readonly #sessions = new Int32Array(ANNOUNCED)

  constructor(clock: Clock, wake: () => void) {
    this.#clock = clock
    this.#wake = wake
  }

  hit(hash: number, bytes: number, key: string, namespace: string, tier: string): void {
    const isHit = tier === 'memory'
    this.#read(isHit ? HIT : MISS, hash, isHit ? bytes : 0, key, namespace)
  }

  miss(hash: number, cause: MissCause, key: string, namespace: string): void {
    this.#read(OF_ROOM.has(cause) ? MISS : LOST, hash, 0, key, namespace)
  }

  load(hash: number, _ms: number, bytes: number, _valueHash: number, key: string, namespace: string, ttlMs: number): void {
    const at = this.#note(LOADED, hash, bytes, key, namespace)
    if (at >= 0) this.ring.ttls[at] = ttlMs
  }

  context(hash: number, session: number): void {
    const cell = mixed(hash) & (ANNOUNCED - 1)
    this.#announced[cell] = hash
    this.#sessions[cell] = session
  }

  #read(kind: number, hash: number, bytes: number, key: string, namespace: string): void {
    const at = this.#note(kind, hash, bytes, key, namespace)
    if (at < 0) return
    const cell = mixed(hash) & (ANNOUNCED - 1)
    const isTold = this.#announced[cell] === hash
    this.ring.values[at] = isTold ? (this.#sessions[cell] as number) : 0
    if (isTold) this.#sessions[cell] = 0
  }

  #note(kind: number, hash: number, bytes: number, key: string, namespace: string): number {
    if (this.ring.count === 0) this.#wake()
    return this.ring.note(kind, hash, bytes, this.#clock.coarse, key, this.spaces.of(namespace))
  }
}
