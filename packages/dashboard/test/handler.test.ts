// The page as it is served: deep links, files that never change, headers, what stands in its head.
import { gzipSync } from 'node:zlib'
import { dashboard } from '@millpond/dashboard/handler'
import { beforeAll, describe, expect, it } from 'vitest'
import { buildPage } from './build-page.ts'

const at = (path: string, init?: RequestInit) => new Request(`http://127.0.0.1${path}`, init)

describe('the handler of the dashboard', () => {
  beforeAll(() => buildPage())

  it('answers the page at every address below its base, and nothing elsewhere', async () => {
    const page = dashboard()
    for (const path of ['/admin/caching/', '/admin/caching/keys/', '/admin/caching/keys/?key=a%2Fb']) {
      const answer = await page(at(path))
      expect(answer?.status).toBe(200)
      expect(answer?.headers.get('content-type')).toBe('text/html; charset=utf-8')
      expect(await answer?.text()).toContain('<base href="/admin/caching/" />')
    }
    expect(await page(at('/admin/cachingx/'))).toBeUndefined()
    expect(await page(at('/api/admin/caching/session/'))).toBeUndefined()
    expect((await page(at('/admin/caching')))?.headers.get('location')).toBe('/admin/caching/')
    expect((await page(at('/admin/caching/', { method: 'POST' })))?.status).toBe(405)
  })

  it('lets nothing in from elsewhere, and no script that is not a file', async () => {
    const answer = await dashboard()(at('/admin/caching/'))
    const policy = answer?.headers.get('content-security-policy') ?? ''
    expect(policy).toContain("default-src 'none'")
    expect(policy).not.toContain('unsafe')
    const html = (await answer?.text()) ?? ''
    expect(html.match(/(src|href)="(?!\.\/|\/admin\/caching\/")[^"]*"/g)).toBeNull()
    expect(html).not.toMatch(/<script(?![^>]*src=)/)
  })

  it('serves files that never change, and says that one of an older build is gone', async () => {
    const page = dashboard()
    const html = (await (await page(at('/admin/caching/')))?.text()) ?? ''
    const [, script = ''] = /src="\.\/(assets\/[^"]+\.js)"/.exec(html) ?? []
    const answer = await page(at(`/admin/caching/${script}`))
    expect(answer?.headers.get('cache-control')).toBe('public, max-age=31536000, immutable')
    expect(answer?.headers.get('content-type')).toContain('text/javascript')
    const head = await page(at(`/admin/caching/${script}`, { method: 'HEAD' }))
    expect([head?.headers.get('content-length'), await head?.text()]).toEqual([
      answer?.headers.get('content-length'),
      '',
    ])
    expect((await page(at('/admin/caching/assets/older-12345678.js')))?.status).toBe(404)
    expect((await page(at('/admin/caching/../package.json')))?.status).not.toBe(200)
  })

  it('weighs at most 180 kB on its first load, as gzip packs it', async () => {
    const page = dashboard()
    const html = (await (await page(at('/admin/caching/')))?.text()) ?? ''
    const files = [...html.matchAll(/(?:src|href)="\.\/([^"]+)"/g)].map(([, name]) => name)
    let bytes = gzipSync(html).byteLength
    for (const name of files)
      bytes += gzipSync(
        new Uint8Array((await (await page(at(`/admin/caching/${name}`)))?.arrayBuffer()) ?? []),
      ).byteLength
    expect(files.length).toBeGreaterThanOrEqual(3)
    expect(bytes).toBeLessThan(180_000)
  })

  it('is not sent twice to who has it', async () => {
    const page = dashboard()
    const etag = (await page(at('/admin/caching/')))?.headers.get('etag') ?? ''
    const again = await page(at('/admin/caching/keys/', { headers: { 'If-None-Match': etag } }))
    expect(again?.status).toBe(304)
  })

  it('writes what it is told into the head, and nothing out of it', async () => {
    const page = dashboard({
      base: 'ops',
      apiBaseUrl: '/x',
      environment: { label: '"><script>alert(1)</script>' },
      readOnly: true,
    })
    const html = (await (await page(at('/ops/')))?.text()) ?? ''
    expect(html).toContain('<base href="/ops/" />')
    expect(html).not.toContain('<script>alert')
    const [, content = ''] = /<meta name="millpond" content="([^"]*)"/.exec(html) ?? []
    const given: unknown = JSON.parse(
      content.replaceAll('&quot;', '"').replaceAll('&lt;', '<').replaceAll('&amp;', '&'),
    )
    expect(given).toEqual({ apiBaseUrl: '/x', environment: { label: '"><script>alert(1)</script>' }, readOnly: true })
  })

  it('trusts a prefix of a proxy only where it is told to', async () => {
    const headers = { 'X-Forwarded-Prefix': '/shop' }
    expect(await (await dashboard()(at('/admin/caching/', { headers })))?.text()).toContain(
      '<base href="/admin/caching/" />',
    )
    const trusted = dashboard({ trustPrefix: true })
    expect(await (await trusted(at('/admin/caching/', { headers })))?.text()).toContain(
      '<base href="/shop/admin/caching/" />',
    )
    const hostile = { 'X-Forwarded-Prefix': '//evil.example' }
    expect(await (await trusted(at('/admin/caching/', { headers: hostile })))?.text()).toContain(
      '<base href="/admin/caching/" />',
    )
  })
})
