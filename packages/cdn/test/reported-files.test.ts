// What users of other tools have reported about uploaded files and optimised pictures, tried on ours.
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cdnFromEnvironment, createCdn } from '@millpond/cdn'
import { type AssetStore, assetUrls, folderStore, uploadAssets } from '@millpond/cdn/assets'
import { createImageHandler, optimizeImages } from '@millpond/cdn/images'
import { createCache } from 'millpond'
import sharp from 'sharp'
import { beforeEach, describe, expect, it } from 'vitest'
import { write } from './assets/site.ts'
import { gif, jpeg, notedJpeg, SVG } from './images/pictures.ts'

let folder: string
let both: string
beforeEach(() => {
  both = mkdtempSync(join(tmpdir(), 'millpond-reported-'))
  folder = join(both, 'dist')
  mkdirSync(folder)
  return () => rmSync(both, { recursive: true, force: true })
})
const store = (): AssetStore => folderStore({ path: join(both, 'served') })
const optimize = () => optimizeImages({ folder, output: join(both, 'made'), formats: ['webp'], widths: [100, 400] })

describe('folders by name', () => {
  it('may end with a slash, as shells complete them', async () => {
    const cdn = cdnFromEnvironment({ CDN_FOLDERS: `photos=${folder}/` })
    expect(await cdn?.optimizeImages()).toMatchObject({ images: 0 })
  })

  it('are named in errors if they are missing, or refuse access', async () => {
    const gone = join(both, 'gone')
    const cdn = createCdn({ edges: [], folders: { site: { path: gone, to: store(), output: join(both, 'made') } } })
    await expect(cdn.uploadAssets()).rejects.toThrow('"the folder site" cannot be opened (ENOENT)')
    await expect(cdn.optimizeImages()).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: expect.not.stringContaining(both),
    })
    expect(cdn.folders()).toEqual([{ name: 'site', to: 'a folder of the host', hasImages: true }])
  })
})

/** A JPEG with a profile in its notes, whatever its colours are. */
function withProfile(picture: Buffer, icc: Buffer): Buffer {
  const notes = Buffer.concat([Buffer.from('ICC_PROFILE\0\x01\x01', 'latin1'), icc])
  const head = Buffer.from([0xff, 0xe2, 0, 0])
  head.writeUInt16BE(notes.length + 2, 2)
  return Buffer.concat([picture.subarray(0, 2), head, notes, picture.subarray(2)])
}

