// Identifiers of the steps of sealed writes (decision 0031): one stamp for all keys of a burst, so that their steps can
// be merged, and never the same one twice for a key.
import { randomBytes } from 'node:crypto'

/** Maximum keys that share a stamp, which bounds what is remembered. */
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
