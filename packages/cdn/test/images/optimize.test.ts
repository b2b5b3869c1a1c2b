// Pictures made smaller ahead of time (N3): formats, widths, what is kept of a picture and what is not, and what is
// refused.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ImageEntry, type OptimizeOptions, optimizeImages, pictureMarkup } from '@millpond/cdn/images'
import { createCache } from 'millpond'
import sharp from 'sharp'
import { beforeEach, describe, expect, it } from 'vitest'
import { apng, bomb, chunk, gif, jpeg, notedJpeg, png, SVG, scene } from './pictures.ts'

let folder: string
let output: string
beforeEach(() => {
  const both = mkdtempSync(join(tmpdir(), 'millpond-images-'))
  folder = join(both, 'photos')
  output = join(both, 'made')
  return () => rmSync(both, { recursive: true, force: true })
})

async function put(path: string, bytes: Uint8Array | string): Promise<void> {
  const { mkdir, writeFile } = await import('node:fs/promises')
  const { dirname } = await import('node:path')
  await mkdir(dirname(join(folder, path)), { recursive: true })
  await writeFile(join(folder, path), bytes)
}
const optimize = (more: Partial<OptimizeOptions> = {}) =>
  optimizeImages({ folder, output, widths: [100, 200], ...more })
const read = (path: string): Buffer => readFileSync(join(output, path))
const entryOf = async (path: string, more: Partial<OptimizeOptions> = {}): Promise<ImageEntry> =>
  (await optimize(more)).manifest.images[path] ?? expect.fail(`${path} is not in the manifest`)

