// What goes wrong with uploads: names, links, files of any size, and services that refuse. Each is told with its
// remedy, and nothing half done counts as done (N2).
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type AssetStore, folderStore, s3Store, uploadAssets } from '@millpond/cdn/assets'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { isLong } from '../../../millpond/test/form.ts'
import { type S3Server, startS3 } from './s3-server.ts'
import { noise, write } from './site.ts'

/** More than a part. */
const LARGE = 9 * 1024 * 1024
let folder: string
let served: string
let s3: S3Server
let fresh = 0
beforeAll(async () => {
  s3 = await startS3(['site'])
})
afterAll(() => s3.close())
beforeEach(() => {
  const both = mkdtempSync(join(tmpdir(), 'millpond-hostile-'))
  folder = join(both, 'dist')
  served = join(both, 'served')
  mkdirSync(folder)
  s3.requests.length = 0
  s3.refuse = undefined
  return () => rmSync(both, { recursive: true, force: true })
})

const bucket = (more: object = {}): AssetStore =>
  s3Store(
    {
      bucket: 'site',
      prefix: `h${++fresh}/`,
      region: 'us-east-1',
      endpoint: s3.endpoint,
      credentials: s3.credentials,
      maxAttempts: 2,
      ...more,
    },
    {},
  )
const toFolder = () => uploadAssets({ folder, to: folderStore({ path: served }) })
const refused = (code: string, words: RegExp) => ({ code, message: expect.stringMatching(words) })

async function keysOf(store: AssetStore): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of store.list()) keys.push(key)
  return keys
}

describe('names', () => {
  it('with spaces, umlauts, stars, percent signs and quotes survive the round trip through a bucket', async () => {
    const names = ['a b.txt', 'ü*.txt', "q'()!+&=?#%41.txt", '日本/é.js', 'x%2Fy.txt', 'plus+plus.txt', '😀.txt']
    for (const name of names) write(folder, name, `of ${name}`.repeat(3))
    const store = bucket()
    const { manifest } = await uploadAssets({ folder, to: store, encodings: [] })
    expect(Object.keys(manifest.files).sort()).toEqual(names.map((name) => name.normalize('NFC')).sort())
    for (const name of names) {
      const found = await store.read(manifest.files[name]?.key ?? '')
      expect(Buffer.from(found?.body ?? []).toString()).toBe(`of ${name}`.repeat(3))
    }
    expect(await uploadAssets({ folder, to: store, encodings: [] })).toMatchObject({
      sent: [],
      unchanged: names.length,
    })
  })

  it('are composed, so that every system gives the same URL', async () => {
    write(folder, 'e\u0301.txt', 'x')
    expect(Object.keys((await toFolder()).manifest.files)).toEqual(['\u00e9.txt'])
    write(folder, '\u00e9.txt', 'y')
    await expect(toFolder()).rejects.toMatchObject(refused('TARGET_INVALID', /exists twice/))
  })

  it.each([
    ['line\nbreak.txt', /control character/],
    ['back\\slash.txt', /backslash/],
    [`${'a'.repeat(250)}/${'b'.repeat(250)}/${'c'.repeat(250)}/${'d'.repeat(200)}.txt`, /at most 900 are allowed/],
  ])('%j is refused', async (name, words) => {
    write(folder, name, 'x')
    await expect(toFolder()).rejects.toMatchObject(refused('TARGET_INVALID', words))
  })

  it('like __proto__ and constructor are allowed', async () => {
    for (const name of ['__proto__', 'constructor', 'toString.js']) write(folder, name, 'x')
    await toFolder()
    expect(await toFolder()).toMatchObject({ unchanged: 3, sent: [] })
  })

  it('with a leading dot, and variants made by the build, are skipped and reported', async () => {
    for (const name of [
      '.DS_Store',
      '.git/config',
      '.well-known/security.txt',
      'app.js',
      'app.js.br',
      'app.js.gz',
      'data.gz',
    ])
      write(folder, name, 'x')
    const { passedBy, manifest } = await toFolder()
    expect(passedBy.map(({ path }) => path).sort()).toEqual(['.DS_Store', '.git', 'app.js.br', 'app.js.gz'])
    expect(Object.keys(manifest.files)).toEqual(['.well-known/security.txt', 'app.js', 'data.gz'])
  })

  it('equal to the manifest’s is refused', async () => {
    write(folder, 'assets-manifest.json', '{}')
    const upload = uploadAssets({ folder, to: folderStore({ path: served }), naming: () => 'keep' })
    await expect(upload).rejects.toMatchObject(refused('TARGET_INVALID', /name of the manifest/))
  })
})

