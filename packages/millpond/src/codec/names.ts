// Names that tell nothing: keys and tags as HMACs, so that neither a tier, nor the ledger, an outbox or a log shows
// what they are of.
import { createHmac } from 'node:crypto'
import { checkKey, checkTags, encodeKey, type Key } from '../core/key.ts'
import { type KeyBytes, keyBytes } from './key-bytes.ts'

/** Makes names of keys and tags. */
export interface KeyedNames {
  /** The name of a key, the same in every process that has the secret: 43 letters, digits, `-` and `_`. */
  (key: Key): string
  /** The name of a tag. Never that of a key. */
  tag(tag: string): string
}

/**
 * Names for keys and tags that hold what nobody may read, an e-mail address, say. HMAC-SHA-256 of the key as the cache
 * writes it: whoever does not have the secret can neither read nor guess one. The names are all that the cache knows:
 * patterns match nothing, listings and metrics show names. Another secret makes other names: a change is a flush.
 * @param secret 32 bytes, or these as hexadecimal or base64. Not a key of the ring: those change.
 * @throws MillpondError `KEYRING_INVALID` for what is not 32 bytes; when used, `KEY_INVALID` and `TAG_INVALID` as the
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
