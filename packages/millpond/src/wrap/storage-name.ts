// The name of an entry in tiers: its namespace's prefix and its key, at most 512 characters.
import { createHash } from 'node:crypto'

const MAX_LENGTH = 512
const KEPT = 200

/** A long key keeps its beginning and gets a hash; the whole key is stored in the entry and compared on read. */
export function storageName(prefix: string, key: string): string {
  if (prefix.length + key.length <= MAX_LENGTH) return prefix + key
  return `${prefix}${key.slice(0, KEPT).toWellFormed()}#${createHash('sha256').update(key).digest('base64url')}`
}

/** The prefix of storage keys: cache and namespace, each followed by a colon, which neither can contain. */
export const prefixOf = (name: string): string => name.slice(0, name.indexOf(':', name.indexOf(':') + 1) + 1)
