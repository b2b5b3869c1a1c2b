// The record of a stored ring: its keys, newest first, each with the time from which it encrypts and how many records
// it has encrypted.
import { MillpondError, show } from '../core/errors.ts'
import { isWrappedKey, type WrappedKey } from './tenant-record.ts'

export interface StoredKey extends WrappedKey {
  /** Epoch milliseconds. Until then the key only decrypts. */
  readonly activeFrom: number
  /** Records encrypted with it by all processes, as far as reported. */
  readonly uses: number
}

export type StoredKeys = readonly [StoredKey, ...StoredKey[]]

const VERSION = 1

export const storedText = (keys: StoredKeys): string => JSON.stringify({ version: VERSION, ring: keys })

/** @throws MillpondError `KEYRING_INVALID`, `SCHEMA_NEWER`. */
export function storedFrom(text: string, name: string): StoredKeys {
  const found = parse(text)
  if (found !== undefined && typeof found.version === 'number' && found.version > VERSION)
    throw new MillpondError(
      'SCHEMA_NEWER',
      `the key store: the ring ${show(name)} has version ${found.version}, but this Millpond supports only version ${VERSION}: update Millpond`,
    )
  const { ring } = found ?? {}
  if (found?.version === VERSION && Array.isArray(ring) && ring.every(isStoredKey)) {
    const [first, ...others] = ring
    if (first !== undefined) return [first, ...others]
  }
  throw new MillpondError(
    'KEYRING_INVALID',
    `the key store: the record of the ring ${show(name)} is not valid: restore it from a backup`,
  )
}

/** The parser's own message would quote the text. */
function parse(text: string): { readonly version?: unknown; readonly ring?: unknown } | undefined {
  try {
    const found: unknown = JSON.parse(text)
    return typeof found === 'object' && found !== null ? found : undefined
  } catch {
    return undefined
  }
}

const isStoredKey = (one: unknown): one is StoredKey =>
  isWrappedKey(one) &&
  'activeFrom' in one &&
  typeof one.activeFrom === 'number' &&
  'uses' in one &&
  typeof one.uses === 'number'
