// Static files and pictures from the command line: what it says, how it ends, and that no control plane is asked.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { beforeEach, expect, it } from 'vitest'
import { runHere } from './desk.ts'

let folder: string
let site: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millpond-cli-assets-'))
  site = join(folder, 'site')
  mkdirSync(join(site, 'assets'), { recursive: true })
  writeFileSync(join(site, 'index.html'), '<!doctype html>')
  writeFileSync(join(site, 'app.js'), 'const a = 1\n'.repeat(100))
  writeFileSync(join(site, 'assets/index-BxK3f9.js'), 'x')
  return () => rmSync(folder, { recursive: true, force: true })
})
const run = (args: readonly string[], env: Readonly<Record<string, string>> = {}) => runHere(args, { env }, folder)
const served = (): string => join(folder, 'served')
const upload = (...more: string[]) => run(['assets', 'upload', site, '--to', served(), ...more])

it('uploads a folder, reports what it sent, and sends nothing the next time', async () => {
  const dry = await upload('--dry-run', '--hashed', 'assets/**')
  expect(dry).toMatchObject({
    code: 0,
    out: expect.stringMatching(/assets\/index-BxK3f9\.js\n[\s\S]*would be sent[\s\S]*Nothing was changed\./),
  })
  const first = await upload('--hashed', 'assets/**', '--encodings', 'gzip')
  expect(first).toMatchObject({
    code: 0,
    out: expect.stringMatching(
      /3 files, 0 unchanged: 4 objects \(.*\) were sent[\s\S]*manifest: assets-manifest\.json/,
    ),
  })
  expect(first.err).toMatch(/100 % 3\/3 files/)
  expect(readdirSync(join(served(), 'assets'))).toEqual(['index-BxK3f9.js'])
  expect(
    readdirSync(served())
      .map((name) => name.replace(/[0-9a-f]{16}/, 'HASH'))
      .sort(),
  ).toEqual(['app.HASH.js', 'app.HASH.js.gz', 'assets', 'assets-manifest.json', 'index.html'].sort())
  const again = await upload('--hashed', 'assets/**', '--encodings', 'gzip', '--json')
  expect(again.json).toMatchObject({
    schema: 'millpond.assets.upload/1',
    files: 3,
    unchanged: 3,
    sent: [],
    manifest_written: null,
  })
})

it('keeps the names that it is told to keep', async () => {
  expect((await upload('--keep', '*.js,deep/**/x.?s', '--encodings', 'none')).code).toBe(0)
  expect(readdirSync(served())).toContain('app.js')
  expect(readdirSync(join(served(), 'assets'))[0]).toMatch(/^index-BxK3f9\.[0-9a-f]{16}\.js$/)
})

it('ends with the exit code of the problem, in one line', async () => {
  const secret = { AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'of-a-test', AWS_REGION: 'us-east-1' }
  for (const [args, code, words, env] of [
    [['assets', 'upload', join(folder, 'none'), '--to', 'served'], 5, /cannot be opened \(ENOENT\)/],
    [['assets', 'upload', site], 5, /AWS_STORAGE_BUCKET_NAME/],
    [
      ['assets', 'upload', site, '--to', 's3://b'],
      4,
      /AWS_SECRET_ACCESS_KEY is not|is not: set both/,
      { AWS_ACCESS_KEY_ID: 'x' },
    ],
    [['assets', 'upload', site, '--to', 's3://b', '--endpoint', 'http://127.0.0.1:1'], 8, /cannot be reached/, secret],
    [['assets', 'upload', site, '--to', 'gs://b'], 2, /neither s3/],
    [['assets', 'upload', site, '--to', 'x', '--endpoint', 'http://x'], 2, /only to a bucket/],
    [['assets', 'upload', site, '--to', 'x', '--encodings', 'rar'], 2, /use br, gzip, zstd or none/],
    [['assets', 'upload', site, '--to', 'x', '--concurrency', '0'], 2, /concurrency/],
    [['assets', 'upload'], 2, /needs DIR/],
    [['images', 'optimize', site, '--to', join(site, 'inside')], 2, /outside it/],
    [['images', 'optimize', site, '--formats', 'bmp'], 2, /use avif/],
    [['images', 'optimize', site, '--widths', 'wide'], 2, /320,640/],
    [['images', 'optimize', site, '--quality', 'webp'], 2, /webp=80/],
    [['images', 'optimize', site, '--quality', 'webp=900'], 2, /1 to 100/],
  ] as const) {
    const ran = await run(args, env)
    expect(ran, args.join(' ')).toMatchObject({ code, out: '', err: expect.stringMatching(words) })
    expect(ran.err.trimEnd().split('\n'), args.join(' ')).toHaveLength(1)
    expect(ran.err).not.toContain('of-a-test')
  }
}, 60_000)

it('optimises images, and ends with 7 if some cannot be', async () => {
  const photos = join(folder, 'photos')
  mkdirSync(photos)
  const pixels = Buffer.from(Array.from({ length: 90 * 60 * 3 }, (_, at) => (at * 7) % 251))
  writeFileSync(
    join(photos, 'a.png'),
    await sharp(pixels, { raw: { width: 90, height: 60, channels: 3 } })
      .png({ compressionLevel: 1 })
      .toBuffer(),
  )
  const good = await run([
    'images',
    'optimize',
    photos,
    '--to',
    join(folder, 'made'),
    '--formats',
    'webp',
    '--widths',
    '40,90',
    '--quality',
    'webp=70',
    '--json',
  ])
  expect(good.json).toMatchObject({ schema: 'millpond.images.optimize/1', images: 1, made: 1, failed: [] })
  expect(good.code).toBe(0)
  writeFileSync(join(photos, 'b.png'), 'not a picture')
  writeFileSync(join(photos, 'c.svg'), '<svg/>')
  const some = await run([
    'images',
    'optimize',
    photos,
    '--to',
    join(folder, 'made'),
    '--formats',
    'webp',
    '--widths',
    '40,90',
    '--quality',
    'webp=70',
  ])
  expect(some).toMatchObject({
    code: 7,
    out: expect.stringMatching(/2 pictures: 0 made, 1 unchanged, 1 failed\n.* before, .* smallest format/),
  })
  expect(some.err).toMatch(/skipped \S*c\.svg[\s\S]*"b\.png" is not a JPEG/)
  expect(Object.keys(JSON.parse(readFileSync(join(folder, 'made/images-manifest.json'), 'utf8')).images)).toEqual([
    'a.png',
    'b.png',
  ])
})
