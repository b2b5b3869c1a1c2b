// Whether a loader is registered for a key: the cache's answer is remembered for a while, since this is checked for
// each candidate.
import type { Key } from '../../core/key.ts'
import { KeyFamilies } from '../../core/key-families.ts'

export interface Sources {
  readonly sources: readonly { readonly namespace: string; readonly prefix: Key }[]
}

export class Loadable {
  readonly #cache: Sources
  #namespaces = new Map<string, KeyFamilies<true>>()

  constructor(cache: Sources) {
    this.#cache = cache
    this.look()
  }

  look(): void {
    this.#namespaces = new Map()
    for (const { namespace, prefix } of this.#cache.sources) {
      const families = this.#namespaces.get(namespace) ?? new KeyFamilies<true>()
      families.add(prefix, true)
      this.#namespaces.set(namespace, families)
    }
  }

  has(namespace: string, key: string): boolean {
    return this.#namespaces.get(namespace)?.of(key) === true
  }
}
