// How long memory keeps prefetched entries: the probability by age, counted in loads, from those that were prefetched
// and then read.

const AGES = 33
/** The weight of the latest observation. */
const RATE = 0.02

export class Stays {
  readonly #chances = new Float64Array(AGES).fill(1)

  tell(age: number, isThere: boolean): void {
    const at = placeOf(age)
    this.#chances[at] = (this.#chances[at] as number) + ((isThere ? 1 : 0) - (this.#chances[at] as number)) * RATE
  }

  chance(age: number): number {
    return this.#chances[placeOf(age)] as number
  }
}

const placeOf = (age: number): number => 32 - Math.clz32(age)
