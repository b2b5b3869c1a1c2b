// The increments of numbers in keys: for each pattern, the most frequent differences between a key and the few before
// it.
import { PATTERNS } from './patterns.ts'

/** The number of steps followed per pattern. */
export const RANKS = 2
const EACH = 8
const BEFORE = 4
const MOST = 200

export class Steps {
  readonly #steps = new Float64Array(PATTERNS * EACH)
  readonly #counts = new Uint8Array(PATTERNS * EACH)
  readonly #last = new Float64Array(PATTERNS * BEFORE).fill(Number.NaN)
  readonly #top = new Float64Array(PATTERNS * RANKS)

  see(pattern: number, number: number): void {
    const before = pattern * BEFORE
    if (this.#last[before] === number) return
    for (let at = before; at < before + BEFORE; at++) {
      const step = number - (this.#last[at] as number)
      if (step !== 0 && Math.abs(step) <= 4096) this.#note(pattern * EACH, step)
    }
    this.#last.copyWithin(before + 1, before, before + BEFORE - 1)
    this.#last[before] = number
    this.#rank(pattern)
  }

  /** 0: there is none. */
  top(pattern: number, rank: number): number {
    return this.#top[pattern * RANKS + rank] as number
  }

  #note(from: number, step: number): void {
    let least = from
    for (let at = from; at < from + EACH; at++) {
      if (this.#counts[at] !== 0 && this.#steps[at] === step) {
        this.#counts[at] = (this.#counts[at] as number) + 1
        if ((this.#counts[at] as number) >= MOST)
          for (let one = from; one < from + EACH; one++) this.#counts[one] = (this.#counts[one] as number) >> 1
        return
      }
      if ((this.#counts[at] as number) < (this.#counts[least] as number)) least = at
    }
    if ((this.#counts[least] as number) > 1) this.#counts[least] = (this.#counts[least] as number) - 1
    else {
      this.#steps[least] = step
      this.#counts[least] = 1
    }
  }

  #rank(pattern: number): void {
    const from = pattern * EACH
    let first = -1
    let second = -1
    for (let at = from; at < from + EACH; at++) {
      const count = this.#counts[at] as number
      if (count < 2) continue
      if (first < 0 || count > (this.#counts[first] as number)) {
        second = first
        first = at
      } else if (second < 0 || count > (this.#counts[second] as number)) second = at
    }
    this.#top[pattern * RANKS] = first < 0 ? 0 : (this.#steps[first] as number)
    this.#top[pattern * RANKS + 1] = second < 0 ? 0 : (this.#steps[second] as number)
  }
}
