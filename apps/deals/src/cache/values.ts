// How answers are stored: packed and compressed outside memory, encrypted if configured, and without fields that are
// never read again.
import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Codec } from 'millpond'
import { environmentKeyring, fileKeyring, type KeyRing, select, valueCodec } from 'millpond/codec'
import { isError } from 'millpond/options'
import type { CacheSettings } from '../cache-settings.ts'

export interface Values {
  readonly codec: Codec
  /** The fields of a response that are kept; undefined: all of them. */
  readonly select: ((value: unknown) => unknown) | undefined
  /** The id of the encryption key; undefined: nothing is encrypted. */
  keyId(): string | undefined
  selected(): Selected
}

/** What the selection has left out since the start. */
export interface Selected {
  readonly values: number
  /** As JSON. */
  readonly bytes: number
}

const KEY_FILE = 'cache-keys.json'

/** @throws MillpondError `KEYRING_INVALID` or `KEYRING_UNREACHABLE` for unusable keys. */
export function createValues({ isCompact, isEncrypted, encryptionKey }: CacheSettings, folder: string): Values {
  const ring = isEncrypted ? ringOf(folder, encryptionKey) : undefined
  const selected = { values: 0, bytes: 0 }
  // The versions are also in the text of the response, and are its tags: readers of a response need neither.
  const withoutVersions = select({ omit: ['versions'] })
  return {
    codec: valueCodec({
      ...(isCompact && { format: 'packed', compress: 'auto' }),
      // Nothing here is secret next to attacker-controlled text: titles and names belong to the organisation itself.
      ...(ring !== undefined && { encrypt: ring, mixesSecrets: false }),
    }),
    select: isCompact
      ? (value) => {
          selected.values++
          selected.bytes += versionBytes(value)
          return withoutVersions(value)
        }
      : undefined,
    keyId: () => ring?.current,
    selected: () => ({ ...selected }),
  }
}

/** The environment's keys; else those of a file beside the cache, created at the first start. */
function ringOf(folder: string, given: string | undefined): KeyRing {
  if (given !== undefined) return environmentKeyring('CACHE_ENCRYPTION_KEY', { CACHE_ENCRYPTION_KEY: given })
  const path = join(folder, KEY_FILE)
  const key = { id: 'k1', key: randomBytes(32).toString('base64') }
  mkdirSync(folder, { recursive: true })
  try {
    writeFileSync(path, `${JSON.stringify({ current: key.id, keys: [key] })}\n`, { mode: 0o600, flag: 'wx' })
  } catch (error) {
    if (!(isError(error) && 'code' in error && error.code === 'EEXIST')) throw error
  }
  return fileKeyring(path)
}

const versionBytes = (value: unknown): number =>
  typeof value === 'object' && value !== null && 'versions' in value
    ? `,"versions":${JSON.stringify(value.versions)}`.length
    : 0
