// An image for each organisation: drawn from its name and sector on the first request, optimised by jobs, and
// invalidated when it is changed.
import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createImageHandler, type ImageFormat, type ImageHandler } from '@millpond/cdn/images'
import { edgeTagFields } from 'millpond/http/middlewares'
import { isError } from 'millpond/options'
import sharp from 'sharp'
import { groupTag } from './cache/kinds.ts'
import type { Caches } from './cache/open-caches.ts'
import { createRandom } from './data/random.ts'
import type { Database } from './db/database.ts'
import { scope } from './db/versions.ts'

export const PICTURES_PATH = '/images/'

export interface Pictures {
  fetch(request: Request): Promise<Response>
  /** `<picture>`, for a place of this width in pixels. @param alt escaped */
  markup(organizationId: number, width: number, alt: string, loading?: 'eager' | 'lazy'): string
  /** Those of organisations that are among the tags of a write. */
  forget(tags: readonly string[]): Promise<void>
  close(): void
}

const WIDTH = 640
const HEIGHT = 360
/** For screens of usual and of double density. */
const DENSITIES = [1, 2] as const
const KEY_FILE = 'image-key'
const FORMATS: readonly (readonly [format: ImageFormat, type: string])[] = [
  ['avif', 'image/avif'],
  ['webp', 'image/webp'],
]

const nameOf = (organizationId: number): string => `organizations/${organizationId}.png`

/** Undefined if the cache, which stores them, is off. */
export function openPictures(
  { pictures: cache }: Pick<Caches, 'pictures'>,
  db: Database,
  folder: string,
  onError: (error: unknown) => void,
): Pictures | undefined {
  if (cache === undefined) return undefined
  const images: ImageHandler = createImageHandler({
    cache,
    base: PICTURES_PATH,
    keys: { current: 'k1', keys: { k1: signingKey(folder) } },
    // Clients revalidate soon: its URL stays when the organisation gets another name.
    maxAge: '5m',
    onError,
    async source(name) {
      const [, id] = /^organizations\/([1-9]\d{0,14})\.png$/.exec(name) ?? []
      if (id === undefined) return undefined
      const row = await db.kysely
        .selectFrom('organizations')
        .where('id', '=', Number(id))
        .select(['name', 'sector'])
        .executeTakeFirst()
      return row && drawn(`${row.name}\n${row.sector ?? ''}`)
    },
  })
  return {
    async fetch(request) {
      const answer = await images.fetch(request)
      const [, id] = /\/organizations\/(\d+)\.png$/.exec(new URL(request.url).pathname) ?? []
      if (id === undefined || answer.headers.get('cache-tag') === null) return answer
      // A write invalidates it here and at the edge by the same tag.
      for (const [field, value] of Object.entries(
        edgeTagFields([scope.organization(Number(id)), groupTag.organization(Number(id))]),
      ))
        answer.headers.set(field, value)
      return answer
    },
    markup(id, width, alt, loading = 'lazy') {
      const name = nameOf(id)
      const widths = DENSITIES.map((density) => Math.min(WIDTH, width * density))
      const set = (format: ImageFormat): string => images.srcset(name, widths, { format }).replaceAll('&', '&amp;')
      const sources = FORMATS.map(
        ([format, type]) => `<source type="${type}" srcset="${set(format)}" sizes="${width}px">`,
      )
      const own = images.url(name, { width, format: 'png' }).replaceAll('&', '&amp;')
      const height = Math.round((width * HEIGHT) / WIDTH)
      return `<picture>${sources.join('')}<img src="${own}" width="${width}" height="${height}" alt="${alt}" loading="${loading}" decoding="async"></picture>`
    },
    async forget(tags) {
      const ids = tags.flatMap((tag) => /^org(?:anization)?:(\d+)$/.exec(tag)?.[1] ?? [])
      for (const id of new Set(ids)) await images.forget(nameOf(Number(id)))
    },
    close: () => images.close(),
  }
}

/** Deterministic for the same words: a gradient with discs of light and film grain. */
export async function drawn(words: string): Promise<Uint8Array> {
  const random = createRandom(createHash('sha256').update(words).digest().readUInt32LE(0))
  const hue = random.whole(0, 359)
  const [from, to] = [colour(hue, 0.35), colour(hue + random.whole(30, 100), 0.65)]
  const discs = Array.from({ length: 5 }, () => ({
    x: random.next() * WIDTH,
    y: random.next() * HEIGHT,
    radius: 50 + random.next() * 150,
    colour: colour(hue + random.whole(-60, 60), 0.4 + random.next() * 0.4),
  }))
  const slant = random.next() * 2 - 1
  const pixels = new Uint8ClampedArray(WIDTH * HEIGHT * 3)
  // Without a list for each pixel: requests wait meanwhile.
  for (let y = 0, at = 0; y < HEIGHT; y++)
    for (let x = 0; x < WIDTH; x++) {
      const share = Math.min(1, Math.max(0, x / WIDTH + slant * (y / HEIGHT - 0.5)))
      let red = between(from[0], to[0], share)
      let green = between(from[1], to[1], share)
      let blue = between(from[2], to[2], share)
      for (const disc of discs) {
        const right = x - disc.x
        const down = y - disc.y
        if (right * right + down * down >= disc.radius * disc.radius) continue
        const cover = Math.min(0.6, (disc.radius - Math.hypot(right, down)) / 24)
        red = between(red, disc.colour[0], cover)
        green = between(green, disc.colour[1], cover)
        blue = between(blue, disc.colour[2], cover)
      }
      const grain = random.next() * 6 - 3
      pixels[at++] = red + grain
      pixels[at++] = green + grain
      pixels[at++] = blue + grain
    }
  return sharp(pixels, { raw: { width: WIDTH, height: HEIGHT, channels: 3 } })
    .png({ compressionLevel: 1 })
    .toBuffer()
}

type Colour = readonly [red: number, green: number, blue: number]

const between = (from: number, to: number, share: number): number => from + (to - from) * share

/** By hue in degrees and lightness, 0 to 1. */
function colour(hue: number, lightness: number): Colour {
  const reach = 0.45 * Math.min(lightness, 1 - lightness)
  const part = (shift: number): number => {
    const at = (shift + hue / 30 + 12) % 12
    return 255 * (lightness - reach * Math.max(-1, Math.min(at - 3, 9 - at, 1)))
  }
  return [part(0), part(8), part(4)]
}

/** Created at the first start, so that URLs stay valid across restarts, and in every process of the folder. */
function signingKey(folder: string): string {
  const path = join(folder, KEY_FILE)
  mkdirSync(folder, { recursive: true })
  try {
    writeFileSync(path, randomBytes(32).toString('base64url'), { mode: 0o600, flag: 'wx' })
  } catch (error) {
    if (!(isError(error) && 'code' in error && error.code === 'EEXIST')) throw error
  }
  return readFileSync(path, 'utf8')
}
