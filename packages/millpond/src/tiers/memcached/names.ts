// What a key is called on the servers. Memcached takes 250 bytes without spaces and control characters; what does not
// fit goes by a hash, with the key itself in the record. A key that begins with `#`, which marks a hash, goes by one
// too.
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

  /** Names by a hash have their keys in their records. */
  isHashed(name: string): boolean {
    return name[this.prefix.length] === HASH
  }

  /** Undefined for names that are not ours, and for those that only their records can tell. */
  keyOf(name: string): string | undefined {
    return name.startsWith(this.prefix) && !this.isHashed(name) ? name.slice(this.prefix.length) : undefined
  }
}
