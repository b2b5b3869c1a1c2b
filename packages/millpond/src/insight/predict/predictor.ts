// Predicts the next reads: candidates from several heuristics, judged by one model that learns from the outcomes of
// earlier ones.
//
// Each read does three things. It resolves pending candidates of its key. It is learnt from: which key was read before
// it in the same context, which was missed before it, by which step its number has grown. And it proposes: its former
// successors, for which the model gives the probability that they are read while in memory.
import { checkOptions } from '../../core/checks.ts'
import { hashOf } from '../../core/key-hash.ts'
import { Budget } from './budget.ts'
import { Candidates, FEATURES, type KeyPlaceOf, MOST } from './candidates.ts'
import { Gate } from './gate.ts'
import { Judge } from './judge.ts'
import { Known } from './known.ts'
import { Model } from './model.ts'
import { type PatternName, PatternNames } from './patterns.ts'
import { Pending } from './pending.ts'
import { PREDICTOR, type PredictorOptions } from './predictor-options.ts'
import { Sequences } from './sequences.ts'
import { Stays } from './stays.ts'

const ROWS = 65_536
/** Pending candidates per known key; of these, those that are only observed. */
const WAITING = 1 / 2
const WATCHED = 3 / 4
/** The kind of a candidate: only observed; would be loaded if the gate were open; loaded. */
const WATCHED_ONLY = 0
const AS_IF = 1
const LOADED = 2
/** Added to these if a custom model proposed it, so that ours learns nothing from it. */
const FOREIGN = 4
/** Reads per known key after which earlier reads count half. */
const FADE = 4
/** The largest share of memory for proposals that are not read yet. */
const BORROWED = 0.25

/** The least probability of a key that is kept: a wrong one costs no load, but another entry's place for a while. */
const KEPT_FROM = 0.25

/** A read, as given to a predictor. The object is not kept and may be reused. */
export interface KeyRead {
  /** `hashOf(key, hashOf(namespace, 0))`, as given to recorders. */
  hash: number
  /** Encoded. */
  key: string
  /** The namespace of the key. */
  namespace: string
  /** A number for the session or request; 0 for none. */
  context: number
  /** Whether memory had it. */
  isHit: boolean
  /** Whether it was a miss unrelated to memory's capacity, such as an invalidation. */
  isLost: boolean
  /** Its weight, in the unit of the capacity. */
  weight: number
  /** Milliseconds. */
  time: number
}

/**
 * Learns from reads, and proposes keys to load before they are read, and keys to keep in memory until then. Allocates
 * nothing per read, except the names of keys that differ by a number. Some 10 MiB in all.
 * @example
 * const predictor = new Predictor({ entries: 1000, capacity: 1000, unit: 'entries', policy: policyByName('adaptive') })
 * predictor.read(read, (key) => (held.has(key) ? 'memory' : 'source'))
 * for (let at = 0; at < predictor.proposed; at++) load(predictor.keyAt(at))
 */
export class Predictor {
  /** Whether proposals are loaded: if not, nothing is proposed, but everything is counted as if it were. */
  mayLoad = true
  /** Whether its own candidates are proposed: if not, those given to `offer` are, and its own are only observed. */
  isAlone = true
  /** The number of keys proposed by the last read. */
  proposed = 0
  /** The number of keys that memory should keep for a while, by the last read. */
  kept = 0
  /** Loads so far, including saved ones. */
  loads = 0
  /** Loads that were saved, or would have been while nothing was proposed. */
  spared = 0
  /** Proposals so far. What is neither used nor wasted is pending. */
  issued = 0
  /** Proposals that were read while in memory. */
  used = 0
  /** Proposals that were given up without a read. */
  wasted = 0
  /** How many loads may be wasted, and the probability from which a key is proposed. */
  readonly budget: Budget
  /** How accurate it is, by pattern. */
  readonly judge = new Judge()
  /** Whether prefetching and keeping avoid misses, by shadows of memory. */
  readonly gate: Gate
  /** The proposals of the last read: the first elements of `#places` are their places in `#candidates`. */
  readonly #candidates = new Candidates()
  readonly #places = new Uint8Array(MOST)
  readonly #keptPlaces = new Uint8Array(MOST)
  /** Entries that memory can still take before it must evict; never too many. */
  #room: number
  readonly #entries: number
  /** The most outstanding proposals. */
  readonly #most: number
  readonly #known: Known
  readonly #sequences: Sequences
  readonly #pending: Pending
  readonly #waiting: number
  readonly #model = new Model()
  readonly #patterns = new PatternNames()
  readonly #fadeEvery: number
  #now = 0
  #namespace: string | undefined
  #seed = 0
  readonly #stays = new Stays()

