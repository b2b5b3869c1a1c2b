// Encoding and decoding that answers at once, and frames of ours around any bytes.
import { crc32 } from 'node:zlib'
import { jsonCodec } from '../../src/codec/index.ts'
import type { Codec, CodecContext, DecodedParts, EncodedParts } from '../../src/core/contracts.ts'

export const PLACE: CodecContext = { cache: 'shop', namespace: 'pages', asOf: { epoch: 'e', seq: 1 } }

export function encode(codec: Codec, parts: EncodedParts, context = PLACE): Buffer {
  const bytes = codec.encode(parts, context)
  if (bytes instanceof Promise) throw new Error('too large for one turn')
  return Buffer.from(bytes)
}

export function decode(codec: Codec, bytes: Uint8Array): { parts: DecodedParts | undefined; why: string | undefined } {
  let why: string | undefined
  const parts = codec.decode(bytes, { ...PLACE, reject: (reason) => (why = reason) })
  if (parts instanceof Promise) throw new Error('too large for one turn')
  return { parts, why }
}

/** By which number a frame says that its value is written. */
export const formatOf = (frame: Buffer): number => frame[3] ?? -1

/** A frame with its right checksum that says its value is written by `format`. */
export function framed(format: number, value: Uint8Array): Buffer {
  const parts = { key: 'k', value: Buffer.from(value), createdAt: 1, freshUntil: 2, staleUntil: 3, tags: [] }
  const frame = Buffer.from(jsonCodec({ limits: { maxBytes: 64 * 1024 * 1024 } }).encode(parts))
  frame[3] = format
  frame.writeUInt32LE(crc32(frame.subarray(0, frame.length - 4)), frame.length - 4)
  return frame
}
