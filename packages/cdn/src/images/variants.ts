// All variants of one picture: in each format and width, and of these only what is smaller than what it stands for.
import type { Made, Picture, Qualities } from './picture.ts'
import type { ImageFormat } from './sniff.ts'

export interface VariantSettings {
  readonly formats: readonly ImageFormat[]
  /** Ascending. */
  readonly widths: readonly number[]
  readonly qualities: Qualities
}

/**
 * In the order of a `<picture>`: better formats first, the picture's own last, which every browser has shown so far. No
 * variant is larger than that of its own format at the same width, nor than the picture, unless that cannot stay as it
 * is (`untouched`): the right way up and without a place is worth more than bytes. A format stays only where it is
 * smaller at the full width: a browser that chooses it has no other any more.
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
    // A smaller picture that takes more bytes than the whole serves nobody, and the whole is as good as one that takes
    // as many.
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

/** Those below the picture's own width, and that, or the largest that is wanted. */
export function widthsOf(full: number, widths: readonly number[]): number[] {
  const largest = Math.min(full, widths.at(-1) ?? full)
  return [...widths.filter((width) => width < largest), largest]
}

const lastOf = (made: readonly Made[]): number => made.at(-1)?.body.byteLength ?? 0
