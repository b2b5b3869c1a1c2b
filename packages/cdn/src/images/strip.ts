// Removes the metadata of cameras and programs (place, time, device) from an image, without touching its pixels.

import { isError } from '../is-error.ts'
import type { ImageFormat } from './sniff.ts'

/**
 * Undefined: its metadata cannot be located. Colour profiles stay: without them it would look different.
 * @param orientation of a JPEG, 1 to 8: it stays in the metadata if it is not 1.
 */
export function stripped(bytes: Uint8Array, format: ImageFormat, orientation = 1): Uint8Array | undefined {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  try {
    switch (format) {
      case 'jpeg':
        return jpeg(view, orientation)
      case 'png':
        return png(view)
      case 'webp':
        return webp(view)
      case 'gif':
        return gif(view)
      case 'avif':
        return undefined
    }
  } catch (error) {
    // Truncated: a decoder will report the error.
    if (isError(error) && error.name === 'RangeError') return undefined
    throw error
  }
}

/** JFIF (APP0), profiles (APP2) and Adobe's colour transform (APP14) stay. */
const JPEG_KEPT = new Set([0xe0, 0xe2, 0xee])
const SCAN = 0xda
const END = 0xd9

/**
 * ISO/IEC 10918-1, B.1.1: segments, and after each start of scan its data, up to the end of the image. Further images
 * after it (depth maps, previews, videos) are removed.
 */
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
    // The index of those images.
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
  Buffer.from(
    `ffe10022457869660000${'4d4d002a00000008'}${'0001'}${'0112000300000001'}000${orientation}0000${'00000000'}`,
    'hex',
  )

const PNG_NOTED = new Set(['eXIf', 'tEXt', 'zTXt', 'iTXt', 'tIME'])

function png(view: Buffer): Buffer | undefined {
  const parts = [view.subarray(0, 8)]
  for (let from = 8; from < view.length; ) {
    const end = from + 12 + view.readUInt32BE(from)
    if (end > view.length) return undefined
    const name = view.toString('latin1', from + 4, from + 8)
    if (!PNG_NOTED.has(name)) parts.push(view.subarray(from, end))
    // Data after the end does not belong to the image.
    if (name === 'IEND') break
    from = end
  }
  return Buffer.concat(parts)
}

/** RFC 9649: chunks of even length; flags in VP8X say which there are. */
function webp(view: Buffer): Buffer | undefined {
  const parts: Buffer[] = []
  const whole = 8 + view.readUInt32LE(4)
  for (let from = 12; from < whole; ) {
    const name = view.toString('latin1', from, from + 4)
    const length = view.readUInt32LE(from + 4)
    const end = from + 8 + length + (length % 2)
    if (end > view.length) return undefined
    if (name === 'VP8X') {
      const head = Buffer.from(view.subarray(from, end))
      // The flags for EXIF and XMP.
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

const [EXTENSION, IMAGE, TRAILER] = [0x21, 0x2c, 0x3b]
/** Frame delays, and text that is drawn. */
const GIF_KEPT = new Set([0xf9, 0x01])
/** The loop count, and the colour profile. */
const APPLICATION = 0xff
const APPLICATIONS_KEPT = new Set(['NETSCAPE2.0', 'ANIMEXTS1.0', 'ICCRGBG1012'])

/** GIF89a, 17 to 27: colour tables, images and extensions, each a chain of blocks, up to the trailer. */
function gif(view: Buffer): Buffer | undefined {
  let from = 13 + colourTable(view.readUInt8(10))
  const parts = [view.subarray(0, from)]
  for (;;) {
    const kind = view.readUInt8(from)
    if (kind === TRAILER) return Buffer.concat([...parts, view.subarray(from, from + 1)])
    if (kind !== EXTENSION && kind !== IMAGE) return undefined
    const data = kind === EXTENSION ? from + 2 : from + 11 + colourTable(view.readUInt8(from + 9))
    const end = endOfBlocks(view, data)
    const label = view.readUInt8(from + 1)
    const isKept =
      kind === IMAGE ||
      GIF_KEPT.has(label) ||
      (label === APPLICATION && APPLICATIONS_KEPT.has(view.toString('latin1', from + 3, from + 14)))
    if (isKept) parts.push(view.subarray(from, end))
    from = end
  }
}

/** From a descriptor's flags: the size of its colour table in bytes, 0 without one. */
const colourTable = (flags: number): number => (flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0)

function endOfBlocks(view: Buffer, from: number): number {
  let at = from
  for (let length = view.readUInt8(at); length > 0; length = view.readUInt8(at)) at += length + 1
  return at + 1
}
