// A picture without what cameras and programs note in it (place, time, device), its pixels untouched byte for byte.
import type { ImageFormat } from './sniff.ts'

/**
 * Undefined: it cannot be told what is noted in it. Profiles of colour stay: without them it would look otherwise.
 * @param orientation of a JPEG, 1 to 8: how it is to be turned, which stays noted where it is not 1.
 */
export function stripped(bytes: Uint8Array, format: ImageFormat, orientation = 1): Uint8Array | undefined {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  try {
    return format === 'jpeg' ? jpeg(view, orientation) : format === 'png' ? png(view) : format === 'webp' ? webp(view) : undefined
  } catch (error) {
    // Read past its end: a decoder will say what is wrong.
    if (error instanceof RangeError) return undefined
    throw error
  }
}

/** JFIF (APP0), profiles (APP2) and what Adobe says of the colours (APP14) stay. */
const JPEG_KEPT = new Set([0xe0, 0xe2, 0xee])
const SCAN = 0xda
const END = 0xd9

/** ISO/IEC 10918-1, B.1.1: segments, and behind each beginning of a scan its data, up to the end of the picture. More pictures behind it (depth, previews, films) go. */
function jpeg(view: Buffer, orientation: number): Buffer | undefined {
  const parts = [view.subarray(0, 2)]
  if (orientation > 1) parts.push(orientationOnly(orientation))
  for (let from = 2; ; ) {
    if (view.readUInt8(from) !== 0xff) return undefined
    const marker = view.readUInt8(from + 1)
    if (marker === END) return Buffer.concat([...parts, view.subarray(from, from + 2)])
    let end = from + 2 + view.readUInt16BE(from + 2)
    if (marker === SCAN) end = endOfScan(view, end)
    if (end > view.length) return undefined
    const isNoted = (marker >= 0xe0 && marker <= 0xef && !JPEG_KEPT.has(marker)) || marker === 0xfe
    // The index of those pictures.
    const isIndex = marker === 0xe2 && view.toString('latin1', from + 4, from + 8) === 'MPF\0'
    if (!isNoted && !isIndex) parts.push(view.subarray(from, end))
    from = end
  }
}

/** Up to the next marker that is neither a stuffed byte nor a restart. */
function endOfScan(view: Buffer, from: number): number {
  for (let at = from; ; at++) {
    at = view.indexOf(0xff, at)
    if (at < 0) throw new RangeError('no end of the scan')
    const marker = view.readUInt8(at + 1)
    if (marker !== 0 && marker !== 0xff && !(marker >= 0xd0 && marker <= 0xd7)) return at
  }
}

/** EXIF with one entry: tag 0x0112, a SHORT. */
const orientationOnly = (orientation: number): Buffer =>
  Buffer.from(`ffe10022457869660000${'4d4d002a00000008'}${'0001'}${'0112000300000001'}000${orientation}0000${'00000000'}`, 'hex')

const PNG_NOTED = new Set(['eXIf', 'tEXt', 'zTXt', 'iTXt', 'tIME'])

function png(view: Buffer): Buffer | undefined {
  const parts = [view.subarray(0, 8)]
  for (let from = 8; from < view.length; ) {
    const end = from + 12 + view.readUInt32BE(from)
    if (end > view.length) return undefined
    const name = view.toString('latin1', from + 4, from + 8)
    if (!PNG_NOTED.has(name)) parts.push(view.subarray(from, end))
    // What follows the end is not of the picture.
    if (name === 'IEND') break
    from = end
  }
  return Buffer.concat(parts)
}

/** RFC 9649: chunks of an even length; VP8X says by bits which there are. */
function webp(view: Buffer): Buffer | undefined {
  const parts: Buffer[] = []
  for (let from = 12; from + 8 <= view.length; ) {
    const name = view.toString('latin1', from, from + 4)
    const length = view.readUInt32LE(from + 4)
    const end = from + 8 + length + (length % 2)
    if (end > view.length) return undefined
    if (name === 'VP8X') {
      const head = Buffer.from(view.subarray(from, end))
      // Bits of the format: EXIF and XMP.
      head.writeUInt8(head.readUInt8(8) & ~0b1100, 8)
      parts.push(head)
    } else if (name !== 'EXIF' && name !== 'XMP ') parts.push(view.subarray(from, end))
    from = end
  }
  const body = Buffer.concat(parts)
  const head = Buffer.from(view.subarray(0, 12))
  head.writeUInt32LE(body.length + 4, 4)
  return Buffer.concat([head, body])
}
