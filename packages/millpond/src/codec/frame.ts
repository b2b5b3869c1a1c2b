// The frame of a stored entry: what a reader must know before it can decode the value. All numbers are little-endian.
//
//   0  "MP"            magic
//   2  version         1, or 2 if the value's bytes were transformed
//   3  format          the number of the value's format, so that changing the format does not flush
//   4  createdAt       float64, epoch milliseconds
//  12  freshUntil      float64, may be Infinity
//  20  staleUntil      float64, may be Infinity
//  28  length of meta  uint32
//  32  length of value uint32, as stored
//  36  version 2: the count of transforms, and the number of each, in the order in which they were applied; a byte each
//      meta            JSON: [key, ...tags] (JSON, because it keeps lone surrogates)
//      value
//      checksum        uint32, CRC-32 of all before it
import { crc32 } from 'node:zlib'
import type { DecodedParts, EncodedParts, Rejection } from '../core/contracts.ts'
import { MillpondError, show } from '../core/errors.ts'
import { excessOf } from './limits.ts'

const PLAIN = 1
const TRANSFORMED = 2
const NO_TRANSFORMS: readonly number[] = []
const NO_TAGS: readonly string[] = Object.freeze([])
const HEADER = 36
/** The offset of the lengths, which are written last. */
const LENGTHS = 28
const CHECKSUM = 4
// The CRC-32 of any bytes followed by their own CRC-32, low byte first.
const RESIDUE = 0x2144df1c
const MAGIC_0 = 0x4d
const MAGIC_1 = 0x50
// Enough for the longest key and its tags.
const MAX_META = 1024 * 1024
const META_BOUNDS = { maxDepth: 1, maxItems: 10_000 }
const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN = 0x5b
const CLOSE = 0x5d
// JSON escapes characters below this.
const FIRST_PLAIN = 0x20
const LAST_ASCII = 0x7f
// Shorter meta cannot exceed any limit that matters.
const SHORT_META = 4096

/** @throws MillpondError `VALUE_TOO_LARGE`, or `OPTION_INVALID` for invalid times. */
export function pack(
  format: number,
  parts: EncodedParts,
  value: string | Uint8Array,
  maxBytes: number,
  transforms: readonly number[] = NO_TRANSFORMS,
): Uint8Array {
  const meta = packMeta(parts)
  const metaLength = Buffer.byteLength(meta)
  const valueLength = typeof value === 'string' ? Buffer.byteLength(value) : value.byteLength
  const list = transforms.length === 0 ? 0 : 1 + transforms.length
  const from = HEADER + list + metaLength
  const end = from + valueLength
  if (end + CHECKSUM > maxBytes) {
    throw new MillpondError(
      'VALUE_TOO_LARGE',
      `the entry ${show(parts.key)} needs ${end + CHECKSUM} bytes, and at most ${maxBytes} are allowed: store less, or raise limits.maxBytes of the codec`,
    )
  }
  const out = Buffer.allocUnsafe(end + CHECKSUM)
  writeHead(out, list === 0 ? PLAIN : TRANSFORMED, format, parts)
  out.writeUInt32LE(metaLength, 28)
  out.writeUInt32LE(valueLength, 32)
  if (list > 0) {
    out[HEADER] = transforms.length
    out.set(transforms, HEADER + 1)
  }
  out.write(meta, HEADER + list)
  if (typeof value === 'string') out.write(value, from)
  else out.set(value, from)
  out.writeUInt32LE(crc32(out.subarray(0, end)), end)
  return out
}

function writeHead(
  out: Buffer,
  version: number,
  format: number,
  { createdAt, freshUntil, staleUntil }: EncodedParts,
): void {
  out[0] = MAGIC_0
  out[1] = MAGIC_1
  out[2] = version
  out[3] = format
  out.writeDoubleLE(createdAt, 4)
  out.writeDoubleLE(freshUntil, 12)
  out.writeDoubleLE(staleUntil, 20)
}

/**
 * What a transformed value is bound to: version, format, times, key and tags, as the same bytes for encoding and
 * decoding.
 */
export function headOf(format: number, parts: EncodedParts): Uint8Array {
  const meta = packMeta(parts)
  const head = Buffer.alloc(LENGTHS + Buffer.byteLength(meta))
  writeHead(head, TRANSFORMED, format, parts)
  head.write(meta, LENGTHS)
  return head
}

function packMeta(parts: EncodedParts): string {
  const { key, createdAt, freshUntil, staleUntil } = parts
  if (!Number.isFinite(createdAt) || Number.isNaN(freshUntil) || Number.isNaN(staleUntil)) {
    throw new MillpondError(
      'OPTION_INVALID',
      `the times of entry ${show(key)} are ${createdAt}, ${freshUntil}, ${staleUntil}: give epoch milliseconds`,
    )
  }
  return metaOf(parts)
}

