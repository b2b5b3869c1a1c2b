// The options of image variants, validated once.
import { listOf, oneOf, options as optionsOf, refused, type Shape, whole } from 'millpond/options'
import type { ImageLimits, Qualities } from './picture.ts'
import { FORMATS, type ImageFormat } from './sniff.ts'
import type { VariantSettings } from './variants.ts'

export interface ImageOptions {
  /** Besides each image's own. Default `['avif', 'webp']`. */
  readonly formats?: readonly ImageFormat[] | undefined
  /** In pixels. Default 320, 640, 960, 1280, 1920, 2560; none is larger than the image. */
  readonly widths?: readonly number[] | undefined
  /** 1 to 100. Default: AVIF 63, WebP 82, JPEG 82. PNG is lossless. */
  readonly quality?: Partial<Readonly<Record<ImageFormat, number>>> | undefined
  /** An image with more, all frames together, is refused by its header, before it is decoded. Default 50,000,000. */
  readonly maxPixels?: number | undefined
  /** A larger file is refused. Default 64 MiB. */
  readonly maxBytes?: number | undefined
}

export const QUALITIES: Qualities = { avif: 63, webp: 82, jpeg: 82, png: 100, gif: 100 }
const WIDTHS: readonly number[] = [320, 640, 960, 1280, 1920, 2560]
/** WebP's limit, which is the lowest. */
const MAX_WIDTH = 16_383
const MEGABYTE = 1024 * 1024

const quality = whole(1, 100)
const some =
  <T>(one: (value: unknown, at: string) => readonly T[], wanted: string) =>
  (value: unknown, at: string): readonly T[] => {
    const list = one(value, at)
    if (list.length === 0) throw refused(value, at, wanted)
    return list
  }
export const IMAGES: Shape<ImageOptions> = {
  formats: listOf(oneOf(...FORMATS), "a list such as ['avif', 'webp']"),
  widths: some(listOf(whole(1, MAX_WIDTH), 'a list of pixels such as [320, 640]'), 'at least one width'),
  quality: optionsOf<NonNullable<ImageOptions['quality']>>({
    avif: quality,
    webp: quality,
    jpeg: quality,
    png: quality,
    gif: quality,
  }),
  maxPixels: whole(1),
  maxBytes: whole(1, 2 ** 31 - 1),
}

export type ImageSettings = VariantSettings & ImageLimits

export function imageSettings({
  formats = ['avif', 'webp'],
  widths = WIDTHS,
  quality: given,
  maxPixels,
  maxBytes,
}: ImageOptions): ImageSettings {
  const known = Object.entries(given ?? {}).filter(([, value]) => value !== undefined)
  return {
    formats: [...new Set(formats)],
    widths: [...new Set(widths)].sort((a, b) => a - b),
    qualities: { ...QUALITIES, ...Object.fromEntries(known) },
    maxPixels: maxPixels ?? 50_000_000,
    maxBytes: maxBytes ?? 64 * MEGABYTE,
  }
}
