// The CDN on the command line, against a control plane with two vendors.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cloudflare, createCdn, fastly } from '@millpond/cdn'
import { folderStore } from '@millpond/cdn/assets'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Desk, openDesk } from './desk.ts'

let desk: Desk
let server: Server
let folder: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'millpond-cdn-'))
  mkdirSync(join(folder, 'site'))
  writeFileSync(join(folder, 'site/app.js'), 'run()')
  mkdirSync(join(folder, 'photos'))
  writeFileSync(join(folder, 'photos/broken.jpg'), 'not a picture')
  server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString()
      const keys: string[] = body.includes('surrogate_keys') ? JSON.parse(body).surrogate_keys : []
      const answer = request.url?.startsWith('/stats')
        ? { data: [{ start_time: 1_795_564_800, requests: 10, hits: 6, miss: 4, bandwidth: 100 }] }
        : request.url?.startsWith('/datacenters')
          ? [{ code: 'AMS', name: 'Amsterdam', group: 'Europe' }]
          : {
              success: true,
              result: { id: 'x', status: 'active' },
              active_version: { active: true },
              ...Object.fromEntries(keys.map((key) => [key, 'id'])),
            }
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const api = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const origin = 'https://www.example.com'
  const cdn = createCdn({
    edges: [
      cloudflare({ token: 'hidden', zone: 'zone1', api, origin }),
      fastly({ token: 'hidden', service: 'service1', api, origin }),
    ],
    folders: {
      site: { path: join(folder, 'site'), to: folderStore({ path: join(folder, 'served') }) },
      photos: { path: join(folder, 'photos'), output: join(folder, 'made') },
    },
  })
  cdn.outlet()
  desk = await openDesk({ cdn })
})
afterAll(async () => {
  await desk.close()
  rmSync(folder, { recursive: true, force: true })
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

describe('millpond cdn', () => {
  it('purges, and reports each vendor’s part', async () => {
    const all = await desk.run(['cdn', 'purge', '/deals', '--tags', 'a,b'])
    expect([all.code, all.out]).toEqual([0, expect.stringContaining('fastly: accepted, 3 of 3 in 2 requests')])
    const partial = await desk.run(['cdn', 'purge', '--hosts', 'www.example.com'])
    expect([partial.code, partial.out]).toEqual([7, expect.stringMatching(/www\.example\.com: .*give answers a tag/)])
    const one = await desk.run(['cdn', 'purge', '/a', '--zone', 'zone2', '--json'])
    expect(one.json.operation.result.edges).toMatchObject([{ edge: 'cloudflare', site: 'zone2' }])
  })

  it('shows what a purge would do, and asks for missing arguments', async () => {
    const plan = await desk.run(['cdn', 'purge', '/deals', '--dry-run'])
    expect(plan.out).toMatch(/1 targets? at cloudflare, fastly[\s\S]*Nothing was changed/)
    expect((await desk.run(['cdn', 'purge'])).code).toBe(2)
    expect((await desk.run(['cdn', 'purge', '/a', '--zone', 'a', '--service', 'b'])).code).toBe(2)
  })

  it('shows edges, purges and figures', async () => {
    const status = await desk.run(['cdn', 'status'], { as: 'viewer', columns: 200 })
    expect([status.code, status.out]).toEqual([0, expect.stringMatching(/cloudflare +zone1 .* ok/)])
    expect(status.out).toContain('Outlet cdn: 0 wait')
    const figures = await desk.run(['cdn', 'analytics', '--service', 'service1', '--days', '2'], {
      as: 'viewer',
      columns: 200,
    })
    expect([figures.code, figures.out]).toEqual([0, expect.stringMatching(/fastly +10 +60/)])
  })
  it('shows the locations of the edges', async () => {
    const { code, out } = await desk.run(['cdn', 'locations', '--service', 'service1'], { as: 'viewer', columns: 200 })
    expect([code, out]).toEqual([0, expect.stringMatching(/fastly +AMS +Amsterdam +Europe +unknown +-/)])
  })

  it('has a folder of the control plane uploaded, and its images optimised', async () => {
    expect((await desk.run(['cdn', 'status'], { as: 'viewer', columns: 200 })).out).toMatch(
      /Folder site: is uploaded to a folder of the host\nFolder photos: has pictures/,
    )
    const dry = await desk.run(['cdn', 'upload', '--dry-run'], { as: 'editor' })
    expect([dry.code, dry.out]).toEqual([
      0,
      expect.stringMatching(/1 files?, 0 unchanged: 1 objects? .* would be sent/),
    ])
    const sent = await desk.run(['cdn', 'upload', 'site', '--path', 'app.js', '--json'], { as: 'editor' })
    expect(sent.json.operation).toMatchObject({ state: 'completed', result: { sent: 1 } })
    const unknown = await desk.run(['cdn', 'upload', '/etc'], { as: 'editor' })
    expect([unknown.code, unknown.err]).toEqual([5, expect.stringContaining('those are site')])
    const made = await desk.run(['cdn', 'images', '--formats', 'webp'], { as: 'editor' })
    expect([made.code, made.err]).toEqual([7, expect.stringContaining('broken.jpg')])
    expect((await desk.run(['cdn', 'images'])).code).toBe(4)
  })
})
