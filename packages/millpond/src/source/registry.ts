// Finds the loader of a key: families of keys by a prefix, the longest matching one.
import { MillpondError, show } from '../core/errors.ts'
import { KeyFamilies } from '../core/key-families.ts'
import type { Source, SourceView } from '../core/source.ts'

export class SourceRegistry {
  readonly #namespaces = new Map<string, KeyFamilies<Source>>()

  /**
   * Returns a function that removes it: the prefix is free again. @throws MillpondError `OPTION_INVALID` if the prefix
   * is taken: with two loaders of one family the module load order would decide. `KEY_INVALID`.
   */
  register(source: Source): () => void {
    const { namespace, prefix } = source
    if (prefix === '')
      throw new MillpondError(
        'KEY_INVALID',
        "source: '' would match every key: give a prefix such as 'user:' or ['user']",
      )
    const families = this.#namespaces.get(namespace) ?? new KeyFamilies<Source>()
    if (families.exact(prefix) !== undefined)
      throw new MillpondError(
        'OPTION_INVALID',
        `source: ${show(prefix)} already has a loader: remove it first, or register a longer prefix`,
      )
    families.add(prefix, source)
    this.#namespaces.set(namespace, families)
    return () => {
      if (families.exact(prefix) !== source) return
      families.remove(prefix)
      if (families.size === 0 && this.#namespaces.get(namespace) === families) this.#namespaces.delete(namespace)
    }
  }

  /** The family that the encoded key belongs to, if there is one. */
  of(namespace: string, key: string): Source | undefined {
    return this.#namespaces.get(namespace)?.of(key)
  }

  /** Removes everything registered in a namespace. */
  close(namespace: string): void {
    this.#namespaces.delete(namespace)
  }

  /** By namespace, then by prefix. Without a name: of all namespaces. */
  list(namespace?: string): SourceView[] {
    const names = namespace === undefined ? [...this.#namespaces.keys()].sort() : [namespace]
    return names.flatMap((name) => (this.#namespaces.get(name)?.list() ?? []).map(viewOf))
  }
}

const viewOf = ({ namespace, prefix, name, loadMany }: Source): SourceView => ({
  namespace,
  prefix,
  name,
  loads_many: loadMany !== undefined,
})
