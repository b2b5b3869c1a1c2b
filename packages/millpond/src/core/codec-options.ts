// How a codec may be given: as one, or as options whose key ring creates it.
//
// The ring carries the code for encryption, formats and compression, so that a cache without them does not load it.
import type { Codec } from './contracts.ts'
import { MillpondError, show } from './errors.ts'

/** Limits for writing and reading. A larger value is refused by `set`; larger bytes are a miss. */
export interface CodecLimits {
  /** Bytes of one stored body, envelope included. Default 8 MiB. */
  readonly maxBytes: number
  /** Nesting depth of containers; a flat object is 1. Default 500, as in the memory tier; at most 1,000. */
  readonly maxDepth: number
  /**
   * Array elements, object fields, Map keys and values, Set members of one value together; an empty container counts 1.
   * Memory applies it too. Default 100,000.
   */
  readonly maxItems: number
}

/** Keys by id: the current one encrypts; the others only decrypt what they have encrypted. */
export interface KeyRing {
  /** The id of the current key. */
  readonly current: string
  /** The ids of all its keys. */
  readonly ids: readonly string[]
  /** Since when that key has been current, epoch milliseconds; undefined if unknown. Default: unknown. */
  since?(id: string): number | undefined
  /** The key of that id; undefined for an unknown id. */
  key(id: string): Uint8Array | undefined
  /** A codec that encrypts with this ring. */
  codec(options: CodecOptions): Codec
  /** Called for each record that is encrypted under a key, so it must only count. */
  noteUse?(id: string): void
}

/** How values are written to the tiers outside the process. */
export interface CodecOptions {
  /**
   * Default `'json'`. `'packed'` stores the same values in half the time and less space: property names once per shape
   * of objects, strings in one piece. `'messagepack'` writes every name. Each reads what the others have written.
   */
  readonly format?: 'json' | 'messagepack' | 'packed' | undefined
  /**
   * Default `'off'`. `'auto'` compresses large values that compress well; with `encrypt` only if `mixesSecrets: false`.
   */
  readonly compress?: 'auto' | 'off' | CompressOptions | undefined
  /** Encrypts each value with AES-256-GCM, bound to its key: `keyring({ current: 'k1', keys: { k1 } })`. */
  readonly encrypt?: KeyRing | undefined
  /**
   * Whether one value may contain both a secret and text chosen by someone else. Then its compressed length would leak
   * the secret, so `compress: 'auto'` is off with `encrypt`. `false`: it does not; values are compressed, and their
   * lengths padded. Default true.
   */
  readonly mixesSecrets?: boolean | undefined
  /**
   * With `encrypt`: a secret of 32 bytes (or these as hexadecimal or base64) that replaces keys and tags outside the
   * process by opaque names, HMAC-SHA-256; the originals are stored encrypted. Not a key of the ring: those rotate,
   * while another secret is a flush. Patterns, prefixes and scheduled invalidations are refused. For a cache or a
   * namespace, not for a single tier. Default: keys and tags are stored in plain.
   */
  readonly keyNames?: Uint8Array | string | undefined
  /**
   * With `encrypt`: whether unencrypted entries are accepted. Only for the time of the transition: anyone who can write
   * to the store can forge them. Default `false`.
   */
  readonly readsPlain?: boolean | undefined
  /** The limits of a value, so that hostile bytes are cheap to reject. */
  readonly limits?: Partial<CodecLimits> | undefined
}

export interface CompressOptions {
  /** Default `'brotli'`. `'zstd'` needs Node 22.15, and `'lz4'` the package lz4-napi, in every process that reads. */
  readonly algorithm?: 'gzip' | 'brotli' | 'zstd' | 'lz4' | undefined
  /** Values smaller than this many bytes are not compressed. Default 1,024. */
  readonly minBytes?: number | undefined
  /** The algorithm's level. Default: brotli 1, gzip 6, zstd 3; lz4 has none. */
  readonly level?: number | undefined
}

/** Options with what creates the codec. */
export type EncryptedCodecOptions = CodecOptions & { readonly encrypt: KeyRing }

/** @throws MillpondError `OPTION_INVALID` for a value that is neither a codec nor options with a key ring. */
export function asCodec(given: unknown, at: string): Codec {
  if (isCodec(given)) return given
  if (hasRing(given)) return given.encrypt.codec(given)
  throw new MillpondError(
    'OPTION_INVALID',
    `${at}: ${describe(given)} is not a codec: give { encrypt: keyring(...) }, or valueCodec({ format, compress }), both of millpond/codec`,
  )
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null

const isCodec = (given: unknown): given is Codec => isObject(given) && 'encode' in given && 'decode' in given

function hasRing(given: unknown): given is EncryptedCodecOptions {
  return isObject(given) && 'encrypt' in given && isObject(given.encrypt) && 'codec' in given.encrypt
}

/** Only the names: the value in the ring's place may contain keys. */
const describe = (given: unknown): string => (isObject(given) ? `{ ${Object.keys(given).join(', ')} }` : show(given))
