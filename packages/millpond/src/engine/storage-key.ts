// Keys as far tiers see them: `{cache}:{namespace}:{key}`.
import { storageName } from '../wrap/storage-name.ts'
import { ledgerKey } from './hidden.ts'
import type { Space } from './space.ts'

/**
 * The prefix of all storage keys of a namespace. Names cannot contain `:` or `/`, so no prefix is a prefix of another.
 */
export function storagePrefix(cache: string, namespace: string): string {
  return `${cache}:${namespace}:`
}

export const storageKey = (space: Pick<Space, 'id' | 'codec'>, key: string): string =>
  storageName(space.id.prefix, ledgerKey(space, key))
