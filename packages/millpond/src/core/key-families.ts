// What is said of families of keys by a prefix: the longest one that fits a key.
import { encodeKey, type Key } from './key.ts'

/**
 * Looked up by the encoded key, whose beginnings the prefixes are: `user:` of texts; `["user",` of the tuples that
 * begin with `'user'`, and so not of `'users'`. A whole key is a family of one. Prefixes are looked for by their
 * lengths, so that a look costs a step for each length, however many prefixes there are.
 */
export class KeyFamilies<T> {
  readonly #byBeginning = new Map<string, T>()
  readonly #countOf = new Map<number, number>()
  /** Longest first. */
  #lengths: readonly number[] = []

  get size(): number {
    return this.#byBeginning.size
  }

  exact(prefix: Key): T | undefined {
    return this.#byBeginning.get(beginningOf(prefix))
  }

  add(prefix: Key, what: T): void {
    const beginning = beginningOf(prefix)
    if (!this.#byBeginning.has(beginning)) this.#count(beginning.length, 1)
    this.#byBeginning.set(beginning, what)
  }

  remove(prefix: Key): void {
    const beginning = beginningOf(prefix)
    if (this.#byBeginning.delete(beginning)) this.#count(beginning.length, -1)
  }

  /** Of the family that the encoded key belongs to. */
  of(key: string): T | undefined {
    // A tuple that is the whole prefix ends where its longer kin go on.
    const text = key.startsWith('[') ? `${key.slice(0, -1)},` : key
    for (const length of this.#lengths) {
      const found = length <= text.length ? this.#byBeginning.get(text.slice(0, length)) : undefined
      if (found !== undefined) return found
    }
    return undefined
  }

  /** By prefix. */
  list(): T[] {
    return [...this.#byBeginning].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, what]) => what)
  }

  #count(length: number, more: number): void {
    const count = (this.#countOf.get(length) ?? 0) + more
    if (count === 0) this.#countOf.delete(length)
    else this.#countOf.set(length, count)
    if (this.#lengths.length !== this.#countOf.size) this.#lengths = [...this.#countOf.keys()].sort((a, b) => b - a)
  }
}

/** What the encoded keys of the family begin with. */
function beginningOf(prefix: Key): string {
  const encoded = encodeKey(prefix)
  return typeof prefix === 'string' ? encoded : `${encoded.slice(0, -1)},`
}
