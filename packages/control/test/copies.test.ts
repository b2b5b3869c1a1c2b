// What one key is elsewhere: its value in every process, and the answer to a URL.
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Attached, attach } from '@millpond/control/agent'
import { type Cache, createCache, memory } from 'millpond'
import { createHttpCache } from 'millpond/http'
import { sqlite } from 'millpond/tiers/sqlite'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { patient } from '../../millpond/test/services/index.ts'
import { plan } from '../src/agent/invalidation.ts'
import { type Opened, open } from './setup.ts'

const folder = mkdtempSync(join(tmpdir(), 'millpond-copies-'))
const make = (): Cache =>
  createCache({ name: 'shop', tiers: [memory(), patient(sqlite({ path: join(folder, 'shop.db') }))] })
let shop: Cache
let elsewhere: Cache
let attached: Attached
let opened: Opened
beforeAll(async () => {
  shop = make()
  elsewhere = make()
  attached = attach(elsewhere, { id: 'web-2' })
  await attached.join()
  opened = await open(':memory:', {
    caches: [shop],
    nodeId: 'web-1',
    application: {
      urls: ({ pathname }) => (pathname.startsWith('/deals/') ? [{ key: ['deal', pathname.slice(7)] }] : []),
    },
  })
  await opened.plane.start()
})
afterAll(async () => {
  await opened.close()
  await attached.close()
  await Promise.all([shop.close(), elsewhere.close()])
  rmSync(folder, { recursive: true, force: true })
})

it('shows the value of every process, says whether all are equal, and is recorded', async () => {
  await shop.set('a', { n: 1 })
  await elsewhere.get('a')
  const copies = async (as: 'admin' | 'editor' = 'admin') => opened.call('GET', 'keys/a/copies/', { as })
  expect((await copies()).json).toMatchObject({
    is_same: true,
    copies: [
      { node: 'web-1', value: { n: 1 } },
      { node: 'web-2', value: { n: 1 } },
    ],
  })
  expect((await copies('editor')).status).toBe(403)
  const { json } = await opened.call('GET', 'audit/?action=value.read', { as: 'auditor' })
  expect(json.data[0]).toMatchObject({ actor: 'admin', target: 'a', detail: { copies: true } })
  attached.nodes.answer('value', () => ({ found: true, tier: 'memory', value: { n: 2 } }))
  const { json: other } = await copies()
  expect(other.is_same).toBe(false)
  expect(other.copies[0].sha256).not.toBe(other.copies[1].sha256)
})

it('needs a confirmation if a process had no time to count, and then fits within no limit', async () => {
  const counts = createCache({ name: 'counts' })
  for (let at = 0; at < 200; at++) await counts.set(`k${at}`, 1, { tags: ['many'] })
  const asked = { criteria: { tags: ['many'] }, scan: false }
  expect(await plan(counts, asked)).toMatchObject({ entries: 200, is_exact: true })
  const cut = await plan(counts, asked, -1)
  expect(cut).toMatchObject({ is_exact: false, is_cut: true })
  expect(cut.entries).toBeLessThan(200)
  await counts.close()

  await shop.set('many:1', 1, { tags: ['many'] })
  attached.nodes.answer('plan', () => cut)
  const invalidate = (more: object) =>
    opened.call('POST', 'invalidations/invalidate_keys/', {
      as: 'operator',
      body: { cache_name: 'shop', tags: ['many'], ...more },
    })
  expect(await invalidate({})).toMatchObject({
    status: 409,
    json: { code: 'needs_confirmation', detail: expect.stringContaining('perhaps more') },
  })
  expect(await invalidate({ confirm: 'many', max_keys: 9_000 })).toMatchObject({
    status: 409,
    json: { code: 'too_many_keys' },
  })
  expect(await shop.get('many:1')).toBe(1)
  expect(await invalidate({ confirm: 'many' })).toMatchObject({ status: 200, json: { state: 'completed' } })
  expect(await shop.get('many:1')).toBeUndefined()
  attached.nodes.answer('plan', (body) => plan(elsewhere, body as typeof asked))
})

