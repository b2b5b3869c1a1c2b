// Small simulated caches of hashes that each try another window on the same sample of the traffic: the best one sets
// the cache's window.
//
// Waldspurger, Saemundsson, Ahmad, Park, "Cache Modeling and Optimization using Miniature Simulations" (USENIX ATC
// 2017): a cache scaled down with the share of keys that it samples has the miss ratio of the whole one. Choosing
// between rivals on a sample is set dueling (Qureshi et al., ISCA 2007). All rivals see the same requests, so their
// difference is far less noisy than their hit ratios.
import { ClockWindow, type ClockWindowOptions } from './clock-window.ts'
import { Duel, MEMORY } from './duel.ts'
import { HashDirectory } from './hash-directory.ts'

/** The most reads that a miniature's mark counts. */
const READS = 3

/** Requests between two judgements, per entry of a miniature ... */
const ROUND_PER_ENTRY = 8
/** ... and at most this many: larger miniatures are meant to allow earlier judgements. */
const LONGEST_ROUND = 1_024
/** The lead that a rival needs in standard deviations of the difference, at the end of a round ... */
const SIGMAS = 1
/**
 * ... or before it: a large cache that waited for the end of its round would serve a burst of other traffic badly while
 * it lasts.
 */
const SURE_SIGMAS = 3
/** The share of prefetches among requests and prefetches from which on rivals are told of them. */
const LEAST_AHEAD = 1 / 64

export class Miniatures {
  readonly #caches: ClockWindow[]
  readonly #directory: HashDirectory
  /** A bit for each rival that holds the entry. */
  readonly #holders: Uint8Array
  /** All bits of `#holders`. */
  readonly #everybody: number
  /** By all requests, and by those alone that nobody foresaw. */
  readonly #all: Duel
  readonly #own: Duel
  /** Prefetches so far, earlier ones counting less. */
  #ahead = 0
  #sinceJudged = 0
  /** Keys whose mixed hash is below the threshold are sampled: half as many with each halving. */
  #halvings = 0
  #capacity = Number.POSITIVE_INFINITY
  /** The entry of the current request: it keeps its id even while no rival holds it. */
  #asked = -1

  /** The most entries that a miniature holds. */
  readonly most: number

