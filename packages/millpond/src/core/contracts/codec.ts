// The contract of codecs: an entry to bytes and back.
import type { Position } from '../ledger.ts'
import type { Isolated } from './memory.ts'

/**
 * Why bytes were not accepted. `format`, `transform`: of a number that this codec does not know, or that could not be
 * decoded. `unsealed`, `unknown_key`, `tampered`: of encrypted ones. `shredded`: of a tenant whose key was destroyed;
 * `no_answer`: its key store does not answer. `moved`, `replayed`: reported by the cache, for encrypted entries that
 * are not where they were written, or that were there before.
 */
export type Rejection =
  | 'too_large'
  | 'foreign'
  | 'version'
  | 'truncated'
  | 'checksum'
  | 'format'
  | 'transform'
  | 'unsealed'
  | 'unknown_key'
  | 'tampered'
  | 'shredded'
  | 'no_answer'
  | 'moved'
  | 'replayed'
  | 'too_deep'
  | 'too_many'
  | 'malformed'

/** Where an entry belongs, for codecs that bind records to it. */
export interface CodecContext {
  readonly cache: string
  readonly namespace: string
  /**
   * The position for which it is written: when its load began; for a write, the position since which its key must not
   * have moved. For a read: the position that the tier reports.
   */
  readonly asOf: Position
  /**
   * For a write: the stamp that will identify its step (`stampOf` its line's id), since its number is not known yet.
   */
  readonly stamp?: string
  /** Called with why bytes are not accepted, if a codec can tell: a word for counters, nothing of their contents. */
  readonly reject?: (why: Rejection) => void
}

/** The position for which an entry was encrypted, as its authentication proves. */
export interface Sealed {
  readonly asOf: Position
  /** For a write: the stamp of its step, which has moved its own key. */
  readonly stamp?: string
}

/**
 * Entry to bytes and back. `decode` returns undefined for bytes that it cannot trust (corrupt, foreign, older): a miss,
 * never an exception. Either may answer at once or later; after a later answer the entry is judged by the ledger's
 * state at that time.
 */
export interface Codec {
  /** The bytes of an entry, as a tier stores them. */
  encode(entry: EncodedParts, context?: CodecContext): Uint8Array | Promise<Uint8Array>
  /** The entry of stored bytes, or undefined. */
  decode(bytes: Uint8Array, context?: CodecContext): DecodedParts | undefined | Promise<DecodedParts | undefined>
  /**
   * The most array elements, fields, Map keys and values, Set members of one value that it writes; memory applies it
   * too. Default 100,000.
   */
  readonly maxItems?: number
  /**
   * The most bytes of one body that it writes: longer strings or bytes are refused before they are copied. Default: no
   * limit.
   */
  readonly maxBytes?: number
  /**
   * Records are bound to the position in the context: for another one they are encoded again, never copied. Default
   * `false`.
   */
  readonly isBound?: boolean
  /** It writes no values in plain, and reads none. Default `false`. */
  readonly isSecret?: boolean
  /** The current key, if the codec knows it: its id, and since when (epoch milliseconds) if its ring tells. */
  sealedBy?(): { readonly id: string; readonly since?: number }
  /**
   * The key of an entry, read without decrypting it; undefined for damaged or foreign bytes. Default: found by
   * `decode`.
   */
  names?(bytes: Uint8Array): Pick<EncodedParts, 'key' | 'tags'> | undefined
  /**
   * If keys and tags have other names outside the process: those of a namespace. All codecs of a namespace must use the
   * same. Default: none.
   */
  namesIn?(place: Pick<CodecContext, 'cache' | 'namespace'>): HiddenNames
  /** If keys belong to tenants: what erasing a tenant does to them. */
  readonly tenants?: TenantSecrets
  /** The compression of a namespace's values; undefined if nothing is compressed. */
  figures?(place: Pick<CodecContext, 'cache' | 'namespace'>): CompressionFigures | undefined
}

/** The names of keys and tags in tiers and in the ledger, the same in every process. */
export interface HiddenNames {
  key(key: string): string
  tag(tag: string): string
  /** The key of such a name, if it was made here recently. */
  keyOf(name: string): string | undefined
}

/** The encryption keys of tenants, for erasures. */
export interface TenantSecrets {
  /** Permanently destroys the tenant's keys, where they are stored. Rejects if it is not known to have happened. */
  shred(tenant: string): Promise<ShreddedKeys>
  /** The namespace was cleared: cached keys of its tenant are read again, since they may have been destroyed. */
  forget(namespace: string): void
}

/** What was destroyed. */
export interface ShreddedKeys {
  /** Epoch milliseconds; of the first time, if it had already happened. */
  readonly shreddedAt: number
  /** The ids of the keys. */
  readonly ids: readonly string[]
  /** A process that cannot be told holds the key until then at the latest, and reads it again. */
  readonly heldUntil: number
}

/** Compression, since the start. */
export interface CompressionFigures {
  /** Values that were compressed, and those that were not: small, or hardly smaller afterwards. */
  readonly compressed: number
  readonly left: number
  /** Bytes of the values that were compressed, before and after. */
  readonly bytesIn: number
  readonly bytesOut: number
  /** Time that it took, including failed attempts and decompression, in milliseconds. */
  readonly compressMs: number
  readonly inflateMs: number
}

/** A codec that is always synchronous. */
export interface SyncCodec extends Codec {
  encode(entry: EncodedParts): Uint8Array
  decode(bytes: Uint8Array, context?: CodecContext): DecodedParts | undefined
}

/** What the body of a stored entry contained. */
export interface DecodedParts extends EncodedParts {
  /** Every string of the value takes one byte per character: the codec knows it, and memory need not scan for it. */
  readonly isNarrow?: boolean
  /** The layout of the stored bytes, if the codec knows it. */
  readonly isCompressed?: boolean
  readonly isEncrypted?: boolean
  /** Encrypted by a key that is not the current one: to be encrypted again at some point. */
  readonly isOldKey?: boolean
  /** The entry is judged by this, and not by what its tier says. */
  readonly sealed?: Sealed
}

/** The contents of a stored entry's body. */
export interface EncodedParts {
  /** The full key, verified on decode so that a record moved to another key is a miss. */
  readonly key: string
  readonly value: unknown
  readonly createdAt: number
  readonly freshUntil: number
  readonly staleUntil: number
  readonly tags: readonly string[]
  /** What is known of the value, if it was isolated just before: it need not be looked at again. */
  readonly isolated?: Isolated | undefined
}