describe('N3: variants', () => {
  it('are AVIF and WebP besides the own format, in the widths that fit the image, and none is larger', async () => {
    await put('a photo.jpg', await jpeg())
    const { variants, bytes } = await entryOf('a photo.jpg', { widths: [100, 200, 5000] })
    expect(variants.map(({ format, width, height }) => [format, width, height])).toEqual(
      ['avif', 'webp', 'jpeg'].flatMap((format) => [
        [format, 100, 75],
        [format, 200, 150],
        [format, 400, 300],
      ]),
    )
    for (const variant of variants) {
      const file = read(variant.path)
      expect(file.length).toBe(variant.bytes)
      expect(variant.bytes).toBeLessThanOrEqual(bytes)
      const facts = await sharp(file).metadata()
      expect([facts.width, facts.height]).toEqual([variant.width, variant.height])
      expect(facts.format).toBe(variant.format === 'avif' ? 'heif' : variant.format)
    }
  })

  it('that would be larger are left out: a drawing of two colours stays as it is', async () => {
    await put(
      'plain.png',
      await sharp({ create: { width: 300, height: 200, channels: 3, background: 'red' } })
        .png({ palette: true, compressionLevel: 9 })
        .toBuffer(),
    )
    const { variants, bytes } = await entryOf('plain.png')
    const own = variants.filter(({ format }) => format === 'png')
    expect(own.length).toBeGreaterThan(0)
    for (const variant of variants) expect(variant.bytes).toBeLessThanOrEqual(bytes)
    expect(
      variants.every(
        ({ format, width, bytes: size }) =>
          format === 'png' || size < (own.find((one) => one.width === width)?.bytes ?? 0),
      ),
    ).toBe(true)
  })

  it('follow the requested quality', async () => {
    await put('a.jpg', await jpeg())
    const good = await entryOf('a.jpg', { quality: { webp: 70 }, formats: ['webp'] })
    const poor = await entryOf('a.jpg', { quality: { webp: 5 }, formats: ['webp'] })
    const full = ({ variants }: ImageEntry) =>
      variants.findLast(({ format }) => format === 'webp')?.bytes ?? expect.fail('no WebP')
    expect(full(poor)).toBeLessThan(full(good))
  })

  it('keep frames, delays and loop counts; AVIF, which has none here, is left out', async () => {
    await put('moving.gif', await gif())
    const { variants } = await entryOf('moving.gif', { widths: [32] })
    expect(new Set(variants.map(({ format }) => format))).toEqual(new Set(['webp', 'gif']))
    for (const { path, width, height } of variants) {
      const facts = await sharp(read(path), { animated: true }).metadata()
      expect([facts.pages, facts.delay, facts.loop, facts.width, facts.pageHeight]).toEqual([
        4,
        [100, 200, 300, 100],
        3,
        width,
        height,
      ])
    }
  })

  it('keep transparency', async () => {
    const pixels = Buffer.alloc(200 * 200 * 4, 0)
    const noise = scene(200, 200)
    for (let at = 0; at < 200 * 200; at++) {
      noise.copy(pixels, at * 4, at * 3, at * 3 + 3)
      pixels[at * 4 + 3] = at % 200 < 100 ? 0 : 255
    }
    await put(
      'cut.png',
      await sharp(pixels, { raw: { width: 200, height: 200, channels: 4 } })
        .png()
        .toBuffer(),
    )
    for (const { path } of (await entryOf('cut.png')).variants) {
      const { data, info } = await sharp(read(path)).ensureAlpha().raw().toBuffer({ resolveWithObject: true })
      const alpha = (x: number): number => data[(Math.floor(info.height / 2) * info.width + x) * 4 + 3] ?? -1
      expect(alpha(10)).toBeLessThan(16)
      expect(alpha(info.width - 10)).toBeGreaterThan(240)
    }
  })

  it('are rotated as the camera was held, and contain none of its metadata', async () => {
    for (const orientation of [1, 3, 6, 8]) await put(`noted-${orientation}.jpg`, await notedJpeg(orientation))
    const { manifest } = await optimize({ widths: [150] })
    for (const orientation of [1, 3, 6, 8]) {
      const { variants } = manifest.images[`noted-${orientation}.jpg`] ?? expect.fail('missing')
      const isUpright = orientation < 5
      // Where the disc is, left of the middle, tells which way up it is.
      const upright = await sharp(scene(400, 300), { raw: { width: 400, height: 300, channels: 3 } })
        .rotate({ 1: 0, 3: 180, 6: 90, 8: 270 }[orientation] ?? 0)
        .png()
        .toBuffer()
      for (const { path, width, height } of variants) {
        const file = read(path)
        expect([width, height], path).toEqual(
          width === 150 ? [150, isUpright ? 113 : 200] : isUpright ? [400, 300] : [300, 400],
        )
        expect(file.includes('SECRET'), path).toBe(false)
        const facts = await sharp(file).metadata()
        expect([facts.xmp, facts.iptc], path).toEqual([undefined, undefined])
        const wanted = await sharp(upright).resize(16, 16, { fit: 'fill' }).removeAlpha().raw().toBuffer()
        const seen = await sharp(file).autoOrient().resize(16, 16, { fit: 'fill' }).removeAlpha().raw().toBuffer()
        const off = seen.reduce((sum, value, at) => sum + Math.abs(value - (wanted[at] ?? 0)), 0) / seen.length
        expect(off, `${path} of orientation ${orientation}`).toBeLessThan(8)
      }
    }
  })

  it('that cannot be smaller are the original without its metadata, pixel for pixel', async () => {
    // Already poorer than what would be made of it.
    for (const orientation of [1, 6]) {
      const poor = await sharp(await notedJpeg(orientation), { autoOrient: false })
        .keepMetadata()
        .jpeg({ quality: 12, mozjpeg: true })
        .toBuffer()
      await put('poor.jpg', poor)
      const { variants } = await entryOf('poor.jpg', { formats: [], widths: [5000] })
      const file = read(variants[0]?.path ?? '')
      expect(file.length).toBeLessThan(poor.length)
      expect(file.includes('SECRET')).toBe(false)
      expect((await sharp(file).metadata()).orientation ?? 1).toBe(orientation)
      expect((await sharp(file).raw().toBuffer()).equals(await sharp(poor).raw().toBuffer())).toBe(true)
    }
  })

  it('of a GIF, a PNG and a WebP contain no comments, dates or trailing data', async () => {
    const moving = await sharp(await gif(), { animated: true })
      .gif({ effort: 10, colours: 4, dither: 0 })
      .toBuffer()
    // Before the loop's own extension, behind the table of colours if there is one.
    const loop = moving.indexOf(Buffer.from('!\xff\x0bNETSCAPE', 'latin1'))
    const notes = Buffer.from('!\xfe\x0eSECRET comment\0!\xff\x0bXMP DataXMP\x0aSECRET XMP\0', 'latin1')
    const whole = Buffer.concat([moving.subarray(0, loop), notes, moving.subarray(loop), Buffer.from('SECRET film')])
    await put('moving.gif', whole)
    const drawing = await sharp({ create: { width: 30, height: 20, channels: 3, background: 'red' } })
      .png({ palette: true, compressionLevel: 9 })
      .toBuffer()
    const end = drawing.length - 12
    await put(
      'plain.png',
      Buffer.concat([drawing.subarray(0, end), chunk('tIME', Buffer.from('SECRET!')), drawing.subarray(end)]),
    )
    const web = await sharp(await jpeg())
      .webp({ quality: 5 })
      .toBuffer()
    await put('poor.webp', Buffer.concat([web, Buffer.from('SECRET film')]))
    const { manifest } = await optimize({ formats: [], widths: [5000] })
    for (const [path, pristine] of Object.entries({ 'moving.gif': moving, 'plain.png': drawing, 'poor.webp': web })) {
      const [own] = manifest.images[path]?.variants ?? []
      const file = read(own?.path ?? expect.fail(JSON.stringify(manifest.images[path]?.failure)))
      expect(file.includes('SECRET'), path).toBe(false)
      expect(file.equals(pristine), path).toBe(true)
    }
  })

  it('of a PNG with an orientation are rotated, though that takes more bytes than the original', async () => {
    // Of sixteen colours by a table: written anew, each pixel has three bytes.
    const turned = await sharp(await png(300, 200))
      .withMetadata({ orientation: 6 })
      .png({ palette: true, colours: 16, compressionLevel: 9 })
      .toBuffer()
    await put('turned.png', turned)
    const { variants, bytes } = await entryOf('turned.png', { formats: [], widths: [5000] })
    expect(variants).toEqual([expect.objectContaining({ width: 200, height: 300 })])
    expect(variants[0]?.bytes).toBeGreaterThan(bytes)
    expect((await sharp(read(variants[0]?.path ?? '')).metadata()).orientation).toBeUndefined()
  })

  it('convert the colours of a wider gamut to sRGB', async () => {
    const [red, green, blue] = [200, 60, 90]
    // Its numbers are 184, 71, 91 there: without its profile it would be paler.
    const wide = await sharp({
      create: { width: 200, height: 150, channels: 3, background: { r: red, g: green, b: blue } },
    })
      .withIccProfile('p3')
      .jpeg({ quality: 95, chromaSubsampling: '4:4:4' })
      .toBuffer()
    await put('wide.jpg', wide)
    const { variants } = await entryOf('wide.jpg')
    expect(new Set(variants.map(({ format }) => format)).size).toBe(3)
    for (const { path } of variants) {
      const [r = 0, g = 0, b = 0] = await sharp(read(path)).raw().toBuffer()
      expect(
        [Math.abs(r - red) < 5, Math.abs(g - green) < 5, Math.abs(b - blue) < 5],
        `${path}: ${r} ${g} ${b}`,
      ).toEqual([true, true, true])
    }
  })
})

