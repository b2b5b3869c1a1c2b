// The bytes of a stored entry. All numbers little-endian.
//
//   0  "MP"            magic
//   2  version         1
//   3  kind            how the value is written: Kind
//   4  createdAt       float64, epoch milliseconds
//  12  freshUntil      float64, may be Infinity
//  20  staleUntil      float64, may be Infinity
//  28  length of meta  uint32
//  32  length of value uint32
//  36  meta            JSON: [key, ...tags] (JSON, because it keeps lone surrogates)
//      value
//      checksum        uint32, CRC-32 of all before it
import { crc32 } from 'node:zlib'
import type { EncodedParts } from '../core/contracts.ts'
import { MillpondError, show } from '../core/errors.ts'
import { excessOf } from './limits.ts'

export const KIND = { json: 0, escaped: 1, buffer: 2, bytes: 3, absent: 4 } as const
export type Kind = (typeof KIND)[keyof typeof KIND]

/** Why bytes were not believed. */
export type Rejection = 'too_large' | 'foreign' | 'version' | 'truncated' | 'checksum' | 'too_deep' | 'too_many' | 'malformed'

const VERSION = 1
const HEADER = 36
const CHECKSUM = 4
// The CRC-32 of any bytes that are followed by their own CRC-32, low byte first.
const RESIDUE = 0x2144df1c
const MAGIC_0 = 0x4d
const MAGIC_1 = 0x50
// The longest key there is, and tags.
const MAX_META = 1024 * 1024
const META_BOUNDS = { maxDepth: 1, maxItems: 10_000 }
const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN = 0x5b
const CLOSE = 0x5d
// JSON escapes what is below.
const FIRST_PLAIN = 0x20
const LAST_ASCII = 0x7f
// Less than this breaks no bound that matters.
const SHORT_META = 4096

export function pack(kind: Kind, parts: EncodedParts, value: string | Uint8Array, maxBytes: number): Uint8Array {
  const meta = packMeta(parts)
  const metaLength = Buffer.byteLength(meta)
  const valueLength = typeof value === 'string' ? Buffer.byteLength(value) : value.byteLength
  const end = HEADER + metaLength + valueLength
  if (end + CHECKSUM > maxBytes) {
    throw new MillpondError(
      'VALUE_TOO_LARGE',
      `the entry ${show(parts.key)} needs ${end + CHECKSUM} bytes, allowed are ${maxBytes}: store less, or raise limits.maxBytes of the codec`,
    )
  }
  const out = Buffer.allocUnsafe(end + CHECKSUM)
  out[0] = MAGIC_0
  out[1] = MAGIC_1
  out[2] = VERSION
  out[3] = kind
  out.writeDoubleLE(parts.createdAt, 4)
  out.writeDoubleLE(parts.freshUntil, 12)
  out.writeDoubleLE(parts.staleUntil, 20)
  out.writeUInt32LE(metaLength, 28)
  out.writeUInt32LE(valueLength, 32)
  out.write(meta, HEADER)
  if (typeof value === 'string') out.write(value, HEADER + metaLength)
  else out.set(value, HEADER + metaLength)
  out.writeUInt32LE(crc32(out.subarray(0, end)), end)
  return out
}

function packMeta({ key, tags, createdAt, freshUntil, staleUntil }: EncodedParts): string {
  if (!Number.isFinite(createdAt) || Number.isNaN(freshUntil) || Number.isNaN(staleUntil)) {
    throw new MillpondError(
      'OPTION_INVALID',
      `the times of entry ${show(key)} are ${createdAt}, ${freshUntil}, ${staleUntil}: give epoch milliseconds`,
    )
  }
  const meta = tags.length === 0 ? `[${JSON.stringify(key)}]` : JSON.stringify([key, ...tags])
  if (tags.length >= META_BOUNDS.maxItems || (meta.length * 3 > MAX_META && Buffer.byteLength(meta) > MAX_META)) {
    throw new MillpondError(
      'VALUE_TOO_LARGE',
      `the key and ${tags.length} tags of entry ${show(key)} need more than ${MAX_META} bytes, or the tags are ${META_BOUNDS.maxItems} or more: use fewer or shorter tags`,
    )
  }
  return meta
}

/** A body whose checksum, lengths, times and meta are right; its value is still bytes. */
export interface Unpacked extends Omit<EncodedParts, 'value'> {
  readonly kind: number
  readonly body: Buffer
  readonly from: number
  readonly to: number
}

export function unpack(bytes: Uint8Array, maxBytes: number): Unpacked | Rejection {
  const { length } = bytes
  if (length > maxBytes) return 'too_large'
  if (length < HEADER + CHECKSUM) return bytes[0] === MAGIC_0 && bytes[1] === MAGIC_1 ? 'truncated' : 'foreign'
  if (bytes[0] !== MAGIC_0 || bytes[1] !== MAGIC_1) return 'foreign'
  if (bytes[2] !== VERSION) return 'version'
  const body = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, length)
  const from = HEADER + body.readUInt32LE(28)
  const to = from + body.readUInt32LE(32)
  if (to + CHECKSUM !== length) return 'truncated'
  if (crc32(body) !== RESIDUE) return 'checksum'
  return unpackMeta(body, from, to)
}

function unpackMeta(body: Buffer, from: number, to: number): Unpacked | Rejection {
  if (from - HEADER > MAX_META) return 'too_large'
  if (from - HEADER > SHORT_META && excessOf(body, HEADER, from, META_BOUNDS) !== undefined) return 'too_many'
  const createdAt = body.readDoubleLE(4)
  const freshUntil = body.readDoubleLE(12)
  const staleUntil = body.readDoubleLE(20)
  if (!Number.isFinite(createdAt) || Number.isNaN(freshUntil) || Number.isNaN(staleUntil)) return 'malformed'
  const tags = simpleMeta(body, HEADER, from) ?? parse(body.toString('utf8', HEADER, from))
  if (!isTexts(tags)) return 'malformed'
  const key = tags.shift()
  if (key === undefined) return 'malformed'
  return { kind: body[3] ?? -1, key, tags, createdAt, freshUntil, staleUntil, body, from, to }
}

/** `["key"]` in plain ASCII, without tags or escapes: what most entries say, and not worth a parser. */
function simpleMeta(body: Buffer, from: number, to: number): string[] | undefined {
  const start = from + 2
  const end = to - 2
  if (end < start || body[from] !== OPEN || body[start - 1] !== QUOTE || body[end] !== QUOTE || body[end + 1] !== CLOSE) return undefined
  for (let at = start; at < end; at++) {
    const byte = body[at]!
    if (byte < FIRST_PLAIN || byte > LAST_ASCII || byte === QUOTE || byte === BACKSLASH) return undefined
  }
  return [body.toString('latin1', start, end)]
}

function isTexts(meta: unknown): meta is string[] {
  if (!Array.isArray(meta)) return false
  for (const part of meta) if (typeof part !== 'string') return false
  return true
}

/** `undefined`, which no JSON text means, for a text that is not JSON. */
export function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
