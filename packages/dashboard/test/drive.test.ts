// The dashboard in a browser, against a real control plane: every page by its link, then what people do, by keyboard.
import type { Browser, CDPSession, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { describeWith } from '../../millpond/test/services/index.ts'
import { hostScript, type React } from './host-script.ts'
import { BASE, faultsOf, lookAt, onPaper, openBrowser, type Served, serve, signIn, tokenOf } from './served.ts'

/** A tag in another direction of writing, with markup in it. */
const HOSTILE = 'عروض <b onclick=alert(1)>🦆'
const MARKUP = 'v1"><img src=x onerror=alert(1)>'

describeWith('chromium', 'the dashboard in a browser', () => {
  let served: Served
  let browser: Browser
  beforeAll(async () => {
    served = await serve()
    browser = await openBrowser()
    const made = await served.api<{ id: string }>('POST', 'configurations/', { name: 'org-stats', ttl_seconds: 600 })
    await served.api('PUT', `configurations/${made.id}/`, { name: 'org-stats', ttl_seconds: 60 })
  })
  afterAll(async () => {
    await browser?.close()
    await served?.close()
  })

  const open = async (
    role: Parameters<typeof signIn>[2],
    options: { width?: number; colorScheme?: 'light' | 'dark' } = {},
  ) => {
    const { width = 1280, colorScheme = 'light' } = options
    const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme })
    context.setDefaultTimeout(20_000)
    const page = await context.newPage()
    const faults = faultsOf(page)
    await signIn(page, served.url, role)
    return { page, faults, close: () => context.close() }
  }

  /** A page of somebody else's, with its own style and a policy that lets only files of its own in. */
  const openHost = async (react: React) => {
    const context = await browser.newContext()
    context.setDefaultTimeout(20_000)
    const page = await context.newPage()
    hosted[react] ??= hostScript(react)
    const files = await hosted[react]
    const html =
      '<link rel="stylesheet" href="loud.css"><div id="host"></div><script type="module" src="host.js"></script>'
    const headers = {
      'Content-Security-Policy':
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:",
    }
    await page.route(/\/host\/(\?.*)?$/, (route) =>
      route.fulfill({
        contentType: 'text/html',
        headers,
        body: `<!doctype html><link rel="icon" href="data:,">${html}`,
      }),
    )
    await page.route('**/host/loud.css', (route) =>
      route.fulfill({
        contentType: 'text/css',
        body: 'body { font: 40px serif } button, a { background: red; color: red }',
      }),
    )
    await page.route('**/host/*.js', (route) =>
      route.fulfill({
        contentType: 'text/javascript',
        body:
          files.get(
            route
              .request()
              .url()
              .replace(/^.*\/host\//, ''),
          ) ?? '',
      }),
    )
    return { page, faults: faultsOf(page), close: () => context.close() }
  }
  const hosted: Partial<Record<React, ReturnType<typeof hostScript>>> = {}

  // Each page in one of the looks: all of them in all looks is the long form.
  it.each([
    { width: 390, colorScheme: 'dark' as const, half: 0 },
    { width: 1280, colorScheme: 'light' as const, half: 1 },
  ])('shows the pages of the navigation without a fault at $width px, $colorScheme', async ({ half, ...look }) => {
    const { page, faults, close } = await open('admin', look)
    const links = page.locator('nav[aria-label=Main] a')
    const count = await links.count()
    expect(count).toBeGreaterThanOrEqual(8)
    const found: string[] = []
    for (let at = half; at < count; at += 2) {
      const href = await links.nth(at).getAttribute('href')
      await links.nth(at).dispatchEvent('click') // where the window is narrow the navigation is behind a button
      await page.locator(`nav[aria-label=Main] a[href="${href}"][aria-current=page]`).waitFor({ state: 'attached' })
      await page.locator('main h1').waitFor()
      found.push(...(await lookAt(page)), ...(await onPaper(page)))
    }
    expect([...found, ...faults]).toEqual([])
    await close()
  })

  it('finds pages by the palette, and closes it with Escape', async () => {
    const { page, close } = await open('admin')
    const began = page.getByRole('link', { name: 'Warm', exact: true })
    await began.focus()
    await page.keyboard.press('Control+K')
    await page.keyboard.type('who history')
    await page.keyboard.press('Escape')
    expect(await page.getByRole('dialog').count()).toBe(0)
    expect(await began.evaluate((element) => element.matches(':focus'))).toBe(true)
    await page.keyboard.press('/')
    await page.keyboard.type('rollback')
    await page.keyboard.press('Enter')
    await page.waitForURL(`${served.url}${BASE}configurations/`)
    // Where the layout is Russian, and where Enter takes what an input method offers.
    const type = (target: string, key: string, code: string, more = '') =>
      page.evaluate(
        `${target}.dispatchEvent(new KeyboardEvent('keydown', { key: '${key}', code: '${code}', bubbles: true, ${more} }))`,
      )
    // What the page hears between the two keys takes nothing of them.
    await page.evaluate(`(async () => {
      const press = (key, code) => document.body.dispatchEvent(new KeyboardEvent('keydown', { key, code, bubbles: true }))
      press('п', 'KeyG')
      document.querySelector('.pause').click()
      await new Promise((resolve) => setTimeout(resolve))
      press('л', 'KeyK')
    })()`)
    await page.waitForURL(`${served.url}${BASE}keys/`)
    await page.keyboard.press('/')
    await page.keyboard.type('rollback')
    await type('document.activeElement', 'Enter', 'Enter', 'isComposing: true')
    expect(await page.getByRole('dialog').count()).toBe(1)
    // What closes it is the browser's: it can be opened again, also before the browser has told of it.
    const slash =
      "document.body.dispatchEvent(new KeyboardEvent('keydown', { key: '/', code: 'Slash', bubbles: true }))"
    await page.evaluate(`document.querySelector('dialog').close(); ${slash}`)
    await page.getByRole('dialog').waitFor()
    expect(await page.getByRole('dialog').getByRole('combobox').inputValue()).toBe('')
    // Anyone who sees the page can press a key.
    await page.addInitScript(`new MutationObserver((_, all) => {
      if (document.querySelector('nav[aria-label=Main]') === null) return
      all.disconnect()
      ${slash}
    }).observe(document, { subtree: true, childList: true })`)
    await page.reload()
    await page.getByRole('dialog').waitFor()
    await close()
  })

  it('shows copies, plans an invalidation, runs it, shows its answers and the cause of the misses, and undoes it', async () => {
    const deals = served.cache.namespace('deals')
    deals.source('deal:', async (key) => ({ key }))
    for (let at = 0; at < 40; at++) await deals.set(`deal:${at}`, at, { tags: ['deals', HOSTILE] })
    const { page, faults, close } = await open('operator')
    await page.goto(`${served.url}${BASE}keys/?ns=deals&contains=deal:7`)
    await page.getByRole('link', { name: 'deal:7' }).click()
    await page.getByText('A hit.').waitFor()
    await page
      .getByRole('row', { name: /Memory, web-1/ })
      .first()
      .waitFor()
    await page.getByRole('link', { name: 'Invalidate, hard…' }).waitFor()
    await page.goto(`${served.url}${BASE}invalidate/?by=tag&value=${encodeURIComponent(HOSTILE)}&mode=hard`)
    await page.getByLabel('Reason, recorded in the audit log').fill('price import')
    await page.getByRole('button', { name: 'Plan…' }).click()
    await page.getByRole('button', { name: 'Invalidate 40 keys, hard' }).click()
    await page.getByText('completed').waitFor()
    await page.getByRole('row', { name: /web-1.*acknowledged/ }).waitFor()
    await page.getByText(/\d+ of \d+ sampled copies are gone or stale/).waitFor()
    expect(await page.locator('main h1 code').textContent()).toBe(HOSTILE)
    for (let at = 0; at < 40; at++) await deals.get(`deal:${at}`)
    await page.goto(`${served.url}${BASE}why/?key=deal:7&ns=deals`)
    await page.getByText('Asked for by').waitFor()
    await page.getByText('price import').first().waitFor()
    await page.getByRole('row', { name: /^tag invalidated/ }).waitFor()
    await page.goBack()
    await page.getByRole('button', { name: 'Warm the hottest again' }).click()
    await page.getByText(/keys were loaded again/).waitFor()
    expect((await deals.getEntry('deal:7', { quiet: true })).kind).toBe('hit')
    expect(faults).toEqual([])
    await close()
  })

  it('offers a viewer nothing that would be refused', async () => {
    const { page, faults, close } = await open('viewer')
    await page.goto(`${served.url}${BASE}configurations/`)
    await page.getByRole('link', { name: 'org-stats' }).click()
    await page.getByText('in force since').waitFor()
    expect(await page.getByRole('button', { name: /Change|Roll back|Delete|New/ }).count()).toBe(0)
    expect(await page.locator('nav[aria-label=Main]').getByRole('link', { name: 'Audit' }).count()).toBe(0)
    await served.cache.namespace('seen').set('seen:1', 1, { tags: ['seen'] })
    for (const [place, mark] of [
      ['', 'Which tier answers'],
      ['keys/?by=tag&ns=seen', '1 entry scanned'],
      ['keys/?ns=seen&key=seen:1', 'Hidden.'],
      ['invalidate/?by=tag&value=seen', 'Your role cannot invalidate'],
      ['warm/', 'Runs'],
      ['alerts/', 'medium from 1'],
    ] as const) {
      await page.goto(`${served.url}${BASE}${place}`)
      await page.locator('main').getByText(mark).first().waitFor()
      const acts = page
        .locator('main')
        .locator('button, a.btn')
        .filter({ hasText: /Invalidate|Plan|Undo|Warm|Reveal|Resolve|Silence|Run|Keep/ })
      expect([place, await acts.allTextContents()]).toEqual([place, []])
    }
    expect(faults).toEqual([])
    await close()
  })

  it('says what a credential for less does not show, and asks for none of it', async () => {
    const { token } = await served.api<{ token: string }>('POST', 'tokens/', {
      name: 'pipeline',
      scopes: ['invalidate'],
    })
    const context = await browser.newContext()
    context.setDefaultTimeout(20_000)
    const page = await context.newPage()
    const refused: string[] = []
    page.on('response', (answer) => answer.status() === 403 && refused.push(answer.url()))
    await page.goto(served.url + BASE)
    await page.locator('input[type=password]').fill(token)
    await page.keyboard.press('Enter')
    await page.getByText('The figures: not available. Your credential does not include this').waitFor()
    expect(refused).toEqual([])
    await context.close()
  })

  it('never runs another plan than the one it shows, and keeps that one where the next cannot be had', async () => {
    await served.cache.namespace('modes').set('mode:1', 1, { tags: ['modes'] })
    const { page, close } = await open('operator')
    await page.goto(`${served.url}${BASE}invalidate/?by=tag&value=modes&mode=hard`)
    expect(await page.getByRole('button', { name: /^Invalidate/ }).count()).toBe(0)
    await page.getByRole('button', { name: 'Plan…' }).click()
    await page.getByRole('button', { name: 'Invalidate 1 key, hard' }).waitFor()
    await page.getByRole('radio', { name: /^Soft/ }).focus()
    await page.keyboard.press('Space')
    await page.getByRole('button', { name: 'Invalidate 1 key, soft' }).waitFor()
    expect(await page.getByRole('radio', { name: /^Soft/ }).evaluate((element) => element.matches(':focus'))).toBe(true)
    await page.route('**/invalidations/plan/', (route) => route.fulfill(refusal(429)))
    await page.getByRole('radio', { name: /^Hard/ }).click({ noWaitAfter: true })
    await page.getByText('The plan could not be loaded.').waitFor()
    expect(await page.getByRole('radio', { name: /^Soft/ }).isChecked()).toBe(true)
    await page.getByRole('button', { name: 'Invalidate 1 key, soft' }).waitFor()
    await page.route('**/invalidations/plan/', (route) => route.fulfill(refusal(401)))
    await page.getByRole('button', { name: 'Plan again…' }).click()
    await page.getByText('The session has ended').waitFor()
    await close()
  })

  it('loses no name that neither a line nor a path can hold, and takes patterns one a line', async () => {
    const odd = served.cache.namespace('odd')
    const name = ' deal:\n"7" '
    const asPath = 'a/b%2F\\\\1::B#c?d=1+2&<>' // as people report that admin pages lose it
    // rabbitmq-management#351, RedisInsight#873, spring-amqp#3489
    const more = ['xxxx\u0000xxxx', '\u00ac\u00ed\u0000\u0005t\u0000\ftokenSession', 'orders/../../api/overview?x=1']
    for (const key of [name, '.', '..', 'one:1', 'two:2', asPath, ...more]) await odd.set(key, 1)
    const { page, faults, close } = await open('operator')
    for (const key of [asPath, '.', '..', ...more, name]) {
      await page.goto(`${served.url}${BASE}keys/?ns=odd&key=${encodeURIComponent(key)}`)
      await page.getByText('A hit.').waitFor()
    }
    await page.getByRole('link', { name: 'Invalidate, hard…' }).click()
    expect(await page.getByLabel('Keys, one per line').inputValue()).toBe(JSON.stringify(name))
    await page.getByRole('button', { name: 'Plan…' }).click()
    await page.getByRole('button', { name: 'Invalidate 1 key, hard' }).waitFor()
    await page.goto(`${served.url}${BASE}invalidate/?by=pattern&ns=odd&value=${encodeURIComponent('one:*\ntwo:*')}`)
    await page.getByRole('button', { name: 'Plan…' }).click()
    await page.getByRole('button', { name: 'Invalidate 2 keys, soft' }).waitFor()
    // The form of Why follows the address.
    await page.goto(`${served.url}${BASE}why/?ns=odd&key=one:1`)
    await page.getByText('A hit.').waitFor()
    await page.keyboard.press('Control+K')
    await page.keyboard.type('two:2')
    await page.getByRole('option', { name: 'why did it miss?' }).click()
    await page.waitForURL(/key=two/)
    expect(await page.getByLabel('Key', { exact: true }).inputValue()).toBe('two:2')
    expect(faults).toEqual([])
    await close()
  })

  it('lets everything go only once the text requested by the plan is typed out', async () => {
    const { page, faults, close } = await open('admin')
    await page.goto(`${served.url}${BASE}invalidate/?by=all`)
    await page.getByRole('button', { name: 'Plan…' }).click()
    const run = page.getByRole('button', { name: /^Invalidate .*keys, soft$/ })
    await run.waitFor()
    const typed = page.getByLabel(/^Type .* to go on$/)
    const wanted = (await page.locator('form.confirm code').textContent()) ?? ''
    expect([wanted === '', await run.isEnabled()]).toEqual([false, false])
    await typed.fill(`${wanted}x`)
    expect(await run.isEnabled()).toBe(false)
    await typed.fill(wanted)
    expect(await run.isEnabled()).toBe(true)
    expect(faults).toEqual([])
    await close()
  })

  it('opens Now with three questions, and follows one stream in all tabs of a browser', async () => {
    const { page, faults, close } = await open('viewer')
    const asked: string[] = []
    const watch = (tab: Page) =>
      tab.on(
        'request',
        (request) =>
          request.url().includes('/api/') &&
          asked.push(
            request
              .url()
              .replace(/^.*caching\//, '')
              .replace(/\?.*/, ''),
          ),
      )
    // The page that signed in may still ask for its own stream: it is gone before anything counts.
    await page.goto('about:blank')
    watch(page)
    const opened = performance.now()
    await page.goto(served.url + BASE)
    await page.getByText('Live', { exact: true }).last().waitFor()
    await page.getByRole('heading', { name: 'Latency of loads' }).waitFor()
    // Where the stream is late, what it would have brought is asked for every five seconds.
    const polled = Math.floor((performance.now() - opened) / 5000)
    expect([...new Set(asked)].sort()).toEqual(['batch/', 'session/', 'stream/'])
    expect(asked.length).toBeLessThanOrEqual(3 + polled)
    const other = await page.context().newPage()
    watch(other)
    await signIn(other, served.url, 'viewer')
    await other.locator('.live:not(.is-polling)').waitFor()
    expect(asked.filter((path) => path === 'stream/')).toHaveLength(1)
    await served.plane.control.judge() // its first turn settles what fired before and is well
    // What happens is shown without being asked for, in the tab that does not lead too.
    await served.plane.control.alerts.raise({
      rule: 'tier_down',
      cache: 'shop',
      subject: 'redis',
      severity: 'high',
      value: 1,
      threshold: 1,
      message: 'redis is gone',
    })
    await other.getByText('redis is gone').waitFor()
    await page.close()
    await other.bringToFront()
    await expect.poll(() => asked.filter((path) => path === 'stream/').length).toBe(2)
    await other.locator('.live:not(.is-polling)').waitFor()
    await served.api(
      'POST',
      `alerts/${(await served.api<{ data: { id: string }[] }>('GET', 'alerts/?state=firing')).data[0]?.id}/resolve/`,
      {},
    )
    await other.getByText('redis is gone').waitFor({ state: 'detached' })
    expect(faults).toEqual([])
    await close()
  })

  it('tails what a cache does while somebody looks, by kind, with links to why', async () => {
    const tail = served.cache.namespace('tail')
    const { page, faults, close } = await open('viewer')
    await page.goto(`${served.url}${BASE}live/?ns=tail`)
    const main = page.locator('main')
    await main.getByText('Nothing has happened').waitFor()
    await expect
      .poll(async () => {
        await tail.get(HOSTILE)
        await tail.set('hot', 1)
        return main.getByRole('row', { name: /miss.*never asked for/ }).count()
      })
      .toBeGreaterThan(0)
    await tail.invalidateTags(['tail:*'])
    await main.getByRole('row', { name: /invalidated.*tag tail/ }).waitFor()
    await main.getByRole('checkbox', { name: 'Misses' }).uncheck()
    await main.getByRole('row', { name: /miss/ }).first().waitFor({ state: 'detached' })
    await main.getByRole('checkbox', { name: 'Misses' }).check()
    expect(await page.evaluate('document.querySelector("[onclick]")')).toBeNull()
    await main.getByRole('button', { name: 'Pause' }).click()
    await main.getByText('paused', { exact: true }).waitFor()
    await main.getByRole('link', { name: 'never asked for' }).first().click()
    await page.getByText('A miss.').waitFor()
    // The server learns of a closed stream by itself.
    await expect.poll(() => served.plane.control.hub.hears('events')).toBe(false)
    expect(faults).toEqual([])
    await close()
  })

  it('shows an error beside what was known before, and heals by itself', async () => {
    const { page, close } = await open('viewer')
    await page.getByRole('heading', { name: 'Which tier answers' }).waitFor()
    // Neither pushed nor answered: what is known stays, with its age.
    await page.route(/(stream|batch|summary)\//, (route) => route.fulfill(refusal(429)))
    served.cut()
    const figures = page.getByRole('alert').filter({ hasText: 'The figures could not be loaded.' })
    await figures.getByText('Too many requests: trying again in 7 s.').waitFor()
    expect(await page.getByRole('heading', { name: 'Which tier answers' }).count()).toBe(1)
    await page.unroute(/(stream|batch|summary)\//)
    await figures.waitFor({ state: 'detached' })
    await close()
  })

  it('signs in once inside an application that renders again, and shows no name of a key where it is told not to', async () => {
    const deals = served.cache.namespace('secret')
    await deals.set('secret:key', 1)
    await served.api('POST', 'invalidations/invalidate_keys/', {
      keys: ['secret:key'],
      namespace: 'secret',
      reason: 'hidden',
    })
    const { page, faults, close } = await openHost(18)
    const signedIn: string[] = []
    page.on('request', (request) => /\/session\/$/.test(request.url()) && signedIn.push(request.url()))
    await page.goto(`${served.url}/host/#${tokenOf('operator')}`)
    // Without the style it is not seen.
    await page.locator('nav[aria-label=Main] a[href$="#/invalidate/"]').dispatchEvent('click')
    await page.locator('output', { hasText: 'invalidate/' }).waitFor()
    await page.getByRole('row', { name: /hidden/ }).waitFor()
    expect(await page.locator('main').textContent()).toMatch(/Key key [0-9a-f]{8}/)
    const [mark = ''] = /key [0-9a-f]{8}/.exec((await page.locator('main').textContent()) ?? '') ?? []
    for (const [place, shown] of [
      ['keys/?ns=secret&key=secret:key', mark],
      ['why/?ns=secret&key=secret:key', 'A miss.'],
      ['invalidate/?by=keys&value=secret:key', mark],
      ['warm/?key=secret:key', mark],
    ] as const) {
      await page.evaluate(`location.hash = ${JSON.stringify(`#/${place}`)}`)
      await page.locator('main').getByText(shown).first().waitFor()
      const fields = await page
        .locator('main')
        .locator('input, textarea')
        .evaluateAll((all) => all.map((one) => Reflect.get(one, 'value')))
      expect([await page.locator('main').textContent(), ...fields].join(' '), place).not.toContain('secret:key')
    }
    expect([signedIn.length, faults]).toEqual([1, []])
    await close()
  })

  it.each([18, 19] as const)(
    'lives in a shadow root of a page of React %i with a strict policy and a loud style, in colours of its own',
    async (react) => {
      const { page, faults, close } = await openHost(react)
      await page.goto(`${served.url}/host/?shadow#${tokenOf('operator')}`)
      await page.getByRole('heading', { name: 'Which tier answers' }).waitFor()
      const look: unknown = await page.evaluate(`(() => {
      const root = document.querySelector('#host > div').shadowRoot
      const style = (of, name) => getComputedStyle(root.querySelector(of))[name]
      return [style('.side a', 'fontSize'), style('.skip', 'backgroundColor') === 'rgb(255, 0, 0)', style('.causes a, .actions .btn-quiet, main a', 'color'), document.querySelector('style') === null]
    })()`)
      expect(look).toEqual(['13px', false, 'rgb(1, 2, 3)', true])
      expect(await page.evaluate('document.body.dataset.react')).toMatch(new RegExp(`^${react}\\.`))
      // Keys, focus and dialogs work across the root.
      await Promise.all([page.keyboard.press('g'), page.keyboard.press('k')])
      await page.getByRole('heading', { name: 'Keys', level: 1 }).waitFor()
      await page.keyboard.press('Control+K')
      await page.keyboard.type('who history')
      await page.keyboard.press('Escape')
      expect(await page.getByRole('dialog').count()).toBe(0)
      // The focus is given back within the root: the page around it sees only the host.
      const back = page.getByRole('link', { name: 'Warm', exact: true })
      await back.focus()
      await page.keyboard.press('?')
      await page.getByRole('dialog').waitFor()
      await page.keyboard.press('Escape')
      await page.getByRole('dialog').waitFor({ state: 'detached' })
      expect(await back.evaluate((element) => element.matches(':focus'))).toBe(true)
      // A button that is off for a while gets it back, unless somebody has gone on to a field of the page around it
      // meanwhile.
      const refocused: unknown = await page.evaluate(`(async () => {
        const drawn = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))
        const host = document.querySelector('#host > div')
        const button = [...host.shadowRoot.querySelectorAll('button')].find((each) => each.offsetParent !== null && !each.disabled)
        const field = document.body.appendChild(document.createElement('input'))
        const seen = []
        for (const goesOn of [false, true]) {
          button.focus()
          button.disabled = true
          await drawn()
          seen.push(document.activeElement === document.body)
          if (goesOn) field.focus()
          button.disabled = false
          await drawn()
          seen.push(document.activeElement === (goesOn ? field : host))
        }
        field.remove()
        return seen
      })()`)
      expect(refocused).toEqual([true, true, true, true])
      expect(faults).toEqual([])
      await close()
    },
  )

  it('lends its parts to another page', async () => {
    const { page, faults, close } = await openHost(19)
    await page.goto(`${served.url}/host/?parts#${tokenOf('viewer')}`)
    await page.getByRole('heading', { name: 'Health' }).waitFor()
    await page.getByRole('link', { name: 'org-stats' }).waitFor()
    await page.locator('output', { hasText: 'true' }).waitFor()
    expect(await page.locator('nav[aria-label=Main]').count()).toBe(0)
    expect(faults).toEqual([])
    await close()
  })

  it('draws six charts anew in a small part of a second of its thread, and keeps nothing of the old ones', async () => {
    const { page, faults, close } = await openHost(19)
    await page.goto(`${served.url}/host/?charts#${tokenOf('viewer')}`)
    await page.getByRole('heading', { name: 'Chart 6' }).waitFor()
    const devtools = await page.context().newCDPSession(page)
    await devtools.send('Performance.enable', { timeDomain: 'threadTicks' }) // of the processor, however much else runs
    const steps = async (): Promise<{ cpuMs: number; heapMb: number }> => {
      const before = await taskSeconds(devtools)
      await page.evaluate(`(async () => { for (let at = 0; at < ${STEPS}; at++) await window.step() })()`)
      const cpuMs = (1000 * ((await taskSeconds(devtools)) - before)) / STEPS
      await devtools.send('HeapProfiler.collectGarbage')
      return { cpuMs, heapMb: (await devtools.send('Runtime.getHeapUsage')).usedSize / 1e6 }
    }
    await steps()
    const [first, second] = [await steps(), await steps()]
    expect(Math.min(first.cpuMs, second.cpuMs), 'ms of the processor for a second of six charts').toBeLessThan(150)
    expect(second.heapMb - first.heapMb, `MB more after ${STEPS} steps`).toBeLessThan(0.5)
    expect(faults).toEqual([])
    await close()
  })

  it('runs nothing that stands in a name, and asks for a token again when its own was revoked', async () => {
    const { page, close } = await open('auditor')
    await served.api('POST', 'configurations/', { name: 'x', reason: MARKUP })
    await page.goto(`${served.url}${BASE}audit/?actor=${encodeURIComponent(MARKUP)}`)
    await page.getByText('No row matches these filters.').waitFor()
    expect(await page.locator('img').count()).toBe(0)
    const tokens = await served.api<{ data: { id: string; user: string }[] }>('GET', 'tokens/')
    // Whatever the page asks next is told so: what is typed, or what it asks by itself before.
    await page.getByRole('textbox', { name: 'Who, exactly' }).focus()
    await served.api('DELETE', `tokens/${tokens.data.find(({ user }) => user === 'auditor')?.id}/`)
    await page.keyboard.insertText('admin')
    await page.getByText('The session has ended').waitFor()
    await close()
  })
})

/** Of charts that go on by a second. */
const STEPS = 30

/** Seconds that the page's thread has worked. */
async function taskSeconds(devtools: CDPSession): Promise<number> {
  const { metrics } = await devtools.send('Performance.getMetrics')
  return metrics.find(({ name }) => name === 'TaskDuration')?.value ?? Number.NaN
}

/** What a control plane answers when it refuses. */
const refusal = (status: number) => ({
  status,
  headers: { 'Content-Type': 'application/problem+json', 'Retry-After': '7' },
  body: JSON.stringify({ status, code: 'refused', detail: 'not now' }),
})
