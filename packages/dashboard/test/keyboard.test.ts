// Everything that can be done, done by keyboard alone: by Tab, Enter, Space, arrows and the shortcuts, with the focus seen wherever it is.
import type { Browser, Locator, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { describeWith } from '../../millpond/test/services/index.ts'
import { faultsOf, openBrowser, type Served, serve, signIn } from './served.ts'

/** What has the focus and does not show it; a heading takes it only from the page itself, for who is read to. */
const UNSEEN = `(() => {
  const on = document.activeElement
  if (on === null || on === document.body || on.tabIndex === -1) return ''
  const isSeen = [on, on.closest('label')].some((each) => each !== null && getComputedStyle(each).outlineStyle !== 'none')
  return isSeen ? '' : on.outerHTML.slice(0, 120)
})()`
/** Stops of the Tab key on one page. */
const MOST_STOPS = 120

describeWith('chromium', 'the dashboard by keyboard', () => {
  let served: Served
  let browser: Browser
  let page: Page
  let faults: string[]
  beforeAll(async () => {
    served = await serve()
    browser = await openBrowser()
    const made = await served.api<{ id: string }>('POST', 'configurations/', { name: 'org-stats', ttl_seconds: 600 })
    await served.api('PUT', `configurations/${made.id}/`, { name: 'org-stats', ttl_seconds: 60 })
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, permissions: ['clipboard-read', 'clipboard-write'] })
    context.setDefaultTimeout(10_000)
    page = await context.newPage()
    faults = faultsOf(page)
    await signIn(page, served.url, 'admin')
  })
  afterAll(async () => {
    await browser?.close()
    await served?.close()
  })

  const button = (name: string | RegExp) => page.getByRole('button', { name, exact: typeof name === 'string' }).first()
  const press = async (...keys: readonly string[]) => {
    for (const key of keys) await page.keyboard.press(key)
  }
  /** Goes on with Tab until it is there; each stop on the way is one that can be seen. */
  const tabTo = async (target: Locator) => {
    await target.waitFor()
    for (let stop = 0; stop < MOST_STOPS; stop++) {
      if (await target.evaluate((element) => element.matches(':focus'))) return
      expect(await page.evaluate(UNSEEN), 'has the focus and does not show it').toBe('')
      await page.keyboard.press('Tab')
    }
    throw new Error(`Tab does not come to ${target}`)
  }
  const hit = async (target: Locator, key = 'Enter') => {
    await tabTo(target)
    await page.keyboard.press(key)
  }
  const isOn = (target: Locator) => expect.poll(() => target.evaluate((element) => element.matches(':focus'))).toBe(true)

  it('changes a configuration, and rolls it back after Escape has left everything as it was', async () => {
    await press('g', 'c')
    await hit(page.getByRole('link', { name: 'org-stats' }))
    await hit(button('Change…'))
    await tabTo(page.getByRole('spinbutton', { name: 'TTL' }))
    await press('Control+A')
    await page.keyboard.type('90')
    await press('Enter')
    await page.getByRole('deletion').getByText('60 s').waitFor()
    await hit(button(/^Apply as version 3/))
    await page.getByText('Version 3 is in force').waitFor()
    await hit(button(/^Roll back to 2/))
    await page.getByText('Rolling back drops nothing.').waitFor()
    await press('Escape')
    await isOn(button(/^Roll back to 2/))
    await press('Enter')
    await hit(page.getByRole('dialog').getByRole('button', { name: 'Roll back to 2' }))
    await page.getByText('Version 4 is in force').waitFor()
  })

  it('plans, confirms, runs and undoes an invalidation', async () => {
    const deals = served.cache.namespace('deals')
    deals.source('deal:', async (key) => ({ key }))
    for (let at = 0; at < 3; at++) await deals.set(`deal:${at}`, at, { tags: ['deals'] })
    await press('i')
    await tabTo(page.getByLabel('Tags, one a line'))
    await page.keyboard.type('deals')
    await hit(button('Plan…'))
    await tabTo(page.getByRole('radio', { name: /^Soft/ }))
    await press('ArrowDown')
    await hit(button('Invalidate 3 keys, hard'))
    await page.getByText('completed').waitFor()
    await hit(button('Warm the hottest again'))
    await page.getByText(/keys were loaded again/).waitFor()
  })

  it('silences an alert, ends the silence and resolves the alert', async () => {
    await served.plane.control.judge() // its first turn settles what fired before and is well
    await served.plane.control.alerts.raise({
      rule: 'tier_down',
      cache: 'shop',
      subject: 'redis',
      severity: 'high',
      value: 1,
      threshold: 1,
      message: 'redis is gone',
    })
    await press('g', 'a')
    await hit(button('Silence… tier_down'))
    await hit(button('Silence it'))
    await page.getByRole('row', { name: /^Tier down shop/ }).waitFor()
    await isOn(button('Silence… tier_down'))
    await hit(button(/^End… the silence of Tier down/))
    await hit(page.getByRole('dialog').getByRole('button', { name: 'End', exact: true }))
    await page.getByText('Nothing is silent.').waitFor()
    await hit(button('Resolve tier_down'))
    await page.getByText('Nothing is firing').waitFor()
  })

  it('makes a token and copies it, and comes back to where it began', async () => {
    await press('Control+K')
    await page.keyboard.type('users tokens')
    await press('Enter')
    await hit(button('New token…'))
    await page.keyboard.type('pipeline')
    await hit(button('Make the token'))
    await hit(button('Copy the token'))
    await button('Copied').waitFor()
    expect(await page.evaluate('navigator.clipboard.readText()')).toMatch(/^mp_/)
    await hit(button('Done'))
    await isOn(button('New token…'))
  })

  it('starts a warm-up and cancels it', async () => {
    await press('/')
    await page.keyboard.type('preload')
    await press('Enter')
    await tabTo(page.getByLabel('Keys, one a line'))
    await page.keyboard.insertText(Array.from({ length: 100 }, (_, at) => `deal:${at + 10}`).join('\n')) // pasted
    await tabTo(page.getByLabel('At most, loads/s'))
    await press('Control+A')
    await page.keyboard.type('20')
    await hit(button('Warm 100 keys'))
    await hit(button('Cancel'))
    await page.getByRole('row', { name: /keys cancelled/ }).waitFor()
    expect(faults).toEqual([])
  })
})