it('explains a URL by what the HTTP cache stores, and by what the application says', async () => {
  const pages = shop.namespace('pages')
  const http = createHttpCache(pages)
  const server = createServer(
    http.listener((_, response) => response.setHeader('Cache-Control', 'max-age=60').end('page')),
  ).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  await (await fetch(`${origin}/p/7?x=1`)).text()
  await pages.flush()
  const explain = (url: string, as: 'viewer' | 'limited' = 'viewer') =>
    opened.call('GET', `explain/?url=${encodeURIComponent(url)}`, { as })
  expect((await explain(`${origin}/p/7?x=1#top`)).json).toMatchObject({
    namespace: 'pages',
    key: expect.stringContaining(`${origin}/p/7?x=1`),
    verdict: 'hit',
  })
  await http.purge({ urls: [`${origin}/p/7?x=1`] })
  expect((await explain(`${origin}/p/7?x=1`)).json).toMatchObject({
    namespace: 'pages',
    verdict: 'miss',
    cause: 'invalidated_tag',
  })
  await shop.set(['deal', '9'], 1)
  expect((await explain('https://shop.example/deals/9')).json).toMatchObject({
    namespace: 'default',
    key: '["deal","9"]',
    verdict: 'hit',
  })
  expect((await explain('https://shop.example/none')).json.code).toBe('url_unknown')
  expect((await explain(`${origin}/p/7?x=1`, 'limited')).status).toBe(404)
  for (const query of ['', '?key=a&url=http://a/', '?url=ftp://a/', '?url=/deals/9'])
    expect((await opened.call('GET', `explain/${query}`, { as: 'viewer' })).status, query).toBe(422)
  server.close()
  server.closeAllConnections()
})

it('invalidates every variant of a URL', async () => {
  let made = 0
  const http = createHttpCache(shop.namespace('variants'))
  const server = createServer(
    http.listener((_, response) => {
      made++
      response.setHeader('Cache-Control', 'max-age=60').setHeader('Vary', 'X-Of').end('page')
    }),
  ).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/p`
  const askAll = async (): Promise<void> => {
    for (let at = 0; at < 12; at++) await (await fetch(url, { headers: { 'X-Of': String(at) } })).text()
    await shop.flush()
  }
  await askAll()
  await askAll()
  expect(made).toBe(12)
  const { json } = await opened.call('POST', 'invalidations/invalidate_keys/', {
    as: 'operator',
    body: { urls: [url] },
  })
  expect(json).toMatchObject({ state: 'completed', plan: { keys: 12 } })
  await askAll()
  expect(made).toBe(24)
  server.close()
  server.closeAllConnections()
})

it('invalidates by URL the entries that answer it, in every namespace and tier, and says so if there are none', async () => {
  const invalidate = (body: object, as: 'operator' | 'limited' = 'operator') =>
    opened.call('POST', 'invalidations/invalidate_keys/', { as, body })
  await shop.set(['deal', '11'], 1)
  await shop.set(['deal', '12'], 1)
  const urls = ['https://shop.example/deals/11?utm=x']
  const { plan } = (await invalidate({ urls, dry_run: true })).json
  expect(plan).toMatchObject({
    keys: 1,
    is_exact: true,
    caches: [{ namespaces: ['default'], sample: [{ key: '["deal","11"]' }] }],
  })
  expect((await invalidate({ urls }, 'limited')).json).toMatchObject({ state: 'completed', plan: { keys: 0 } })
  expect(await shop.get(['deal', '11'])).toBe(1)
  expect((await invalidate({ plan_id: plan.id })).json).toMatchObject({
    state: 'completed',
    result: { caches: { shop: { probe: { old: [] } } } },
  })
  expect([await shop.get(['deal', '11']), await elsewhere.get(['deal', '11']), await shop.get(['deal', '12'])]).toEqual(
    [undefined, undefined, 1],
  )
  expect((await invalidate({ urls: ['https://shop.example/none'] })).json).toMatchObject({
    state: 'completed',
    plan: { keys: 0 },
  })
  expect((await invalidate({ urls: ['https://shop.example/deals/12'], tags: ['nobody'] })).json.state).toBe('completed')
  expect(await shop.get(['deal', '12'])).toBeUndefined()
  for (const wrong of ['/deals/9', 'ftp://a/', 'javascript:alert(1)', ''])
    expect((await invalidate({ urls: [wrong] })).status, wrong).toBe(422)
})
