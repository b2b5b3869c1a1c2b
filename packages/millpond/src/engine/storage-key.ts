// Keys as far tiers see them: `{cache}:{namespace}:{key}`, at most 512 characters.
import { createHash } from 'node:crypto'
import { ledgerKey } from './hidden.ts'
import type { Space } from './space.ts'

const MAX_LENGTH = 512
const KEPT = 200

/** What all storage keys of a namespace begin with. Names cannot contain `:` or `/`, so no prefix begins another. */
export function storagePrefix(cache: string, namespace: string): string {
  return `${cache}:${namespace}:`
}

export const storageKey = (space: Pick<Space, 'id' | 'codec'>, key: string): string => storageName(space.id.prefix, ledgerKey(space, key))

/** A long key keeps its beginning and gets a hash; the whole key is stored in the entry and compared on read. */
export function storageName(prefix: string, key: string): string {
  if (prefix.length + key.length <= MAX_LENGTH) return prefix + key
  return `${prefix}${key.slice(0, KEPT).toWellFormed()}#${createHash('sha256').update(key).digest('base64url')}`
}
