// How alike two pictures are to the eye: SSIM (Wang, Bovik, Sheikh, Simoncelli: "Image Quality Assessment: From Error
// Visibility to Structural Similarity", 2004) of brightness, over windows of eight by eight pixels, every fourth one.
import sharp from 'sharp'

const WINDOW = 8
const STEP = 4
const C1 = (0.01 * 255) ** 2
const C2 = (0.03 * 255) ** 2

interface Grey {
  readonly width: number
  readonly height: number
  readonly pixels: Buffer
}

/** Of a variant, and the picture at the variant's width; 1 is the same. What is transparent is seen on white. */
export async function likeness(source: Uint8Array, variant: Uint8Array, width: number): Promise<number> {
  const [a, b] = await Promise.all([grey(source, width), grey(variant, width)])
  if (a.width !== b.width || a.height !== b.height) return 0
  let [sum, windows] = [0, 0]
  for (let y = 0; y + WINDOW <= a.height; y += STEP)
    for (let x = 0; x + WINDOW <= a.width; x += STEP) {
      sum += ofWindow(a, b, x, y)
      windows++
    }
  return windows === 0 ? 1 : sum / windows
}

async function grey(bytes: Uint8Array, width: number): Promise<Grey> {
  const opened = sharp(bytes, { animated: true })
  const scaled = (await sharp(bytes).metadata()).width > width ? opened.resize({ width }) : opened
  const { data, info } = await scaled
    .flatten({ background: 'white' })
    .toColourspace('b-w')
    .raw()
    .toBuffer({ resolveWithObject: true })
  const pixels = info.channels === 1 ? data : Buffer.from(data.filter((_, at) => at % info.channels === 0))
  return { width: info.width, height: info.height, pixels }
}

function ofWindow(a: Grey, b: Grey, left: number, top: number): number {
  let [sumA, sumB, squareA, squareB, product] = [0, 0, 0, 0, 0]
  for (let y = top; y < top + WINDOW; y++)
    for (let x = left; x < left + WINDOW; x++) {
      const at = y * a.width + x
      const [one, other] = [a.pixels[at] ?? 0, b.pixels[at] ?? 0]
      sumA += one
      sumB += other
      squareA += one * one
      squareB += other * other
      product += one * other
    }
  const count = WINDOW * WINDOW
  const [meanA, meanB] = [sumA / count, sumB / count]
  const [varianceA, varianceB, covariance] = [
    squareA / count - meanA ** 2,
    squareB / count - meanB ** 2,
    product / count - meanA * meanB,
  ]
  return (
    ((2 * meanA * meanB + C1) * (2 * covariance + C2)) / ((meanA ** 2 + meanB ** 2 + C1) * (varianceA + varianceB + C2))
  )
}
