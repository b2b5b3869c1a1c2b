// The bytes of a journal's records. All numbers little-endian.
//
//   0  0xb7 0x4a       magic
//   2  kind            1: put; 2: settled; 0x80 more for a key in UTF-16 (lone surrogates cannot be written in UTF-8)
//   3  length of key   uint24, in bytes
//   6  length of body  uint32; 0 for `settled`
//  10  number          float64, a whole number
//  18  key, body
//      checksum        uint32, CRC-32 of all before it
//
// A writer may die in the middle of a record, and a disk may flip a bit: bytes that fail their checksum are skipped,
// and the reader continues at the next valid record, so that a damaged record does not affect those after it.
import { crc32 } from 'node:zlib'
import { MillpondError, show } from '../../core/errors.ts'

/** A write for the source: an opaque body for a key. */
export interface JournalRecord {
  /**
   * Increases across restarts, compaction and adoption; of two records of a key the one with the higher number counts.
   */
  readonly number: number
  readonly key: string
  readonly body: Uint8Array
}

export type Scanned =
  | { readonly kind: 'put'; readonly record: JournalRecord; readonly bytes: number }
  /** Everything of the key up to the number has reached the source. */
  | { readonly kind: 'settled'; readonly key: string; readonly number: number; readonly bytes: number }

export interface Scan {
  readonly items: readonly Scanned[]
  /** Bytes that belong to no complete record: a torn end, or damage. */
  readonly lost: number
  /** Where the last complete record ends. */
  readonly end: number
}

const MAGIC_0 = 0xb7
const MAGIC_1 = 0x4a
const PUT = 1
const SETTLED = 2
const WIDE = 0x80
const HEAD = 18
const CHECKSUM = 4
const MAX_KEY = 0xffffff
const MAX_BODY = 256 * 1024 * 1024
const NO_BODY = new Uint8Array()

/** @throws MillpondError `VALUE_TOO_LARGE` for a body above 256 MiB or a key above 16 MiB. */
export const encodePut = ({ number, key, body }: JournalRecord): Buffer => encode(PUT, number, key, body)

export const encodeSettled = (key: string, number: number): Buffer => encode(SETTLED, number, key, NO_BODY)

function encode(kind: number, number: number, key: string, body: Uint8Array): Buffer {
  const encoding = key.isWellFormed() ? 'utf8' : 'utf16le'
  const keyLength = Buffer.byteLength(key, encoding)
  if (keyLength > MAX_KEY || body.byteLength > MAX_BODY) {
    throw new MillpondError(
      'VALUE_TOO_LARGE',
      `the journal's record of ${show(key)} has ${keyLength} bytes of key and ${body.byteLength} of value: at most ${MAX_KEY} and ${MAX_BODY} are allowed`,
    )
  }
  const end = HEAD + keyLength + body.byteLength
  const out = Buffer.allocUnsafe(end + CHECKSUM)
  out[0] = MAGIC_0
  out[1] = MAGIC_1
  out[2] = encoding === 'utf8' ? kind : kind | WIDE
  out.writeUIntLE(keyLength, 3, 3)
  out.writeUInt32LE(body.byteLength, 6)
  out.writeDoubleLE(number, 10)
  out.write(key, HEAD, encoding)
  out.set(body, HEAD + keyLength)
  out.writeUInt32LE(crc32(out.subarray(0, end)), end)
  return out
}

/** Every complete record of a segment, in order. Never throws. */
export function scan(bytes: Buffer): Scan {
  const items: Scanned[] = []
  let at = 0
  let end = 0
  let lost = 0
  while (at < bytes.length) {
    const item = decodeAt(bytes, at)
    if (item === undefined) {
      const next = nextMagic(bytes, at + 1)
      lost += next - at
      at = next
      continue
    }
    items.push(item)
    at += item.bytes
    end = at
  }
  return { items, lost, end }
}

function nextMagic(bytes: Buffer, from: number): number {
  for (let at = bytes.indexOf(MAGIC_0, from); at >= 0; at = bytes.indexOf(MAGIC_0, at + 1))
    if (bytes[at + 1] === MAGIC_1) return at
  return bytes.length
}

function decodeAt(bytes: Buffer, at: number): Scanned | undefined {
  if (bytes.length - at < HEAD + CHECKSUM || bytes[at] !== MAGIC_0 || bytes[at + 1] !== MAGIC_1) return undefined
  const mark = bytes[at + 2] ?? 0
  const kind = mark & ~WIDE
  const body = at + HEAD + bytes.readUIntLE(at + 3, 3)
  const end = body + bytes.readUInt32LE(at + 6)
  if (end + CHECKSUM > bytes.length || crc32(bytes.subarray(at, end)) !== bytes.readUInt32LE(end)) return undefined
  const number = bytes.readDoubleLE(at + 10)
  const key = bytes.toString((mark & WIDE) === 0 ? 'utf8' : 'utf16le', at + HEAD, body)
  const length = end + CHECKSUM - at
  if (kind === SETTLED) return { kind: 'settled', key, number, bytes: length }
  // A copy: the record outlives the buffer of its whole segment.
  return kind === PUT
    ? { kind: 'put', record: { number, key, body: new Uint8Array(bytes.subarray(body, end)) }, bytes: length }
    : undefined
}