describe('links', () => {
  it('inside the folder are followed; out of it, or cyclic, they are refused', async () => {
    write(folder, 'real/a.txt', 'x')
    symlinkSync('real', join(folder, 'link'))
    symlinkSync('real/a.txt', join(folder, 'b.txt'))
    expect(Object.keys((await toFolder()).manifest.files)).toEqual(['b.txt', 'link/a.txt', 'real/a.txt'])
    symlinkSync('..', join(folder, 'real/up'))
    await expect(toFolder()).rejects.toMatchObject(refused('TARGET_INVALID', /link to its own folder/))
    rmSync(join(folder, 'real/up'))
    symlinkSync('/etc/hostname', join(folder, 'real/secret.txt'))
    await expect(toFolder()).rejects.toMatchObject(refused('TARGET_INVALID', /out of the folder/))
    rmSync(join(folder, 'real/secret.txt'))
    // A sibling whose name begins as the folder's does is not within it.
    mkdirSync(`${folder}-private`)
    symlinkSync(`${folder}-private`, join(folder, 'private'))
    await expect(toFolder()).rejects.toMatchObject(refused('TARGET_INVALID', /out of the folder/))
    rmSync(join(folder, 'private'))
    symlinkSync('nowhere', join(folder, 'dangling'))
    await expect(toFolder()).rejects.toMatchObject(refused('TARGET_INVALID', /broken link/))
  })

  it('from keys do not lead out of the destination folder', async () => {
    const store = folderStore({ path: served })
    for (const key of ['../x', 'a/../../x', '/x', 'a//x', '.'])
      await expect(store.drop([key])).rejects.toMatchObject(refused('TARGET_INVALID', /would leave/))
  })
})

