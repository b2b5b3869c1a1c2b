// Which loader belongs to a key: families of keys by a prefix, the longest one that fits.
import { MillpondError, show } from '../core/errors.ts'
import { encodeKey, type Key } from '../core/key.ts'
import type { Source, SourceView } from '../core/source.ts'

/**
 * Looked up by the encoded key, whose beginnings the prefixes are: `user:` of texts; `["user",` of the tuples that begin with `'user'`, and so not of `'users'`.
 * A whole key is a family of one. Prefixes are few and looked for by their lengths, so that a look costs a step for each length, however many there are.
 */
export class SourceRegistry {
  readonly #namespaces = new Map<string, Families>()

  /**
   * Returns how to take it back: the prefix is free again. @throws MillpondError `OPTION_INVALID` where the prefix is taken: two loaders of one family would
   * take turns by the order in which modules were loaded. `KEY_INVALID`.
   */
  register(source: Source): () => void {
    const families = this.#namespaces.get(source.namespace) ?? new Families()
    const beginning = beginningOf(source.prefix)
    if (families.exact(beginning) !== undefined)
      throw new MillpondError(
        'OPTION_INVALID',
        `source: ${show(source.prefix)} has a loader already: take it back first, or register a longer prefix beside it`,
      )
    families.add(beginning, source)
    this.#namespaces.set(source.namespace, families)
    return () => {
      if (families.exact(beginning) !== source) return
      families.remove(beginning)
      if (families.size === 0 && this.#namespaces.get(source.namespace) === families) this.#namespaces.delete(source.namespace)
    }
  }

  /** The family that the encoded key belongs to, if there is one. */
  of(namespace: string, key: string): Source | undefined {
    return this.#namespaces.get(namespace)?.of(key)
  }

  /** Forgets what was registered in a namespace. */
  close(namespace: string): void {
    this.#namespaces.delete(namespace)
  }

  /** By namespace, then by prefix. Without a name: of all namespaces. */
  list(namespace?: string): SourceView[] {
    const names = namespace === undefined ? [...this.#namespaces.keys()].sort() : [namespace]
    return names.flatMap((name) => this.#namespaces.get(name)?.list() ?? [])
  }
}

class Families {
  readonly #byBeginning = new Map<string, Source>()
  /** Longest first. */
  #lengths: readonly number[] = []

  get size(): number {
    return this.#byBeginning.size
  }

  exact(beginning: string): Source | undefined {
    return this.#byBeginning.get(beginning)
  }

  add(beginning: string, source: Source): void {
    this.#byBeginning.set(beginning, source)
    this.#measure()
  }

  remove(beginning: string): void {
    this.#byBeginning.delete(beginning)
    this.#measure()
  }

  of(key: string): Source | undefined {
    // A tuple that is the whole prefix ends where its longer kin go on.
    const text = key.startsWith('[') ? `${key.slice(0, -1)},` : key
    for (const length of this.#lengths) {
      const source = length <= text.length ? this.#byBeginning.get(text.slice(0, length)) : undefined
      if (source !== undefined) return source
    }
    return undefined
  }

  list(): SourceView[] {
    return [...this.#byBeginning.entries()]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, { namespace, prefix, name, loadMany }]) => ({ namespace, prefix, name, loads_many: loadMany !== undefined }))
  }

  #measure(): void {
    this.#lengths = [...new Set([...this.#byBeginning.keys()].map((beginning) => beginning.length))].sort((a, b) => b - a)
  }
}

/** What the encoded keys of the family begin with. */
function beginningOf(prefix: Key): string {
  const encoded = encodeKey(prefix)
  if (typeof prefix !== 'string') return `${encoded.slice(0, -1)},`
  if (prefix === '')
    throw new MillpondError('KEY_INVALID', "source: '' would be the loader of every key: give a prefix such as 'user:' or ['user']")
  return encoded
}
