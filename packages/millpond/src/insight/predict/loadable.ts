// Whether somebody has said how a key is loaded: asked of a cache now and then, since it is asked for each candidate.
import { encodeKey, type Key } from '../../core/key.ts'

export interface Sources {
  readonly sources: readonly { readonly namespace: string; readonly prefix: Key }[]
}

export class Loadable {
  readonly #cache: Sources
  /** What encoded keys with a loader begin with, by namespace. */
  #beginnings = new Map<string, string[]>()

  constructor(cache: Sources) {
    this.#cache = cache
    this.look()
  }

  look(): void {
    this.#beginnings = new Map()
    for (const { namespace, prefix } of this.#cache.sources) {
      const encoded = encodeKey(prefix)
      const beginning = typeof prefix === 'string' ? encoded : `${encoded.slice(0, -1)},`
      this.#beginnings.set(namespace, [...(this.#beginnings.get(namespace) ?? []), beginning])
    }
  }

  has(namespace: string, key: string): boolean {
    const beginnings = this.#beginnings.get(namespace)
    if (beginnings === undefined) return false
    // A tuple that is the whole prefix ends where its longer kin go on.
    const text = key.startsWith('[') ? `${key.slice(0, -1)},` : key
    return beginnings.some((beginning) => text.startsWith(beginning))
  }
}