describe('files', () => {
  it('of any size are sent in parts, a few megabytes of them in memory', async () => {
    const bytes = (isLong ? 5 * 1024 : 17) * 1024 * 1024
    writeFileSync(join(folder, 'film.mp4'), 'begin')
    truncateSync(join(folder, 'film.mp4'), bytes)
    const store = bucket()
    const before = process.memoryUsage.rss()
    let most = 0
    const timer = setInterval(() => {
      most = Math.max(most, process.memoryUsage.rss())
    }, 20)
    const { sent } = await uploadAssets({ folder, to: store })
    clearInterval(timer)
    expect(sent).toHaveLength(1)
    expect(s3.puts().filter((line) => line.includes('partNumber')).length).toBe(Math.ceil(bytes / (8 * 1024 * 1024)))
    expect((await store.facts(sent[0] ?? ''))?.bytes).toBe(bytes)
    if (isLong) expect(most - before).toBeLessThan(400 * 1024 * 1024)
    s3.requests.length = 0
    expect(await uploadAssets({ folder, to: store })).toMatchObject({ sent: [], unchanged: 1 })
    expect(s3.puts()).toEqual([])
  }, 600_000)

  it('sent in parts overwrite only the version that was read: the last request says so', async () => {
    const path = join(folder, 'film.mp4')
    writeFileSync(path, Buffer.alloc(LARGE, 1))
    const sha256 = createHash('sha256').update(Buffer.alloc(LARGE, 1)).digest('hex')
    const object = {
      key: 'film.mp4',
      body: { path },
      bytes: LARGE,
      sha256,
      contentType: 'video/mp4',
      cacheControl: 'no-cache',
    }
    const store = bucket()
    const asked: unknown[] = []
    s3.refuse = (method, at, headers) => {
      if (method !== 'POST' || !at.includes('uploadId=')) return undefined
      asked.push(headers['if-match'] ?? headers['if-none-match'])
      // As S3 answers; the server of npm has no such conditions.
      return headers['if-match'] === '"other"' ? { status: 412, code: 'PreconditionFailed' } : undefined
    }
    await store.put(object, { ifVersion: null })
    await expect(store.put(object, { ifVersion: '"other"' })).rejects.toMatchObject(
      refused('CHANGED', /another process/),
    )
    await store.put(object)
    expect(asked).toEqual(['*', '"other"', undefined])
  })

  it('with a refused part do not exist, and the next upload sends them', async () => {
    writeFileSync(join(folder, 'film.mp4'), Buffer.alloc(LARGE, 1))
    const store = bucket()
    s3.refuse = (method, path) =>
      method === 'PUT' && path.includes('partNumber=2') ? { status: 500, code: 'InternalError' } : undefined
    await expect(uploadAssets({ folder, to: store })).rejects.toMatchObject(refused('VENDOR_FAILED', /upload again/))
    expect(await keysOf(store)).toEqual([])
    expect(s3.requests.some((line) => line.startsWith('DELETE ') && line.includes('uploadId'))).toBe(true)
    s3.refuse = undefined
    expect((await uploadAssets({ folder, to: store })).sent).toHaveLength(1)
  })

  it.each(['a bucket', 'a folder'])(
    'that change while they are sent to %s are refused, and nothing of them is stored',
    async (kind) => {
      for (const [name, size] of [
        ['small.bin', 1000],
        ['large.bin', LARGE],
      ] as const) {
        const store = kind === 'a bucket' ? bucket() : folderStore({ path: served })
        write(folder, name, Buffer.alloc(size, 1))
        const changing: AssetStore = {
          ...store,
          put: (object, options) => {
            write(folder, name, Buffer.alloc(size, 2))
            return store.put(object, options)
          },
        }
        await expect(uploadAssets({ folder, to: changing })).rejects.toMatchObject(refused('CHANGED', /build running/))
        expect(await keysOf(store)).toEqual([])
        rmSync(join(folder, name))
      }
    },
  )

  it('of another kind in the manifest’s place are refused, and kept', async () => {
    write(folder, 'a.txt', 'x')
    write(served, 'assets-manifest.json', '{"name":"something else"}')
    await expect(toFolder()).rejects.toMatchObject(refused('REFUSED', /not a manifest/))
    expect(readdirSync(served)).toEqual(['assets-manifest.json'])
  })

  it('cannot be read from a missing folder, or from a file', async () => {
    await expect(
      uploadAssets({ folder: join(folder, 'none'), to: folderStore({ path: served }) }),
    ).rejects.toMatchObject(refused('NOT_FOUND', /ENOENT/))
    write(folder, 'file', 'x')
    await expect(
      uploadAssets({ folder: join(folder, 'file'), to: folderStore({ path: served }) }),
    ).rejects.toMatchObject(refused('TARGET_INVALID', /ENOTDIR/))
    write(served, 'x', 'x')
    await expect(uploadAssets({ folder, to: folderStore({ path: join(served, 'x') }) })).rejects.toMatchObject(
      refused('REFUSED', /check what is in the way/),
    )
  })
})

