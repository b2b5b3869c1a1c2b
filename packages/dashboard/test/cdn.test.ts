// The CDN in a browser: what waits for the edge, a purge by hand, and what a vendor cannot do.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Cdn, cloudflare, createCdn, fastly } from '@millpond/cdn'
import { folderStore } from '@millpond/cdn/assets'
import { type Cache, createCache } from 'millpond'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { describeWith } from '../../millpond/test/services/index.ts'
import { watchActions } from './actions.ts'
import { type Hands, handsOn } from './hands.ts'
import { BASE, faultsOf, hold, lookAt, openBrowser, type Served, serve, signIn } from './served.ts'

describeWith('chromium', 'the CDN in a browser', () => {
  let vendor: Server
  let folder: string
  let cdn: Cdn
  let cache: Cache
  let served: Served
  let browser: Browser
  let page: Page
  let faults: string[]
  let hands: Hands
  let leftOf: ReturnType<typeof watchActions>
  beforeAll(async () => {
    // Just enough of both vendors: what is sent to them is checked where they are talked to.
    vendor = createServer((request, response) => {
      let body = ''
      request.on('data', (chunk) => {
        body += chunk
      })
      request.on('end', () => {
        const keys: string[] = body.includes('surrogate_keys') ? JSON.parse(body).surrogate_keys : []
        if (request.url === '/datacenters') {
          const places = [{ code: 'AMS', name: 'Amsterdam', group: 'Europe' }]
          response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(places))
          return
        }
        const answer = {
          success: true,
          components: [],
          result: { id: 'x', status: 'active' },
          ...Object.fromEntries(keys.map((key) => [key, 'id'])),
        }
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
      })
    })
    await new Promise<void>((resolve) => vendor.listen(0, '127.0.0.1', resolve))
    const api = `http://127.0.0.1:${(vendor.address() as AddressInfo).port}`
    folder = mkdtempSync(join(tmpdir(), 'millpond-cdn-'))
    mkdirSync(join(folder, 'site'))
    writeFileSync(join(folder, 'site/app.js'), 'run()')
    mkdirSync(join(folder, 'photos'))
    writeFileSync(join(folder, 'photos/broken.jpg'), 'not a picture')
    cdn = createCdn({
      edges: [
        cloudflare({
          token: 'hidden',
          zone: '023e105f4ecef8ad9ca31a8372d0c353',
          api,
          statusApi: api,
          origin: 'https://www.example.com',
        }),
        fastly({ token: 'hidden', service: 'SU1Z0isxPaozGVKXdv0eY', api }),
      ],
      folders: {
        site: { path: join(folder, 'site'), to: folderStore({ path: join(folder, 'served') }) },
        photos: { path: join(folder, 'photos'), output: join(folder, 'made'), images: { formats: ['webp'] } },
      },
    })
    cache = createCache({ name: 'shop', outlets: [cdn.outlet({ again: false })] })
    served = await serve(cache, { cdn })
    browser = await openBrowser()
    const context = await browser.newContext({ viewport: { width: 390, height: 900 }, colorScheme: 'dark' })
    context.setDefaultTimeout(20_000)
    page = await context.newPage()
    faults = faultsOf(page)
    await signIn(page, served.url, 'editor')
    hands = handsOn(page)
    leftOf = watchActions(page, 'cdn')
  })
  afterAll(async () => {
    await browser?.close()
    await served?.close()
    await cache?.close()
    cdn?.close()
    rmSync(folder, { recursive: true, force: true })
    vendor?.closeAllConnections()
    await new Promise((resolve) => vendor.close(resolve))
  })

  it('purges what is named, by keyboard alone, shows what each vendor has taken, and why one has not', async () => {
    await page.goto(`${served.url}${BASE}cdn/`)
    await page.getByText('Nothing has been purged by hand yet.').waitFor()
    expect(await lookAt(page)).toEqual([])
    // Tags alone, then a path beside them.
    await hands.tabTo(page.getByLabel('Tags, one per line'))
    await page.keyboard.type('deals')
    const letGo = await hold(page, '**/cdn/invalidate_cdn/')
    await hands.hit(hands.button('Purge'))
    // What is written while it is on its way is for the next one.
    await hands.tabTo(page.getByLabel('Paths or addresses, one per line'))
    await page.keyboard.type('/deals')
    letGo()
    await page.getByText('1 of 1').first().waitFor()
    const tags = page.getByLabel('Tags, one per line')
    await expect.poll(() => tags.inputValue()).toBe('')
    await hands.tabTo(tags)
    await page.keyboard.type('deals\norg%207')
    await hands.hit(hands.button('Purge'))
    const taken = page.getByRole('table', { name: /^Purges/ }).getByRole('row')
    await taken.filter({ hasText: 'cloudflare' }).getByText('3 of 3').waitFor()
    const partial = taken.filter({ hasText: 'fastly' })
    await partial.getByText('2 of 3').waitFor()
    await partial.getByText(/does not support paths without a host.*give fastly\(\{ origin \}\)/).waitFor()
    // It is done: the next purge begins empty.
    await expect.poll(() => tags.inputValue()).toBe('')
    expect(await lookAt(page)).toEqual([])
    expect(faults).toEqual([])
  })

  it('shows what invalidations have brought there', async () => {
    await cache.invalidateTags(['deals'])
    await page.getByText(/Nothing is waiting\. 2 purged/).waitFor()
  })
  it('tells how the edges are, and where', async () => {
    const edges = page.getByRole('table', { name: 'Edges', exact: true }).getByRole('row')
    await edges.filter({ hasText: 'cloudflare' }).getByText('ready', { exact: true }).waitFor()
    await edges.filter({ hasText: 'fastly' }).getByText('no version of the service is active').waitFor()
    await page.getByRole('table', { name: 'Locations of the edges' }).getByText('Amsterdam (AMS)').waitFor()
  })

  it('uploads a folder and makes its pictures smaller, and says what it came to', async (context) => {
    await hands.hit(hands.button('Upload site'))
    await page.getByText(/1 file, 1 object sent/).waitFor()
    await hands.hit(hands.button('Optimise pictures of photos'))
    await page.getByText(/1 picture, 0 made, 1 cannot be/).waitFor()
    expect(await lookAt(page)).toEqual([])
    expect([leftOf(context), faults]).toEqual([[], []])
  })
})