describe('static files', () => {
  it('MathieuLoutre/grunt-aws-s3#78, #108: an encoding is that of its own object, whatever is beside it', async () => {
    write(folder, 'mgd.css', 'a{color:red}'.repeat(100))
    write(folder, 'logo.png', 'png')
    const { manifest } = await uploadAssets({ folder, to: store(), encodings: ['br', 'gzip'] })
    const encodings = Object.entries(manifest.objects).map(([key, one]) => [
      key.replace(/\.[0-9a-f]{16}/, ''),
      one.content_encoding,
    ])
    expect(Object.fromEntries(encodings)).toEqual({
      'mgd.css': undefined,
      'mgd.css.br': 'br',
      'mgd.css.gz': 'gzip',
      'logo.png': undefined,
    })
  })

  it('aws/aws-cli#1639, rclone/rclone#4993: a name decomposed by a file system is the same file, and a plus is not a space in its URL', async () => {
    write(folder, 'cafe\u0301 2 + 2.txt', 'a')
    const { manifest } = await uploadAssets({ folder, to: store() })
    const url = assetUrls(manifest)('caf\u00e9 2 + 2.txt')
    expect(url).toMatch(/^\/caf%C3%A9%202%20%2B%202\.[0-9a-f]{16}\.txt$/)
    const [made = ''] = Object.keys(manifest.objects)
    expect((await store().read(made))?.body.length).toBe(1)
    expect((await uploadAssets({ folder, to: store() })).sent).toEqual([])
  })

  it('AssetSync/asset_sync#218, mbta/dotcom#773, jeanbmar/s3-sync-client#62: styles, fonts and pages have their types, not application/octet-stream', async () => {
    const wanted = {
      'a.css': 'text/css; charset=utf-8',
      'a.html': 'text/html; charset=utf-8',
      'a.woff': 'font/woff',
      'a.woff2': 'font/woff2',
      'a.ttf': 'font/ttf',
      'a.otf': 'font/otf',
      'a.svg': 'image/svg+xml; charset=utf-8',
      'a.mjs': 'text/javascript; charset=utf-8',
      'a.map': 'application/json; charset=utf-8',
      'a.webmanifest': 'application/manifest+json; charset=utf-8',
      'a.wasm': 'application/wasm',
      'a.avif': 'image/avif',
    }
    for (const name of Object.keys(wanted)) write(folder, name, name)
    const { manifest } = await uploadAssets({ folder, to: store() })
    const types = Object.entries(manifest.files).map(([name, { key }]) => [name, manifest.objects[key]?.content_type])
    expect(Object.fromEntries(types)).toEqual(wanted)
  })

  it('rubyonjets/jets#564: a corrected type is also applied to existing files', async () => {
    write(folder, 'a.svg', '<svg/>')
    const to = store()
    await uploadAssets({ folder, to, files: [{ path: 'a.svg', contentType: 'binary/octet-stream' }] })
    const { sent, manifest } = await uploadAssets({ folder, to })
    expect(sent).toHaveLength(1)
    expect(Object.values(manifest.objects).map(({ content_type }) => content_type)).toEqual([
      'image/svg+xml; charset=utf-8',
    ])
  })

  it('masslight/ottehr#9364, expo/expo#9814: a page is never cached without revalidation, comes after what it references, and what older pages reference still exists', async () => {
    write(folder, 'app.js', 'one')
    write(folder, 'index.html', 'one')
    const to = store()
    const order: string[] = []
    const told: AssetStore = {
      ...to,
      put: (object, options) => {
        order.push(`${object.key.replace(/[0-9a-f]{16}/, 'HASH')} ${object.cacheControl}`)
        return to.put(object, options)
      },
    }
    const { sent: old } = await uploadAssets({ folder, to: told })
    write(folder, 'app.js', 'two')
    write(folder, 'index.html', 'two')
    order.length = 0
    await uploadAssets({ folder, to: told })
    expect(order).toEqual([
      'app.HASH.js public, max-age=31536000, immutable',
      'index.html public, no-cache',
      'assets-manifest.json no-cache',
    ])
    for (const key of old) expect(await to.read(key), key).toBeDefined()
  })
})

