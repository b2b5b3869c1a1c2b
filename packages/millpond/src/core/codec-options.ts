// How a codec may be given: as one, or as options whose key ring makes it.
//
// The ring carries the code that ciphers, formats and compression need, so that a cache that uses none of them does not
// load them.
import type { Codec } from './contracts.ts'
import { MillpondError, show } from './errors.ts'

/**
 * Bounds that hold for writing and for reading. A value beyond them is refused on `set`; bytes beyond them are a miss.
 */
export interface CodecLimits {
  /** Bytes of one stored body, envelope included. Default 8 MiB. */
  readonly maxBytes: number
  /** Containers inside one another; a flat object is 1. Default 500, as in the memory tier; at most 1,000. */
  readonly maxDepth: number
  /**
   * Array elements, object fields, Map keys and values, Set members of one value together; an empty container counts 1.
   * Memory keeps to it too. Default 100,000.
   */
  readonly maxItems: number
}

/** Keys by id: one is current, and seals; the others only open what they have sealed. */
export interface KeyRing {
  /** The id of the key that seals. */
  readonly current: string
  readonly ids: readonly string[]
  /** Since when that key seals, epoch milliseconds; undefined where the ring does not know. Default: it does not. */
  since?(id: string): number | undefined
  /** The key of that id; undefined for one that is not in the ring. */
  key(id: string): Uint8Array | undefined
  /** A codec that encrypts with this ring. */
  codec(options: CodecOptions): Codec
  /** Told of each record that is sealed under a key: called once a record, so it only counts. */
  noteUse?(id: string): void
}

/** How values are written to the tiers outside the process. */
export interface CodecOptions {
  /**
   * Default `'json'`. `'packed'` keeps the same values in half the time and less room: names once for each shape of
   * objects, texts in one piece. `'messagepack'` writes every name out. Each reads what the others have written.
   */
  readonly format?: 'json' | 'messagepack' | 'packed' | undefined
  /**
   * Default `'off'`. `'auto'` compresses what is large and compresses well; with `encrypt` only beside `mixesSecrets:
   * false`.
   */
  readonly compress?: 'auto' | 'off' | CompressOptions | undefined
  /** Encrypts each value with AES-256-GCM, bound to its place: `keyring({ current: 'k1', keys: { k1 } })`. */
  readonly encrypt?: KeyRing | undefined
  /**
   * Whether one value may hold a secret beside what somebody else has chosen. Then its compressed length would tell of
   * the secret, so that `compress: 'auto'` is off beside `encrypt`. `false`: it does not; values are compressed, and
   * their lengths padded. Default true.
   */
  readonly mixesSecrets?: boolean | undefined
  /**
   * With `encrypt`: a secret of 32 bytes (or these as hexadecimal or base64) by which keys and tags leave the process
   * as names that tell nothing, HMAC-SHA-256; what they are of lies inside, sealed. Not a key of the ring: those
   * change, and another secret is a flush. Patterns, prefixes and scheduled invalidations are refused there. For a
   * cache or a namespace, not for one tier. Default: keys and tags lie in the clear.
   */
  readonly keyNames?: Uint8Array | string | undefined
  /**
   * With `encrypt`: whether what lies there unencrypted is read. For the days of the change only: whoever can write
   * there can forge it. Default `false`.
   */
  readonly readsPlain?: boolean | undefined
  /** What a value may be at most, so that hostile bytes cost little. */
  readonly limits?: Partial<CodecLimits> | undefined
}

export interface CompressOptions {
  /** Default `'brotli'`. `'zstd'` needs Node 22.15, and `'lz4'` the package lz4-napi, in every process that reads. */
  readonly algorithm?: 'gzip' | 'brotli' | 'zstd' | 'lz4' | undefined
  /** Values below so many bytes are left as they are. Default 1,024. */
  readonly minBytes?: number | undefined
  /** As the algorithm counts them. Default: brotli 1, gzip 6, zstd 3; lz4 has none. */
  readonly level?: number | undefined
}

/** Options that have what makes the codec. */
export type EncryptedCodecOptions = CodecOptions & { readonly encrypt: KeyRing }

/** @throws MillpondError `OPTION_INVALID` for what is neither a codec nor options with a key ring. */
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

/** The names only: what is given in the place of a ring may hold keys. */
const describe = (given: unknown): string => (isObject(given) ? `{ ${Object.keys(given).join(', ')} }` : show(given))
