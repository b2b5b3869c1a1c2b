// All variants of one image: in each format and width, keeping only those that are smaller than what they replace.
import type { Made, Picture, Qualities } from './picture.ts'
import type { ImageFormat } from './sniff.ts'

export interface VariantSettings {
  readonly formats: readonly ImageFormat[]
  /** Ascending. */
  readonly widths: readonly number[]
  readonly qualities: Qualities
}

/**
 * In the order of a `<picture>`: better formats first, the image's own last, which every browser supports. No variant
 * is larger than that of its own format at the same width, nor than the original, unless the original cannot be kept
 * (`untouched`): orientation and removed location are worth more than bytes. A format is kept only if it is smaller at
 * full width: a browser that chooses it has no alternative.
 */
export async function variantsOf(
  picture: Picture,
  { formats, widths, qualities }: VariantSettings,
  signal?: AbortSignal,
): Promise<Made[]> {
  const sizes = widthsOf(picture.width, widths)
  const own: Made[] = []
  const { untouched, format: ownFormat, width: full, height, bytes } = picture
  const whole: Made | undefined = untouched && { format: ownFormat, width: full, height, body: untouched }
  for (const width of sizes) {
    signal?.throwIfAborted()
    const made = await picture.as(ownFormat, width, qualities)
    const isLast = width === sizes.at(-1)
    // A smaller image with more bytes than the full one is useless, and one with as many is no better.
    if (whole !== undefined && isLast && whole.body.byteLength <= made.body.byteLength) own.push(whole)
    else if (isLast || made.body.byteLength < bytes.byteLength) own.push(made)
  }
  const better: Made[][] = []
  for (const format of formats.filter((one) => one !== ownFormat && picture.canBe(one))) {
    const made: Made[] = []
    for (const { width, body } of own) {
      signal?.throwIfAborted()
      const one = await picture.as(format, width, qualities)
      if (one.body.byteLength < body.byteLength) made.push(one)
    }
    if (made.at(-1)?.width === own.at(-1)?.width) better.push(made)
  }
  better.sort((a, b) => lastOf(a) - lastOf(b))
  return [...better.flat(), ...own]
}

/** The widths below the image's own, and its own, or the largest requested one. */
export function widthsOf(full: number, widths: readonly number[]): number[] {
  const largest = Math.min(full, widths.at(-1) ?? full)
  return [...widths.filter((width) => width < largest), largest]
}

const lastOf = (made: readonly Made[]): number => made.at(-1)?.body.byteLength ?? 0
