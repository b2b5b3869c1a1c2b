// The CDN over the API: a purge with its intent and result on record, what each vendor says beside the others, and who
// may do what.
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cloudflare, createCdn, fastly } from '@millpond/cdn'
import { folderStore } from '@millpond/cdn/assets'
import { createCache } from 'millpond'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { until } from '../../millpond/test/services/index.ts'
import { recheck } from '../src/operations/invalidation.ts'
import { type Opened, open } from './setup.ts'

let opened: Opened
let without: Opened
let server: Server
let folder: string
const asked: string[] = []
let status = 200

const noise = (width: number, path: string, mean = 120) =>
  sharp({
    create: { width, height: width, channels: 3, background: 'black', noise: { type: 'gaussian', mean, sigma: 20 } },
  }).toFile(path)

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'millpond-cdn-'))
  mkdirSync(join(folder, 'site'))
  writeFileSync(join(folder, 'secret.txt'), 'hidden')
  writeFileSync(join(folder, 'site/app.js'), 'run()')
  writeFileSync(join(folder, 'site/index.html'), '<!doctype html>')
  mkdirSync(join(folder, 'photos'))
  writeFileSync(join(folder, 'photos/broken.jpg'), 'not a picture')
  await noise(400, join(folder, 'photos/cat.png'))
  // Just enough of two vendors: what is sent to them is checked where they are talked to.
  server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString()
      asked.push(`${request.method} ${request.url} ${body}`)
      const keys: string[] = body.includes('surrogate_keys') ? JSON.parse(body).surrogate_keys : []
      const answer = request.url?.startsWith('/stats')
        ? { data: [{ start_time: 1_795_564_800, requests: 10, hits: 6, miss: 4, bandwidth: 100 }] }
        : request.url?.startsWith('/datacenters')
          ? [{ code: 'AMS', name: 'Amsterdam', group: 'Europe' }]
          : {
              success: true,
              result: { id: 'x', name: 'example.com', status: 'active' },
              ...Object.fromEntries(keys.map((key) => [key, 'id'])),
            }
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const cdn = createCdn({
    edges: [
      cloudflare({ token: 'cf-hidden', zone: 'zone1', api: url, origin: 'https://www.example.com' }),
      fastly({ token: 'fastly-hidden', service: 'service1', api: url, origin: 'https://www.example.com' }),
    ],
    folders: {
      site: { path: join(folder, 'site'), to: folderStore({ path: join(folder, 'served') }) },
      photos: { path: join(folder, 'photos'), output: join(folder, 'made') },
    },
  })
  const cache = createCache({ name: 'shop', outlets: [cdn.outlet()] })
  opened = await open(':memory:', { caches: [cache], cdn })
  without = await open()
})
afterAll(async () => {
  await opened.close()
  await without.close()
  rmSync(folder, { recursive: true, force: true })
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

type Caller = 'viewer' | 'operator' | 'editor' | 'admin' | 'limited'
const purge = (body: object, as: Caller = 'operator') => opened.call('POST', 'cdn/invalidate_cdn/', { as, body })

describe('cdn/invalidate_cdn/', () => {
  it('purges at every vendor, as an operation with an intent and a result in the audit log', async () => {
    const { status: code, json } = await purge({ paths: ['/deals'], tags: ['deals'], reason: 'price import' })
    expect(code).toBe(200)
    expect(json).toMatchObject({
      kind: 'purge_cdn',
      state: 'completed',
      reason: 'price import',
      result: { ok: true, targets: 2 },
    })
    expect(json.result.edges.map(({ edge, purged }: { edge: string; purged: number }) => [edge, purged])).toEqual([
      ['cloudflare', 2],
      ['fastly', 2],
    ])
    expect(asked).toContain('POST /zones/zone1/purge_cache {"tags":["deals"]}')
    const audit = await opened.call('GET', 'audit/?limit=10', { as: 'admin' })
    expect(
      audit.json.data
        .filter(({ action }: { action: string }) => action === 'purge_cdn')
        .map(({ kind }: { kind: string }) => kind),
    ).toEqual(['result', 'intent'])
    expect(audit.text).not.toContain('hidden')
  })

  it('purges one zone or service only at its vendor', async () => {
    const before = asked.length
    await purge({ paths: ['/a'], zone_id: 'zone2' })
    expect(asked.slice(before)).toEqual(['POST /zones/zone2/purge_cache {"files":["https://www.example.com/a"]}'])
    expect((await purge({ paths: ['/a'], zone_id: 'a', service_id: 'b' })).status).toBe(422)
    expect((await purge({ paths: ['/a'], distribution_id: 'E1' })).json).toMatchObject({
      status: 422,
      detail: expect.stringContaining('not connected'),
    })
  })

  it('reports what a vendor does not support beside what was purged', async () => {
    const { json } = await purge({ hosts: ['www.example.com'] })
    expect(json.state).toBe('partial')
    expect(json.result.edges[1].failures).toMatchObject([
      { code: 'UNSUPPORTED', message: expect.stringContaining('give answers a tag') },
    ])
  })

  it('refuses what cannot be purged, and reports a vendor’s refusal as such', async () => {
    expect((await purge({})).json).toMatchObject({ status: 422, code: 'cdn_target_invalid' })
    expect((await purge({ paths: ['/a/*/b'] })).json).toMatchObject({
      status: 422,
      detail: expect.stringContaining('%2A'),
    })
    expect((await purge({ pathz: ['/a'] })).status).toBe(422)
    status = 403
    const refused = await purge({ tags: ['a'] })
    status = 200
    expect(refused.json).toMatchObject({
      status: 502,
      code: 'cdn_credentials_refused',
      detail: expect.stringContaining('Zone.Cache Purge'),
    })
    expect(refused.text).not.toContain('hidden')
  })

  it('estimates the time with dry_run, and calls no vendor', async () => {
    const before = asked.length
    const { json } = await purge({ tags: Array.from({ length: 4000 }, (_, at) => `t${at}`), dry_run: true })
    expect(json.plan.targets).toBe(4000)
    expect(json.plan.takes_ms).toBeGreaterThan(100_000)
    expect(asked.length).toBe(before)
  })

  it('is for operators, purging everything for administrators, and neither for callers limited to namespaces', async () => {
    expect((await purge({ paths: ['/a'] }, 'viewer')).status).toBe(403)
    expect((await purge({ paths: ['/a'] }, 'limited')).status).toBe(403)
    expect((await purge({ everything: true })).json).toMatchObject({
      status: 403,
      detail: expect.stringContaining('purge:all'),
    })
    expect((await purge({ everything: true }, 'admin')).status).toBe(200)
  })
})

describe('cdn/status/, health/ and analytics/', () => {
  it('show edges, purges, outlets, and what each vendor reports', async () => {
    const { json } = await opened.call('GET', 'cdn/status/', { as: 'viewer' })
    expect(json.edges.map(({ edge, softly_by }: { edge: string; softly_by: string[] }) => [edge, softly_by])).toEqual([
      ['cloudflare', []],
      ['fastly', ['url', 'path', 'tag']],
    ])
    expect(json.outlets).toMatchObject([{ name: 'cdn', waiting: 0 }])
    expect(json.purges.length).toBeGreaterThan(0)
    const health = await opened.call('GET', 'cdn/health/', { as: 'viewer' })
    expect(health.json.edges[0].found).toEqual({ name: 'example.com', is_ready: true, notes: [] })
    const figures = await opened.call('GET', 'cdn/analytics/?days=2&service_id=service1', { as: 'viewer' })
    expect(figures.json.edges).toMatchObject([
      { edge: 'fastly', error: null, found: { requests: 10, hit_ratio: 0.6, bytes: 100 } },
    ])
    expect((await opened.call('GET', 'cdn/analytics/?days=91', { as: 'viewer' })).status).toBe(422)
  })

  it('show where the edges are, by the vendor and by probes', async () => {
    const { json } = await opened.call('GET', 'cdn/locations/?service_id=service1', { as: 'viewer' })
    expect(json.edges).toMatchObject([
      {
        edge: 'fastly',
        error: null,
        found: [{ code: 'AMS', name: 'Amsterdam', region: 'Europe', state: 'unknown', met: null }],
      },
    ])
  })

  it('are empty without a CDN, and actions say how to connect one', async () => {
    for (const path of ['cdn/status/', 'cdn/health/', 'cdn/analytics/', 'cdn/locations/'])
      expect((await without.call('GET', path, { as: 'viewer' })).json).toMatchObject({ edges: [] })
    for (const [path, body] of [
      ['cdn/invalidate_cdn/', { paths: ['/a'] }],
      ['cdn/upload_assets/', {}],
      ['cdn/optimize_images/', {}],
    ] as const)
      expect((await without.call('POST', path, { as: 'admin', body })).json, path).toMatchObject({
        status: 501,
        code: 'no_cdn',
        detail: expect.stringContaining('createControl({ cdn'),
      })
  })
})

describe('cdn/upload_assets/ and cdn/optimize_images/', () => {
  const upload = (body: object, as: Caller = 'editor') => opened.call('POST', 'cdn/upload_assets/', { as, body })
  const optimize = (body: object, as: Caller = 'editor') => opened.call('POST', 'cdn/optimize_images/', { as, body })

  it('upload a folder by its name, once, as a recorded operation', async () => {
    const dry = await upload({ dry_run: true })
    expect(dry.json.result).toMatchObject({ files: 2, sent: 2, dry_run: true, manifest_written: null })
    expect(existsSync(join(folder, 'served'))).toBe(false)
    const { status: code, json } = await upload({ folder: 'site', reason: 'release 812' })
    expect(code).toBe(200)
    expect(json).toMatchObject({
      kind: 'upload_assets',
      state: 'completed',
      reason: 'release 812',
      result: { files: 2, sent: 2 },
    })
    expect(
      readFileSync(
        join(
          folder,
          'served',
          json.result.objects.find((key: string) => key.startsWith('app.')),
        ),
        'utf8',
      ),
    ).toBe('run()')
    expect((await upload({})).json.result).toMatchObject({ unchanged: 2, sent: 0 })
    const audit = await opened.call('GET', 'audit/?limit=10', { as: 'admin' })
    expect(
      audit.json.data.find(
        ({ action, kind }: { action: string; kind: string }) => action === 'upload_assets' && kind === 'result',
      ),
    ).toMatchObject({
      detail: { proof: { files: 2, sent: 0 } },
    })
  })

  it('upload single files by their paths within it, with the right type', async () => {
    writeFileSync(join(folder, 'site/app.js'), 'run(2)')
    const { json } = await upload({ assets: [{ path: 'app.js', content_type: 'text/javascript' }] })
    expect(json.result).toMatchObject({ files: 1, sent: 1 })
  })

  it.each(['../secret.txt', '/etc/passwd', 'site/../../secret.txt', 'C:\\secret', '%2e%2e/secret.txt'])(
    'go nowhere else: %s',
    async (path) => {
      for (const answer of [
        await upload({ assets: [{ path }] }),
        await optimize({ image_paths: [path] }),
        await upload({ folder: path }),
      ]) {
        expect(answer.json).toMatchObject({ status: 404, code: 'cdn_not_found' })
        expect(answer.text).not.toContain(folder)
      }
    },
  )

  it('optimise images, report those that cannot be, and start once', async () => {
    const [first, second] = await Promise.all([optimize({ formats: ['webp'] }), optimize({ formats: ['webp'] })])
    const [done, refused] = first?.status === 200 ? [first, second] : [second, first]
    expect(done.json).toMatchObject({
      kind: 'optimize_images',
      state: 'partial',
      result: { images: 2, made: 1, failed: 1, failures: [{ path: 'broken.jpg', code: 'IMAGE_BROKEN' }] },
    })
    expect(done.json.result.bytes_after).toBeLessThan(done.json.result.bytes_before)
    expect(refused.json).toMatchObject({ status: 409, code: 'cdn_changed' })
    expect((await optimize({ formats: ['webp'], image_paths: ['cat.png'] })).json.result).toMatchObject({
      images: 1,
      unchanged: 1,
    })
  })

  it('are for editors, within limits, and name the available folders', async () => {
    expect((await upload({}, 'operator')).status).toBe(403)
    expect((await optimize({}, 'limited')).status).toBe(403)
    expect((await upload({ folder: 'other' })).json).toMatchObject({
      status: 404,
      detail: expect.stringContaining('those are site'),
    })
    expect((await upload({ path: '/etc' })).status).toBe(422)
    expect((await optimize({ formats: ['bmp'] })).status).toBe(422)
    const { json } = await opened.call('GET', 'cdn/status/', { as: 'viewer' })
    expect(json.folders).toEqual([
      { name: 'site', to: 'a folder of the host', has_images: false },
      { name: 'photos', to: null, has_images: true },
    ])
  })

  it('stop when cancelled', async () => {
    await noise(800, join(folder, 'photos/many.png'))
    for (let at = 0; at < 20; at++)
      copyFileSync(join(folder, 'photos/many.png'), join(folder, 'photos', `many-${at}.png`))
    // What is being made when it is cancelled is made to its end, in threads: so nothing that takes seconds.
    const body = { formats: ['webp'] }
    const begun = await opened.call('POST', 'cdn/optimize_images/', {
      as: 'editor',
      body,
      headers: { Prefer: 'wait=0' },
    })
    expect(begun.status).toBe(202)
    expect((await opened.call('DELETE', `operations/${begun.json.id}/`, { as: 'editor' })).status).toBe(200)
    const state = async (): Promise<string> =>
      (await opened.call('GET', `operations/${begun.json.id}/`, { as: 'editor' })).json.state
    await until('its end', async () => !['running', 'cancelling'].includes(await state()))
    expect(await state()).toBe('cancelled')
  })
})

describe('invalidations/invalidate_keys/ with propagate_cdn', () => {
  const invalidate = (body: object, as: Caller = 'operator') =>
    opened.call('POST', 'invalidations/invalidate_keys/', { as, body: { propagate_cdn: true, ...body } })

  it('plans what the CDN is sent, and purges it after the caches', async () => {
    const before = asked.length
    const { plan } = (await invalidate({ urls: ['https://www.example.com/deals'], tags: ['offers'], dry_run: true }))
      .json
    expect(plan.cdn).toMatchObject({
      targets: ['https://www.example.com/deals', { kind: 'tag', tag: 'offers' }],
      takes_ms: expect.any(Number),
    })
    expect(asked.length).toBe(before)
    const { json } = await opened.call('POST', 'invalidations/invalidate_keys/', {
      as: 'operator',
      body: { plan_id: plan.id },
    })
    expect(json).toMatchObject({ state: 'completed', result: { cdn: { ok: true, targets: 2 }, caches: { shop: {} } } })
    expect(asked.slice(before)).toContain('POST /zones/zone1/purge_cache {"files":["https://www.example.com/deals"]}')
  })

  it('is partial if a vendor refuses: the caches are invalidated all the same, and a retry does not hide it', async () => {
    status = 403
    const { json } = await invalidate({ tags: ['refused'] })
    status = 200
    expect(json).toMatchObject({
      state: 'partial',
      result: { cdn: { ok: false }, caches: { shop: { nodes: [{ status: 'acked' }] } } },
    })
    await recheck(opened.plane.control)
    expect((await opened.call('GET', `operations/${json.id}/`, { as: 'viewer' })).json.state).toBe('partial')
  })

  it('is checked again although another one belongs to a cache that is gone', async () => {
    const { operations } = opened.plane.control
    const nobody = { actor: 'test', via: 'api', requestId: 'test' } as const
    const partial = async (cache: string): Promise<string> => {
      const given = { kind: 'invalidate', prefix: 'inv', caches: [cache], request: {}, reason: undefined }
      const result = { caches: { [cache]: { receipts: [], nodes: [], probe: { checked: 0, old: [] } } } }
      return (await operations.run(given, nobody, async () => ({ state: 'partial', result }))).id
    }
    const [, own] = [await partial('gone'), await partial('shop'), await partial('gone')]
    await recheck(opened.plane.control)
    expect((await opened.call('GET', `operations/${own}/`, { as: 'viewer' })).json.state).toBe('completed')
  })

  it('needs targets that a CDN knows, and is not for callers limited to namespaces', async () => {
    expect((await invalidate({ keys: ['a'] })).json.errors).toMatchObject([
      { pointer: '/propagate_cdn', code: 'no_cdn_target' },
    ])
    expect((await invalidate({ tags: ['a'] }, 'limited')).status).toBe(403)
    expect((await invalidate({ tags: ['a'] }, 'viewer')).status).toBe(403)
  })
})
