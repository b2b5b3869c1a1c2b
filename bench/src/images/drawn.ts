// Pictures drawn from numbers: of the kinds that sites have, the same for the same seed.
import sharp from 'sharp'

export const KINDS = ['photo', 'gradient', 'text', 'cutout', 'animated'] as const
export type Kind = (typeof KINDS)[number]

type Random = () => number

/** mulberry32. */
function randomOf(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

interface Canvas {
  readonly width: number
  readonly height: number
  readonly channels: 3 | 4
  readonly pixels: Buffer
}

export async function drawn(kind: Kind, seed: number): Promise<{ readonly name: string; readonly bytes: Buffer }> {
  const random = randomOf(seed)
  const width = 400 + Math.floor(random() * 400)
  const height = Math.floor(width * (0.6 + random() * 0.3))
  if (kind === 'photo')
    return {
      name: 'jpg',
      bytes: await image(photo(width, height, random))
        .jpeg({ quality: 92 })
        .toBuffer(),
    }
  if (kind === 'gradient')
    return {
      name: 'png',
      bytes: await image(gradient(width, height, random))
        .png()
        .toBuffer(),
    }
  if (kind === 'text')
    return {
      name: 'png',
      bytes: await image(page(width, height, random))
        .png()
        .toBuffer(),
    }
  if (kind === 'cutout')
    return {
      name: 'png',
      bytes: await image(cutout(width, height, random))
        .png()
        .toBuffer(),
    }
  const frames = Array.from({ length: 6 }, (_, at) => moving(240, 160, at, seed))
  const pages = await Promise.all(frames.map((frame) => image(frame).png().toBuffer()))
  return {
    name: 'gif',
    bytes: await sharp(pages, { join: { animated: true } })
      .gif({ delay: pages.map(() => 120) })
      .toBuffer(),
  }
}

const image = ({ width, height, channels, pixels }: Canvas) => sharp(pixels, { raw: { width, height, channels } })

function canvas(
  width: number,
  height: number,
  channels: 3 | 4,
  colour: (x: number, y: number) => readonly number[],
): Canvas {
  const pixels = Buffer.alloc(width * height * channels)
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const values = colour(x, y)
      for (let at = 0; at < channels; at++)
        pixels[(y * width + x) * channels + at] = Math.max(0, Math.min(255, Math.round(values[at] ?? 255)))
    }
  return { width, height, channels, pixels }
}

/** Value noise: random heights on a lattice, smoothed between. */
function relief(random: Random): (x: number, y: number) => number {
  const size = 64
  const heights = Float32Array.from({ length: size * size }, random)
  const at = (x: number, y: number): number => heights[(y & (size - 1)) * size + (x & (size - 1))] ?? 0
  const smooth = (part: number): number => part * part * (3 - 2 * part)
  return (x, y) => {
    const [left, top] = [Math.floor(x), Math.floor(y)]
    const [across, down] = [smooth(x - left), smooth(y - top)]
    const upper = at(left, top) * (1 - across) + at(left + 1, top) * across
    const lower = at(left, top + 1) * (1 - across) + at(left + 1, top + 1) * across
    return upper * (1 - down) + lower * down
  }
}

/** Clouds of six octaves with an edge of a hill and a sensor's grain. */
function photo(width: number, height: number, random: Random): Canvas {
  const noise = relief(random)
  const clouds = (x: number, y: number): number => {
    let [sum, weight, scale] = [0, 0.5, 1 / 180]
    for (let octave = 0; octave < 6; octave++) {
      sum += noise(x * scale + octave * 17, y * scale) * weight
      weight *= 0.55
      scale *= 2
    }
    return sum
  }
  const tint = [random(), random(), random()]
  return canvas(width, height, 3, (x, y) => {
    const isHill = y > height * (0.55 + 0.2 * noise(x / 120, 3))
    const light = clouds(x, y) * (isHill ? 150 : 230)
    const grain = (random() - 0.5) * 4
    return tint.map((share, at) => light * (0.6 + 0.6 * share) + (isHill ? 10 : 40) + at * 8 + grain)
  })
}

function gradient(width: number, height: number, random: Random): Canvas {
  const [from, to] = [0, 1].map(() => [random() * 255, random() * 255, random() * 255])
  const turn = random() * Math.PI
  return canvas(width, height, 3, (x, y) => {
    const share = 0.5 + 0.5 * Math.sin((x / width) * 3 * Math.cos(turn) + (y / height) * 3 * Math.sin(turn))
    return [0, 1, 2].map((at) => (from?.[at] ?? 0) * (1 - share) + (to?.[at] ?? 0) * share)
  })
}

/** A page of made-up letters, five by seven dots each, every dot two by two pixels. */
function page(width: number, height: number, random: Random): Canvas {
  const letters = Array.from({ length: 26 }, () => Array.from({ length: 35 }, () => random() < 0.45))
  const text = Array.from({ length: 8000 }, () => (random() < 0.16 ? -1 : Math.floor(random() * 26)))
  const columns = Math.floor((width - 32) / 12)
  const ink = [random() * 90, random() * 90, random() * 90]
  return canvas(width, height, 3, (x, y) => {
    const [column, row] = [Math.floor((x - 16) / 12), Math.floor((y - 16) / 20)]
    const [dotX, dotY] = [Math.floor(((x - 16) % 12) / 2), Math.floor(((y - 16) % 20) / 2)]
    const letter =
      x < 16 || y < 16 || column >= columns || dotX > 4 || dotY > 6 ? -1 : (text[row * columns + column] ?? -1)
    return letter >= 0 && letters[letter]?.[dotY * 5 + dotX] === true ? ink : [250, 249, 245]
  })
}

/** A thing with soft edges on nothing. */
function cutout(width: number, height: number, random: Random): Canvas {
  const noise = relief(random)
  const [red, green, blue] = [random() * 200, random() * 200, random() * 200]
  return canvas(width, height, 4, (x, y) => {
    const away = Math.hypot((x - width / 2) / (width * 0.4), (y - height / 2) / (height * 0.4))
    const light = 60 * noise(x / 40, y / 40) + 30 * noise(x / 9, y / 9)
    return [red + light, green + light, blue + light, Math.max(0, Math.min(1, (1 - away) * 12)) * 255]
  })
}

function moving(width: number, height: number, frame: number, seed: number): Canvas {
  const random = randomOf(seed)
  const colours = Array.from({ length: 6 }, () => [random() * 255, random() * 255, random() * 255])
  const places = Array.from({ length: 5 }, () => [
    random() * width,
    random() * height,
    14 + random() * 30,
    random() * 40 - 20,
    random() * 30 - 15,
  ])
  return canvas(width, height, 3, (x, y) => {
    const hit = places.findIndex(
      ([left = 0, top = 0, radius = 1, right = 0, down = 0]) =>
        Math.hypot(x - left - right * frame, y - top - down * frame) < radius,
    )
    return colours[hit + 1] ?? [255, 255, 255]
  })
}