  constructor(rivals: readonly ClockWindowOptions[], champion: number, most: number) {
    const slots = most * (rivals.length + 1)
    this.most = most
    this.#all = new Duel(rivals.length, champion)
    this.#own = new Duel(rivals.length, champion)
    this.#everybody = (1 << rivals.length) - 1
    this.#directory = new HashDirectory(slots)
    this.#holders = new Uint8Array(slots)
    this.#caches = rivals.map((rival) => new ClockWindow(this.#directory.hashes, rival))
    for (const cache of this.#caches) cache.grow(slots)
  }

  /**
   * The best rival: of requests and prefetches where there are enough of these, since a window that holds what is
   * foreseen is the better one for what will be; otherwise of the requests alone.
   */
  get champion(): number {
    return (this.#isTold ? this.#all : this.#own).champion
  }

  set champion(rival: number) {
    this.#all.champion = rival
    this.#own.champion = rival
  }

  watches(hash: number): boolean {
    return this.#halvings === 0 || Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) >>> (32 - this.#halvings) === 0
  }

  /** Sets how many entries the whole cache holds, and whether it is full. True if more keys are sampled from now on. */
  fit(entries: number, full: boolean): boolean {
    const before = this.#halvings
    while (entries / 2 ** this.#halvings > this.most) this.#halvings++
    while (this.#halvings > 0 && entries / 2 ** this.#halvings < this.most / 4) this.#halvings--
    if (this.#halvings > before) this.#dropUnwatched()
    this.#capacity = full ? Math.max(1, Math.round(entries / 2 ** this.#halvings)) : Number.POSITIVE_INFINITY
    return this.#halvings < before
  }

  /**
   * A sampled key was loaded ahead of requests. A few prefetches are not told to the rivals, which then choose as if
   * there were none. `counts`: it is a request like any other. True if the champion changed.
   */
  loadAhead(hash: number, counts: boolean): boolean {
    const before = this.champion
    this.#ahead++
    if (this.#isTold) {
      if (counts) this.#request(hash, true)
      else this.#put(hash)
    }
    return this.champion !== before
  }

  get #isTold(): boolean {
    return this.#ahead > LEAST_AHEAD * (this.#ahead + Math.max(this.#round, this.#own.requests))
  }

  get #size(): number {
    return Math.min(this.#capacity, this.most)
  }

  get #round(): number {
    return Math.min(LONGEST_ROUND, ROUND_PER_ENTRY * this.#size)
  }

  /** A request for a sampled key, whether a hit or a miss in the whole cache. True if the champion changed. */
  request(hash: number): boolean {
    const before = this.champion
    this.#request(hash, false)
    return this.champion !== before
  }

  #request(hash: number, isAhead: boolean): void {
    const id = this.#idOf(hash)
    const held = this.#holders[id] as number
    // What all rivals hold does not distinguish them.
    if (held === this.#everybody) {
      for (const { marks } of this.#caches) markRead(marks, id)
      this.#all.tie()
      if (!isAhead) this.#own.tie()
    } else {
      this.#all.request(held)
      if (!isAhead) this.#own.request(held)
      this.#ask(id, held)
    }
    if (++this.#sinceJudged >= this.#round) this.#endRound()
    else if (this.#sinceJudged % this.#size === 0) this.#judge(SURE_SIGMAS)
  }

  /**
   * Rivals without the key get it, too. It decides nothing: a rival that holds it already would seem better than the
   * whole cache, which did not, and windows would become larger and larger.
   */
  #put(hash: number): void {
    const id = this.#idOf(hash)
    const held = this.#holders[id] as number
    this.#asked = id
    for (let rival = 0; rival < this.#caches.length; rival++) if (((held >>> rival) & 1) === 0) this.#miss(rival, id)
    this.#asked = -1
    if (this.#holders[id] === 0) this.#directory.delete(id)
  }

  #ask(id: number, held: number): void {
    this.#asked = id
    for (let rival = 0; rival < this.#caches.length; rival++) {
      if ((held >>> rival) & 1) markRead((this.#caches[rival] as ClockWindow).marks, id)
      else this.#miss(rival, id)
    }
    this.#asked = -1
    if (this.#holders[id] === 0) this.#directory.delete(id)
  }

  #idOf(hash: number): number {
    const found = this.#directory.find(hash)
    if (found >= 0) return found
    const id = this.#directory.insert(hash)
    if (id >= 0) {
      this.#holders[id] = 0
      return id
    }
    this.#makeRoom()
    return this.#idOf(hash)
  }

  /** Only before the whole cache is full, or if the sample is larger than it should be. */
  #makeRoom(): void {
    for (let rival = 0; rival < this.#caches.length; rival++) this.#evict(rival)
  }

  #miss(rival: number, id: number): void {
    const cache = this.#caches[rival]
    if (cache === undefined) return
    this.#holders[id] = (this.#holders[id] ?? 0) | (1 << rival)
    cache.marks[id] = 0
    cache.add(id, 1, 0)
    while (cache.size > this.#capacity) this.#evict(rival)
  }

  #evict(rival: number): void {
    const victim = this.#caches[rival]?.victim() ?? -1
    if (victim >= 0) this.#leave(rival, victim)
  }

  #leave(rival: number, id: number): void {
    const held = (this.#holders[id] ?? 0) & ~(1 << rival)
    this.#holders[id] = held
    if (held === 0 && id !== this.#asked) this.#directory.delete(id)
  }

  #dropUnwatched(): void {
    for (let id = 0; id < this.#holders.length; id++) {
      const held = this.#holders[id] ?? 0
      if (held === 0 || this.watches(this.#directory.hashes[id] ?? 0)) continue
      for (let rival = 0; rival < this.#caches.length; rival++)
        if ((held >>> rival) & 1) this.#caches[rival]?.remove(id)
      this.#holders[id] = 0
      this.#directory.delete(id)
    }
  }

  #endRound(): void {
    this.#judge(SIGMAS)
    this.#sinceJudged = 0
    this.#ahead *= MEMORY
    this.#all.fade()
    this.#own.fade()
  }

  #judge(sigmas: number): void {
    if (this.#capacity === Number.POSITIVE_INFINITY) return
    this.#all.judge(sigmas)
    this.#own.judge(sigmas)
  }

  clear(): void {
    this.#directory.clear()
    this.#holders.fill(0)
    for (const cache of this.#caches) cache.clear()
  }
}

function markRead(marks: Uint8Array, id: number): void {
  const mark = marks[id] as number
  if (mark < READS) marks[id] = mark + 1
}
