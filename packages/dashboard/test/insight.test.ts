// Sizing and advice in a browser: what a watched cache says, a change that is carried out and taken back, and what
// stands where nobody watches.
import { type Cache, createCache } from 'millpond'
import { createInsight, type Insight } from 'millpond/insight'
import { memory } from 'millpond/memory'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { describeWith, until } from '../../millpond/test/services/index.ts'
import { watchActions } from './actions.ts'
import { type Hands, handsOn } from './hands.ts'
import { BASE, lookAt, openBrowser, openPhone, type Served, serve } from './served.ts'

describeWith('chromium', 'sizing and advice in a browser', () => {
  const shop = createCache({ name: 'shop', tiers: [memory({ maxBytes: 25_000, policy: 'lru', pressure: false })] })
  const dark = createCache({ name: 'dark' })
  const young = createCache({ name: 'young', tiers: [memory({ maxEntries: 100 })] })
  const caches: readonly Cache[] = [shop, dark, young]
  let insight: Insight
  let served: Served
  let browser: Browser
  let page: Page
  let faults: string[]
  let hands: Hands
  let leftOf: ReturnType<typeof watchActions>
  beforeAll(async () => {
    insight = createInsight({ caches: [shop, young], freshness: { every: '1s' } })
    const mine = shop.namespace('mine')
    // A loop over more keys than there is room for, each read twice.
    for (let read = 0; read < 6000; read++) {
      const key = `user:${read % 150}`
      if (mine.peek(key) === undefined) {
        await mine.get(key)
        await mine.set(key, 'v'.repeat(150))
      }
      mine.peek(key)
      if (read % 1000 === 0) insight.sizing('shop')
    }
    served = await serve(shop, { caches, insight })
    browser = await openBrowser()
    ;({ page, faults } = await openPhone(browser, served.url, 'editor'))
    hands = handsOn(page)
    leftOf = watchActions(page, 'insight')
  })
  afterAll(async () => {
    await browser?.close()
    await served?.close()
    insight.close()
    for (const cache of caches) await cache.close()
  })
  const open = (place: string) => page.goto(served.url + BASE + place)
  const title = (name: RegExp) => page.getByRole('heading', { level: 1, name })

  it('shows the curve with what another size would bring, by keyboard, and keeps the size in the address', async () => {
    await open('sizing/?cache=shop&price=10')
    await title(/Twice the memory would answer/).waitFor()
    const slider = page.getByRole('slider', { name: 'Another size of memory' })
    await hands.tabTo(slider)
    for (let step = 0; step < 8; step++) await page.keyboard.press('ArrowRight')
    await page.getByText('Misses at 100 kB').waitFor()
    await page.waitForURL(/times=4(&|$)/)
    await page.getByText('+75 kB').waitFor()
    await hands.hit(page.locator('summary', { hasText: 'As a table' }).first())
    await page.getByRole('rowheader', { name: '400 kB' }).waitFor()
    await page.getByRole('row', { name: /mine user:\*/ }).waitFor()
    expect([await lookAt(page), faults]).toEqual([[], []])
  })

  it('carries advice out after a look at it, by keyboard alone, and takes it back', async (context) => {
    await open('advice/?cache=shop')
    await title(/things? would help/).waitFor()
    expect(await lookAt(page)).toEqual([])
    await hands.hit(hands.button('Apply… size:2'))
    await page.getByRole('cell', { name: '50 kB' }).waitFor()
    await hands.hit(hands.button('Change it'))
    await page.getByRole('row', { name: /50 kB.*web-1/ }).waitFor()
    expect(shop.info().memory).toMatchObject({ maxBytes: 50_000 })
    await title(/Not enough data for advice/).waitFor()
    // What was foreseen is shown beside what has been measured since: nothing yet.
    await page.getByRole('row', { name: /50 kB.*hits of a hundred, over 12,000 reads.*0 reads so far/ }).waitFor()
    expect(await lookAt(page)).toEqual([])
    await hands.hit(hands.button('Roll back…'))
    await hands.hit(hands.button('Roll back'))
    await page.getByRole('row', { name: /25 kB.*web-1/ }).waitFor()
    await page.getByRole('row', { name: /50 kB.*changed again since: by editor/ }).waitFor()
    expect(shop.info().memory).toMatchObject({ maxBytes: 25_000 })
    await page.getByText('Nothing is applied unless you do it.').waitFor()
    await hands.hit(hands.button('Apply advice automatically…'))
    await hands.hit(hands.button('Apply it'))
    await page.getByRole('button', { name: 'End that…' }).waitFor()
    expect([await lookAt(page), leftOf(context), faults]).toEqual([[], [], []])
  })

  it('tells how stale reads are, and how to have that checked where it is not', async () => {
    young.source('page:', (key) => `the text of ${String(key)}`)
    await young.refresh('page:1')
    const reading = setInterval(() => void young.get('page:1'), 50)
    onTestFinished(() => clearInterval(reading))
    await open('advice/?cache=young')
    await until('two checks', () => (insight.freshness('young')?.checked ?? 0) > 1)
    await page.reload()
    await page.getByRole('heading', { name: 'Stale reads' }).waitFor()
    await page.getByText('not enough checks yet for an objective of at most 1 %').waitFor()
    await page.getByRole('row', { name: /web-1.*0 %.*to/ }).waitFor()
    expect([await lookAt(page), faults]).toEqual([[], []])
  })

  it('says what to do without insight, and that too little was seen with it, without an error in the console', async () => {
    for (const [place, says] of [
      ['sizing/?cache=dark', 'Sizing needs a sample of your traffic'],
      ['advice/?cache=dark', 'Advice needs a sample of your traffic'],
      ['sizing/?cache=young', 'Not enough data yet'],
      ['advice/?cache=young', 'Not enough data for advice'],
    ] as const) {
      await open(place)
      await title(new RegExp(says)).waitFor()
      expect(await page.evaluate('document.documentElement.scrollWidth > innerWidth + 1'), place).toBe(false)
    }
    expect(faults).toEqual([])
  })
})