describe('services that refuse requests', () => {
  beforeEach(() => write(folder, 'a.txt', 'x'.repeat(100)))
  const upload = (to: AssetStore) => uploadAssets({ folder, to })

  it('lead to errors that name the cause: credentials, bucket, address', async () => {
    const wrong = bucket({ credentials: { accessKeyId: 'S3RVER', secretAccessKey: 'of-somebody-else' } })
    // s3rver knows access keys, and does not compare signatures.
    s3.refuse = () => ({ status: 403, code: 'SignatureDoesNotMatch' })
    const error: unknown = await upload(wrong).catch((reason: unknown) => reason)
    s3.refuse = undefined
    expect(error).toMatchObject(refused('CREDENTIALS_REFUSED', /check AWS_SECRET_ACCESS_KEY/))
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error)) + String(error)).not.toContain('of-somebody-else')
    await expect(
      upload(bucket({ credentials: { accessKeyId: 'NOBODY', secretAccessKey: 'x' } })),
    ).rejects.toMatchObject(refused('CREDENTIALS_REFUSED', /AWS_ACCESS_KEY_ID/))
    await expect(upload(bucket({ bucket: 'none' }))).rejects.toMatchObject(
      refused('NOT_FOUND', /no such bucket: create it/),
    )
    await expect(upload(bucket({ endpoint: 'http://127.0.0.1:1' }))).rejects.toMatchObject(
      refused('UNREACHABLE', /cannot be reached/),
    )
    expect(() => s3Store({}, {})).toThrow(expect.objectContaining(refused('NOT_FOUND', /AWS_STORAGE_BUCKET_NAME/)))
    expect(() => s3Store({}, { AWS_STORAGE_BUCKET_NAME: 'b', AWS_ACCESS_KEY_ID: 'x' })).toThrow(
      expect.objectContaining({ code: 'CREDENTIALS_MISSING' }),
    )
    expect(s3Store({ prefix: 'p/' }, { AWS_STORAGE_BUCKET_NAME: 'of-env' }).name).toBe('s3://of-env/p/')
  })

  it.each([
    [{ status: 403, code: 'AccessDenied' }, 'CREDENTIALS_REFUSED', /s3:PutObject/],
    [{ status: 429, code: 'TooManyRequests', headers: { 'Retry-After': '1' } }, 'RATE_LIMITED', /rate-limited/],
    [{ status: 503, code: 'SlowDown' }, 'RATE_LIMITED', /less concurrency/],
    [{ status: 500, code: 'InternalError' }, 'VENDOR_FAILED', /every attempt failed with 500/],
    [{ status: 301, code: 'PermanentRedirect' }, 'REFUSED', /AWS_REGION/],
    [{ status: 400, code: 'ExpiredToken' }, 'CREDENTIALS_REFUSED', /sign in again/],
    ['cut', 'UNREACHABLE', /cannot be reached/],
  ] as const)(
    '%j at every PUT: %s, no manifest, and the next upload continues',
    async (refusal, code, words) => {
      for (let at = 0; at < 5; at++) write(folder, `${at}.bin`, noise(at, 100))
      const store = bucket()
      let puts = 0
      s3.refuse = (method) => (method === 'PUT' && ++puts > 2 ? refusal : undefined)
      const error = await uploadAssets({ folder, to: store, concurrency: 1, encodings: [] }).catch(
        (reason: unknown) => reason,
      )
      expect(error).toMatchObject(refused(code, words))
      s3.refuse = undefined
      expect(await keysOf(store)).toHaveLength(2)
      expect((await uploadAssets({ folder, to: store, encodings: [] })).sent).toHaveLength(4)
    },
    60_000,
  )

  it('temporarily are retried: a storm of 500 and 503 only slows an upload down', async () => {
    for (let at = 0; at < 10; at++) write(folder, `${at}.bin`, noise(at, 100))
    let calls = 0
    s3.refuse = () =>
      ++calls % 3 === 0
        ? { status: calls % 2 === 0 ? 500 : 503, code: calls % 2 === 0 ? 'InternalError' : 'SlowDown' }
        : undefined
    expect(
      (await uploadAssets({ folder, to: bucket({ maxAttempts: 6 }), concurrency: 2, encodings: [] })).sent,
    ).toHaveLength(11)
  }, 60_000)

  it('are not called any more once an upload is aborted', async () => {
    for (let at = 0; at < 10; at++) write(folder, `${at}.bin`, noise(at, 100))
    const stop = new AbortController()
    const store = bucket()
    const cut = uploadAssets({
      folder,
      to: store,
      concurrency: 1,
      encodings: [],
      signal: stop.signal,
      onProgress: ({ done }) => done === 3 && stop.abort(),
    })
    await expect(cut).rejects.toMatchObject(refused('ABORTED', /upload again/))
    expect(await keysOf(store)).toHaveLength(3)
    expect((await uploadAssets({ folder, to: store, encodings: [] })).sent).toHaveLength(8)
  })
})

it.each([
  [{}, /folder/],
  [{ folder: 'x', to: {} }, /a store, such as s3Store/],
  [{ folder: 'x', to: folderStore({ path: 'x' }), encodings: ['deflate'] }, /'br' or 'gzip' or 'zstd'/],
  [{ folder: 'x', to: folderStore({ path: 'x' }), manifest: '../x.json' }, /assets-manifest\.json/],
  [{ folder: 'x', to: folderStore({ path: 'x' }), concurency: 3 }, /did you mean "concurrency"/],
] as const)('options %j are refused', async (options, words) => {
  await expect(uploadAssets(options as never)).rejects.toThrow(words)
})

it('the hash in a name is that of the content', async () => {
  write(folder, 'a.txt', 'hello')
  const [key] = (await toFolder()).sent
  expect(key).toBe(`a.${createHash('sha256').update('hello').digest('hex').slice(0, 16)}.txt`)
})
