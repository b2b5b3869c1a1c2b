// Pictures on demand (N3): signed addresses, what is negotiated, what is kept, and that nothing slow holds a request
// up.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  createImageHandler,
  folderSource,
  type ImageHandler,
  type ImageHandlerOptions,
  type ImageJobs,
  type ImageKeys,
} from '@millpond/cdn/images'
import { type Cache, createCache } from 'millpond'
import sharp from 'sharp'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { bomb, gif, jpeg, notedJpeg, SVG } from './pictures.ts'

const KEYS: ImageKeys = { current: 'k2', keys: { k1: 'an-old-key-of-this-test', k2: 'the-new-key-of-this-test' } }
const CHROME = 'image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8'
const HOST = 'https://shop.example'
let cache: Cache
let now: number
let loads: string[]
let pictures: Record<string, Uint8Array>
const open: ImageHandler[] = []
beforeEach(async () => {
  cache = createCache()
  now = Date.UTC(2026, 0, 1)
  loads = []
  pictures = { 'cats/tom & co.jpg': await jpeg(200, 150) }
})
afterEach(async () => {
  for (const handler of open.splice(0)) handler.close()
  await cache.close()
})

function handler(more: Partial<ImageHandlerOptions> = {}): ImageHandler {
  const source = async (name: string) => {
    loads.push(name)
    return pictures[name]
  }
  const one = createImageHandler({ cache, source, keys: KEYS, now: () => now, wait: '60s', ...more })
  open.push(one)
  return one
}
const ask = (images: ImageHandler, path: string, accept = '*/*', more: RequestInit = {}): Promise<Response> =>
  images.fetch(new Request(HOST + path, { ...more, headers: { Accept: accept, ...more.headers } }))
const TOM = 'cats/tom & co.jpg'

describe('N3: a URL', () => {
  it('returns the image in that width, made once, to everyone', async () => {
    const images = handler()
    const path = images.url(TOM, { width: 100, format: 'webp' })
    expect(path).toMatch(/^\/images\/cats\/tom%20%26%20co\.jpg\?w=100&f=webp&k=k2&s=[\w-]{43}$/)
    const [first, second] = await Promise.all([ask(images, path), ask(images, path)])
    expect([first.status, second.status]).toEqual([200, 200])
    expect(Object.fromEntries(first.headers)).toMatchObject({
      'content-type': 'image/webp',
      'cache-control': 'public, max-age=2592000',
      'x-content-type-options': 'nosniff',
      'surrogate-key': expect.stringMatching(/^image:/),
    })
    expect(first.headers.get('vary')).toBeNull()
    const body = Buffer.from(await first.arrayBuffer())
    expect(first.headers.get('content-length')).toBe(String(body.length))
    expect(await sharp(body).metadata()).toMatchObject({ format: 'webp', width: 100, height: 75 })
    expect(loads).toEqual([TOM])
    const again = await ask(images, path, '*/*', {
      headers: { 'If-None-Match': `"x", W/${first.headers.get('etag')}` },
    })
    expect([again.status, await again.text()]).toEqual([304, ''])
    const head = await ask(images, path, '*/*', { method: 'HEAD' })
    expect([head.headers.get('content-length'), await head.text()]).toEqual([String(body.length), ''])
    expect(loads).toEqual([TOM])
  })

  it('that was forged or altered is 403, and nothing is loaded for it', async () => {
    const images = handler()
    const path = images.url(TOM, { width: 100, format: 'webp', quality: 50, expiresAt: now + 60_000 })
    const bent = [
      path.replace('w=100', 'w=101'),
      path.replace('f=webp', 'f=avif'),
      path.replace('q=50', 'q=51'),
      path.replace(/&q=50/, ''),
      path.replace(/e=\d+/, 'e=9999999999'),
      path.replace(/&e=\d+/, ''),
      path.replace('k=k2', 'k=k1'),
      path.replace('k=k2', 'k=k9'),
      path.replace('k=k2', 'k=__proto__'),
      path.replace('tom', 'tim'),
      path.replace(/s=(.)/, (_, letter) => `s=${letter === 'A' ? 'B' : 'A'}`),
      path.replace(/s=.*/, 's='),
      path.replace(/&s=.*/, ''),
      `${path}AAAA`,
    ]
    for (const one of bent) expect((await ask(images, one)).status, one).toBe(403)
    for (const one of [
      `${path}&w=2000`,
      path.replace('w=100', 'w=-1'),
      path.replace('w=100', 'w=1e3'),
      path.replace('w=100&', ''),
      path.replace('tom%20', 'tom%zz'),
    ])
      expect((await ask(images, one)).status, one).toBe(400)
    expect((await ask(images, '/other/x')).status).toBe(404)
    expect((await ask(images, path, '*/*', { method: 'POST' })).headers.get('allow')).toBe('GET, HEAD')
    expect(loads).toEqual([])
    // What trackers add is not asked for, and changes nothing.
    expect((await ask(images, `${path}&fbclid=1`)).status).toBe(200)
  })

  it('expires as stated, and is cached no longer', async () => {
    const images = handler()
    const path = images.url(TOM, { width: 100, format: 'webp', expiresAt: now + 90_000 })
    expect((await ask(images, path)).headers.get('cache-control')).toBe('public, max-age=90')
    now += 90_000
    const over = await ask(images, path)
    expect([over.status, over.headers.get('cache-control')]).toEqual([410, 'no-store'])
  })

  it('is accepted while its key is listed: keys can be rotated without breaking URLs', async () => {
    const old = handler({ keys: { current: 'k1', keys: KEYS.keys } }).url(TOM, { width: 100, format: 'webp' })
    open.pop()?.close()
    expect((await ask(handler(), old)).status).toBe(200)
    open.pop()?.close()
    expect((await ask(handler({ keys: { current: 'k2', keys: { k2: KEYS.keys.k2 ?? '' } } }), old)).status).toBe(403)
  })
})

