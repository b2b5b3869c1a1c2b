// The recorder of insight: receives memory's reads in batches, and everything else at once.
import type { MissCause } from '../core/causes.ts'
import type { Clock } from '../core/contracts.ts'
import { mixed } from '../core/key-hash.ts'
import { BATCHED, type Batched, batched, type ReadBatch } from '../core/read-log.ts'
import type { Recorder } from '../core/recorder.ts'
import { Gaps, type HotTiers } from './hot-tiers.ts'
import { HIT, LOADED, LOST, MISS, type Ring, WRITTEN } from './ring.ts'
import { SpaceNumbers } from './space-numbers.ts'

/** Misses that another size, policy or TTL would have avoided. */
const AVOIDABLE: ReadonlySet<MissCause> = new Set([
  'cold',
  'expired_ttl',
  'evicted_capacity',
  'not_admitted',
  'memory_pressure',
  'unknown',
])

/** Counts of all reads and loads, watched or not. */
export interface Counted {
  hits: number
  misses: number
  loads: number
  loadMs: number
  /** Of the misses: expired entries, and those evicted from memory. */
  expired: number
  evicted: number
  lost: number
  /** Of the misses: those answered by a lower tier, by its name. */
  readonly below: Map<string, number>
}

export const nothingCounted = (): Counted => ({
  hits: 0,
  misses: 0,
  loads: 0,
  loadMs: 0,
  expired: 0,
  evicted: 0,
  lost: 0,
  below: new Map(),
})

/** Counts everything, and keeps notes of the sample for later. */
export class SamplingRecorder implements Required<Omit<Recorder, 'context' | 'invalidate'>> {
  counted = nothingCounted()
  /** Keys whose hash, mixed by `mixed`, is below this are watched. */
  threshold = 0
  readonly [BATCHED]: Batched
  #skippedHits = 0
  #skippedMisses = 0
  readonly #ring: Ring
  readonly #clock: Clock
  /** The tier whose reads are hits here: answers of the others were misses in it. */
  readonly #tier: string
  readonly #wake: () => void
  /** `undefined`: the hottest keys are not tracked. */
  readonly #hot: HotTiers | undefined
  readonly #gaps = new Gaps()
  #untilHot = this.#gaps.next()
  readonly spaces = new SpaceNumbers()

  constructor(ring: Ring, clock: Clock, tier: string, wake: () => void, hot?: HotTiers) {
    this.#ring = ring
    this.#clock = clock
    this.#tier = tier
    this.#wake = wake
    this.#hot = hot
    this[BATCHED] = batched(wake, (batch) => this.#reads(batch))
  }

  /** Takes over pending reports. */
  catchUp(): void {
    this[BATCHED].flush()
  }

  #reads(batch: ReadBatch): void {
    const { count, slots, held } = batch
    const kept = this.#ring.noteHits(batch, this.threshold, this.spaces)
    this.counted.hits += count
    this.#skippedHits += count - kept
    for (; this.#untilHot <= count; this.#untilHot += this.#gaps.next()) {
      const slot = slots[this.#untilHot - 1] as number
      this.#isHot('memory', held.keyOf(slot), held.spaceOf(slot))
    }
    this.#untilHot -= count
  }

  hit(hash: number, bytes: number, key: string, namespace: string, tier: string): void {
    const isHit = tier === this.#tier
    if (isHit) this.counted.hits++
    else this.#below(tier)
    if (--this.#untilHot <= 0) {
      this.#untilHot = this.#gaps.next()
      this.#isHot(tier, key, namespace)
    }
    if (mixed(hash) >= this.threshold) {
      if (isHit) this.#skippedHits++
      else this.#skippedMisses++
      return
    }
    // The size in another tier is not the weight in memory.
    this.#note(isHit ? HIT : MISS, hash, isHit ? bytes : 0, key, namespace)
    // Memory receives a copy of it.
    if (!isHit) this.#stored(LOADED, hash, 0, key, namespace, Number.NaN)
  }

  #isHot(tier: string, key: string, namespace: string): void {
    if (this.#hot?.note(tier, key, namespace) === true) this.#wake()
  }

  #below(tier: string): void {
    const { counted } = this
    counted.misses++
    counted.below.set(tier, (counted.below.get(tier) ?? 0) + 1)
  }

  miss(hash: number, cause: MissCause, key: string, namespace: string): void {
    const { counted } = this
    counted.misses++
    const isAvoidable = AVOIDABLE.has(cause)
    if (!isAvoidable) counted.lost++
    else if (cause === 'expired_ttl') counted.expired++
    else if (cause === 'evicted_capacity' || cause === 'not_admitted') counted.evicted++
    if (mixed(hash) >= this.threshold) this.#skippedMisses++
    else this.#note(isAvoidable ? MISS : LOST, hash, 0, key, namespace)
  }

  load(
    hash: number,
    ms: number,
    bytes: number,
    valueHash: number,
    key: string,
    namespace: string,
    ttlMs: number,
  ): void {
    this.counted.loads++
    this.counted.loadMs += ms
    if (mixed(hash) >= this.threshold) return
    const at = this.#stored(LOADED, hash, bytes, key, namespace, ttlMs)
    if (at >= 0) this.#ring.values[at] = valueHash
  }

  set(hash: number, bytes: number, key: string, namespace: string, ttlMs: number): void {
    if (mixed(hash) < this.threshold) this.#stored(WRITTEN, hash, bytes, key, namespace, ttlMs)
  }

  /** Reads of memory since the last call that were not kept. */
  takeSkipped(): { readonly hits: number; readonly misses: number } {
    this.catchUp()
    const skipped = { hits: this.#skippedHits, misses: this.#skippedMisses }
    this.#skippedHits = 0
    this.#skippedMisses = 0
    return skipped
  }

  #stored(kind: number, hash: number, bytes: number, key: string, namespace: string, ttlMs: number): number {
    const at = this.#note(kind, hash, bytes, key, namespace)
    if (at >= 0) this.#ring.ttls[at] = ttlMs
    return at
  }

  #note(kind: number, hash: number, bytes: number, key: string, namespace: string): number {
    if (this.#ring.count === 0) this.#wake()
    return this.#ring.note(kind, hash, bytes, this.#clock.coarse, key, this.spaces.of(namespace))
  }
}
