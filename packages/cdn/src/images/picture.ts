// An opened image: checked by its header before a pixel is decoded; rotated, scaled and encoded.
import type { Metadata, Sharp } from 'sharp'
import { CdnError } from '../errors.ts'
import { isError } from '../is-error.ts'
import { type SharpOf, sharpOf } from './sharp.ts'
import { type ImageFormat, sniff } from './sniff.ts'
import { stripped } from './strip.ts'

export interface ImageLimits {
  readonly maxBytes: number
  /** Of all frames together. */
  readonly maxPixels: number
}

/** 1 to 100, by format. */
export type Qualities = Readonly<Record<ImageFormat, number>>

export interface Made {
  readonly format: ImageFormat
  readonly width: number
  /** Of one frame. */
  readonly height: number
  readonly body: Uint8Array
}

/** The time limit for decoding and encoding one variant: a slower one is an attack, or needs another machine. */
const SECONDS = 120

/** @throws CdnError `IMAGE_REFUSED`, `IMAGE_BROKEN`, `PACKAGE_MISSING` */
export async function openPicture(
  bytes: Uint8Array,
  name: string,
  { maxBytes, maxPixels }: ImageLimits,
): Promise<Picture> {
  if (bytes.byteLength > maxBytes)
    throw refused(name, `has ${bytes.byteLength} bytes, and at most ${maxBytes} are allowed (maxBytes)`)
  const format = sniff(bytes)
  if (format === 'svg')
    throw refused(
      name,
      'is SVG, which may contain scripts and is not made of pixels: serve it unchanged, as an attachment',
    )
  if (format === 'apng')
    throw refused(name, 'is an animated PNG, which would lose its frames: make it a GIF or WebP, or leave it as it is')
  if (format === 'unknown') throw broken(name, 'is not a JPEG, PNG, GIF, WebP or AVIF')
  const sharp = await sharpOf()
  // Warnings are ignored, as in every browser: phones write slightly invalid JPEGs. A truncated file is an error.
  const open = (): Sharp => sharp(bytes, { animated: true, failOn: 'error', limitInputPixels: maxPixels })
  const facts = await sharp(bytes, { animated: true, limitInputPixels: false })
    .metadata()
    .catch((error: unknown) => {
      throw broken(name, `cannot be read (${wordsOf(error)})`)
    })
  const pixels = facts.width * facts.height
  if (pixels > maxPixels) throw refused(name, `has ${pixels} pixels, and at most ${maxPixels} are allowed (maxPixels)`)
  return new Picture(name, format, bytes, facts, open)
}

export class Picture {
  readonly name: string
  readonly format: ImageFormat
  readonly bytes: Uint8Array
  /** As displayed: rotated by its orientation. Of one frame. */
  readonly width: number
  readonly height: number
  readonly isAnimated: boolean
  /** The original without its metadata; undefined if it cannot be kept. */
  readonly untouched: Uint8Array | undefined
  readonly #open: () => ReturnType<SharpOf>

  constructor(name: string, format: ImageFormat, bytes: Uint8Array, facts: Metadata, open: () => Sharp) {
    this.name = name
    this.format = format
    this.bytes = bytes
    this.isAnimated = (facts.pages ?? 1) > 1
    const frameHeight = this.isAnimated ? (facts.pageHeight ?? facts.height) : facts.height
    const orientation = this.isAnimated ? 1 : (facts.orientation ?? 1)
    this.width = orientation > 1 ? facts.autoOrient.width : facts.width
    this.height = orientation > 1 ? facts.autoOrient.height : frameHeight
    // Browsers rotate a JPEG by its metadata; of other formats only some do.
    if (orientation === 1 || format === 'jpeg')
      this.untouched = format === 'avif' && !isNoted(facts) ? bytes : stripped(bytes, format, orientation)
    this.#open = open
  }

  /** Whether a format can represent it. */
  canBe(format: ImageFormat): boolean {
    return !this.isAnimated || format === 'webp' || format === 'gif'
  }

  /** Never larger than the original. @throws CdnError `IMAGE_BROKEN` */
  async as(format: ImageFormat, width: number, qualities: Qualities): Promise<Made> {
    const quality = qualities[format]
    const ways: ((picture: Sharp) => Sharp)[] =
      format === 'avif'
        ? [(picture) => picture.avif({ quality, effort: 4 })]
        : format === 'webp'
          ? [(picture) => picture.webp({ quality, effort: 4, smartSubsample: true })]
          : format === 'jpeg'
            ? [(picture) => picture.jpeg({ quality, mozjpeg: true })]
            : format === 'png'
              ? [
                  (picture) => picture.png({ compressionLevel: 9, adaptiveFiltering: true }),
                  (picture) => picture.png({ compressionLevel: 9 }),
                ]
              : [(picture) => picture.gif({ effort: 7 })]
    // Drawings and screenshots with few colours are smaller, and sharper, with lossless encoding.
    if (format === 'webp' && (this.format === 'png' || this.format === 'gif'))
      ways.push((picture) => picture.webp({ lossless: true, effort: 4 }))
    let best: Made | undefined
    for (const way of ways) {
      const made = await this.#write(way, format, width)
      if (best === undefined || made.body.byteLength < best.body.byteLength) best = made
    }
    return best ?? this.#write((picture) => picture, format, width)
  }

  async #write(way: (picture: Sharp) => Sharp, format: ImageFormat, width: number): Promise<Made> {
    const opened = this.#open()
    const turned = this.isAnimated ? opened : opened.autoOrient()
    const scaled = width < this.width ? turned.resize({ width, withoutEnlargement: true }) : turned
    try {
      const { data, info } = await way(scaled.toColourspace('srgb'))
        .timeout({ seconds: SECONDS })
        .toBuffer({ resolveWithObject: true })
      return { format, width: info.width, height: info.pageHeight ?? info.height, body: data }
    } catch (error) {
      throw broken(this.name, `cannot be decoded (${wordsOf(error)})`)
    }
  }
}

/**
 * Whether there is metadata that AVIF could hold; segments of a JPEG or GIF, and data after the end of an image, are
 * not seen here.
 */
const isNoted = ({ exif, iptc, xmp }: Metadata): boolean => [exif, iptc, xmp].some((note) => note !== undefined)

const refused = (name: string, words: string): CdnError =>
  new CdnError('IMAGE_REFUSED', `${JSON.stringify(name)} ${words}`, { vendor: 'images' })
const broken = (name: string, words: string): CdnError =>
  new CdnError('IMAGE_BROKEN', `${JSON.stringify(name)} ${words}`, { vendor: 'images' })
const wordsOf = (error: unknown): string => (isError(error) ? (error.message.split('\n')[0] ?? '') : String(error))
