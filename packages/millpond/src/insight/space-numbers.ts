// Numbers for namespaces, so that they fit into a note.

/** The most namespaces that are distinguished. */
const MOST = 1000

export class SpaceNumbers {
  readonly #numbers = new Map<string, number>()
  readonly #names: string[] = []
  #last: string | undefined
  #lastNumber = 0

  /** Later ones share a number without a name. Consecutive reads are mostly of the same namespace. */
  of(namespace: string): number {
    if (namespace === this.#last) return this.#lastNumber
    this.#last = namespace
    this.#lastNumber = this.#numbers.get(namespace) ?? this.#add(namespace)
    return this.#lastNumber
  }

  /** `''`: one of the later ones. */
  name(number: number): string {
    return this.#names[number] ?? ''
  }

  #add(namespace: string): number {
    if (this.#names.length === MOST) return MOST
    this.#numbers.set(namespace, this.#names.length)
    return this.#names.push(namespace) - 1
  }
}
