// The servers' names of keys. Memcached allows 250 bytes without spaces and control characters; other keys are named by
// a hash, with the key itself in the record. A key that begins with `#`, which marks a hash, is hashed too.
import { createHash } from 'node:crypto'

const MAX_NAME = 250
const HASH = '#'
const PLAIN = /^[!-~]+$/

export class Names {
  readonly prefix: string
  readonly #room: number

  constructor(prefix: string) {
    this.prefix = prefix
    this.#room = MAX_NAME - prefix.length
  }

  nameOf(key: string): string {
    return key.length <= this.#room && key[0] !== HASH && PLAIN.test(key)
      ? this.prefix + key
      : `${this.prefix}${HASH}${createHash('sha256').update(key).digest('base64url')}`
  }

  /** Whether the name is a hash, with the key in its record. */
  isHashed(name: string): boolean {
    return name[this.prefix.length] === HASH
  }

  /** Undefined for names that are not ours, and for hashed ones, whose keys are in their records. */
  keyOf(name: string): string | undefined {
    return name.startsWith(this.prefix) && !this.isHashed(name) ? name.slice(this.prefix.length) : undefined
  }
}
