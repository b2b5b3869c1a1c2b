// An incident in two processes of one cache, from its cause to its undoing, and a process that stands still: as the page shows it.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { createCache } from 'millpond'
import { memory } from 'millpond/memory'
import { sqlite } from 'millpond/tiers/sqlite'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { describeWith } from '../../millpond/test/services/index.ts'
import { BASE, faultsOf, openBrowser, type Served, serve, signIn } from './served.ts'

const CHILD = fileURLToPath(new URL('../../control/test/node-child.mjs', import.meta.url))
const KEYS = 30

describeWith('chromium', 'the dashboard over two processes', () => {
  const folder = mkdtempSync(join(tmpdir(), 'millpond-two-'))
  const place = join(folder, 'fleet.db')
  const cache = createCache({ name: 'fleet', tiers: [memory(), sqlite({ path: place })], defaults: { ttl: '10m' } })
  let other: ChildProcess
  let lines: AsyncIterator<string>
  let served: Served
  let browser: Browser
  beforeAll(async () => {
    other = spawn(process.execPath, [CHILD, place, 'web-2'], { stdio: ['pipe', 'pipe', 'inherit'] })
    if (other.stdout === null) throw new Error('the child has no output')
    lines = createInterface({ input: other.stdout })[Symbol.asyncIterator]()
    await lines.next()
    served = await serve(cache)
    browser = await openBrowser()
  })
  afterAll(async () => {
    other?.kill('SIGCONT')
    other?.kill('SIGKILL')
    await browser?.close()
    await served?.close()
    await cache.close()
    rmSync(folder, { recursive: true, force: true })
  })
  /** A read of each key in both. */
  const traffic = async () => {
    for (let at = 0; at < KEYS; at++) {
      await cache.get(`deal:${at}`)
      other.stdin?.write(`get deal:${at}\n`)
      await lines.next()
    }
  }

  /** Reads go on until it is seen. */
  const whileReading = async (seen: () => Promise<void>) => {
    let isSeen = false
    const readings = (async () => {
      while (!isSeen) await traffic()
    })()
    await seen().finally(() => {
      isSeen = true
    })
    await readings
  }

  it('names the cause of the misses while they happen, undoes it until reads hit again, and says which process is late', async () => {
    cache.source('deal:', async (key) => ({ key }))
    for (let at = 0; at < KEYS; at++) await cache.set(`deal:${at}`, at, { tags: ['deals'] })
    await traffic()
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 } })
    context.setDefaultTimeout(20_000)
    const page = await context.newPage()
    const faults = faultsOf(page)
    await signIn(page, served.url, 'operator')
    await page.getByText('All 2 processes report.').waitFor()
    await page.goto(`${served.url}${BASE}invalidate/?by=tag&value=deals&mode=hard`)
    await page.getByRole('button', { name: 'Plan…' }).click()
    await page.getByRole('button', { name: `Invalidate at least ${KEYS} keys, hard` }).click()
    for (const node of ['web-1', 'web-2']) await page.getByRole('row', { name: new RegExp(`${node}.*acknowledged`) }).waitFor()
    const answers = page.url()
    await page.getByRole('link', { name: 'Now', exact: true }).click()
    await whileReading(() => page.getByRole('link', { name: 'tag invalidated' }).waitFor())
    await page.goto(answers)
    await page.getByRole('button', { name: 'Warm the hottest 500' }).click()
    await page.getByText(/keys were loaded again/).waitFor()
    expect((await cache.getEntry('deal:7', { quiet: true })).kind).toBe('hit')
    await page.getByRole('link', { name: 'Now', exact: true }).click()
    await whileReading(() => page.getByText(/^All tiers: 100 % now/).waitFor())
    other.kill('SIGSTOP')
    await page.getByText('Late: web-2; the numbers are of the others.').waitFor()
    other.kill('SIGCONT')
    await page.getByText('All 2 processes report.').waitFor()
    expect(faults).toEqual([])
    await context.close()
  })
})
