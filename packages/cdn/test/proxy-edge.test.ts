// A Millpond proxy as the edge: a real one is purged over its admin port, by each kind.
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Cdn, createCdn, millpondProxy, type PurgeTargetLike } from '@millpond/cdn'
import { type CachingProxy, startProxy } from '@millpond/proxy'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

describe('millpondProxy', () => {
  let origin: Server
  let proxy: CachingProxy
  let cdn: Cdn
  let site: string
  let made = 0
  beforeAll(async () => {
    origin = createServer((_, response) => {
      response
        .writeHead(200, {
          Vary: 'Origin',
          'Cache-Control': 'public, max-age=3600',
          'Surrogate-Key': 'deals org%207',
          ETag: '"1"',
        })
        .end(String(++made))
    })
    await new Promise<void>((resolve) => origin.listen(0, '127.0.0.1', resolve))
    const port = (origin.address() as AddressInfo).port
    proxy = await startProxy({ origin: `http://127.0.0.1:${port}`, port: 0, host: '127.0.0.1', adminPort: 0 })
    site = `http://127.0.0.1:${proxy.port}`
    cdn = createCdn({ edges: [millpondProxy({ admin: `http://127.0.0.1:${proxy.adminPort}`, origin: site })] })
  })
  afterAll(async () => {
    cdn?.close()
    await proxy?.close(0)
    origin?.closeAllConnections()
    await new Promise((resolve) => origin.close(resolve))
  })
  const read = async (path: string): Promise<string> => (await fetch(site + path)).text()

  it.each<readonly [kind: string, target: (host: string) => PurgeTargetLike]>([
    ['url', (host) => `http://${host}/a/x?b=1`],
    ['the other scheme', (host) => `https://${host}/a/x?b=1`],
    ['path', () => '/a/x?b=1'],
    ['folder', () => '/a/*'],
    ['tag', () => ({ kind: 'tag', tag: 'org%207' })],
    ['prefix', (host) => ({ kind: 'prefix', prefix: `${host}/a/` })],
    ['host', (host) => ({ kind: 'host', host })],
    ['everything', () => ({ kind: 'everything' })],
  ])('purges by %s, and is then done', async (_, target) => {
    const before = await read('/a/x?b=1')
    expect(await read('/a/x?b=1')).toBe(before)
    const { edges } = await cdn.purge([target(new URL(site).host)])
    expect(edges).toMatchObject([{ state: 'done', purged: 1, failures: [] }])
    expect(await read('/a/x?b=1')).not.toBe(before)
  })

  it('FRiCKLE/ngx_cache_purge#48: purges every variant of a URL, whatever selects them', async () => {
    const from = async (Origin: string) => (await fetch(`${site}/cors`, { headers: { Origin } })).text()
    const origins = ['https://a.example', 'https://b.example']
    const before = [await from('https://a.example'), await from('https://b.example')]
    expect(await Promise.all(origins.map(from))).toEqual(before)
    await cdn.purge(['/cors'])
    for (const [at, origin] of origins.entries()) expect(await from(origin)).not.toBe(before[at])
  })

  it('keeps what is not named', async () => {
    const kept = await read('/b')
    await cdn.purge(['/a/*', { kind: 'tag', tag: 'other' }])
    expect(await read('/b')).toBe(kept)
  })

  it('counts its answers since it started', async () => {
    const [before] = await cdn.analytics()
    for (const _ of [1, 2, 3]) await read('/counted')
    const [after] = await cdn.analytics()
    expect((after?.found?.requests ?? 0) - (before?.found?.requests ?? 0)).toBe(3)
    expect((after?.found?.hits ?? 0) - (before?.found?.hits ?? 0)).toBe(2)
    expect(Date.parse(after?.found?.from ?? '')).toBeLessThanOrEqual(Date.now())
  })

  it('reports its health, and that it is unreachable', async () => {
    expect(await cdn.health()).toMatchObject([{ edge: 'proxy', found: { isReady: true, notes: [] } }])
    const nobody = createCdn({ edges: [millpondProxy({ admin: 'http://127.0.0.1:9' })] })
    expect((await nobody.health())[0]?.error?.code).toBe('UNREACHABLE')
    nobody.close()
  })
})
