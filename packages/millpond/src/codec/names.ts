// Opaque names: keys and tags as HMACs, so that no tier, ledger, outbox or log reveals them.
import { createHmac } from 'node:crypto'
import { checkKey, checkTags, encodeKey, type Key } from '../core/key.ts'
import { type KeyBytes, keyBytes } from './key-bytes.ts'

/** Derives the names of keys and tags. */
export interface KeyedNames {
  /** The name of a key, the same in every process that has the secret: 43 letters, digits, `-` and `_`. */
  (key: Key): string
  /** The name of a tag; never equal to that of a key. */
  tag(tag: string): string
}

/**
 * Names for keys and tags that contain confidential data, such as an e-mail address. HMAC-SHA-256 of the key as the
 * cache writes it: without the secret the key can be neither read nor guessed. The cache knows only the names: patterns
 * match nothing, and listings and metrics show names. Changing the secret changes all names, and so flushes the cache.
 * @param secret 32 bytes, or the same as hexadecimal or base64. Not a key of the ring, since those are rotated.
 * @throws MillpondError `KEYRING_INVALID` for anything but 32 bytes; when used, `KEY_INVALID` and `TAG_INVALID` as the
 * cache itself.
 * @example
 * const name = keyedNames(secret)
 * await cache.set(name(['user', email]), user, { tags: [name.tag(`org:${org}`)] })
 * await cache.erase({ keys: [name(['user', email])] })
 */
export function keyedNames(secret: KeyBytes): KeyedNames {
  const bytes = keyBytes('the secret of names', secret)
  const nameOf = (kind: 'key' | 'tag', text: string): string =>
    createHmac('sha256', bytes).update(`millpond ${kind} ${text}`).digest('base64url')
  return Object.assign((key: Key) => nameOf('key', checkKey(encodeKey(key))), {
    tag: (tag: string) => nameOf('tag', checkTags([tag])[0] ?? ''),
  })
}
