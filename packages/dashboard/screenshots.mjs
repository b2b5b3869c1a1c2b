// Makes the screenshots of the guide: `node packages/dashboard/screenshots.mjs`; with `--all FOLDER` every page at four
// widths, light and dark, with an experiment running and a change applied, to be looked at; with
// `--look 1024-light,390-dark` these looks instead.
// @ts-check
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { launch, startDeals } from './deals.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = process.argv.indexOf('--all')
const all = folder < 0 ? undefined : process.argv[folder + 1]
const look = process.argv.indexOf('--look')
const wanted = look < 0 ? undefined : process.argv[look + 1]?.split(',')
/** What is to be looked at needs figures; what is shown in the guide needs charts that are full. */
const LOAD_MS = all === undefined ? 300_000 : 25_000
const PAGES = {
  now: all === undefined ? '?range=5m' : '',
  keys: 'keys/',
  tags: 'keys/?by=tag',
  key: '',
  why: '',
  live: 'live/',
  invalidate: 'invalidate/',
  answers: '',
  warm: 'warm/',
  cdn: 'cdn/',
  proposals: 'proposals/',
  sizing: 'sizing/',
  experiments: 'experiments/',
  experiment: '',
  advice: 'advice/',
  configurations: 'configurations/',
  configuration: '',
  alerts: 'alerts/',
  audit: 'audit/',
  access: 'access/',
  settings: 'settings/',
}
/**
 * What the guide shows.
 * @type {readonly { page: keyof typeof PAGES, width: number, colorScheme: 'light' | 'dark', height: number }[]}
 */
const GUIDE = [
  { page: 'now', width: 1280, colorScheme: 'light', height: 1180 },
  { page: 'key', width: 1280, colorScheme: 'light', height: 960 },
  { page: 'answers', width: 1280, colorScheme: 'light', height: 640 },
  { page: 'now', width: 390, colorScheme: 'dark', height: 1100 },
]

const place = mkdtempSync(join(tmpdir(), 'millpond-shots-'))
const browser = await launch()
const { url, tokens, load, close } = await startDeals(place)
try {
  const over = Date.now() + LOAD_MS
  const loading = load(() => Date.now() < over)
  await after(LOAD_MS * 0.75)
  const places = { ...PAGES, ...(await incident()) }
  await loading
  const stop = new AbortController()
  const more = load(() => !stop.signal.aborted)
  if (all === undefined) for (const shot of GUIDE) await shoot(shot, places[shot.page], join(root, 'docs/guide/images'))
  else {
    const looks = ['light', 'dark'].flatMap((scheme) => [390, 1280, 1920, 2560].map((width) => `${width}-${scheme}`))
    for (const each of wanted ?? looks) {
      const [width, scheme] = each.split('-')
      const colorScheme = scheme === 'dark' ? 'dark' : 'light'
      for (const page of /** @type {(keyof typeof PAGES)[]} */ (Object.keys(PAGES)))
        await shoot({ page, width: Number(width), colorScheme, height: 900 }, places[page], all)
    }
  }
  stop.abort()
  await more
} finally {
  await browser.close()
  await close()
  rmSync(place, { recursive: true, force: true })
}

/**
 * A configuration is changed, a deploy is marked, a tag is invalidated; for `--all` an experiment begins and memory is
 * changed, too. Says where all of it is to be seen.
 */
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
  const [experiment] =
    all === undefined
      ? []
      : [
          await api('experiments/', {
            cache_name: cache,
            name: 'longer lives',
            arms: [{ name: 'now' }, { name: 'twice as long', ttl_seconds: 1200 }],
            before_seconds: 2,
            settle_seconds: 2,
            min_run_seconds: 10,
          }),
          await api('optimizations/apply/', { cache_name: cache, change: { policy: 'sieve' }, reason: 'fewer misses' }),
        ]
  const done = await api('invalidations/invalidate_keys/', {
    tags: [tag?.name ?? 'organization:1'],
    reason: 'price import 5122',
  })
  await after(3000)
  const [key] = (await api(`keys/?cache_name=${cache}&namespace=response&limit=1`)).data ?? []
  const about = key === undefined ? '' : `?cache=${cache}&ns=${key.namespace}&key=${encodeURIComponent(key.key)}`
  return {
    key: `keys/${about}`,
    why: `why/${about}`,
    answers: `invalidate/?id=${done.id}`,
    configuration: `configurations/?id=${made.id}`,
    experiment: `experiments/?id=${experiment?.id}`,
  }
}

/**
 * @param {{ page: string, width: number, height: number, colorScheme: 'light' | 'dark' }} look
 * @param {string} at
 * @param {string} into
 */
async function shoot({ page: name, width, height, colorScheme }, at, into) {
  mkdirSync(into, { recursive: true })
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme,
    reducedMotion: 'reduce',
    timezoneId: 'UTC',
  })
  const page = await context.newPage()
  await page.goto(`${url}/admin/caching/`)
  await page.locator('input[type=password]').fill(tokens.administrator)
  await page.keyboard.press('Enter')
  await page.locator('nav[aria-label=Main]').waitFor({ state: 'attached' })
  await page.goto(`${url}/admin/caching/${at}`)
  await page.locator('main h1').waitFor()
  await after(1500)
  const png = await page.screenshot({ fullPage: all !== undefined })
  if (all !== undefined) writeFileSync(join(into, `${name}-${width}-${colorScheme}.png`), png)
  else writeFileSync(join(into, `dashboard-${name}-${width}-${colorScheme}.webp`), await asWebp(png))
  await context.close()
}

/** A tenth of the bytes. @param {Buffer} png */
async function asWebp(png) {
  const page = await browser.newPage()
  // A string: what runs in the browser is not for Node's types.
  const url = await page.evaluate(`(async () => {
    const image = await createImageBitmap(await (await fetch('data:image/png;base64,${png.toString('base64')}')).blob())
    const canvas = Object.assign(document.createElement('canvas'), { width: image.width, height: image.height })
    canvas.getContext('2d').drawImage(image, 0, 0)
    return canvas.toDataURL('image/webp', 0.85)
  })()`)
  await page.close()
  return Buffer.from(String(url).replace(/^[^,]*,/, ''), 'base64')
}