describe('pictures', () => {
  it('lovell/sharp#1578, #3488: a JPEG with the invalid scan parameters of some phones is accepted', async () => {
    const bytes = Buffer.from(await jpeg())
    const scan = bytes.indexOf(Buffer.from([0xff, 0xda]))
    // Ss, Se, Ah and Al of a sequential scan are 0, 63 and 0.
    bytes[scan + 2 + bytes.readUInt16BE(scan + 2) - 2] = 0
    write(folder, 'phone.jpg', bytes)
    expect(await optimize()).toMatchObject({ made: 1, failed: [] })
  })

  it('libvips/libvips#676, #3701, rosell-dk/webp-express#329: CMYK, or grey with an ICC profile, is converted to what screens show', async () => {
    const red = sharp({ create: { width: 400, height: 300, channels: 3, background: { r: 200, g: 30, b: 30 } } })
    write(folder, 'print.jpg', await red.clone().toColourspace('cmyk').jpeg({ quality: 95 }).toBuffer())
    const { icc } = await sharp(await red.clone().withIccProfile('srgb').jpeg().toBuffer()).metadata()
    write(
      folder,
      'grey.jpg',
      withProfile(
        await red.clone().greyscale().toColourspace('b-w').jpeg({ quality: 95 }).toBuffer(),
        icc ?? Buffer.alloc(0),
      ),
    )
    const { manifest, failed } = await optimize()
    expect(failed).toEqual([])
    const shown = async (name: string) => {
      const path = manifest.images[name]?.variants.find(({ format }) => format === 'webp')?.path ?? expect.fail(name)
      const { dominant } = await sharp(join(both, 'made', path)).stats()
      return dominant
    }
    const [print, grey] = [await shown('print.jpg'), await shown('grey.jpg')]
    expect(print.r).toBeGreaterThan(150)
    expect(Math.max(print.g, print.b)).toBeLessThan(90)
    expect(Math.max(grey.r, grey.g, grey.b) - Math.min(grey.r, grey.g, grey.b)).toBeLessThan(20)
  })

  it('imagemin/imagemin#304, imagemin-webp#13: what is called WebP is WebP, and larger results are left out', async () => {
    write(
      folder,
      'tiny.png',
      await sharp({ create: { width: 1, height: 1, channels: 3, background: 'red' } })
        .png({ palette: true })
        .toBuffer(),
    )
    write(folder, 'large.jpg', await jpeg())
    const { manifest } = await optimize()
    for (const { format, path } of Object.values(manifest.images).flatMap(({ variants }) => variants))
      expect((await sharp(join(both, 'made', path)).metadata()).format, path).toBe(format)
  })

  it('vercel/next.js#22326: a browser that refuses AVIF with q=0 gets another format', async () => {
    const cache = createCache()
    const picture = await jpeg()
    const images = createImageHandler({
      cache,
      keys: { current: 'k', keys: { k: 'sixteen characters' } },
      source: async () => picture,
    })
    const given = async (Accept: string) =>
      (
        await images.fetch(new Request(`https://x${images.url('a.jpg', { width: 64 })}`, { headers: { Accept } }))
      ).headers.get('content-type')
    expect(await given('image/avif;q=0,image/webp')).toBe('image/webp')
    expect(await given('image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5')).toBe('image/jpeg')
    images.close()
    await cache.close()
  })

  it('libvips/libvips#1509: a truncated one is reported, and no grey image is made of it', async () => {
    const bytes = await jpeg()
    write(folder, 'cut.jpg', bytes.subarray(0, bytes.length - 2000))
    expect((await optimize()).failed).toEqual([expect.objectContaining({ path: 'cut.jpg', code: 'IMAGE_BROKEN' })])
  })

  it('lovell/sharp#3947: broken metadata after the orientation does not prevent the rotation', async () => {
    const bytes = Buffer.from(await notedJpeg(6))
    const notes = bytes.indexOf('Exif\0\0')
    const length = bytes.readUInt16BE(notes - 2)
    bytes.fill(0xff, notes + Math.floor(length / 2), notes - 2 + length)
    write(folder, 'samsung.jpg', bytes)
    const { manifest } = await optimize()
    expect(manifest.images['samsung.jpg']?.variants.map(({ width, height }) => width < height)).not.toContain(false)
  })

  it('a location is not left in a second image after the first, nor in other metadata', async () => {
    const whole = await sharp(await notedJpeg(1))
      .keepMetadata()
      .jpeg({ quality: 10 })
      .toBuffer()
    write(folder, 'motion.jpg', Buffer.concat([whole, await notedJpeg(1), Buffer.from('SECRET film')]))
    const { manifest } = await optimize()
    for (const { path } of manifest.images['motion.jpg']?.variants ?? expect.fail())
      expect(readFileSync(join(both, 'made', path)).includes('SECRET'), path).toBe(false)
  })

  it('vercel/next.js#19100, anomalyco/sst#2820: SVG and animations are read only once too, and responses that depend on Accept say so', async () => {
    const cache = createCache()
    const moving = await gif()
    let reads = 0
    const images = createImageHandler({
      cache,
      keys: { current: 'k', keys: { k: 'sixteen characters' } },
      source: async (name) => {
        reads++
        return name.endsWith('svg') ? Buffer.from(SVG) : moving
      },
    })
    for (const name of ['a.svg', 'a.gif'])
      for (let at = 0; at < 2; at++) {
        const answer = await images.fetch(
          new Request(`https://x${images.url(name, { width: 32 })}`, { headers: { Accept: 'image/webp' } }),
        )
        expect([answer.status, answer.headers.get('vary')], name).toEqual([200, 'Accept'])
      }
    expect(reads).toBe(2)
    images.close()
    await cache.close()
  })
})
