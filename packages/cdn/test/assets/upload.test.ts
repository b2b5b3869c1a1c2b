// Uploads of whole sites, to a bucket and to a folder: what is sent, under which names, and what is not sent again
// (N2).
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import {
  type AssetStore,
  assetUrls,
  folderStore,
  readManifest,
  s3Store,
  type UploadOptions,
  uploadAssets,
} from '@millpond/cdn/assets'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { isLong, sized } from '../../../millpond/test/form.ts'
import { type S3Server, startS3 } from './s3-server.ts'
import { makeSite, noise, storeInMemory, write } from './site.ts'

const DAY = 86_400_000
let folder: string
let s3: S3Server
let fresh = 0
beforeAll(async () => {
  s3 = await startS3(['site'])
})
afterAll(() => s3.close())
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millpond-assets-'))
  s3.requests.length = 0
  s3.refuse = undefined
  return () => rmSync(folder, { recursive: true, force: true })
})

const bucket = (more: object = {}): AssetStore =>
  s3Store(
    {
      bucket: 'site',
      prefix: `t${++fresh}/`,
      region: 'us-east-1',
      endpoint: s3.endpoint,
      credentials: s3.credentials,
      ...more,
    },
    {},
  )
const target = (): string => join(folder, '..', `${folder.split('/').at(-1)}-served-${++fresh}`)

async function keysOf(store: AssetStore): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of store.list()) keys.push(key)
  return keys.sort()
}

