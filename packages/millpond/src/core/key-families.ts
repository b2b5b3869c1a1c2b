// Values for families of keys by a prefix: the longest matching one applies.
import { encodeKey, type Key } from './key.ts'

/**
 * Looked up by the encoded key, whose beginnings the prefixes are: `user:` for strings; `["user",` for the tuples that
 * begin with `'user'`, and so not with `'users'`. A whole key is a family of one. Prefixes are looked up by their
 * lengths, so that a lookup takes a step per length, however many prefixes there are.
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

  /** The value of the family that the encoded key belongs to. */
  of(key: string): T | undefined {
    // A tuple that is the whole prefix ends where longer ones continue.
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

/** The beginning of the family's encoded keys. */
function beginningOf(prefix: Key): string {
  const encoded = encodeKey(prefix)
  return typeof prefix === 'string' ? encoded : `${encoded.slice(0, -1)},`
}