  /** @throws MillpondError `OPTION_INVALID` */
  constructor(options: PredictorOptions) {
    checkOptions<PredictorOptions>(options, PREDICTOR, 'Predictor')
    const { entries, held = 0, keys = ROWS, policy, capacity, unit, waste, least } = options
    this.#fadeEvery = keys * FADE
    this.gate = new Gate({ policy, capacity, unit, entries })
    this.#entries = Math.max(1, entries)
    this.#room = this.#entries - held
    this.#most = Math.max(1, this.#entries * BORROWED)
    this.budget = new Budget({ waste, least })
    const places = 2 ** Math.floor(Math.log2(keys))
    this.#waiting = places * WAITING
    this.#pending = new Pending(this.#waiting, FEATURES)
    this.#known = new Known(keys, (row) => this.#sequences.forget(row))
    this.#sequences = new Sequences(this.#known, keys, places)
  }

  /** Loaded but not read yet. */
  get outstanding(): number {
    return this.issued - this.used - this.wasted
  }

  /**
   * Whether proposals are worth their place in memory. The gate judges that once memory is full; until then nothing is
   * evicted for them, and only the budget of waste limits them.
   */
  get isWorthRoom(): boolean {
    return this.#hasRoom || this.gate.isOpen
  }

  get #hasRoom(): boolean {
    return this.#room > 0 && !this.gate.isFull
  }

  get #isOpen(): boolean {
    if (!this.mayLoad) return false
    return this.gate.isOpen || (this.#hasRoom && this.budget.covers(this.issued - this.used, this.loads))
  }

  /** Memory holds so many entries now, of whatever origin: it has no more room than what they leave. */
  holds(entries: number): void {
    this.#room = Math.min(this.#room, this.#entries - entries)
  }

  /** The pattern with that number in `judge`. */
  pattern(number: number): PatternName {
    return this.#patterns.name(number)
  }

  /** A proposal of the last read, from 0 to `proposed - 1`. */
  hashAt(at: number): number {
    return this.#candidates.hashes[this.#places[at] as number] as number
  }

  /** A proposed key of the last read, from 0 to `proposed - 1`. */
  keyAt(at: number): string {
    return this.#candidates.keys[this.#places[at] as number] as string
  }

  /** A key to keep, of the last read, from 0 to `kept - 1`. */
  keptAt(at: number): string {
    return this.#candidates.keys[this.#keptPlaces[at] as number] as string
  }

  /** The hash of `keptAt(at)`. */
  keptHashAt(at: number): number {
    return this.#candidates.hashes[this.#keptPlaces[at] as number] as number
  }

  /** The probability that it is read while in memory, 0 to 1. */
  chanceAt(at: number): number {
    return this.#candidates.chances[this.#places[at] as number] as number
  }

  /** Learns from a read, and decides what is proposed and kept after it. `placeOf` says where a key is held. */
  read({ hash, key, namespace, context, isHit, isLost, weight, time }: KeyRead, placeOf: KeyPlaceOf): void {
    const now = ++this.#now
    const isMiss = !isHit
    if (namespace !== this.#namespace) {
      this.#namespace = namespace
      this.#seed = hashOf(namespace, 0)
    }
    this.gate.read(hash, weight, time, isHit, isLost, this.spared, this.loads)
    if (isMiss) this.#room--
    const wouldMiss = this.#settle(hash, isMiss) || isMiss
    if (wouldMiss) {
      this.loads++
      this.budget.loaded()
    }
    this.#expire()
    if (now % this.#fadeEvery === 0) this.#known.fade()
    const row = this.#note(hash, key, namespace, now)
    const pattern = this.#known.pattern[row] as number
    this.#candidates.clear()
    this.#sequences.read(row, context, this.#seed, wouldMiss, this.#candidates)
    this.#candidates.describe(this.#known, row, now)
    this.#propose(hash, pattern, namespace, placeOf)
  }

  /** A proposal was not loaded after all. */
  withdraw(hash: number): void {
    const at = this.#pending.find(hash)
    if (at < 0 || !isLoaded(this.#pending.kind[at] as number)) return
    this.#pending.end(at)
    this.issued--
    this.budget.ended(this.#pending.told[at] as number, 1)
  }

  /**
   * A proposal of a custom model, subject to the same budget and gate. `true`: load it. `chance`: the probability that
   * it is read while in memory; memory must not hold the key.
   */
  offer(hash: number, key: string, namespace: string, chance: number): boolean {
    const pending = this.#pending
    const known = pending.find(hash)
    const isTaken = known >= 0 && pending.kind[known] !== WATCHED_ONLY
    if (isTaken || pending.size >= this.#waiting || !this.budget.isWorth(chance)) return false
    const isIssued = this.#isOpen && this.outstanding < this.#most
    if (!isIssued && this.#isOpen) return false
    if (known >= 0) pending.end(known)
    const place = pending.add(hash)
    pending.told[place] = chance
    pending.pattern[place] = this.#patterns.of(namespace, key)
    pending.by[place] = 0
    pending.since[place] = this.loads
    pending.issuedBefore[place] = this.issued
    pending.kind[place] = (isIssued ? LOADED : AS_IF) + FOREIGN
    this.budget.issued(chance)
    if (isIssued) this.#issue()
    return isIssued
  }

  #issue(): void {
    this.issued++
    this.#room--
  }

  /** A value was stored with this TTL. */
  stored(hash: number, time: number, ttlMs: number): void {
    this.gate.stored(hash, time, ttlMs, false)
  }

  /** Keys of a namespace, the recently most read first: this share of all that are known there, 0 to 1. */
  hottest(namespace: string, share: number, most: number): string[] {
    return this.#known.hottest((pattern) => this.#patterns.name(pattern).namespace === namespace, share, most)
  }

  #note(hash: number, key: string, namespace: string, now: number): number {
    const row = this.#known.find(hash)
    if (row < 0) return this.#known.add(hash, key, this.#patterns.of(namespace, key), now)
    this.#known.read(row, now)
    return row
  }

  #propose(by: number, pattern: number, namespace: string, placeOf: KeyPlaceOf): void {
    const { budget } = this
    const candidates = this.#candidates
    this.proposed = 0
    this.kept = 0
    const isOn = this.isAlone && this.judge.isOff[pattern] === 0
    const isKeeping = this.mayLoad && this.gate.isKeeping
    for (let at = 0; at < candidates.count; at++) {
      const chance = this.#model.predict(candidates.features, at * FEATURES, FEATURES)
      candidates.chances[at] = chance
      const hash = candidates.hashes[at] as number
      const isKept = isOn && chance >= KEPT_FROM
      const isPending = this.#pending.find(hash) >= 0
      // Finding out where a key is takes longer than all the rest.
      if (isPending && !isKept) continue
      const place = placeOf(candidates.keys[at] as string, namespace)
      if (place === 'elsewhere') continue
      if (isKept) this.gate.keep(hash)
      if (place === 'memory') {
        if (isKept && isKeeping) this.#keptPlaces[this.kept++] = at
        continue
      }
      if (isPending) continue
      const isWorth = isOn && budget.isWorth(chance)
      const isIssued = isWorth && this.#isOpen && this.outstanding < this.#most
      if (this.#pending.size >= this.#waiting * (isIssued ? 1 : WATCHED)) continue
      this.#watch(at, by, pattern, isIssued ? LOADED : isWorth && !this.#isOpen ? AS_IF : WATCHED_ONLY)
      if (!isIssued) {
        if (isWorth && !this.#isOpen) budget.issued(chance)
        continue
      }
      budget.issued(chance)
      this.#issue()
      this.#places[this.proposed++] = at
    }
  }

  #watch(at: number, by: number, pattern: number, kind: number): void {
    const candidates = this.#candidates
    const pending = this.#pending
    const place = pending.add(candidates.hashes[at] as number)
    pending.told[place] = candidates.chances[at] as number
    pending.pattern[place] = pattern
    pending.by[place] = by
    pending.since[place] = this.loads
    pending.issuedBefore[place] = this.issued
    pending.kind[place] = kind
    const { features } = candidates
    for (let one = 0; one < FEATURES; one++)
      pending.features[place * FEATURES + one] = features[at * FEATURES + one] as number
  }

  /** `true`: a prefetch has saved a load. */
  #settle(hash: number, isMiss: boolean): boolean {
    const pending = this.#pending
    const at = pending.find(hash)
    if (at < 0) return false
    const age = this.loads - (pending.since[at] as number)
    const isIssued = isLoaded(pending.kind[at] as number)
    if (isIssued) {
      this.#stays.tell(age, !isMiss)
      this.#end(at, !isMiss, isMiss ? 0 : 1)
    } else this.#end(at, true, this.#stays.chance(age))
    return isIssued && !isMiss
  }

  #expire(): void {
    const pending = this.#pending
    const most = this.#most
    for (let at = pending.oldest(); at >= 0; at = pending.oldest()) {
      const isDue =
        this.loads - (pending.since[at] as number) > this.#entries ||
        this.issued - (pending.issuedBefore[at] as number) > most
      if (!isDue) return
      this.#end(at, false, 0)
    }
  }

  /** `label`: 1 if it was read while in memory; if it was not loaded, it might have been evicted. */
  #end(at: number, isUsed: boolean, label: number): void {
    const pending = this.#pending
    const chance = pending.told[at] as number
    pending.end(at)
    const kind = pending.kind[at] as number
    if (kind < FOREIGN) {
      this.#model.learn(pending.features, at * FEATURES, FEATURES, chance, label)
      if (this.judge.tell(pending.pattern[at] as number, chance, label) === 'hurry') this.#model.hurry()
    }
    this.#known.proposed(this.#known.find(pending.hash(at)), this.#known.find(pending.by[at] as number), isUsed)
    if (kind === WATCHED_ONLY) return
    this.spared += label
    this.budget.ended(chance, label)
    if (!isLoaded(kind)) return
    if (isUsed) this.used++
    else this.wasted++
  }
}

const isLoaded = (kind: number): boolean => (kind & LOADED) !== 0