describe.each([
  ['a bucket', bucket],
  ['a folder', () => folderStore({ path: target() })],
] as const)('N2: an upload to %s', (kind, open) => {
  it('puts the hash into names, keeps pages, and adds variants only if they are smaller', async () => {
    write(folder, 'index.html', '<!doctype html>')
    write(folder, 'js/app.js', 'const a = 1\n'.repeat(200))
    write(folder, 'js/tiny.js', '1')
    write(folder, 'a photo.jpg', noise(1, 5000))
    const store = open()
    const report = await uploadAssets({ folder, to: store })
    const keys = await keysOf(store)
    const app = keys.find((key) => key.startsWith('js/app.')) ?? ''
    expect(app).toMatch(/^js\/app\.[0-9a-f]{16}\.js$/)
    expect(keys).toEqual([...new Set([...report.sent, 'assets-manifest.json'])].sort())
    expect(keys).toContain('index.html')
    expect(keys).toContain(`${app}.br`)
    expect(keys).toContain(`${app}.gz`)
    expect(keys.filter((key) => key.startsWith('js/tiny.'))).toHaveLength(1)
    expect(keys.filter((key) => key.startsWith('a photo.'))).toHaveLength(1)
    const source = readFileSync(join(folder, 'js/app.js'))
    const bodyOf = async (key: string) => (await store.read(key))?.body ?? new Uint8Array()
    expect(brotliDecompressSync(await bodyOf(`${app}.br`)).equals(source)).toBe(true)
    expect(gunzipSync(await bodyOf(`${app}.gz`)).equals(source)).toBe(true)
    const { manifest } = await readManifest(store, 'assets-manifest.json')
    expect(manifest).toEqual(report.manifest)
    const url = assetUrls(manifest, 'https://static.example.org')
    expect(url('js/app.js')).toBe(`https://static.example.org/${app}`)
    expect(url('a photo.jpg')).toMatch(/^https:\/\/static\.example\.org\/a%20photo\.[0-9a-f]{16}\.jpg$/)
    expect(() => url('js/none.js')).toThrow(expect.objectContaining({ code: 'NOT_FOUND' }))
  })

  it('sends nothing twice, and after one change one object and the manifest', async () => {
    const paths = makeSite(folder, 10)
    const store = open()
    await uploadAssets({ folder, to: store })
    s3.requests.length = 0
    const again = await uploadAssets({ folder, to: store })
    expect(again).toMatchObject({ files: 10, unchanged: 10, sent: [], bytes: 0, manifestWritten: undefined })
    expect(s3.puts()).toEqual([])
    const photo = paths.find((path) => path.endsWith('.jpg')) ?? ''
    write(folder, photo, noise(77, 2000))
    const one = await uploadAssets({ folder, to: store })
    expect(one).toMatchObject({ unchanged: 9, manifestWritten: 'assets-manifest.json', kept: 1 })
    expect(one.sent).toHaveLength(1)
  })

  it('continues after an interruption, without a manifest', async () => {
    makeSite(folder, 10)
    const store = open()
    const first: string[] = []
    const cut = uploadAssets({
      folder,
      to: {
        ...store,
        put: async (object, options) => {
          if (first.length === 10) throw new Error('cut')
          first.push(object.key)
          return store.put(object, options)
        },
      },
      concurrency: 1,
    })
    await expect(cut).rejects.toThrow('cut')
    expect((await keysOf(store)).filter((key) => key === 'assets-manifest.json')).toEqual([])
    const rest = await uploadAssets({ folder, to: store })
    expect(rest.sent.filter((key) => first.includes(key))).toEqual([])
    const whole = await uploadAssets({ folder, to: open(), dryRun: true })
    expect([...first, ...rest.sent].sort()).toEqual([...whole.sent].sort())
  })

  it('keeps old versions for their time, then deletes them, and nothing that it has not made', async () => {
    write(folder, 'app.js', 'old'.repeat(100))
    const store = open()
    let now = Date.UTC(2026, 0, 1)
    const upload = (more: Partial<UploadOptions> = {}) =>
      uploadAssets({ folder, to: store, keepOld: '7d', now: () => now, ...more })
    const old = [...(await upload()).sent]
    await store.put({
      key: 'foreign.0123456789abcdef.js',
      body: Buffer.from('x'),
      bytes: 1,
      sha256: sha('x'),
      contentType: 'text/x',
      cacheControl: 'x',
    })
    write(folder, 'app.js', 'new'.repeat(100))
    expect(await upload()).toMatchObject({ dropped: [], kept: old.length })
    now += 6 * DAY
    expect(await upload()).toMatchObject({ dropped: [], kept: old.length, manifestWritten: undefined })
    now += 2 * DAY
    const plan = await upload({ dryRun: true })
    expect([...plan.dropped].sort()).toEqual([...old].sort())
    expect(await keysOf(store)).toEqual(expect.arrayContaining(old))
    expect(await upload()).toMatchObject({ dropped: plan.dropped, kept: 0 })
    const left = await keysOf(store)
    expect(left.filter((key) => old.includes(key))).toEqual([])
    expect(left).toContain('foreign.0123456789abcdef.js')
    expect(await upload()).toMatchObject({ dropped: [], manifestWritten: undefined })
  })

  it('returns to an old version without sending it', async () => {
    const store = open()
    write(folder, 'app.js', 'one'.repeat(100))
    await uploadAssets({ folder, to: store })
    write(folder, 'app.js', 'two'.repeat(100))
    await uploadAssets({ folder, to: store })
    write(folder, 'app.js', 'one'.repeat(100))
    const back = await uploadAssets({ folder, to: store })
    expect(back.sent).toEqual([])
    expect(back.manifestWritten).toBe('assets-manifest.json')
  })

  it('sends again what others have deleted or overwritten', async () => {
    const store = open()
    write(folder, 'a.jpg', noise(1, 300))
    write(folder, 'b.html', 'hello')
    const [a = ''] = (await uploadAssets({ folder, to: store })).sent
    await store.drop([a])
    expect((await uploadAssets({ folder, to: store })).sent).toEqual([a])
    await store.put({
      key: 'b.html',
      body: Buffer.from('HELLO'),
      bytes: 5,
      sha256: sha('HELLO'),
      contentType: 'text/html',
      cacheControl: 'x',
    })
    expect((await uploadAssets({ folder, to: store })).sent).toEqual(['b.html'])
    expect(Buffer.from((await store.read('b.html'))?.body ?? []).toString()).toBe('hello')
  })

  it('reports in a dry run what it would send, and sends nothing', async () => {
    makeSite(folder, 10)
    const store = open()
    const dry = await uploadAssets({ folder, to: store, dryRun: true })
    expect(await keysOf(store)).toEqual([])
    const real = await uploadAssets({ folder, to: store })
    expect([...dry.sent].sort()).toEqual([...real.sent].sort())
    expect(dry.bytes).toBe(real.bytes)
  })

  it('sends pages after what they reference, and the manifest last', async () => {
    makeSite(folder, 10)
    const store = open()
    const order: string[] = []
    await uploadAssets({
      folder,
      to: {
        ...store,
        put: (object, options) => {
          order.push(object.key)
          return store.put(object, options)
        },
      },
    })
    const pages = order.findIndex((key) => key.endsWith('.html'))
    expect(order.slice(0, pages).every((key) => !key.endsWith('.html'))).toBe(true)
    expect(order.slice(pages, -1).every((key) => key.endsWith('.html'))).toBe(true)
    expect(order.at(-1)).toBe('assets-manifest.json')
  })

  it('is refused if someone else has uploaded meanwhile, and the next one succeeds', async () => {
    write(folder, 'a.jpg', noise(1, 300))
    const store = open()
    await uploadAssets({ folder, to: store })
    write(folder, 'a.jpg', noise(2, 300))
    const meanwhile: AssetStore = {
      ...store,
      put: async (object, options) => {
        if (object.key === 'assets-manifest.json') {
          const other = Buffer.from(JSON.stringify({ schema: 'millpond.assets/1', files: {}, objects: {} }))
          await store.put({ ...object, body: other, bytes: other.length, sha256: sha(other) })
          // s3rver does not compare; the real one, and the folder, do.
          if (kind === 'a bucket')
            s3.refuse = (method, _, headers) =>
              method === 'PUT' && 'if-match' in headers ? { status: 412, code: 'PreconditionFailed' } : undefined
        }
        return store.put(object, options)
      },
    }
    await expect(uploadAssets({ folder, to: meanwhile })).rejects.toMatchObject({
      code: 'CHANGED',
      message: expect.stringMatching(/upload again/),
    })
    s3.refuse = undefined
    expect((await uploadAssets({ folder, to: store })).manifest.files['a.jpg']).toBeDefined()
  })
})

