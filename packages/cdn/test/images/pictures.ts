// Pictures of tests, drawn from numbers: none is committed.
import { crc32, deflateSync } from 'node:zlib'
import sharp from 'sharp'

/** Something like a photo: slopes, a disc, and a little noise, the same for the same seed. */
export function scene(width: number, height: number, seed = 1): Buffer {
  const pixels = Buffer.alloc(width * height * 3)
  let state = seed * 2_654_435_761
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      const noise = (state >>> 24) / 32
      const isDisc = (x - width / 3) ** 2 + (y - height / 2) ** 2 < (height / 4) ** 2
      const at = (y * width + x) * 3
      pixels[at] = (isDisc ? 210 : (x * 160) / width) + noise
      pixels[at + 1] = (isDisc ? 90 : (y * 160) / height) + noise
      pixels[at + 2] = 120 + 60 * Math.sin((x + seed * 40) / 60) + noise
    }
  return pixels
}

const raw = (width: number, height: number, seed?: number) =>
  sharp(scene(width, height, seed), { raw: { width, height, channels: 3 } })

export const jpeg = (width = 400, height = 300, seed = 1): Promise<Buffer> =>
  raw(width, height, seed).jpeg({ quality: 90 }).toBuffer()
export const png = (width = 400, height = 300): Promise<Buffer> => raw(width, height).png().toBuffer()

/** Turned by its EXIF, with a place and an owner noted. */
export const notedJpeg = (orientation = 6): Promise<Buffer> =>
  raw(400, 300)
    .withExif({ IFD0: { Copyright: 'SECRET OWNER' }, IFD3: { GPSLatitude: '51/1 30/1 0/1' } })
    .withMetadata({ orientation })
    .withXmp(
      '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">SECRET XMP</x:xmpmeta><?xpacket end="w"?>',
    )
    .jpeg({ quality: 90 })
    .toBuffer()

export async function gif(frames = 4, width = 64, height = 48): Promise<Buffer> {
  const all = await Promise.all(
    Array.from({ length: frames }, (_, at) =>
      raw(width, height, at * 3 + 1)
        .png()
        .toBuffer(),
    ),
  )
  return sharp(all, { join: { animated: true } })
    .gif({ delay: [100, 200, 300, 100].slice(0, frames), loop: 3 })
    .toBuffer()
}

/** Of a PNG. */
export const chunk = (name: string, data: Buffer): Buffer => {
  const body = Buffer.concat([Buffer.from(name, 'latin1'), data])
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)]
  length.writeUInt32BE(data.length)
  check.writeUInt32BE(crc32(body))
  return Buffer.concat([length, body, check])
}

/** A PNG that is small as a file and huge as a picture: one bit a pixel, all the same. */
export function bomb(width: number, height: number, ...before: Buffer[]): Buffer {
  const head = Buffer.alloc(13)
  head.writeUInt32BE(width, 0)
  head.writeUInt32BE(height, 4)
  head[8] = 1
  const rows = deflateSync(Buffer.alloc(Math.min((Math.ceil(width / 8) + 1) * height, 64 * 1024 * 1024)))
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', head),
    ...before,
    chunk('IDAT', rows),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

export const apng = (): Buffer => bomb(8, 8, chunk('acTL', Buffer.from([0, 0, 0, 2, 0, 0, 0, 0])))

export const SVG =
  '<?xml version="1.0"?>\n<!-- a drawing -->\n<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"><script>alert(1)</script></svg>'
