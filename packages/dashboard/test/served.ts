// A real control plane with the dashboard beside it, on a free loopback port, and a browser to look at it.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import {
  type ControlOptions,
  type ControlPlane,
  createControl,
  ensureToken,
  openStore,
  ROLES,
  type Role,
} from '@millpond/control'
import { dashboard } from '@millpond/dashboard/handler'
import { type Cache, createCache } from 'millpond'
import { memory } from 'millpond/memory'
import { type Browser, chromium, type Page } from 'playwright-core'
import { program } from '../../millpond/test/services/program.ts'
import { buildPage } from './build-page.ts'

export const BASE = '/admin/caching/'
export const tokenOf = (role: Role): string => role.padEnd(40, 'x')

export interface Served {
  readonly url: string
  readonly cache: Cache
  readonly api: <T>(method: string, path: string, body?: unknown) => Promise<T>
  readonly plane: ControlPlane
  /** Breaks every connection off, streams too. */
  readonly cut: () => void
  readonly close: () => Promise<void>
}

/** @param given the cache of the process beside the control plane; the caller's to close, as are all in `more` */
export async function serve(
  given?: Cache,
  more: Partial<Pick<ControlOptions, 'caches' | 'cdn' | 'insight'>> = {},
): Promise<Served> {
  await buildPage()
  const store = await openStore(':memory:')
  for (const role of ROLES) await ensureToken(store, { name: role, role }, tokenOf(role))
  const cache = given ?? createCache({ name: 'shop', tiers: [memory()] })
  const control = createControl({
    store,
    caches: [cache],
    nodeId: 'web-1',
    rates: { write: { perMinute: 1e6, burst: 1e6 } },
    ...more,
  })
  await control.start()
  const page = dashboard({ environment: { label: 'Production' } })
  const server = createAdaptorServer({
    fetch: async (request: Request) => (await page(request)) ?? control.fetch(request),
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}` // listening on TCP
  const cut = () => {
    if ('closeAllConnections' in server) server.closeAllConnections()
  }
  return {
    url,
    cache,
    async api<T>(method: string, path: string, body?: unknown) {
      const answer = await fetch(`${url}/api/admin/caching/${path}`, {
        method,
        headers: { Authorization: `Bearer ${tokenOf('admin')}`, 'Content-Type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      return (answer.status === 204 ? undefined : await answer.json()) as T // as the route's schema has it
    },
    plane: control,
    cut,
    async close() {
      cut()
      await new Promise((resolve) => server.close(resolve))
      await control.close()
      if (given === undefined) await cache.close()
      await store.close()
    },
  }
}

export async function openBrowser(): Promise<Browser> {
  const { path, env } = program('chromium')
  const defined = Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  )
  return chromium.launch({
    executablePath: path,
    env: defined,
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
  })
}

/** What must never happen on any page, collected as it does. */
export function faultsOf(page: Page): string[] {
  const faults: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error') faults.push(`${page.url()}: ${message.text()}`)
  })
  page.on('pageerror', (error) => faults.push(`${page.url()}: ${error}`))
  page.on('request', (request) => {
    if (!request.url().startsWith('http://127.0.0.1:') && !/^(data|blob):/.test(request.url()))
      faults.push(`asked elsewhere: ${request.url()}`)
  })
  return faults
}

export async function signIn(page: Page, url: string, role: Role): Promise<void> {
  await page.goto(url + BASE)
  await page.locator('input[type=password]').fill(tokenOf(role))
  await page.keyboard.press('Enter')
  await page.locator('nav[aria-label=Main]').waitFor({ state: 'attached' })
}

/** Keeps such requests of the page on their way until it is called. */
export async function hold(page: Page, which: string): Promise<() => void> {
  let letGo: () => void = () => undefined
  const isOver = new Promise<void>((resolve) => {
    letGo = resolve
  })
  await page.route(which, async (route) => {
    await isOver
    await route.continue()
  })
  return letGo
}

/** A page as wide as a phone's, where somebody has signed in. */
export async function openPhone(
  browser: Browser,
  url: string,
  role: Role,
): Promise<{ readonly page: Page; readonly faults: string[] }> {
  const context = await browser.newContext({ viewport: { width: 390, height: 900 } })
  context.setDefaultTimeout(20_000)
  const page = await context.newPage()
  const faults = faultsOf(page)
  await signIn(page, url, role)
  return { page, faults }
}

/**
 * What stands on paper that belongs to a screen alone, and whether the ink is dark; of a reader who has chosen the dark
 * theme.
 */
export async function onPaper(page: Page): Promise<string[]> {
  await page.emulateMedia({ media: 'print' })
  const found: unknown = await page.evaluate(`(() => {
    const root = document.querySelector('.millpond')
    const chosen = root.getAttribute('data-theme')
    root.setAttribute('data-theme', 'dark')
    const controls = [...root.querySelectorAll('nav[aria-label=Main], button, input, select, textarea, .btn')].filter((each) => each.checkVisibility())
    const ink = getComputedStyle(root.querySelector('main h1')).color.match(/[\\d.]+/g).slice(0, 3).map(Number)
    if (chosen === null) root.removeAttribute('data-theme')
    else root.setAttribute('data-theme', chosen)
    return [...controls.map((each) => each.outerHTML.slice(0, 120)), ...(Math.max(...ink) < 90 ? [] : ['ink is ' + ink])]
  })()`)
  await page.emulateMedia({ media: 'screen' })
  return (Array.isArray(found) ? found.map(String) : ['nothing was found']).map(
    (one) => `${page.url()} on paper: ${one}`,
  )
}

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** What axe finds serious or worse, and whether the page can be pushed sideways. */
export async function lookAt(page: Page): Promise<string[]> {
  const wide = await page.evaluate('document.documentElement.scrollWidth > innerWidth + 1')
  // A string, so that a strict CSP does not see it as a script of the page's.
  const found: unknown = await page.evaluate(
    `(async () => { ${AXE}; return (await axe.run()).violations.filter((one) => ['serious', 'critical'].includes(one.impact)).map((one) => one.id + ' ' + one.nodes[0].html) })()`,
  )
  return [...(wide ? ['scrolls sideways'] : []), ...(Array.isArray(found) ? found.map(String) : [])].map(
    (one) => `${page.url()}: ${one}`,
  )
}
