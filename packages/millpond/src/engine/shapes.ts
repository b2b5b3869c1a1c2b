// How readers of a family of keys interpret values stored by others: another version of the program may have written
// them.
import { isDeepStrictEqual } from 'node:util'
import type { MissCause } from '../core/causes.ts'
import type { MemorySpace } from '../core/contracts.ts'
import { decodeKey, encodeKey, type Key } from '../core/key.ts'

/** The value in its readers' form, or why they cannot use it. Never throws. */
export type Fit = (key: Key, value: unknown) => { readonly value: unknown } | MissCause

export class Shapes {
  readonly #fits = new Map<string, Fit>()

  /** `prefix`: of tuples. Returns how to take it back. */
  add(prefix: Key, fit: Fit): () => void {
    const beginning = `${encodeKey(prefix).slice(0, -1)},`
    this.#fits.set(beginning, fit)
    return () => {
      if (this.#fits.get(beginning) === fit) this.#fits.delete(beginning)
    }
  }

  /** Memory forgets what it holds of others' making: from now on all that comes into it has been looked at. */
  sweep(memory: MemorySpace): void {
    for (const key of [...memory.keys()]) {
      const slot = memory.find(key)
      const value = slot < 0 ? undefined : memory.value(slot)
      const fitted = slot < 0 ? undefined : this.fit(key, value)
      if (fitted !== undefined && (typeof fitted === 'string' || !isDeepStrictEqual(fitted.value, value)))
        memory.drop(key, 'replaced')
    }
  }

  /** `undefined`: nothing is configured for such keys. */
  fit(key: string, value: unknown): ReturnType<Fit> | undefined {
    if (this.#fits.size === 0) return undefined
    let longest = ''
    for (const beginning of this.#fits.keys())
      if (beginning.length > longest.length && key.startsWith(beginning)) longest = beginning
    return this.#fits.get(longest)?.(decodeKey(key), value)
  }
}
