// Now left open over the deals service under load: `node packages/dashboard/left-open.mjs --minutes 30`. Heap and
// thread must stay as they were.
// @ts-check
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { launch, startDeals } from './deals.mjs'

const minutes = Number(parseArgs({ options: { minutes: { type: 'string', default: '30' } } }).values.minutes)
if (!(minutes >= 1)) throw new Error(`--minutes: ${minutes} is not allowed: give a number from 1`)
/** What is new in the first minutes is kept: a chart fills until its span is full. */
const SETTLED = Math.min(minutes / 2, 16)
const MOST_GROWN = 1.1
const MOST_BUSY = 0.15

const place = mkdtempSync(join(tmpdir(), 'millpond-open-'))
const browser = await launch()
const { url, tokens, load, close } = await startDeals(place)
const stop = new AbortController()
const loading = load(() => !stop.signal.aborted)
let isRight = false
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } })
  page.setDefaultTimeout(120_000)
  await page.goto(`${url}/admin/caching/`)
  await page.locator('input[type=password]').fill(tokens.administrator)
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Latency of loads' }).waitFor()
  const devtools = await page.context().newCDPSession(page)
  await devtools.send('Performance.enable', { timeDomain: 'threadTicks' }) // of the processor, however much else runs
  const figures = async () => {
    const { metrics } = await devtools.send('Performance.getMetrics')
    await devtools.send('HeapProfiler.collectGarbage')
    const { usedSize } = await devtools.send('Runtime.getHeapUsage')
    const of = (/** @type {string} */ name) => metrics.find((one) => one.name === name)?.value ?? Number.NaN
    return { at: performance.now() / 1000, busy: of('TaskDuration'), nodes: of('Nodes'), heap: usedSize }
  }
  const taken = [await figures()]
  for (let minute = 1; minute <= minutes; minute++) {
    await after(60_000)
    const now = await figures()
    const before = taken.at(-1) ?? now
    taken.push(now)
    console.log(
      `${minute} min: heap ${(now.heap / 1e6).toFixed(2)} MB, ${now.nodes} nodes, thread ${((100 * (now.busy - before.busy)) / (now.at - before.at)).toFixed(1)} %`,
    )
  }
  const [settled, last] = [taken[Math.ceil(SETTLED)], taken.at(-1)]
  if (settled === undefined || last === undefined) throw new Error('nothing was measured')
  const grown = last.heap / settled.heap
  const busy = (last.busy - settled.busy) / (last.at - settled.at)
  isRight = grown < MOST_GROWN && busy < MOST_BUSY
  console.log(
    `heap x ${grown.toFixed(3)} since minute ${Math.ceil(SETTLED)}, thread ${(100 * busy).toFixed(1)} %: ${isRight ? 'as it should be' : 'too much'}`,
  )
} finally {
  stop.abort()
  await loading.catch(() => undefined)
  await browser.close()
  await close()
  rmSync(place, { recursive: true, force: true })
}
process.exit(isRight ? 0 : 1)
