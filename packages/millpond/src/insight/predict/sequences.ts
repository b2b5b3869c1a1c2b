// Successors: learnt from each read, and queried for the next keys; by reader, by misses, and by the numbers in keys.
import { hashOf } from '../../core/key-hash.ts'
import type { Candidates } from './candidates.ts'
import { Contexts, REMEMBERED } from './contexts.ts'
import type { Known } from './known.ts'
import { Links } from './links.ts'
import { Numbered } from './numbered.ts'
import { Pairs } from './pairs.ts'
import { RANKS, Steps } from './steps.ts'

const FOLLOWERS = 8
const MISSED = 4
/** A predecessor must have been read within this many reads. */
const RECENT = 8192

export class Sequences {
  readonly #known: Known
  readonly #followers: Links
  readonly #missed: Links
  readonly #pairs: Pairs
  readonly #contexts = new Contexts()
  readonly #numbered = new Numbered()
  readonly #steps = new Steps()

  /** `pairs`: a power of two. */
  constructor(known: Known, keys: number, pairs: number) {
    this.#known = known
    this.#followers = new Links(keys, FOLLOWERS)
    this.#missed = new Links(keys, MISSED)
    this.#pairs = new Pairs(pairs)
  }

  /** Forgets a key that is no longer known. */
  forget(row: number): void {
    this.#followers.forget(row)
    this.#missed.forget(row)
  }

  /**
   * Learns from a read of a known key, which `Known` has recorded, and adds its likely successors to `candidates`.
   * `seed`: of the namespace.
   */
  read(row: number, context: number, seed: number, isMiss: boolean, candidates: Candidates): void {
    const hash = this.#known.hash(row)
    this.#step(row, seed, candidates)
    const before = this.#learn(hash, context === 0 ? (this.#known.pattern[row] as number) + 1 : context)
    if (isMiss) this.#learnMiss(hash, seed)
    const pair = this.#pairs.find(before, hash)
    if (pair >= 0) candidates.addPair(this.#pairs, pair)
    candidates.addFollowers(this.#followers, row)
    candidates.addMissed(this.#missed, row, isMiss)
  }

  /** Returns the key that was read before it in its context. */
  #learn(hash: number, context: number): number {
    const cell = this.#contexts.find(context)
    const { last, lengths } = this.#contexts
    const from = cell * REMEMBERED
    const length = lengths[cell] as number
    const before = last[from] as number
    if (length > 0 && before === hash) return length > 1 ? (last[from + 1] as number) : 0
    this.#link(this.#followers, cell, hash)
    if (length > 1) this.#pairs.see(last[from + 1] as number, before, hash)
    this.#contexts.push(cell, hash)
    return length > 0 ? before : 0
  }

  /** All misses of a namespace form one stream, across all readers. */
  #learnMiss(hash: number, seed: number): void {
    const cell = this.#contexts.find(~seed)
    this.#link(this.#missed, cell, hash)
    this.#contexts.push(cell, hash)
  }

  #link(links: Links, cell: number, hash: number): void {
    const { last, lengths } = this.#contexts
    const from = cell * REMEMBERED
    for (let back = 0; back < (lengths[cell] as number); back++) {
      const before = last[from + back] as number
      // A key read before its own previous read does not lead to it.
      if (before === hash) return
      const row = this.#known.find(before)
      if (row >= 0) links.see(row, hash, back === 0)
    }
  }

  /** If the key one usual step before it was read recently, the one after it is proposed. */
  #step(row: number, seed: number, candidates: Candidates): void {
    const numbered = this.#numbered
    const { keys, pattern, runs, readAt } = this.#known
    const key = keys[row] as string
    if (!numbered.read(key)) return
    const own = pattern[row] as number
    this.#steps.see(own, numbered.number)
    for (let rank = 0; rank < RANKS; rank++) {
      const step = this.#steps.top(own, rank)
      if (step === 0) return
      const before = numbered.sibling(key, -step)
      const forerunner = before === undefined ? -1 : this.#known.find(hashOf(before, seed))
      if (forerunner < 0 || (readAt[row] as number) - (readAt[forerunner] as number) > RECENT) continue
      const run = Math.min(255, (runs[forerunner] as number) + 1)
      if (run > (runs[row] as number)) runs[row] = run
      const next = numbered.sibling(key, step)
      if (next !== undefined) candidates.addStep(hashOf(next, seed), next, run, rank)
    }
  }
}
