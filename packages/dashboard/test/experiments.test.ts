// Experiments in a browser: one is begun, watched with real traffic, found sure, set for all keys and taken back.
import { type Cache, createCache } from 'millpond'
import { memory } from 'millpond/memory'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { describeWith } from '../../millpond/test/services/index.ts'
import { watchActions } from './actions.ts'
import { type Hands, handsOn } from './hands.ts'
import { BASE, lookAt, openBrowser, openPhone, type Served, serve } from './served.ts'

describeWith('chromium', 'experiments in a browser', () => {
  const shop = createCache({ name: 'shop', tiers: [memory({ pressure: false })], defaults: { ttl: 1 } })
  let served: Served
  let browser: Browser
  let page: Page
  let faults: string[]
  let hands: Hands
  let leftOf: ReturnType<typeof watchActions>
  beforeAll(async () => {
    served = await serve(shop)
    browser = await openBrowser()
    ;({ page, faults } = await openPhone(browser, served.url, 'editor'))
    hands = handsOn(page)
    leftOf = watchActions(page, 'experiments')
  })
  afterAll(async () => {
    await browser?.close()
    await served?.close()
    await shop.close()
  })
  const open = (place: string) => page.goto(served.url + BASE + place)
  const title = (name: RegExp) => page.getByRole('heading', { level: 1, name })
  const write = async (label: string, text: string) => {
    await hands.tabTo(page.getByLabel(label))
    await hands.press('Control+A')
    await page.keyboard.type(text)
  }
  const play = async (cache: Cache): Promise<void> => {
    for (let read = 0; read < 6000; read++) {
      await cache.getOrSet(`item:${(read * 7919) % 300}`, () => 1)
      if (read % 300 === 0) await new Promise((resolve) => setTimeout(resolve, 2))
    }
  }

  it('begins with nothing, by keyboard alone, and says of a share that is too small why it is refused', async () => {
    await open('experiments/?cache=shop')
    await title(/Nothing has been tried yet/).waitFor()
    await hands.hit(hands.button('Try something…'))
    // A selection drawn out of a field ends beside the dialog, and closes nothing (primer/view_components#3699,
    // CaptainCodeman/svelte-headlessui#59).
    await page.getByLabel('Share of the keys, %').hover()
    await page.mouse.down()
    await page.mouse.move(2, 2)
    await page.mouse.up()
    await write('Share of the keys, %', '1')
    await page.mouse.click(2, 2)
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    await hands.hit(hands.button('Try something…'))
    await write('Share of the keys, %', '1')
    await hands.hit(hands.button('Begin'))
    await page.getByText('too small for a result').waitFor()
    await write('Share of the keys, %', '50')
    await write('Only keys like, such as user:*; empty: all of them', 'item:1*')
    await hands.hit(hands.button('Begin'))
    await title(/Not enough data yet/).waitFor()
    await page.getByText('all keys are still treated alike').waitFor()
    await page.getByText('It covers keys like item:1*').waitFor()
    await hands.hit(hands.button('Stop it…'))
    await hands.hit(hands.button('Stop it'))
    await title(/It ended before anything was significant/).waitFor()
    expect(await lookAt(page)).toEqual([])
    // From where the table is not folded into cards.
    for (const width of [930, 1024, 1440]) {
      await page.setViewportSize({ width, height: 900 })
      expect([width, await page.evaluate('document.documentElement.scrollWidth - innerWidth')]).toEqual([width, 0])
    }
    await page.setViewportSize({ width: 390, height: 900 })
  })

  it('shows how sure it becomes, sets the winner for all keys, and takes it back', async (context) => {
    const arms = [{ name: 'as it is' }, { name: 'an hour', ttl_seconds: 3600 }]
    const body = {
      cache_name: 'shop',
      name: 'longer lives',
      arms,
      before_seconds: 0,
      settle_seconds: 0,
      min_run_seconds: 0,
    }
    // However far the test before has come: a cache has one at a time.
    const { data } = await served.api<{ data: readonly { id: string; state: string }[] }>('GET', 'experiments/')
    for (const { id, state } of data) if (state === 'running') await served.api('POST', `experiments/${id}/stop/`, {})
    await served.api('POST', 'experiments/', body)
    for (let turn = 0; turn < 3; turn++) {
      await play(shop)
      await served.plane.control.experiments.turn()
    }
    await open('experiments/?cache=shop')
    await title(/an hour is better/).waitFor()
    await page.getByRole('heading', { name: 'How sure an hour has become' }).waitFor()
    expect(await lookAt(page)).toEqual([])
    await hands.hit(hands.button('Apply to all keys…'))
    await hands.hit(hands.button('Apply to all keys'))
    await title(/an hour is applied to all keys/).waitFor()
    expect(shop.describe().defaults.ttl_seconds).toBe(3600)
    await hands.hit(hands.button('Roll back…'))
    await hands.hit(hands.button('Roll back'))
    await title(/was applied and rolled back/).waitFor()
    expect(shop.describe().defaults.ttl_seconds).toBe(0.001)
    expect([leftOf(context), faults.filter((fault) => !fault.includes('422'))]).toEqual([[], []])
  })
})
