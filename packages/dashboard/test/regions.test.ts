// Regions in a browser: how each stands, one drained and filled after a second look, the last one refused, and nothing
// of it where there are none.
import { type Cache, createCache, memory } from 'millpond'
import { simulatedServer } from 'millpond/testing'
import { edge } from 'millpond/tiers/edge'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { describeWith } from '../../millpond/test/services/index.ts'
import { createCacheClient } from '../src/api/client.ts'
import { watchActions } from './actions.ts'
import { type Hands, handsOn } from './hands.ts'
import { BASE, faultsOf, lookAt, openBrowser, type Served, serve, signIn, tokenOf } from './served.ts'

describeWith('chromium', 'regions in a browser', () => {
  let caches: readonly Cache[]
  let served: Served
  let browser: Browser
  let page: Page
  let faults: string[]
  let hands: Hands
  let leftOf: ReturnType<typeof watchActions>
  beforeAll(async () => {
    const stores = { us: simulatedServer(), eu: simulatedServer() }
    const start = (region: 'us' | 'eu') => {
      const regions = { us: { ledger: stores.us.connect() }, eu: { ledger: stores.eu.connect() } }
      return createCache({ name: 'shop', tiers: [memory(), edge({ regions, region, origin: 'us' })] })
    }
    const [us, eu] = [start('us'), start('eu')]
    caches = [us, eu]
    for (let n = 0; n < 5; n++) await us.set(`deal:${n}`, n)
    await eu.get('none')
    served = await serve(eu)
    browser = await openBrowser()
    const context = await browser.newContext({ viewport: { width: 1280, height: 1200 } })
    context.setDefaultTimeout(20_000)
    page = await context.newPage()
    faults = faultsOf(page)
    await signIn(page, served.url, 'editor')
    hands = handsOn(page)
    leftOf = watchActions(page, 'regions')
  })
  afterAll(async () => {
    await browser?.close()
    await served?.close()
    await Promise.all((caches ?? []).map((cache) => cache.close()))
  })

  const act = (verb: string, region: string) => page.getByRole('button', { name: `${verb}… ${region}`, exact: true })
  /** The row with what may be done to it. */
  const row = (region: string) => page.getByRole('row').filter({ has: act('Fill', region) })
  const press = async (verb: string, region: string) => {
    await hands.hit(act(verb, region))
    await hands.hit(page.getByRole('dialog').getByRole('button', { name: `${verb} ${region}` }))
  }

  it('shows how each stands, how far behind it is and what waits, and drains, fills and refuses, by keyboard alone', async (context) => {
    // A list that cannot be had says so, also where none was there before.
    await page.route(/\/regions\//, (route) =>
      route.fulfill({ status: 500, json: { code: 'internal', detail: 'not now' } }),
    )
    await page.goto(`${served.url}${BASE}`)
    await page.getByText('The list of regions could not be loaded.').waitFor()
    await page.unroute(/\/regions\//)
    await row('eu').getByText('serving').waitFor()
    const origin = page.getByRole('row').filter({ hasText: 'us (origin)' })
    await origin.getByText('serving').waitFor()
    await origin.getByText(/in eu \d/).waitFor()
    expect(await lookAt(page)).toEqual([])
    await press('Drain', 'eu')
    await row('eu').getByText('drained', { exact: true }).waitFor()
    // The other one is the last.
    await press('Drain', 'us')
    const dialog = page.getByRole('dialog')
    await dialog.getByText('us is the last serving region and keeps serving: let eu serve first.').waitFor()
    expect(await lookAt(page)).toEqual([])
    await hands.hit(dialog.getByRole('button', { name: 'Drain us anyway' }))
    await origin.getByText('drained').waitFor()
    await dialog.waitFor({ state: 'detached' })
    await hands.isSomewhere()
    await press('Let serve', 'us')
    await origin.getByText('serving').waitFor()
    await dialog.waitFor({ state: 'detached' })
    await press('Fill', 'eu')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    await row('eu').getByText('serving').waitFor()
    expect((await caches[1]?.regions?.list())?.find(({ isOwn }) => isOwn)).toMatchObject({
      filling: { isDone: true, from: 'us' },
    })
    await hands.isSomewhere()
    expect([leftOf(context), faults.filter((fault) => !/500|409/.test(fault))]).toEqual([[], []])
  })

  it('tells a program by its code that a region is the last one', async () => {
    const client = createCacheClient({
      apiBaseUrl: `${served.url}/api/admin/caching`,
      auth: () => ({ Authorization: `Bearer ${tokenOf('editor')}` }),
    })
    // However far the test before has come.
    for (const region of ['us', 'eu']) await client.send('POST', `regions/${region}/serve/`, {})
    await client.send('POST', 'regions/us/drain/', { wait_seconds: 0 })
    const refused = client.send('POST', 'regions/eu/drain/', { wait_seconds: 0 })
    await expect(refused).rejects.toMatchObject({ name: 'ApiError', status: 409, code: 'last_region' })
    await client.send('POST', 'regions/us/serve/', {})
  })

  it('shows nothing of it where a cache has none', async () => {
    const plain = await serve()
    await plain.cache.get('a')
    const other = await browser.newPage()
    await signIn(other, plain.url, 'editor')
    await other.getByRole('heading', { name: /^Namespaces/ }).waitFor()
    expect(await other.getByRole('heading', { name: 'Regions' }).count()).toBe(0)
    await other.close()
    await plain.close()
  })
})