describe('N3: refused and broken images', () => {
  it('are reported one by one, do not affect others, and leave nothing', async () => {
    const whole = await jpeg()
    await put('good.jpg', whole)
    await put('cut.jpg', whole.subarray(0, whole.length / 2))
    await put('text.png', 'not a picture')
    await put('empty.gif', '')
    await put('hidden.png', SVG)
    await put('moving.png', apng())
    await put('bomb.png', bomb(10_000, 10_000))
    await put('drawing.svg', SVG)
    await put('notes.txt', 'x')
    const before = process.memoryUsage.rss()
    const report = await optimize()
    expect(process.memoryUsage.rss() - before).toBeLessThan(400 * 1024 * 1024)
    expect(Object.fromEntries(report.failed.map(({ path, code }) => [path, code]))).toEqual({
      'cut.jpg': 'IMAGE_BROKEN',
      'text.png': 'IMAGE_BROKEN',
      'empty.gif': 'IMAGE_BROKEN',
      'hidden.png': 'IMAGE_REFUSED',
      'moving.png': 'IMAGE_REFUSED',
      'bomb.png': 'IMAGE_REFUSED',
    })
    expect(report.failed.find(({ path }) => path === 'bomb.png')?.message).toMatch(
      /100000000 pixels, and at most 50000000 are allowed \(maxPixels\)/,
    )
    expect(report).toMatchObject({ images: 7, made: 1 })
    expect(report.passedBy).toEqual([{ path: 'drawing.svg', why: expect.stringContaining('scripts') }])
    expect(
      readdirSync(output).every(
        (name) => name.startsWith('good.jpg') || name === 'images-manifest.json' || name.startsWith('.'),
      ),
    ).toBe(true)
    expect(() => pictureMarkup(report.manifest.images['cut.jpg'] ?? expect.fail(), { alt: '' })).toThrow(
      expect.objectContaining({ code: 'IMAGE_BROKEN' }),
    )
  })

  it('with too many pixels are refused before decoding: all frames count', async () => {
    await put('moving.gif', await gif(4, 64, 48))
    expect((await entryOf('moving.gif', { maxPixels: 64 * 48 * 4 - 1 })).failure?.code).toBe('IMAGE_REFUSED')
    expect((await entryOf('moving.gif', { maxPixels: 64 * 48 * 4 })).failure).toBeUndefined()
    await put('a.jpg', await jpeg())
    expect((await entryOf('a.jpg', { maxBytes: 1000 })).failure).toMatchObject({
      code: 'IMAGE_REFUSED',
      message: expect.stringContaining('maxBytes'),
    })
  })

  it('leave nothing of the good image that was there before', async () => {
    await put('a.jpg', await jpeg())
    const { variants } = await entryOf('a.jpg')
    await put('a.jpg', 'broken')
    expect((await entryOf('a.jpg')).failure?.code).toBe('IMAGE_BROKEN')
    for (const { path } of variants) expect(existsSync(join(output, path))).toBe(false)
  })
})

