// Makes the screenshots of the guide: `node packages/dashboard/screenshots.mjs`; with `--all FOLDER` every page at four widths, light and dark, to be looked at; `--look 1280-light,390-dark`: some of these looks.
// @ts-check
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = process.argv.indexOf('--all')
const all = folder < 0 ? undefined : process.argv[folder + 1]
const look = process.argv.indexOf('--look')
const wanted = look < 0 ? undefined : process.argv[look + 1]?.split(',')
const LOAD_MS = 25_000
const PAGES = {
  now: '',
  keys: 'keys/',
  tags: 'keys/?by=tag',
  key: '',
  why: '',
  live: 'live/',
  invalidate: 'invalidate/',
  answers: '',
  warm: 'warm/',
  cdn: 'cdn/',
  sizing: 'sizing/',
  experiments: 'experiments/',
  advice: 'advice/',
  configurations: 'configurations/',
  configuration: '',
  alerts: 'alerts/',
  audit: 'audit/',
  access: 'access/',
  settings: 'settings/',
}
/** What the guide shows. @type {readonly { page: keyof typeof PAGES, width: number, colorScheme: 'light' | 'dark', height: number }[]} */
const GUIDE = [
  { page: 'now', width: 1280, colorScheme: 'light', height: 1400 },
  { page: 'key', width: 1280, colorScheme: 'light', height: 1100 },
  { page: 'answers', width: 1280, colorScheme: 'light', height: 900 },
  { page: 'now', width: 390, colorScheme: 'dark', height: 1100 },
]

const place = mkdtempSync(join(tmpdir(), 'millpond-shots-'))
const { deals, url, tokens, nodes } = await start()
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
})
try {
  const over = Date.now() + LOAD_MS
  const loading = load(() => Date.now() < over)
  await after(LOAD_MS * 0.6)
  const places = { ...PAGES, ...(await incident()) }
  await loading
  const stop = new AbortController()
  const more = load(() => !stop.signal.aborted)
  if (all === undefined) for (const shot of GUIDE) await shoot(shot, places[shot.page], join(root, 'docs/guide/images'))
  else {
    for (const colorScheme of /** @type {const} */ (['light', 'dark']))
      for (const width of [390, 1280, 1920, 2560].filter((each) => wanted === undefined || wanted.includes(`${each}-${colorScheme}`)))
        for (const page of /** @type {(keyof typeof PAGES)[]} */ (Object.keys(PAGES)))
          await shoot({ page, width, colorScheme, height: 900 }, places[page], all)
  }
  stop.abort()
  await more
} finally {
  await browser.close()
  deals.kill('SIGTERM')
  await new Promise((resolve) => deals.once('exit', resolve))
  rmSync(place, { recursive: true, force: true })
}

async function start() {
  const args = ['--dir', place, '--port', '0', '--organizations', '20', '--users', '200', '--deals', '2000', '--nodes', '2']
  const child = spawn(process.execPath, [join(root, 'apps/deals/dist/main.js'), ...args], {
    env: { ...process.env, CACHE_WARMING_ENABLED: 'false' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  await new Promise((resolve, reject) => {
    child.stdout.on('data', (chunk) => {
      text += chunk
      if (text.includes('Ctrl-C stops it')) resolve(undefined)
    })
    child.once('exit', (code) => reject(new Error(`the service ended with ${code}: ${text}`)))
  })
  const urls = [...new Set([...text.matchAll(/http:\/\/127\.0\.0\.1:\d+/g)].map(([found]) => found))]
  const token = (/** @type {string} */ role) => new RegExp(`${role}\\s+(\\S{20,})`).exec(text)?.[1] ?? ''
  return { deals: child, url: urls[0] ?? '', nodes: urls, tokens: { viewer: token('viewer'), administrator: token('administrator') } }
}

/** Reads of what the service caches, from both nodes. @param {() => boolean} goesOn */
async function load(goesOn) {
  const paths = [
    'organizations/1/statistics/?days=30',
    'organizations/1/statistics/?days=7',
    'organizations/1/roles/',
    'organizations/1/info/',
  ]
  const more = ['analytics/deal-analytics/?days=30&type=pipeline', 'users/permissions/', 'users/me/', 'organizations/1/members/']
  for (let at = 0; goesOn(); at++) {
    const path = [...paths, ...more][at % 8]
    const answer = await fetch(`${nodes[at % nodes.length]}/api/cached/${path}`, { headers: { Authorization: `Bearer ${tokens.viewer}` } })
    await answer.arrayBuffer()
    await after(20)
  }
}

/** A configuration is changed, a deploy is marked, a tag is invalidated; says where all of it is to be seen. */
async function incident() {
  /** @param {string} path @param {unknown} [body] @returns {Promise<any>} whatever the route says */
  const api = async (path, body) => {
    const answer = await fetch(`${url}/api/admin/caching/${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { Authorization: `Bearer ${tokens.administrator}`, 'Content-Type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    return answer.json()
  }
  const made = await api('configurations/', { name: 'org-stats', ttl_seconds: 600 })
  await fetch(`${url}/api/admin/caching/configurations/${made.id}/`, {
    method: 'PUT',
    headers: { Authorization: `Bearer ${tokens.administrator}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ name: 'org-stats', ttl_seconds: 60 }),
  })
  await api('events/markers/', { kind: 'deploy', message: 'v812' })
  const [cache] = (await api('session/')).caches
  const [tag] = (await api(`tags/?cache_name=${cache}&namespace=response&limit=1`)).data ?? []
  const done = await api('invalidations/invalidate_keys/', { tags: [tag?.name ?? 'organization:1'], reason: 'price import 5122' })
  await after(3000)
  const [key] = (await api(`keys/?cache_name=${cache}&namespace=response&limit=1`)).data ?? []
  const about = key === undefined ? '' : `?cache=${cache}&ns=${key.namespace}&key=${encodeURIComponent(key.key)}`
  return { key: `keys/${about}`, why: `why/${about}`, answers: `invalidate/?id=${done.id}`, configuration: `configurations/?id=${made.id}` }
}

/** @param {{ page: string, width: number, height: number, colorScheme: 'light' | 'dark' }} look @param {string} at @param {string} into */
async function shoot({ page: name, width, height, colorScheme }, at, into) {
  mkdirSync(into, { recursive: true })
  const context = await browser.newContext({ viewport: { width, height }, colorScheme, reducedMotion: 'reduce', timezoneId: 'UTC' })
  const page = await context.newPage()
  await page.goto(`${url}/admin/caching/`)
  await page.locator('input[type=password]').fill(tokens.administrator)
  await page.keyboard.press('Enter')
  await page.locator('nav[aria-label=Main]').waitFor({ state: 'attached' })
  await page.goto(`${url}/admin/caching/${at}`)
  await page.locator('main h1').waitFor()
  await after(1500)
  await page.screenshot({ path: join(into, `${name}-${width}-${colorScheme}.png`), fullPage: all !== undefined })
  await context.close()
}
