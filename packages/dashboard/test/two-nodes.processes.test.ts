// An incident in the deals service of two processes under load, as the page shows it: from its cause to its undoing, a
// process that stands still, a setting that is changed and taken back, and what a viewer is offered.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { describeWith } from '../../millpond/test/services/index.ts'
import { startDeals } from '../deals.mjs'
import { buildPage } from './build-page.ts'
import { BASE, faultsOf, openBrowser } from './served.ts'
import { longestWaitMs, waitsMs } from './waited.ts'

const SMALL = ['--organizations', '4', '--users', '24', '--deals', '400']
const TAG = 'organization:1'
/** A key that the load reads all the time, in both processes. */
const READ = 'v1:api_response:deal_stats:1:30'
/** From the press of a button until everybody who watches sees why reads miss. */
const SEEN_MS = 2000

describeWith('chromium', 'the dashboard of the deals service', () => {
  const folder = mkdtempSync(join(tmpdir(), 'millpond-two-'))
  let starting: ReturnType<typeof startDeals> | undefined
  let deals: Awaited<ReturnType<typeof startDeals>>
  let browser: Browser
  let isReading = true
  let isAwake = true
  let reading: Promise<void> | undefined
  beforeAll(async () => {
    await buildPage()
    starting = startDeals(folder, SMALL)
    deals = await starting
    browser = await openBrowser()
    reading = deals.load(
      () => isReading,
      (node) => node === 0 || isAwake,
    )
  }, 120_000)
  afterAll(async () => {
    isReading = false
    await reading
    await browser?.close()
    await (await starting)?.close() // even if it was not awaited to the end
    rmSync(folder, { recursive: true, force: true })
  }, 120_000)

  const open = async (role: 'viewer' | 'administrator') => {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 } })
    context.setDefaultTimeout(20_000)
    const page = await context.newPage()
    const faults = faultsOf(page)
    const refused: string[] = []
    page.on('response', (answer) => {
      if (answer.status() === 401 || answer.status() === 403)
        refused.push(`${answer.request().method()} ${answer.url()}`)
    })
    await page.goto(deals.url + BASE)
    await page.locator('input[type=password]').fill(deals.tokens[role])
    await page.keyboard.press('Enter')
    await page.locator('nav[aria-label=Main]').waitFor({ state: 'attached' })
    refused.length = 0
    faults.length = 0
    return { page, faults, refused }
  }
  const button = (page: Page, name: string | RegExp) => page.getByRole('button', { name })
  /** What Now says that the tiers answer, in percent. */
  const hitRatio = async (page: Page): Promise<number> => {
    const text = await page
      .getByText(/^All tiers: [\d.]+ % now/)
      .first()
      .textContent()
    return Number(/[\d.]+/.exec(text ?? '')?.[0])
  }
  const ask = async <T>(path: string, node = 0): Promise<T> => {
    const answer = await fetch(deals.nodes[node]?.url + path, {
      headers: { Authorization: `Bearer ${deals.tokens.viewer}` },
    })
    return (await answer.json()) as T // as the route says it
  }
  const ttlOf = async (node: number): Promise<number> =>
    (await ask<{ config: { ttl_seconds: number } }>('/api/cache-management/cache-status/', node)).config.ttl_seconds

  it('shows everybody who watches why reads miss within two seconds, until it is undone and they hit again', async () => {
    const [watching, acting] = await Promise.all([open('viewer'), open('administrator')])
    await watching.page.getByText('All 2 processes report.').waitFor()
    await expect.poll(() => hitRatio(watching.page), { timeout: 20_000 }).toBeGreaterThan(30)
    const usual = await hitRatio(watching.page)
    await watching.page.getByRole('img', { name: /^Health in this span: between \d+ and \d+, now \d+$/ }).waitFor()
    const cause = watching.page.getByRole('link', { name: 'tag invalidated' })
    expect(await cause.count()).toBe(0)
    await acting.page.goto(`${deals.url}${BASE}invalidate/?by=tag&value=${encodeURIComponent(TAG)}&mode=hard`)
    await button(acting.page, 'Plan…').click()
    const run = button(acting.page, /^Invalidate at least \d+ keys, hard/)
    await run.waitFor()
    const [pressed, before] = [performance.now(), waitsMs()]
    await run.click()
    await cause.waitFor()
    const took = performance.now() - pressed
    expect(took - longestWaitMs(before), 'in time').toBeLessThan(SEEN_MS)
    for (const node of ['deals-1', 'deals-2'])
      await acting.page.getByRole('row', { name: new RegExp(`${node}.*acknowledged`) }).waitFor()
    await button(acting.page, 'Warm the hottest again').click()
    await acting.page.getByText(/keys were loaded again/).waitFor()
    await expect.poll(() => hitRatio(watching.page), { timeout: 20_000 }).toBeGreaterThanOrEqual(usual - 3)
    const { caches } = await ask<{ caches: readonly string[] }>('/api/admin/caching/session/')
    const about = `cache=${caches[0]}&ns=response&key=${encodeURIComponent(READ)}`
    await acting.page.goto(`${deals.url}${BASE}keys/?${about}`)
    await button(acting.page, 'Compare the bytes (recorded)').click()
    await acting.page.getByText('The same bytes everywhere').waitFor()
    expect([watching.faults, watching.refused, acting.faults, acting.refused]).toEqual([[], [], [], []])
    await Promise.all([watching.page.context().close(), acting.page.context().close()])
  })

  it('says which process is late, and brings a setting to both and back', async () => {
    const { page, faults, refused } = await open('administrator')
    await page.getByText('All 2 processes report.').waitFor()
    isAwake = false
    deals.nodes[1]?.child.kill('SIGSTOP')
    await page.getByText('Late: deals-2; the numbers are of the others.').waitFor()
    deals.nodes[1]?.child.kill('SIGCONT')
    await page.getByText('All 2 processes report.').waitFor()
    isAwake = true
    const before = await ttlOf(1)
    const { caches } = await ask<{ caches: readonly string[] }>('/api/admin/caching/session/')
    await page.goto(`${deals.url}${BASE}configurations/`)
    await button(page, 'New configuration…').click()
    await page.getByRole('textbox', { name: 'Name, as used in code' }).fill(caches[0] ?? '')
    await page.getByRole('combobox', { name: 'Kept in' }).selectOption('multi')
    await page.getByRole('spinbutton', { name: 'TTL' }).fill('600')
    await button(page, 'Plan…').click()
    await button(page, 'Create it').click()
    await page.getByText('Version 1 is in force').waitFor()
    for (const node of [0, 1]) await expect.poll(() => ttlOf(node), { timeout: 20_000 }).toBe(600)
    await button(page, 'Change…').click()
    await page.getByRole('spinbutton', { name: 'TTL' }).fill('90')
    await button(page, 'Plan…').click()
    await page.getByRole('deletion').getByText('600 s').waitFor()
    await button(page, 'Apply as version 2').click()
    await page.getByText('Version 2 is in force').waitFor()
    for (const node of [0, 1]) await expect.poll(() => ttlOf(node), { timeout: 20_000 }).toBe(90)
    await button(page, 'Roll back to 1…').click()
    await page.getByRole('dialog').getByRole('button', { name: 'Roll back to 1' }).click()
    await page.getByText('Version 3 is in force').waitFor()
    for (const node of [0, 1]) await expect.poll(() => ttlOf(node), { timeout: 20_000 }).toBe(600)
    await button(page, 'Delete').click()
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
    for (const node of [0, 1]) await expect.poll(() => ttlOf(node), { timeout: 20_000 }).toBe(before)
    expect([faults, refused]).toEqual([[], []])
    await page.context().close()
  })

  it('offers a viewer no page and no action that the service would refuse', async () => {
    const { page, faults, refused } = await open('viewer')
    const links = page.locator('nav[aria-label=Main] a')
    const count = await links.count()
    for (let at = 0; at < count; at++) {
      const href = await links.nth(at).getAttribute('href')
      await links.nth(at).click()
      await page.locator(`nav[aria-label=Main] a[href="${href}"][aria-current=page]`).waitFor()
      await page.locator('main h1').waitFor()
      const acts = page
        .locator('main')
        .locator('button, a.btn')
        .filter({
          hasText:
            /Invalidate|Undo|Warm|Reveal|Resolve|Silence|Create|New|Change|Roll|Delete|Purge|Upload|Start|Stop|Make|Revoke/,
        })
      expect([href, await acts.allTextContents()]).toEqual([href, []])
    }
    expect([faults, refused]).toEqual([[], []])
    await page.context().close()
  })
})