it('N2: a site of many files uploaded again after one change is one PUT, and one of the manifest', async () => {
  // Each of a thousand files takes its time, to be compressed and to be put at a server of JavaScript: the short form
  // has a fifth of them, and no server.
  const files = sized(200, 1000)
  const memory = storeInMemory()
  const to = isLong ? bucket() : memory
  const paths = makeSite(folder, files)
  const upload = () => uploadAssets({ folder, to, concurrency: 16, encodings: ['gzip'] })
  const first = await upload()
  expect(first.sent.length).toBeGreaterThan(1.3 * files)
  memory.calls.length = s3.requests.length = 0
  write(folder, paths.find((path) => path.endsWith('.jpg')) ?? '', noise(4711, 2000))
  const again = await upload()
  expect(again).toMatchObject({ files, unchanged: files - 1 })
  expect(again.sent).toHaveLength(1)
  // Nothing is asked for file by file: the manifest, the list (a thousand a page), and what is put.
  const manifest = 'assets-manifest.json'
  if (!isLong) expect(memory.calls).toEqual([`read ${manifest}`, 'list', `put ${again.sent[0]}`, `put ${manifest}`])
  else {
    expect(s3.puts()).toHaveLength(2)
    expect(s3.requests.filter((line) => !line.startsWith('PUT ')).length).toBeLessThanOrEqual(4)
  }
}, 300_000)

it('N2: a bucket of more than one page is listed completely, and existing objects are not queried one by one', async () => {
  for (let at = 0; at < 5; at++) write(folder, `${at}.jpg`, noise(at, 100))
  const store = s3Store({ bucket: 'site', prefix: `t${++fresh}/`, client: await pagedClient(2) }, {})
  await uploadAssets({ folder, to: store })
  s3.requests.length = 0
  expect(await uploadAssets({ folder, to: store })).toMatchObject({ unchanged: 5, sent: [] })
  expect(s3.requests.map((line) => line.split(' ')[0])).toEqual(['GET', 'GET', 'GET', 'GET'])
})

