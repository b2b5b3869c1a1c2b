// An entry as Memcached holds it. All numbers little-endian.
//
//   0  checksum         uint32, CRC-32 of the name on the server, then of all that follows
//   4  "M" 1            magic, version
//   6  length of epoch  uint8
//   7  length of key    uint32; 0 where the name tells the key
//  11  expiresAt        float64, epoch milliseconds, may be Infinity
//  19  number           float64
//  27  epoch, key, body
//
// The name is part of the checksum: bytes stored under another name, or received as the reply to another request, are
// rejected.
import { crc32 } from 'node:zlib'
import type { Stored, TierItem } from '../../core/contracts.ts'

const HEAD = 27
const CHECKED = 4
const MAGIC = 0x4d
const VERSION = 1
const EPOCH = /^[\w-]{1,64}$/

/** `withKey`: stores the key, as its name is a hash. */
export function pack({ key, body, expiresAt, asOf }: TierItem, name: string, withKey: boolean): Buffer {
  const keyLength = withKey ? Buffer.byteLength(key) : 0
  const from = HEAD + asOf.epoch.length + keyLength
  const record = Buffer.allocUnsafe(from + body.length)
  record[4] = MAGIC
  record[5] = VERSION
  record[6] = asOf.epoch.length
  record.writeUInt32LE(keyLength, 7)
  record.writeDoubleLE(expiresAt, 11)
  record.writeDoubleLE(asOf.seq, 19)
  record.write(asOf.epoch, HEAD, 'latin1')
  if (withKey) record.write(key, HEAD + asOf.epoch.length)
  record.set(body, from)
  record.writeUInt32LE(crc32(record.subarray(CHECKED), crc32(name)), 0)
  return record
}

export interface Unpacked extends Stored {
  /** Only if the name is a hash. */
  readonly key: string | undefined
}

/** Undefined for bytes that are damaged, foreign, or were stored under another name. */
export function unpack(record: Buffer, name: string): Unpacked | undefined {
  if (record.length < HEAD || record[4] !== MAGIC || record[5] !== VERSION) return undefined
  if (crc32(record.subarray(CHECKED), crc32(name)) !== record.readUInt32LE(0)) return undefined
  const keyFrom = HEAD + (record[6] ?? 0)
  const bodyFrom = keyFrom + record.readUInt32LE(7)
  if (bodyFrom > record.length) return undefined
  const epoch = record.toString('latin1', HEAD, keyFrom)
  const expiresAt = record.readDoubleLE(11)
  const seq = record.readDoubleLE(19)
  // A valid checksum does not guarantee valid fields.
  if (!EPOCH.test(epoch) || Number.isNaN(expiresAt) || !Number.isSafeInteger(seq) || seq < 0) return undefined
  return {
    asOf: { epoch, seq },
    expiresAt,
    body: record.subarray(bodyFrom),
    key: bodyFrom === keyFrom ? undefined : record.toString('utf8', keyFrom, bodyFrom),
  }
}