/** @throws MillpondError `VALUE_TOO_LARGE` if longer than readers accept. */
export function metaOf({ key, tags }: Pick<EncodedParts, 'key' | 'tags'>): string {
  const meta = tags.length === 0 ? `[${JSON.stringify(key)}]` : JSON.stringify([key, ...tags])
  if (tags.length >= META_BOUNDS.maxItems || (meta.length * 3 > MAX_META && Buffer.byteLength(meta) > MAX_META)) {
    throw new MillpondError(
      'VALUE_TOO_LARGE',
      `the key and ${tags.length} tags of entry ${show(key)} need more than ${MAX_META} bytes, or the tags are ${META_BOUNDS.maxItems} or more: use fewer or shorter tags`,
    )
  }
  return meta
}

/** The contents of a body, in the object that is returned; the value is added last. */
export interface Parts extends DecodedParts {
  value: unknown
  isNarrow: boolean
}

/** A body whose checksum, lengths, times and meta are valid; its value is still encoded. */
export interface Unpacked {
  readonly parts: Parts
  readonly format: number
  readonly transforms: readonly number[]
  readonly body: Buffer
  readonly from: number
  readonly to: number
}

export function unpack(bytes: Uint8Array, maxBytes: number): Unpacked | Rejection {
  const { length } = bytes
  if (length > maxBytes) return 'too_large'
  if (length < HEADER + CHECKSUM) return bytes[0] === MAGIC_0 && bytes[1] === MAGIC_1 ? 'truncated' : 'foreign'
  if (bytes[0] !== MAGIC_0 || bytes[1] !== MAGIC_1) return 'foreign'
  if (bytes[2] !== PLAIN && bytes[2] !== TRANSFORMED) return 'version'
  const body = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, length)
  const meta = HEADER + (bytes[2] === PLAIN ? 0 : 1 + (bytes[HEADER] ?? 0))
  const from = meta + body.readUInt32LE(28)
  const to = from + body.readUInt32LE(32)
  if (to + CHECKSUM !== length) return 'truncated'
  if (crc32(body) !== RESIDUE) return 'checksum'
  return unpackMeta(body, meta, from, to)
}

function unpackMeta(body: Buffer, meta: number, from: number, to: number): Unpacked | Rejection {
  const named = metaIn(body, meta, from)
  if (typeof named === 'string') return named
  const createdAt = body.readDoubleLE(4)
  const freshUntil = body.readDoubleLE(12)
  const staleUntil = body.readDoubleLE(20)
  if (!Number.isFinite(createdAt) || Number.isNaN(freshUntil) || Number.isNaN(staleUntil)) return 'malformed'
  const transforms = meta === HEADER ? NO_TRANSFORMS : [...body.subarray(HEADER + 1, meta)]
  const { key, tags } = named
  const parts: Parts = {
    key,
    value: undefined,
    createdAt,
    freshUntil,
    staleUntil,
    tags,
    isNarrow: false,
    isCompressed: false,
    isEncrypted: false,
  }
  return { parts, format: body[3] ?? -1, transforms, body, from, to }
}

/** Key and tags in `body[from, to)`. */
export function metaIn(body: Buffer, from: number, to: number): Pick<EncodedParts, 'key' | 'tags'> | Rejection {
  if (to - from > MAX_META) return 'too_large'
  if (to - from > SHORT_META && excessOf(body, from, to, META_BOUNDS) !== undefined) return 'too_many'
  const simple = simpleKey(body, from, to)
  if (simple !== undefined) return { key: simple, tags: NO_TAGS }
  const tags = parse(body.toString('utf8', from, to))
  if (!isTexts(tags)) return 'malformed'
  const key = tags.shift()
  return key === undefined ? 'malformed' : { key, tags }
}

/** The key of `["key"]` in plain ASCII, without tags or escapes: the common case, which needs no parser. */
function simpleKey(body: Buffer, from: number, to: number): string | undefined {
  const start = from + 2
  const end = to - 2
  if (end < start || body[from] !== OPEN || body[start - 1] !== QUOTE || body[end] !== QUOTE || body[end + 1] !== CLOSE)
    return undefined
  for (let at = start; at < end; at++) {
    const byte = body[at]!
    if (byte < FIRST_PLAIN || byte > LAST_ASCII || byte === QUOTE || byte === BACKSLASH) return undefined
  }
  return body.toString('latin1', start, end)
}

function isTexts(meta: unknown): meta is string[] {
  if (!Array.isArray(meta)) return false
  for (const part of meta) if (typeof part !== 'string') return false
  return true
}

/** `undefined`, which no JSON text encodes, for text that is not JSON. */
export function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
