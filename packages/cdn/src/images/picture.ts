// One picture, opened: what it is, checked by its header before a pixel is decoded, and how it is turned, scaled and
// written anew.
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

/** Decoding and writing one variant: what takes longer is an attack, or needs another machine. */
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
  // Warnings are passed over, as every browser does: phones write JPEGs that are not quite right. What is cut off is an
  // error.
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
  /** As it is shown: turned by its orientation. Of one frame. */
  readonly width: number
  readonly height: number
  readonly isAnimated: boolean
  /** As it came, without what is noted in it; undefined where it cannot stay as it is. */
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
    // Browsers turn a JPEG by what it notes; of others only some do.
    if (orientation === 1 || format === 'jpeg')
      this.untouched = format === 'avif' && !isNoted(facts) ? bytes : stripped(bytes, format, orientation)
    this.#open = open
  }

  /** Whether a format can hold it. */
  canBe(format: ImageFormat): boolean {
    return !this.isAnimated || format === 'webp' || format === 'gif'
  }

  /** Never larger than it is. @throws CdnError `IMAGE_BROKEN` */
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
    // Drawings and screens with few colours are smaller, and sharp, where nothing is lost.
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

/** Told of what AVIF can hold; not of a JPEG's or GIF's own segments, nor of what stands behind a picture. */
const isNoted = ({ exif, iptc, xmp }: Metadata): boolean => [exif, iptc, xmp].some((note) => note !== undefined)

const refused = (name: string, words: string): CdnError =>
  new CdnError('IMAGE_REFUSED', `${JSON.stringify(name)} ${words}`, { vendor: 'images' })
const broken = (name: string, words: string): CdnError =>
  new CdnError('IMAGE_BROKEN', `${JSON.stringify(name)} ${words}`, { vendor: 'images' })
const wordsOf = (error: unknown): string => (isError(error) ? (error.message.split('\n')[0] ?? '') : String(error))