describe('N3: a run', () => {
  it('makes again what has changed: an image, a setting, a missing result; and deletes the results of deleted images', async () => {
    await put('a.jpg', await jpeg(200, 150, 1))
    await put('deep/b.png', await png(200, 150))
    const did: string[] = []
    const run = (more: Partial<OptimizeOptions> = {}) =>
      optimize({ formats: ['webp'], onProgress: ({ path, did: what }) => did.push(`${path} ${what}`), ...more })
    await run()
    utimesSync(join(folder, 'a.jpg'), 1, 1)
    expect(await run()).toMatchObject({ made: 0, unchanged: 2 })
    await put('a.jpg', await jpeg(200, 150, 2))
    did.length = 0
    expect(await run()).toMatchObject({ made: 1, unchanged: 1 })
    expect(did.sort()).toEqual(['a.jpg made', 'deep/b.png unchanged'])
    expect(await run({ quality: { webp: 50 } })).toMatchObject({ made: 2 })
    const { manifest } = await run({ quality: { webp: 50 }, widths: [50] })
    const made = readdirSync(output, { recursive: true, encoding: 'utf8' }).filter((name) => /\d+w\./.test(name))
    expect(made.sort()).toEqual(
      Object.values(manifest.images)
        .flatMap(({ variants }) => variants.map(({ path }) => path))
        .sort(),
    )
    rmSync(join(output, manifest.images['a.jpg']?.variants[0]?.path ?? ''))
    expect(await run({ quality: { webp: 50 }, widths: [50] })).toMatchObject({ made: 1, unchanged: 1 })
    rmSync(join(folder, 'deep'), { recursive: true })
    expect(Object.keys((await run({ quality: { webp: 50 }, widths: [50] })).manifest.images)).toEqual(['a.jpg'])
    expect(readdirSync(output, { recursive: true, encoding: 'utf8' }).filter((name) => name.includes('b.png'))).toEqual(
      [],
    )
    expect(JSON.parse(read('images-manifest.json').toString()).images['a.jpg'].variants.length).toBeGreaterThan(0)
  })

  it('is done by jobs of a cache, also for selected images, and two of them at a time', async () => {
    const cache = createCache()
    await put('a.jpg', await jpeg(200, 150, 1))
    await put('b.jpg', await jpeg(200, 150, 2))
    const one = (paths: string[], name: string) =>
      optimizeImages({ folder, output: `${output}-${name}`, paths, jobs: cache.jobs, formats: ['webp'], widths: [50] })
    const [first, second] = await Promise.all([one(['a.jpg'], 'x'), one(['a.jpg', 'b.jpg'], 'y')])
    expect([first.made, second.made]).toEqual([1, 2])
    expect(cache.info().jobs?.find(({ job }) => job === 'images.optimize')?.done).toBe(3)
    await expect(one(['none.jpg'], 'z')).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await cache.close()
  })

  it('is aborted by a signal, and continued by the next one', async () => {
    // More than are at work at once, so that some have not begun when it is cut.
    for (let at = 0; at < 20; at++) await put(`${at}.jpg`, await jpeg(100, 80, at))
    const stop = new AbortController()
    const cut = optimize({ formats: ['webp'], signal: stop.signal, onProgress: () => stop.abort() })
    await expect(cut).rejects.toMatchObject({ code: 'ABORTED' })
    const { made, unchanged } = await optimize({ formats: ['webp'] })
    expect(made + unchanged).toBe(20)
    expect(unchanged).toBeGreaterThan(0)
  })

  it.each([
    [{ output: 'INSIDE' }, /choose an output outside it/],
    [{ widths: [] }, /at least one width/],
    [{ widths: [0] }, /whole number/],
    [{ formats: ['jpg'] }, /'jpeg'/],
    [{ quality: { webp: 101 } }, /1 to 100/],
    [{ paths: ['../x.jpg'] }, /not a picture of/],
  ] as const)('with %j is refused', async (more, words) => {
    await put('a.jpg', 'x')
    const given = 'output' in more ? { output: join(folder, 'inside') } : more
    await expect(optimize(given as never)).rejects.toThrow(words)
  })
})

