// The patterns of keys that are tracked: those that are read most, each with a curve of its own and the results of its
// reloads.

import { mixed } from '../core/key-hash.ts'
import { HotKeys, keyPattern } from '../observe/index.ts'
import { PatternLedger } from './cost/ledger.ts'
import { Curve, type Scenario } from './curve.ts'
import { ALL } from './sample.ts'

/** Together with 24,576 keys of the whole cache and 6 shadows, this fits 16 MiB. */
const MOST_PATTERNS = 24
const KEYS_OF_PATTERN = 2048
/** The recent keys whose patterns are remembered; a power of two. */
const REMEMBERED = 32_768
/** After this many sampled reads, earlier ones count half. */
const ROUND = 65_536
/** How many times more often a pattern must be read than the least read tracked one, to replace it. */
const LEAD = 2
const LEAST_READS = 100
const NONE = 255

export interface PatternStudy {
  readonly namespace: string
  readonly pattern: string
  readonly curve: Curve
  /** Sampled reads since it is tracked, earlier ones counting less. */
  recent: number
  /** All sampled reads since then, counted alike. */
  ofRecent: number
  /** As `recent`, with the estimated reads before it was tracked: what a pattern that is to replace it must exceed. */
  rank: number
  loads: number
  /** Reloads of a key whose last value is known: how many found another value, and how many the same. */
  changed: number
  unchanged: number
  /** What it requests and stores. */
  readonly ledger: PatternLedger
}

export class Patterns {
  readonly #scenarios: readonly Scenario[]
  readonly #actual: number
  readonly #most: number
  readonly #studies: PatternStudy[] = []
  readonly #waiting = new HotKeys(64)
  readonly #tags = new Int32Array(REMEMBERED)
  readonly #places = new Uint8Array(REMEMBERED).fill(NONE)
  /** The hash of a key's last value, by the key's hash. */
  readonly #valueTags = new Int32Array(REMEMBERED)
  readonly #values = new Int32Array(REMEMBERED)
  #sinceRound = 0
  #threshold = ALL

  constructor(scenarios: readonly Scenario[], actual: number, most = MOST_PATTERNS) {
    this.#most = most
    this.#scenarios = scenarios
    this.#actual = actual
  }

  /** Most read first. */
  list(): PatternStudy[] {
    return [...this.#studies].sort((a, b) => b.rank - a.rank)
  }

  /** The study of the key's pattern; undefined if the pattern is not tracked. */
  of(hash: number, key: string, namespace: string, now: number): PatternStudy | undefined {
    const cell = mixed(hash) & (REMEMBERED - 1)
    if (this.#tags[cell] === hash && this.#places[cell] !== NONE) return this.#studies[this.#places[cell] as number]
    const place = this.#find(namespace, keyPattern(key), now)
    this.#tags[cell] = hash
    this.#places[cell] = place
    return this.#studies[place]
  }

  /** From now on, only keys whose mixed hash is below the threshold are reported. */
  lowerTo(threshold: number): void {
    this.#threshold = threshold
    for (const { curve } of this.#studies) curve.lowerTo(threshold)
  }

  /** A sampled read, of a pattern that is tracked or of another. */
  read(study: PatternStudy | undefined): void {
    if (study !== undefined) {
      study.recent++
      study.rank++
    }
    for (const one of this.#studies) one.ofRecent++
    if (++this.#sinceRound < ROUND) return
    this.#sinceRound = 0
    for (const one of this.#studies) {
      one.recent /= 2
      one.ofRecent /= 2
      one.rank /= 2
    }
    this.#waiting.clear()
  }

  loaded(study: PatternStudy, hash: number, valueHash: number): void {
    study.loads++
    const cell = mixed(hash) & (REMEMBERED - 1)
    if (this.#valueTags[cell] === hash) {
      if (this.#values[cell] === valueHash) study.unchanged++
      else study.changed++
    }
    this.#valueTags[cell] = hash
    this.#values[cell] = valueHash
  }

  #find(namespace: string, pattern: string, now: number): number {
    const known = this.#studies.findIndex((one) => one.pattern === pattern && one.namespace === namespace)
    if (known >= 0) return known
    const study = {
      namespace,
      pattern,
      recent: 0,
      ofRecent: 0,
      rank: 0,
      loads: 0,
      changed: 0,
      unchanged: 0,
      ledger: new PatternLedger(now),
    }
    if (this.#studies.length < this.#most) return this.#studies.push({ ...study, curve: this.#curve() }) - 1
    const name = `${namespace}\u0000${pattern}`
    this.#waiting.add(name)
    const least = this.#studies.reduce((best, one, at) => (one.rank < (this.#studies[best]?.rank ?? 0) ? at : best), 0)
    const count = this.#waiting.leastCountOf(name)
    if (count < LEAST_READS || count < LEAD * (this.#studies[least]?.rank ?? 0)) return NONE
    this.#studies[least] = { ...study, rank: count, curve: this.#curve() }
    for (let cell = 0; cell < REMEMBERED; cell++) if (this.#places[cell] === least) this.#places[cell] = NONE
    return least
  }

  #curve(): Curve {
    return new Curve(this.#scenarios, this.#actual, KEYS_OF_PATTERN, this.#threshold / ALL)
  }
}
