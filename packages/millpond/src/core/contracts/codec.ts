// The contract of codecs: an entry to bytes and back.
import type { Position } from '../ledger.ts'

/**
 * Why bytes were not trusted. `format`, `transform`: of a number that this codec does not know, or that did not come
 * back. `unsealed`, `unknown_key`, `tampered`: of sealed ones. `shredded`: of a tenant whose key was destroyed;
 * `no_answer`: where its key is kept does not answer. `moved`, `replayed`: told by the cache, of sealed ones that lie
 * where they were not written to, or that were there before.
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

/** Where an entry belongs, for codecs that bind what they write to it. */
export interface CodecContext {
  readonly cache: string
  readonly namespace: string
  /**
   * The position for which it is written: when its load began; for a write, since when its key must not have moved.
   * When it is read: the position that the tier tells.
   */
  readonly asOf: Position
  /** Of a write: what its step will be known by (`stampOf` its line's id), since its number is not known yet. */
  readonly stamp?: string
  /** Told why bytes are not accepted, where a codec can tell: a word for counters, never anything of what they hold. */
  readonly reject?: (why: Rejection) => void
}

/** For which position an entry was sealed, as what it is sealed with proves. */
export interface Sealed {
  readonly asOf: Position
  /** Of a write: the stamp of its step, which has moved its own key. */
  readonly stamp?: string
}

/**
 * Entry to bytes and back. `decode` returns undefined for bytes it cannot trust (corrupt, foreign, older): a miss,
 * never an exception. Either may answer at once or later; after a later answer the entry is judged by what the ledger
 * says then.
 */
export interface Codec {
  encode(entry: EncodedParts, context?: CodecContext): Uint8Array | Promise<Uint8Array>
  decode(bytes: Uint8Array, context?: CodecContext): DecodedParts | undefined | Promise<DecodedParts | undefined>
  /**
   * Array elements, fields, Map keys and values, Set members of one value that it writes at most; memory keeps to it
   * too. Default 100,000.
   */
  readonly maxItems?: number
  /**
   * Bytes of one body that it writes at most: a longer text, or more bytes, are refused before they are copied.
   * Default: no bound.
   */
  readonly maxBytes?: number
  /**
   * What it writes is bound to the position in the context: it is encoded anew, never copied, for another one. Default
   * `false`.
   */
  readonly isBound?: boolean
  /** Nothing that it writes shows a value, and it reads nothing that does. Default `false`. */
  readonly isSecret?: boolean
  /**
   * The key that seals now, where the codec knows it: its id, and since when (epoch milliseconds) where its ring tells.
   */
  sealedBy?(): { readonly id: string; readonly since?: number }
  /**
   * What an entry is called, read without opening it; undefined for bytes that are damaged or foreign. Default: found
   * out by `decode`.
   */
  names?(bytes: Uint8Array): Pick<EncodedParts, 'key' | 'tags'> | undefined
  /**
   * Where keys and tags leave the process under other names: those of a namespace. All codecs of a namespace must make
   * the same. Default: none.
   */
  namesIn?(place: Pick<CodecContext, 'cache' | 'namespace'>): HiddenNames
  /** Where keys belong to tenants: what erasing one does to them. */
  readonly tenants?: TenantSecrets
  /** What compression did to the values of a namespace; undefined where nothing is compressed. */
  figures?(place: Pick<CodecContext, 'cache' | 'namespace'>): CompressionFigures | undefined
}

/** What stands for keys and tags in tiers and in the ledger, the same in every process. */
export interface HiddenNames {
  key(key: string): string
  tag(tag: string): string
  /** The key of such a name, where it was made here lately. */
  keyOf(name: string): string | undefined
}

/** The keys of tenants, as an erasure uses them. */
export interface TenantSecrets {
  /** Destroys the tenant's keys for good, where they are kept. Rejects where it is not known to have happened. */
  shred(tenant: string): Promise<ShreddedKeys>
  /**
   * The namespace was cleared: what is known of its tenant's keys is asked for anew, since they may have been
   * destroyed.
   */
  forget(namespace: string): void
}

/** What was destroyed. */
export interface ShreddedKeys {
  /** Epoch milliseconds; of the first time, where it had happened before. */
  readonly shreddedAt: number
  /** The ids of the keys. */
  readonly ids: readonly string[]
  /** A process that cannot be told holds the key until then at the latest, and asks anew. */
  readonly heldUntil: number
}

/** What compression did, since the start. */
export interface CompressionFigures {
  /** Values that were compressed, and those that were left as they are: small, or hardly smaller afterwards. */
  readonly compressed: number
  readonly left: number
  /** Bytes of the values that were compressed, before and after. */
  readonly bytesIn: number
  readonly bytesOut: number
  /** Time that this took, also where it was in vain, and the way back, in milliseconds. */
  readonly compressMs: number
  readonly inflateMs: number
}

/** A codec that always answers at once. */
export interface SyncCodec extends Codec {
  encode(entry: EncodedParts): Uint8Array
  decode(bytes: Uint8Array, context?: CodecContext): DecodedParts | undefined
}

/** What the body of a stored entry said. */
export interface DecodedParts extends EncodedParts {
  /**
   * Every string of the value takes one byte a character: the codec saw it in passing, memory would have to look for
   * it.
   */
  readonly isNarrow?: boolean
  /** How the bytes lay there, where the codec knows. */
  readonly isCompressed?: boolean
  readonly isEncrypted?: boolean
  /** Sealed by a key that is not the current one: to be sealed anew some day. */
  readonly isOldKey?: boolean
  /** The entry is judged by this, and not by what its tier says. */
  readonly sealed?: Sealed
}

/** What the body of a stored entry carries. */
export interface EncodedParts {
  /** The full key, checked on decode so that a record moved to another key is a miss. */
  readonly key: string
  readonly value: unknown
  readonly createdAt: number
  readonly freshUntil: number
  readonly staleUntil: number
  readonly tags: readonly string[]
}