describe('N3: formats', () => {
  it('are those that the browser names, AVIF once it is made and WebP meanwhile: no request waits for AVIF', async () => {
    const held: (() => void)[] = []
    // AVIF's jobs are held until they are let go.
    const jobs: ImageJobs = {
      add: (kind, payload) => cache.jobs.add(kind, payload),
      get: (id) => cache.jobs.get(id),
      cancel: (id) => cache.jobs.cancel(id),
      handle: (kind, work) =>
        cache.jobs.handle(kind, async (payload, context) => {
          if (JSON.stringify(payload).includes('"format":"avif"')) await new Promise<void>((go) => held.push(go))
          return work(payload, context)
        }),
    }
    const images = handler({ jobs })
    const path = images.url(TOM, { width: 100 })
    const first = await ask(images, path, CHROME)
    expect([first.headers.get('content-type'), first.headers.get('vary'), first.headers.get('cache-control')]).toEqual([
      'image/webp',
      'Accept',
      'public, max-age=60',
    ])
    expect(held).toHaveLength(1)
    held[0]?.()
    const made = ask(images, images.url(TOM, { width: 100, format: 'avif' }))
    expect((await made).headers.get('content-type')).toBe('image/avif')
    const later = await ask(images, path, CHROME)
    expect([later.headers.get('content-type'), later.headers.get('cache-control')]).toEqual([
      'image/avif',
      'public, max-age=2592000',
    ])
  })

  it.each([
    ['image/webp,*/*', 'image/webp'],
    ['image/webp;q=0, */*', 'image/jpeg'],
    ['*/*', 'image/jpeg'],
    ['IMAGE/WEBP', 'image/webp'],
  ])('of %j are %s', async (accept, type) => {
    const images = handler()
    expect((await ask(images, images.url(TOM, { width: 100 }), accept)).headers.get('content-type')).toBe(type)
  })

  it('keep frames, drop metadata, rotate, and never enlarge', async () => {
    pictures = { 'moving.gif': await gif(), 'noted.jpg': await notedJpeg(6) }
    const images = handler()
    const moving = Buffer.from(
      await (await ask(images, images.url('moving.gif', { width: 32, format: 'webp' }))).arrayBuffer(),
    )
    expect((await sharp(moving, { animated: true }).metadata()).pages).toBe(4)
    // AVIF has no frames here.
    expect(
      (await ask(images, images.url('moving.gif', { width: 32, format: 'avif' }))).headers.get('content-type'),
    ).toBe('image/gif')
    const noted = Buffer.from(
      await (await ask(images, images.url('noted.jpg', { width: 4000, format: 'webp' }))).arrayBuffer(),
    )
    expect(noted.includes('SECRET')).toBe(false)
    expect(await sharp(noted).metadata()).toMatchObject({ width: 300, height: 400 })
  })
})

