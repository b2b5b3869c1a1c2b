// What the steps of sealed writes are known by (decision 0031): one stamp for all keys of a burst, so that their steps
// can be merged, and never the same one twice for a key.
import { randomBytes } from 'node:crypto'

/** Keys that share a stamp: what is remembered of them is bounded. */
const MAX_KEYS = 1000

export class Stamps {
  #current = ''
  readonly #used = new Set<string>()

  next(keys: readonly string[]): string {
    const isNew =
      this.#current === '' || this.#used.size + keys.length > MAX_KEYS || keys.some((key) => this.#used.has(key))
    if (isNew) {
      this.#current = randomBytes(9).toString('base64url')
      this.#used.clear()
    }
    for (const key of keys) this.#used.add(key)
    return this.#current
  }
}
