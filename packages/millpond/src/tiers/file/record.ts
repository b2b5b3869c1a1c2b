// A record of the log. All numbers little-endian.
//
//   0  checksum of the head     uint32, CRC-32 of the bytes 4 to 44, begun with the folder's seed
//   4  "MF"                     magic
//   6  kind                     uint8: put, drop, clear, seal
//   7  length of epoch          uint8
//   8  length of key            uint32; of a clear: of its prefix
//  12  length of body           uint32
//  16  birth                    float64; 0 where the record's own place is its birth
//  24  expiresAt                float64, epoch milliseconds, may be Infinity
//  32  number                   float64
//  40  checksum of the rest     uint32, CRC-32 of epoch, key and body, begun with the seed
//  44  epoch, key, body
//
// The seed is a secret of the folder: a value cannot be crafted to look like a record to a reader that is
// resynchronizing.
import { crc32 } from 'node:zlib'
import type { Stored, TierItem } from '../../core/contracts.ts'

export const HEAD = 44
const MAGIC = 0x464d
const EPOCH = /^[\w-]{1,64}$/

export const KIND = { put: 1, drop: 2, clear: 3, seal: 4 } as const
export type Kind = (typeof KIND)[keyof typeof KIND]

/** A decoded head. */
export interface Head {
  readonly kind: Kind
  readonly epochLength: number
  readonly keyLength: number
  readonly birth: number
  readonly expiresAt: number
  readonly seq: number
  readonly checksum: number
  /** Length of the whole record. */
  readonly length: number
}

interface Parts {
  readonly kind: Kind
  readonly key: string
  readonly birth?: number
  readonly item?: Pick<Stored, 'asOf' | 'body' | 'expiresAt'>
}

export function packPut(item: TierItem, seed: number): Buffer {
  return pack({ kind: KIND.put, key: item.key, item }, seed)
}

/** With `birth`, drops only a record that is not younger; without it, any earlier record. */
export function packDrop(key: string, seed: number, birth = 0): Buffer {
  return pack({ kind: KIND.drop, key, birth }, seed)
}

export function packClear(prefix: string, seed: number): Buffer {
  return pack({ kind: KIND.clear, key: prefix }, seed)
}

export function packSeal(seed: number): Buffer {
  return pack({ kind: KIND.seal, key: '' }, seed)
}

const NOTHING: Pick<Stored, 'asOf' | 'body' | 'expiresAt'> = {
  asOf: { epoch: '', seq: 0 },
  body: new Uint8Array(0),
  expiresAt: Number.POSITIVE_INFINITY,
}

function pack({ kind, key, birth = 0, item = NOTHING }: Parts, seed: number): Buffer {
  const { asOf, body, expiresAt } = item
  const keyLength = Buffer.byteLength(key)
  const keyFrom = HEAD + asOf.epoch.length
  const bodyFrom = keyFrom + keyLength
  const record = Buffer.allocUnsafe(bodyFrom + body.length)
  record.write(asOf.epoch, HEAD, 'latin1')
  record.write(key, keyFrom)
  record.set(body, bodyFrom)
  record.writeUInt16LE(MAGIC, 4)
  record[6] = kind
  record[7] = asOf.epoch.length
  record.writeUInt32LE(keyLength, 8)
  record.writeUInt32LE(body.length, 12)
  record.writeDoubleLE(birth, 16)
  record.writeDoubleLE(expiresAt, 24)
  record.writeDoubleLE(asOf.seq, 32)
  record.writeUInt32LE(crc32(record.subarray(HEAD), seed), 40)
  record.writeUInt32LE(crc32(record.subarray(4, HEAD), seed), 0)
  return record
}

/** Sets the record's birth to where it was first written. Modifies the bytes in place. */
export function giveBirth(record: Buffer, birth: number, seed: number): void {
  record.writeDoubleLE(birth, 16)
  record.writeUInt32LE(crc32(record.subarray(4, HEAD), seed), 0)
}

/** Undefined if no record begins there. */
export function headAt(bytes: Buffer, at: number, seed: number): Head | undefined {
  if (bytes.readUInt16LE(at + 4) !== MAGIC || crc32(bytes.subarray(at + 4, at + HEAD), seed) !== bytes.readUInt32LE(at))
    return undefined
  const kind = kindOf(bytes[at + 6])
  if (kind === undefined) return undefined
  const epochLength = bytes[at + 7] ?? 0
  const keyLength = bytes.readUInt32LE(at + 8)
  return {
    kind,
    epochLength,
    keyLength,
    birth: bytes.readDoubleLE(at + 16),
    expiresAt: bytes.readDoubleLE(at + 24),
    seq: bytes.readDoubleLE(at + 32),
    checksum: bytes.readUInt32LE(at + 40),
    length: HEAD + epochLength + keyLength + bytes.readUInt32LE(at + 12),
  }
}

function kindOf(byte: number | undefined): Kind | undefined {
  return byte === KIND.put || byte === KIND.drop || byte === KIND.clear || byte === KIND.seal ? byte : undefined
}

/** Whether the rest of the record is intact. All of its bytes must be in the buffer. */
export function isWhole(bytes: Buffer, at: number, { length, checksum }: Head, seed: number): boolean {
  return crc32(bytes.subarray(at + HEAD, at + length), seed) === checksum
}

export function keyAt(bytes: Buffer, at: number, { epochLength, keyLength }: Head): string {
  const from = at + HEAD + epochLength
  return bytes.toString('utf8', from, from + keyLength)
}

/** The entry of a key in the bytes of one record. Undefined for anything else and for expired entries. */
export function storedIn(record: Buffer, key: string, seed: number, now: number): Stored | undefined {
  if (record.length < HEAD) return undefined
  const head = headAt(record, 0, seed)
  if (head?.kind !== KIND.put || head.length !== record.length || head.expiresAt <= now) return undefined
  if (!isWhole(record, 0, head, seed) || keyAt(record, 0, head) !== key) return undefined
  const epoch = record.toString('latin1', HEAD, HEAD + head.epochLength)
  if (!EPOCH.test(epoch) || !Number.isSafeInteger(head.seq) || head.seq < 0 || Number.isNaN(head.expiresAt))
    return undefined
  return {
    asOf: { epoch, seq: head.seq },
    expiresAt: head.expiresAt,
    body: record.subarray(HEAD + head.epochLength + head.keyLength),
  }
}
