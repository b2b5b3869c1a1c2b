// Proposals in a browser: nothing is waiting, one is looked at and approved by keyboard, one is rejected, one changes
// while it is looked at; and texts that mean no good.
import { createCache } from 'millpond'
import { memory } from 'millpond/memory'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { describeWith } from '../../millpond/test/services/index.ts'
import { watchActions } from './actions.ts'
import { type Hands, handsOn } from './hands.ts'
import { BASE, lookAt, openBrowser, openPhone, type Served, serve, tokenOf } from './served.ts'

const RUN = 'window.hurt=(window.hurt??0)+1'
const HOSTILE = `<img src=x onerror=${RUN}>\u202eeteled\u202c\u200b ${'x'.repeat(400)}`

describeWith('chromium', 'proposals in a browser', () => {
  const shop = createCache({ name: 'shop', tiers: [memory({ pressure: false })] })
  let served: Served
  let browser: Browser
  let page: Page
  let faults: string[]
  let hands: Hands
  let leftOf: ReturnType<typeof watchActions>
  beforeAll(async () => {
    served = await serve(shop)
    browser = await openBrowser()
    ;({ page, faults } = await openPhone(browser, served.url, 'admin'))
    hands = handsOn(page)
    leftOf = watchActions(page, 'proposals')
  })
  afterAll(async () => {
    await browser?.close()
    await served?.close()
    await shop.close()
  })
  const open = (place: string) => page.goto(served.url + BASE + place)
  const title = (name: string | RegExp) => page.getByRole('heading', { level: 1, name })
  /** As an assistant with a viewer's token. */
  const propose = async (act: object): Promise<string> => {
    const answer = await fetch(`${served.url}/api/admin/caching/proposals/`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${tokenOf('viewer')}`, 'Content-Type': 'application/json' },
      body: JSON.stringify({ method: 'POST', reason: 'prices have changed', by: 'helper', ...act }),
    })
    expect(answer.status).toBe(201)
    return ((await answer.json()) as { id: string }).id
  }
  const invalidation = (tags: readonly string[]) => ({
    path: 'invalidations/invalidate_keys/',
    body: { cache_name: 'shop', tags },
  })
  const shownIn = (name: string) => () => page.getByRole('textbox', { name }).inputValue()
  const stateOf = async (id: string) => (await served.api<{ state: string }>('GET', `proposals/${id}/`)).state

  it('says where proposals come from while there are none', async () => {
    await open('proposals/')
    await title('Nothing is waiting for you').waitFor()
    await page.getByText('millpond mcp').waitFor()
    expect(await lookAt(page)).toEqual([])
  })

  it('shows the plan of one, and carries it out once by keyboard alone', async () => {
    await shop.set('deal:1', 1, { tags: ['deals'] })
    const id = await propose(invalidation(['deals']))
    await open('proposals/')
    await title('1 proposal is waiting').waitFor()
    expect(await lookAt(page)).toEqual([])
    await hands.hit(page.getByRole('link', { name: /^Invalidate by keys/ }))
    await page.getByRole('heading', { name: 'What it would do' }).waitFor()
    await page
      .getByText('in memory; tiers below it are not listed')
      .or(page.getByText('exact', { exact: true }))
      .waitFor()
    await page.getByText('Hard: invalidate at once').waitFor()
    await hands.hit(page.getByText('All of the plan'))
    await expect.poll(shownIn('What it would do')).toContain('"keys": 1')
    expect(await lookAt(page)).toEqual([])
    expect(await shop.get('deal:1')).toBe(1)
    await hands.hit(hands.button('Approve…'))
    await page.getByRole('dialog', { name: 'Approve it' }).waitFor()
    expect(await lookAt(page)).toEqual([])
    await hands.tabTo(page.getByLabel('Note (optional)'))
    await page.keyboard.type('agreed')
    await hands.hit(hands.button('Approve'))
    await page.getByRole('heading', { name: 'What came of it' }).waitFor()
    await hands.isSomewhere()
    expect(await shop.get('deal:1')).toBeUndefined()
    expect(await page.getByRole('button', { name: 'Approve…' }).count()).toBe(0)
    expect(await served.api('GET', `proposals/${id}/`)).toMatchObject({ state: 'approved', note: 'agreed' })
    expect(await lookAt(page)).toEqual([])
  })

  it('asks for the text of a large plan, and does nothing without it', async () => {
    await shop.set('there', 1)
    const id = await propose({ path: 'invalidations/invalidate_keys/', body: { cache_name: 'shop', all: true } })
    await open(`proposals/?id=${id}`)
    await hands.hit(hands.button('Approve…'))
    const approve = hands.button('Approve')
    expect(await approve.isDisabled()).toBe(true)
    const { confirm } = await served.api<{ confirm: string }>('POST', `proposals/${id}/plan/`, {})
    await hands.tabTo(page.getByLabel(/^Type/))
    await page.keyboard.type(`${confirm}x`)
    expect(await approve.isDisabled()).toBe(true)
    await page.keyboard.press('Backspace')
    await hands.hit(approve)
    await page.getByRole('heading', { name: 'What came of it' }).waitFor()
    expect(await shop.get('there')).toBeUndefined()
  })

  it('says so where what it would replace has changed, shows it as it is now, and approves that', async () => {
    const made = await served.api<{ id: string }>('POST', 'configurations/', { name: 'one' })
    const path = `configurations/${made.id}/`
    const id = await propose({ method: 'PUT', path, body: { ...made, ttl_seconds: 60 } })
    await open(`proposals/?id=${id}`)
    await expect.poll(shownIn('What it would do')).toContain('"from": 300')
    await served.api('PUT', path, { ...made, ttl_seconds: 90 })
    await hands.hit(hands.button('Approve…'))
    await hands.hit(hands.button('Approve'))
    await page.getByText('what it would change is not as it was shown').waitFor()
    expect(await stateOf(id)).toBe('waiting')
    // What is behind the dialog is as it is now: nobody has looked at it yet, and a second try approves none of it.
    await expect.poll(shownIn('What it would do')).toContain('"from": 90')
    const again = page.waitForResponse((response) => response.url().endsWith('/approve/'))
    await hands.hit(hands.button('Approve'))
    expect([(await again).status(), await stateOf(id)]).toEqual([409, 'waiting'])
    await hands.press('Escape')
    await hands.hit(hands.button('Look again'))
    await expect.poll(shownIn('What it would do')).toContain('"from": 90')
    await hands.hit(hands.button('Approve…'))
    await hands.hit(hands.button('Approve'))
    await page.getByRole('heading', { name: 'What came of it' }).waitFor()
    expect(await served.api('GET', path)).toMatchObject({ ttl_seconds: 60 })
  })

  it('rejects one by keyboard, with a note, and lists it with the others', async (context) => {
    const id = await propose({ path: 'events/markers/', body: { message: HOSTILE }, reason: HOSTILE, by: '\u202ex' })
    await open('proposals/')
    await title('1 proposal is waiting').waitFor()
    expect(await lookAt(page)).toEqual([])
    await hands.hit(page.getByRole('link', { name: 'Mark a deploy or anything else that may explain a change' }))
    await page.getByText('\\u202eeteled').first().waitFor()
    expect(await lookAt(page)).toEqual([])
    expect([await page.evaluate('window.hurt'), await page.locator('img').count()]).toEqual([undefined, 0])
    expect(await shownIn('The body')()).toContain('\\u202eeteled\\u202c\\u200b')
    expect(await page.locator('main').textContent()).not.toMatch(/[\u202e\u200b]/)
    await hands.hit(hands.button('Reject…'))
    await hands.tabTo(page.getByLabel('Note (optional)'))
    await page.keyboard.type('no')
    await hands.hit(hands.button('Reject'))
    await page.getByText('rejected').first().waitFor()
    expect(await stateOf(id)).toBe('rejected')
    await open('proposals/')
    await title('Nothing is waiting for you').waitFor()
    await page.getByRole('heading', { name: 'Decided' }).waitFor()
    expect(await lookAt(page)).toEqual([])
    expect([leftOf(context), faults.filter((fault) => !/40[49]/.test(fault))]).toEqual([[], []])
  })

  it('says to one who may not approve it who may', async () => {
    const id = await propose(invalidation(['deals']))
    const phone = await openPhone(browser, served.url, 'viewer')
    await phone.page.goto(`${served.url}${BASE}proposals/?id=${id}`)
    await phone.page.getByText(/It is approved by somebody else who has invalidate/).waitFor()
    expect(await phone.page.getByRole('button', { name: 'Approve…' }).count()).toBe(0)
    expect(await lookAt(phone.page)).toEqual([])
    expect(phone.faults).toEqual([])
    await phone.page.context().close()
  })
})
