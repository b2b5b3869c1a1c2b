// A tenant's record in a key store: its keys, each wrapped by a key of the ring, or only a tombstone after they were
// destroyed.
//
// A key is wrapped with AES-256-GCM under a key that HKDF (RFC 5869) derives for this one wrapping from the ring's key
// and 16 random bytes, so that the all-zero nonce is used only once. Tenant and key id are authenticated: a record
// moved to another tenant unwraps nothing.
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import type { KeyRing } from '../core/codec-options.ts'
import { MillpondError, show } from '../core/errors.ts'

/** A key of a tenant. */
export interface WrappedKey {
  readonly id: string
  /** The ring's key that wraps it. */
  readonly by: string
  readonly wrapped: string
  /** Epoch milliseconds. */
  readonly createdAt: number
}

export type TenantRecord =
  | { readonly keys: readonly [WrappedKey, ...WrappedKey[]] }
  /** The ids of the destroyed keys, and when. */
  | { readonly shreddedAt: number; readonly ids: readonly string[] }

const VERSION = 1
const SALT = 16
const KEY = 32
const TAG = 16
const ALGORITHM = 'aes-256-gcm'
const NONCE = Buffer.alloc(12)

/** A new key for a tenant, wrapped by the ring's current one. */
export function newKey(ring: KeyRing, tenant: string, now: number): WrappedKey {
  const key = randomBytes(KEY)
  try {
    return wrapKey(ring, tenant, { id: `t-${randomBytes(9).toString('base64url')}`, createdAt: now }, key)
  } finally {
    key.fill(0)
  }
}

/** @throws Error if the ring has lost its current key. */
export function wrapKey(
  ring: KeyRing,
  tenant: string,
  { id, createdAt }: Pick<WrappedKey, 'id' | 'createdAt'>,
  key: Uint8Array,
): WrappedKey {
  const by = ring.current
  const root = ring.key(by)
  if (root === undefined) throw new Error('a key ring has lost its current key')
  const salt = randomBytes(SALT)
  const cipher = createCipheriv(ALGORITHM, derive(root, salt), NONCE, { authTagLength: TAG })
  cipher.setAAD(boundTo(tenant, id))
  const wrapped = Buffer.concat([salt, cipher.update(key), cipher.final(), cipher.getAuthTag()])
  return { id, by, wrapped: wrapped.toString('base64'), createdAt }
}

/** Undefined if the ring does not have the wrapping key, or the record was modified. */
export function unwrapKey(ring: KeyRing, tenant: string, { id, by, wrapped }: WrappedKey): Uint8Array | undefined {
  const root = ring.key(by)
  const bytes = Buffer.from(wrapped, 'base64')
  if (root === undefined || bytes.length !== SALT + KEY + TAG) return undefined
  const decipher = createDecipheriv(ALGORITHM, derive(root, bytes.subarray(0, SALT)), NONCE, { authTagLength: TAG })
  decipher.setAAD(boundTo(tenant, id))
  decipher.setAuthTag(bytes.subarray(SALT + KEY))
  const key = decipher.update(bytes.subarray(SALT, SALT + KEY))
  try {
    decipher.final()
    return Uint8Array.from(key)
  } catch {
    return undefined
  } finally {
    key.fill(0)
  }
}

const derive = (root: Uint8Array, salt: Uint8Array): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', root, salt, 'millpond wrap 1', KEY))

const boundTo = (tenant: string, id: string): Uint8Array => Buffer.from(JSON.stringify([tenant, id]))

export const recordText = (record: TenantRecord): string => JSON.stringify({ version: VERSION, ...record })

/** @throws MillpondError `KEYRING_INVALID` for an invalid record, `SCHEMA_NEWER` for one of a later version. */
export function recordFrom(text: string, tenant: string): TenantRecord {
  const found = parse(text)
  if (found !== undefined && typeof found.version === 'number' && found.version > VERSION)
    throw new MillpondError(
      'SCHEMA_NEWER',
      `the key store: the record of the tenant ${show(tenant)} has version ${found.version}, but this Millpond supports only version ${VERSION}: update Millpond`,
    )
  if (found?.version === VERSION) {
    const { keys, shreddedAt, ids } = found
    if (typeof shreddedAt === 'number' && isListOf(ids, (id) => typeof id === 'string')) return { shreddedAt, ids }
    if (isListOf(keys, isWrappedKey)) {
      const [first, ...others] = keys
      if (first !== undefined) return { keys: [first, ...others] }
    }
  }
  throw new MillpondError(
    'KEYRING_INVALID',
    `the key store: the record of the tenant ${show(tenant)} is not valid: restore it from a backup, or shred the tenant`,
  )
}

type Fields = Readonly<Partial<Record<'version' | 'keys' | 'shreddedAt' | 'ids', unknown>>>

/** The parser's own message would quote the text. */
function parse(text: string): Fields | undefined {
  try {
    const found: unknown = JSON.parse(text)
    return typeof found === 'object' && found !== null ? found : undefined
  } catch {
    return undefined
  }
}

function isListOf<T>(list: unknown, is: (one: unknown) => one is T): list is readonly T[]
function isListOf(list: unknown, is: (one: unknown) => boolean): list is readonly string[]
function isListOf(list: unknown, is: (one: unknown) => boolean): boolean {
  return Array.isArray(list) && list.every(is)
}

export function isWrappedKey(one: unknown): one is WrappedKey {
  if (typeof one !== 'object' || one === null) return false
  return (
    'id' in one &&
    typeof one.id === 'string' &&
    'by' in one &&
    typeof one.by === 'string' &&
    'wrapped' in one &&
    typeof one.wrapped === 'string' &&
    'createdAt' in one &&
    typeof one.createdAt === 'number'
  )
}