describe('N3: an image that cannot be served', () => {
  it('is reported by its status, and cached for a minute only', async () => {
    pictures = {
      'bomb.png': bomb(10_000, 10_000),
      'broken.jpg': Buffer.from('x'),
      'drawing.svg': Buffer.from(SVG),
      'as.png': Buffer.from(SVG),
    }
    const images = handler()
    const statusOf = async (name: string) =>
      (await ask(images, images.url(name, { width: 100, format: 'webp' }))).status
    expect([await statusOf('bomb.png'), await statusOf('broken.jpg'), await statusOf('none.jpg')]).toEqual([
      413, 422, 404,
    ])
    for (const name of ['drawing.svg', 'as.png']) {
      const svg = await ask(images, images.url(name, { width: 100 }), CHROME)
      expect(Object.fromEntries(svg.headers)).toMatchObject({
        'content-type': 'image/svg+xml',
        'content-disposition': 'attachment',
        'content-security-policy': "default-src 'none'; sandbox",
      })
      expect(await svg.text()).toBe(SVG)
    }
    const count = loads.length
    await statusOf('broken.jpg')
    expect(loads.length).toBe(count)
  })

  it('in time is 503, and its job continues; above the job limit it is 503 at once', async () => {
    const go: (() => void)[] = []
    const tom = pictures[TOM]
    const images = handler({
      wait: '1ms',
      maxWaiting: 1,
      source: () => new Promise((resolve) => go.push(() => resolve(tom))),
    })
    const path = images.url(TOM, { width: 100, format: 'webp' })
    const late = await ask(images, path)
    expect([late.status, late.headers.get('retry-after'), late.headers.get('cache-control')]).toEqual([
      503,
      '2',
      'no-store',
    ])
    expect((await ask(images, images.url(TOM, { width: 101, format: 'webp' }))).headers.get('retry-after')).toBe('5')
    await expect.poll(() => go.length).toBe(1)
    go[0]?.()
    await expect.poll(async () => (await ask(images, path)).status, { timeout: 20_000 }).toBe(200)
  })

  it('because the source fails is 502, and requested again', async () => {
    let isDown = true
    const told: string[] = []
    const tom = pictures[TOM]
    const images = handler({
      source: async () => {
        if (isDown) throw new Error('the disk is away: /secret/path')
        return tom
      },
      onError: (error, name) => told.push(`${name}: ${error instanceof Error ? error.message : error}`),
    })
    const path = images.url(TOM, { width: 100, format: 'webp' })
    const failed = await ask(images, path)
    expect([failed.status, await failed.text()]).toEqual([502, expect.not.stringContaining('secret')])
    expect(told).toEqual([`${TOM}: the disk is away: /secret/path`])
    isDown = false
    expect((await ask(images, path)).status).toBe(200)
  })
})

it('N3: a replaced image is made again', async () => {
  const images = handler()
  const path = images.url(TOM, { width: 100, format: 'webp' })
  const before = await ask(images, path)
  pictures[TOM] = await jpeg(200, 150, 9)
  expect((await ask(images, path)).headers.get('etag')).toBe(before.headers.get('etag'))
  await images.forget(TOM)
  expect((await ask(images, path)).headers.get('etag')).not.toBe(before.headers.get('etag'))
})

it('N3: a folder is a source only of its own contents', async () => {
  const both = mkdtempSync(join(tmpdir(), 'millpond-source-'))
  try {
    mkdirSync(join(both, 'photos/deep'), { recursive: true })
    writeFileSync(join(both, 'photos/deep/a.jpg'), 'inside')
    writeFileSync(join(both, 'secret.jpg'), 'outside')
    symlinkSync('../secret.jpg', join(both, 'photos/link.jpg'))
    const source = folderSource(join(both, 'photos'))
    const { signal } = new AbortController()
    expect(Buffer.from((await source('deep/a.jpg', { signal })) ?? []).toString()).toBe('inside')
    for (const name of ['../secret.jpg', 'link.jpg', 'none.jpg', 'deep', 'deep/a.jpg/x', 'x'.repeat(5000), 'nul\0.jpg'])
      expect(await source(name, { signal }), name).toBeUndefined()
  } finally {
    rmSync(both, { recursive: true, force: true })
  }
  const images = handler()
  for (const name of ['', '../x', 'a//b', '/x', 'a\\b', 'a\nb'])
    expect(() => images.url(name, { width: 1 })).toThrow(/name of a picture/)
})

it.each([
  [{ keys: { current: 'k3', keys: KEYS.keys } }, /16 characters/],
  [{ keys: { current: 'k', keys: { k: 'short' } } }, /16 characters/],
  [{ base: 'images' }, /\/images\//],
  [{ source: undefined }, /source/],
  [{ widths: [1] }, /unknown option/],
] as const)('options %j are refused, and no key is shown', (more, words) => {
  const make = () => handler(more as never)
  expect(make).toThrow(words)
  expect(make).not.toThrow(/of-this-test/)
})