it('N2: objects of a bucket have type, encoding and cache headers', async () => {
  write(folder, 'index.html', '<!doctype html>')
  write(folder, 'app.mjs', 'export const a = 1\n'.repeat(100))
  write(folder, 'icon.svg', '<svg xmlns="http://www.w3.org/2000/svg"/>'.padEnd(2000))
  write(folder, 'data.unknown', 'x')
  const store = bucket()
  const { sent } = await uploadAssets({ folder, to: store, encodings: ['br'] })
  const { S3Client, HeadObjectCommand } = await import('@aws-sdk/client-s3')
  const client = new S3Client({
    endpoint: s3.endpoint,
    forcePathStyle: true,
    region: 'us-east-1',
    credentials: { ...s3.credentials },
  })
  const heads = new Map<string, object>()
  for (const key of sent) {
    const { ContentType, CacheControl, ContentEncoding } = await client.send(
      new HeadObjectCommand({ Bucket: 'site', Key: `t${fresh}/${key}` }),
    )
    heads.set(key.replace(/[0-9a-f]{16}/, 'HASH'), { ContentType, CacheControl, ContentEncoding })
  }
  const forever = 'public, max-age=31536000, immutable'
  expect(Object.fromEntries(heads)).toEqual({
    'index.html': {
      ContentType: 'text/html; charset=utf-8',
      CacheControl: 'public, no-cache',
      ContentEncoding: undefined,
    },
    'app.HASH.mjs': {
      ContentType: 'text/javascript; charset=utf-8',
      CacheControl: forever,
      ContentEncoding: undefined,
    },
    'app.HASH.mjs.br': { ContentType: 'text/javascript; charset=utf-8', CacheControl: forever, ContentEncoding: 'br' },
    'icon.HASH.svg': { ContentType: 'image/svg+xml; charset=utf-8', CacheControl: forever, ContentEncoding: undefined },
    'icon.HASH.svg.br': { ContentType: 'image/svg+xml; charset=utf-8', CacheControl: forever, ContentEncoding: 'br' },
    'data.HASH.unknown': { ContentType: 'application/octet-stream', CacheControl: forever, ContentEncoding: undefined },
  })
  // Other headers are another object, though the content is the same.
  const other = await uploadAssets({ folder, to: store, encodings: ['br'], cacheControl: () => 'public, max-age=60' })
  expect([...other.sent].sort()).toEqual([...sent].sort())
})

it('N2: names that the build has hashed, and single files', async () => {
  write(folder, 'assets/index-BxK3f9.js', 'x')
  write(folder, 'other.js', 'y')
  const to = folderStore({ path: target() })
  const naming = (path: string) => (path.startsWith('assets/') ? 'hashed' : 'hash')
  expect((await uploadAssets({ folder, to, naming, files: [{ path: 'assets/index-BxK3f9.js' }] })).sent).toEqual([
    'assets/index-BxK3f9.js',
  ])
  const { manifest } = await uploadAssets({
    folder,
    to,
    naming,
    files: [{ path: 'other.js', contentType: 'text/x-other' }],
  })
  expect(Object.keys(manifest.files)).toEqual(['assets/index-BxK3f9.js', 'other.js'])
  expect(Object.values(manifest.objects).map(({ content_type }) => content_type)).toContain('text/x-other')
  await expect(uploadAssets({ folder, to, files: [{ path: 'none.js' }] })).rejects.toMatchObject({ code: 'NOT_FOUND' })
})

it('N2: progress is reported file by file', async () => {
  makeSite(folder, 10)
  const to = folderStore({ path: target() })
  const seen: number[] = []
  await uploadAssets({ folder, to, onProgress: ({ done, all }) => seen.push(done / all) })
  expect(seen).toHaveLength(10)
  expect(seen.at(-1)).toBe(1)
  const did: string[] = []
  await uploadAssets({ folder, to, onProgress: (progress) => did.push(progress.did) })
  expect(new Set(did)).toEqual(new Set(['unchanged']))
})

it('N2: a folder can be served as it is: it never contains incomplete files', async () => {
  makeSite(folder, 10)
  const path = target()
  await uploadAssets({ folder, to: folderStore({ path }) })
  expect(readdirSync(path).filter((name) => name.startsWith('.'))).toEqual([])
  mkdirSync(join(path, '.millpond-unfinished'))
  writeFileSync(join(path, '.millpond-unfinished', 'left-by-a-crash'), 'half')
  utimesSync(join(path, '.millpond-unfinished', 'left-by-a-crash'), 1, 1)
  writeFileSync(join(folder, 'one-more.js'), 'x')
  await uploadAssets({ folder, to: folderStore({ path }) })
  expect(readdirSync(path).filter((name) => name.startsWith('.'))).toEqual([])
})

/** A client of one's own, with pages of this size. */
async function pagedClient(MaxKeys: number) {
  const { S3Client, ListObjectsV2Command } = await import('@aws-sdk/client-s3')
  const client = new S3Client({
    endpoint: s3.endpoint,
    forcePathStyle: true,
    region: 'us-east-1',
    credentials: { ...s3.credentials },
  })
  return {
    send: (command: object): Promise<object> =>
      client.send(
        command instanceof ListObjectsV2Command
          ? new ListObjectsV2Command({ ...command.input, MaxKeys })
          : (command as never),
      ),
  }
}

function sha(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}
