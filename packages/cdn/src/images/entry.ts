// The result of optimizing an image, as in the manifest, and its markup.

import { check, checkOptions, fn, oneOf, required, type Shape, text } from 'millpond/options'
import { encodedKey } from '../assets/names.ts'
import { CdnError, type CdnErrorCode } from '../errors.ts'
import { CONTENT_TYPES, type ImageFormat } from './sniff.ts'

export const SCHEMA = 'millpond.images/1'

export interface ImageVariant {
  /** The format that it is encoded in. */
  readonly format: ImageFormat
  /** Pixels. */
  readonly width: number
  /** Pixels. */
  readonly height: number
  /** The size of its file. */
  readonly bytes: number
  /** In the destination folder. */
  readonly path: string
}

export interface ImageEntry {
  /** In the source folder. */
  readonly path: string
  /** Of the source file. */
  readonly sha256: string
  /** The size of the source file. */
  readonly bytes: number
  /** The settings that it was made with: others make it again. */
  readonly settings: string
  /** In the order of a `<picture>`; empty if it failed. */
  readonly variants: readonly ImageVariant[]
  /** Why it has no variants; absent if it was processed. */
  readonly failure?: { readonly code: CdnErrorCode; readonly message: string }
}

/** `images-manifest.json`: by path. */
export interface ImageManifest {
  /** Names the format; a document with another one is not accepted. */
  readonly schema: typeof SCHEMA
  /** By path in the source folder. */
  readonly images: Readonly<Record<string, ImageEntry>>
}

export interface PictureOptions {
  /** The alternative text; `''` for decorative images. */
  readonly alt: string
  /** Its displayed width: `'(max-width: 600px) 100vw, 600px'`. Default `'100vw'`. */
  readonly sizes?: string | undefined
  /** The URL of a result. Default: its path, encoded, from `/`. With hashed names: `assetUrls(manifest)`. */
  readonly url?: ((path: string) => string) | undefined
  /** Default `'lazy'`; `'eager'` for images that are visible first. */
  readonly loading?: 'lazy' | 'eager' | undefined
}

const OPTIONS: Shape<PictureOptions> = {
  alt: required(check((value): value is string => typeof value === 'string', "a string, '' for a decorative picture")),
  sizes: text,
  url: fn('a function from a path to its address'),
  loading: oneOf('lazy', 'eager'),
}

/**
 * `<picture>` with each format's widths, and `<img>` with the image's own format, its size (so that the layout does not
 * shift) and its text.
 * @throws CdnError the failure of an image that has none. @throws MillpondError `OPTION_INVALID`, such as for a missing
 * `alt`.
 */
export function pictureMarkup({ path, variants, failure }: ImageEntry, options: PictureOptions): string {
  checkOptions<PictureOptions>(options, OPTIONS, 'pictureMarkup')
  const { alt, sizes = '100vw', url, loading = 'lazy' } = options
  if (failure !== undefined)
    throw new CdnError(failure.code, failure.message.replace(/^\[millpond\] \[images\] /, ''), { vendor: 'images' })
  const own = variants.at(-1)
  if (own === undefined)
    throw new CdnError('NOT_FOUND', `${JSON.stringify(path)} has no variants: optimise it first`, { vendor: 'images' })
  const addressOf = url ?? ((result) => `/${encodedKey(result)}`)
  const formats = [...new Set(variants.map(({ format }) => format))]
  const setOf = (format: ImageFormat): string =>
    variants
      .filter((one) => one.format === format)
      // A comma or a space would end the URL.
      .map((one) => `${addressOf(one.path).replaceAll(' ', '%20').replaceAll(',', '%2C')} ${one.width}w`)
      .join(', ')
  const sources = formats
    .filter((format) => format !== own.format)
    .map(
      (format) =>
        `<source type="${CONTENT_TYPES[format]}" srcset="${escaped(setOf(format))}" sizes="${escaped(sizes)}">`,
    )
  const image = `<img src="${escaped(addressOf(own.path))}" srcset="${escaped(setOf(own.format))}" sizes="${escaped(sizes)}" width="${own.width}" height="${own.height}" alt="${escaped(alt)}" loading="${loading}" decoding="async">`
  return `<picture>${sources.join('')}${image}</picture>`
}

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
