// An image's format by its first bytes, whatever its name: only these formats are passed to a decoder.

export const FORMATS = ['avif', 'webp', 'jpeg', 'png', 'gif'] as const
export type ImageFormat = (typeof FORMATS)[number]

export const CONTENT_TYPES: Readonly<Record<ImageFormat, string>> = {
  avif: 'image/avif',
  webp: 'image/webp',
  jpeg: 'image/jpeg',
  png: 'image/png',
  gif: 'image/gif',
}

export type Sniffed =
  | ImageFormat
  /** A document, which may contain scripts and references. */
  | 'svg'
  /** Animated PNG: decoders only read the first frame. */
  | 'apng'
  | 'unknown'

const AVIF_BRANDS = new Set(['avif', 'avis'])
const TEXT_LOOKED_AT = 4096

export function sniff(bytes: Uint8Array): Sniffed {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const at = (from: number, words: string): boolean => view.toString('latin1', from, from + words.length) === words
  if (at(0, '\xff\xd8\xff')) return 'jpeg'
  if (at(0, '\x89PNG\r\n\x1a\n')) return isAnimatedPng(view) ? 'apng' : 'png'
  if (at(0, 'GIF87a') || at(0, 'GIF89a')) return 'gif'
  if (at(0, 'RIFF') && at(8, 'WEBP')) return 'webp'
  if (at(4, 'ftyp') && brandsOf(view).some((brand) => AVIF_BRANDS.has(brand))) return 'avif'
  return isSvg(view) ? 'svg' : 'unknown'
}

/** The major brand and the compatible ones of an ISO base media file. */
function brandsOf(view: Buffer): string[] {
  const end = Math.min(view.length >= 4 ? view.readUInt32BE(0) : 0, view.length, 256)
  const brands: string[] = []
  for (let from = 8; from + 4 <= end; from += 4) if (from !== 12) brands.push(view.toString('latin1', from, from + 4))
  return brands
}

/** `acTL` stands before the first `IDAT`. */
function isAnimatedPng(view: Buffer): boolean {
  for (let from = 8; from + 8 <= view.length; ) {
    const name = view.toString('latin1', from + 4, from + 8)
    if (name === 'acTL') return true
    if (name === 'IDAT') return false
    from += view.readUInt32BE(from) + 12
  }
  return false
}

function isSvg(view: Buffer): boolean {
  const isWide = view[0] === 0xff && view[1] === 0xfe
  const text = view.toString(isWide ? 'utf16le' : 'utf8', 0, TEXT_LOOKED_AT)
  // Compressed SVG cannot be inspected cheaply; compressed data is not accepted.
  return /<(?:[\w-]+:)?svg[\s>/]|<!DOCTYPE\s+svg/i.test(text)
}