describe('N3: markup', () => {
  it('has a source for each format, the size, the text, and nothing that ends an attribute', async () => {
    await put('a photo, "mine".jpg', await jpeg())
    const entry = await entryOf('a photo, "mine".jpg', { widths: [100, 200, 400] })
    const html = pictureMarkup(entry, { alt: 'A "cat" & <dog>', sizes: '(max-width: 600px) 100vw, 600px' })
    expect(html).toMatch(
      /^<picture><source type="image\/avif" srcset="[^"]+" sizes="[^"]+"><source type="image\/webp" [^>]+><img src="[^"]+" srcset="[^"]+" sizes="[^"]+" width="400" height="300" alt="A &quot;cat&quot; &amp; &lt;dog&gt;" loading="lazy" decoding="async"><\/picture>$/,
    )
    const [, avif = ''] = /image\/avif" srcset="([^"]+)"/.exec(html) ?? []
    expect(avif.split(', ')).toHaveLength(3)
    for (const one of avif.split(', ')) expect(one).toMatch(/^\/a%20photo%2C%20%22mine%22\.jpg-\d+w\.avif \d+w$/)
    expect(pictureMarkup(entry, { alt: '', url: (path) => `https://e/${path.length}`, loading: 'eager' })).toContain(
      'loading="eager"',
    )
    expect(() => pictureMarkup(entry, {} as never)).toThrow(/pictureMarkup\.alt/)
  })
})

it('the original files stay as they were', async () => {
  const bytes = await jpeg()
  await put('a.jpg', bytes)
  await put('b.jpg', bytes)
  await optimize({ formats: ['webp'] })
  expect(readFileSync(join(folder, 'a.jpg')).equals(bytes)).toBe(true)
  expect(readdirSync(folder).sort()).toEqual(['a.jpg', 'b.jpg'])
})

it('a result that cannot be written ends the run at once, and names the image', async () => {
  await put('a.jpg', await jpeg(100, 80))
  writeFileSync(output, 'a file in its place')
  await expect(optimize({ formats: ['webp'] })).rejects.toMatchObject({
    code: 'REFUSED',
    message: expect.stringMatching(/"a\.jpg" could not be made: .*(?:ENOTDIR|EEXIST)/),
  })
})
