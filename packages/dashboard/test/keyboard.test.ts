// Everything that can be done, done by keyboard alone: by Tab, Enter, Space, arrows and the shortcuts, with the focus
// seen wherever it is.
import { readFileSync } from 'node:fs'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { describeWith } from '../../millpond/test/services/index.ts'
import { watchActions } from './actions.ts'
import { type Hands, handsOn } from './hands.ts'
import { BASE, faultsOf, hold, openBrowser, type Served, serve, tokenOf } from './served.ts'

describeWith('chromium', 'the dashboard by keyboard', () => {
  let served: Served
  let browser: Browser
  let context: BrowserContext
  let page: Page
  let faults: string[]
  let hands: Hands
  let leftOf: ReturnType<typeof watchActions>
  beforeAll(async () => {
    served = await serve()
    browser = await openBrowser()
    const made = await served.api<{ id: string }>('POST', 'configurations/', { name: 'org-stats', ttl_seconds: 600 })
    await served.api('PUT', `configurations/${made.id}/`, { name: 'org-stats', ttl_seconds: 60 })
    context = await browser.newContext({
      viewport: { width: 1280, height: 900 },
      permissions: ['clipboard-read', 'clipboard-write'],
    })
    context.setDefaultTimeout(20_000)
    // "Copied" stands for two seconds, which a busy machine outlasts.
    await context.addInitScript(
      'const set = setTimeout; window.setTimeout = (run, ms, ...more) => set(run, ms === 2000 ? 60000 : ms, ...more)',
    )
    await openPage()
  })
  // Where a test is over before its time, what it still does ends with its page: no key of it reaches the next one.
  afterEach(async ({ task }) => {
    if (task.result?.state !== 'fail') return
    await page.close()
    await openPage()
  })
  afterAll(async () => {
    await browser?.close()
    await served?.close()
  })

  const openPage = async () => {
    page = await context.newPage()
    faults = faultsOf(page)
    hands = handsOn(page)
    leftOf = watchActions(page, 'keyboard')
    await page.goto(served.url + BASE)
    await signIn(tokenOf('admin'))
  }
  /** The field of the token has the focus where somebody is to sign in. */
  const signIn = async (token: string) => {
    await hands.tabTo(page.locator('input[type=password]'))
    await page.keyboard.type(token)
    await page.keyboard.press('Enter')
    await page.locator('nav[aria-label=Main]').waitFor()
  }
  /** To the page that the search finds by these words. */
  const find = async (words: string) => {
    await hands.press('Control+K')
    await page.keyboard.type(words)
    await hands.press('Enter')
  }
  const confirm = (verb: string) => hands.hit(page.getByRole('dialog').getByRole('button', { name: verb, exact: true }))
  const write = async (label: string, text: string) => {
    await hands.tabTo(page.getByLabel(label))
    await hands.press('Control+A')
    await page.keyboard.type(text)
  }

  it('changes a configuration, and rolls it back after Escape has left everything as it was', async () => {
    await hands.go('c')
    await hands.hit(page.getByRole('link', { name: 'org-stats' }))
    await hands.hit(hands.button('Change…'))
    await hands.tabTo(page.getByRole('spinbutton', { name: 'TTL' }))
    await hands.press('Control+A')
    await page.keyboard.type('90')
    await hands.press('Enter')
    await page.getByRole('deletion').getByText('60 s').waitFor()
    await hands.hit(hands.button(/^Apply as version 3/))
    await page.getByText('Version 3 is in force').waitFor()
    await hands.hit(hands.button(/^Roll back to 2/))
    await page.getByText('Rolling back drops nothing.').waitFor()
    await hands.press('Escape')
    await hands.isOn(hands.button(/^Roll back to 2/))
    await hands.press('Enter')
    await page.evaluate(`new MutationObserver((_, all) => {
      if (document.querySelector('dialog') !== null) return
      all.disconnect()
      window.focusedThen = document.activeElement.textContent
    }).observe(document, { subtree: true, childList: true })`)
    // What the page shows is asked anew behind it: keys are the page's again before that has come.
    const letGo = await hold(page, '**/batch/')
    await confirm('Roll back to 2')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    expect(await page.evaluate('window.focusedThen')).toMatch(/^Roll back to 2/)
    letGo()
    await page.getByText('Version 4 is in force').waitFor()
  })

  it('plans, confirms, runs and undoes an invalidation', async () => {
    const deals = served.cache.namespace('deals')
    deals.source('deal:', async (key) => ({ key }))
    for (let at = 0; at < 3; at++) await deals.set(`deal:${at}`, at, { tags: ['deals'] })
    await hands.press('i')
    await hands.tabTo(page.getByLabel('Tags, one per line'))
    await page.keyboard.type('deals')
    await hands.hit(hands.button('Plan…'))
    await hands.tabTo(page.getByRole('radio', { name: /^Soft/ }))
    await hands.press('ArrowDown')
    await hands.hit(hands.button('Invalidate 3 keys, hard'))
    await page.getByText('completed').waitFor()
    await hands.hit(hands.button('Warm the hottest again'))
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
    await hands.go('a')
    await hands.hit(hands.button('Silence… tier_down'))
    await hands.hit(hands.button('Silence it'))
    await page.getByRole('row', { name: /^Tier down shop/ }).waitFor()
    await hands.isOn(hands.button('Silence… tier_down'))
    await hands.hit(hands.button(/^End… the silence of Tier down/))
    await confirm('End')
    await page.getByText('Nothing is silenced.').waitFor()
    await hands.hit(hands.button('Resolve tier_down'))
    await page.getByText('Nothing is firing').waitFor()
  })

  it('makes a token and copies it, and comes back to where it began', async () => {
    await find('users tokens')
    await hands.hit(hands.button('New token…'))
    await page.keyboard.type('pipeline')
    await hands.hit(hands.button('Make the token'))
    await hands.hit(hands.button('Copy the token'))
    await hands.button('Copied').waitFor()
    expect(await page.evaluate('navigator.clipboard.readText()')).toMatch(/^mp_/)
    await hands.hit(hands.button('Done'))
    await hands.isOn(hands.button('New token…'))
  })

  it('keeps a plan of warming, runs it and deletes it', async () => {
    await find('preload')
    await hands.tabTo(page.getByLabel('Keys, one per line'))
    await page.keyboard.type('deal:500')
    await write('Name, to store it as a plan', 'hot')
    await hands.hit(hands.button('Store as a plan'))
    await hands.hit(hands.button('Run hot'))
    await page.getByRole('row', { name: /^hot completed/ }).waitFor()
    await hands.hit(hands.button('Delete… the plan hot'))
    await confirm('Delete')
    await page.getByText('No plan is stored. Give one a name above to store it.').waitFor()
    await hands.isSomewhere()
  })

  it('starts a warm-up and cancels it', async () => {
    await hands.go('o')
    await hands.press('/')
    await page.keyboard.type('preload')
    await hands.press('Enter')
    await hands.tabTo(page.getByLabel('Keys, one per line'))
    await page.keyboard.insertText(Array.from({ length: 100 }, (_, at) => `deal:${at + 10}`).join('\n')) // pasted
    await write('At most, loads/s', '20')
    await hands.hit(hands.button('Warm 100 keys'))
    await hands.hit(hands.button('Cancel'))
    await page.getByRole('row', { name: /keys cancelled/ }).waitFor()
    expect(faults).toEqual([])
  })

  it('tests a connection, deletes the configuration and makes another', async () => {
    await hands.go('c')
    await hands.hit(page.getByRole('link', { name: 'org-stats' }))
    await hands.hit(hands.button('Test now'))
    await page.getByText(/^works/).waitFor()
    await hands.isOn(hands.button('Test again'))
    await hands.hit(hands.button('Delete… org-stats'))
    await confirm('Delete')
    await page.getByRole('heading', { level: 1, name: /configuration/i }).waitFor()
    await page.getByRole('link', { name: 'org-stats' }).waitFor({ state: 'detached' })
    await hands.isSomewhere()
    await hands.hit(hands.button('New configuration…'))
    await page.keyboard.type('permissions')
    await hands.press('Enter')
    await hands.hit(hands.button('Create it'))
    await page.getByRole('heading', { level: 1, name: 'permissions' }).waitFor()
  })

  it('adds a user, gives it a token, revokes the token and disables the user', async () => {
    await find('users tokens')
    await hands.hit(hands.button('New user…'))
    await page.keyboard.type('on-call')
    await hands.press('Tab', 'ArrowDown')
    await hands.hit(hands.button('Add the user'))
    await page.getByRole('row', { name: /^on-call operator/ }).waitFor()
    await hands.isOn(hands.button('New user…'))
    await hands.hit(hands.button('New token…'))
    await page.keyboard.type('pager')
    await hands.tabTo(page.getByRole('combobox', { name: /^Of/ }))
    await page.keyboard.type('on-call')
    await hands.hit(hands.button('Make the token'))
    await hands.hit(hands.button('Done'))
    await hands.hit(hands.button('Revoke… the token pager of on-call'))
    await confirm('Revoke')
    await page.getByText('pager', { exact: true }).waitFor({ state: 'detached' })
    await hands.isSomewhere()
    await hands.hit(hands.button('Disable… the user on-call'))
    await confirm('Disable')
    await page.getByRole('row', { name: /^on-call/ }).waitFor({ state: 'detached' })
    await hands.isSomewhere()
  })

  it('verifies the audit log and takes it along', async () => {
    await find('who history')
    await hands.hit(hands.button('Verify the chain'))
    await page.getByText('The chain is intact').waitFor()
    await hands.isOn(hands.button('Verify again'))
    const [file] = await Promise.all([page.waitForEvent('download'), hands.hit(hands.button('Export NDJSON'))])
    expect([file.suggestedFilename(), readFileSync(await file.path(), 'utf8')]).toEqual([
      'audit.ndjson',
      expect.stringContaining('org-stats'),
    ])
    await hands.isOn(hands.button('Export NDJSON'))
  })

  it('shows the value of a key, and no name where names are marks', async () => {
    await served.cache.namespace('deals').set('deal:secret', 'plain', { tags: ['deals'] })
    await hands.go('k')
    await hands.tabTo(page.getByLabel('Contains'))
    await page.keyboard.type('secret')
    await hands.hit(page.getByRole('link', { name: 'deal:secret' }))
    await hands.hit(hands.button('Compare the bytes (recorded)'))
    await page.getByText('Fewer than two processes have it').waitFor()
    await hands.isSomewhere()
    await hands.hit(hands.button('Show it (recorded)'))
    await page.getByRole('textbox', { name: 'The value' }).waitFor()
    await hands.isSomewhere()
    // As over plain HTTP from another machine.
    await page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    await hands.hit(hands.button('Copy link'))
    await hands.isOn(hands.button('Copied'))
    await hands.press('Control+K', 'Control+V')
    await expect.poll(() => page.getByRole('dialog').getByRole('combobox').inputValue()).toContain('keys/?')
    await hands.press('Control+A')
    await page.keyboard.type('theme dark')
    await hands.press('Enter')
    await hands.tabTo(page.getByRole('radio', { name: 'As they are' }))
    await hands.press('ArrowDown')
    await hands.go('k')
    await page
      .getByRole('link', { name: /^key [0-9a-f]{8}$/ })
      .first()
      .waitFor()
    expect(await page.locator('main').textContent()).not.toContain('deal:secret')
    await page.reload() // kept for this browser
    await page
      .getByRole('link', { name: /^key [0-9a-f]{8}$/ })
      .first()
      .waitFor()
  })

  it('signs out and in again, and has carried out every action that is to be done here', async (test) => {
    // One that a session can be made of.
    const { token } = await served.api<{ token: string }>('POST', 'tokens/', { name: 'hands' })
    await hands.hit(hands.button(/^Sign out/))
    await signIn(token)
    expect([leftOf(test), faults]).toEqual([[], []])
  })
})
