// Namespaces by numbers, so that a note has room for one.

/** Namespaces that are told apart. */
const MOST = 1000

export class SpaceNumbers {
  readonly #numbers = new Map<string, number>()
  readonly #names: string[] = []
  #last: string | undefined
  #lastNumber = 0

  /** Those that come late share a number that has no name. Reads of one namespace mostly follow each other. */
  of(namespace: string): number {
    if (namespace === this.#last) return this.#lastNumber
    this.#last = namespace
    this.#lastNumber = this.#numbers.get(namespace) ?? this.#add(namespace)
    return this.#lastNumber
  }

  /** `''`: one of those that came late. */
  name(number: number): string {
    return this.#names[number] ?? ''
  }

  #add(namespace: string): number {
    if (this.#names.length === MOST) return MOST
    this.#numbers.set(namespace, this.#names.length)
    return this.#names.push(namespace) - 1
  }
}
