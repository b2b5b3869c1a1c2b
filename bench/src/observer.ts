// `npm run bench:observer`: what watching costs a loaded service. The deals service runs under load as a process of its own, with a CPU profile: first with nobody looking, then with
// six live viewers. The share of the observer is the time under functions of the control plane and of what it calls, of all time in which the process worked.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type Profile, shareUnder } from './observer/profile.ts'

const HELP = `usage: npm run bench:observer -- [options]
  --seconds N   of load in each of the runs (20)
  --viewers N   live streams in the second run (6)
  --turns N     instead of profiles: the processor time of a request, N times in turn on a service whose control plane's clocks stand still, one that nobody looks at, and
                the same with viewers; the mean of the differences with its 95 % interval (Linux)
  --json        the figures as JSON

Exits with 1 where watching takes more than 1 % with nobody looking, or 3 % with six viewers.`

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '20' },
    viewers: { type: 'string', default: '6' },
    turns: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const CLIENTS = 24
/** Between an answer and the next question of a client, in turns: some hundred requests a second, so that neither the service nor who asks is ever out of breath. */
const PACE_MS = 100
const BOUNDS = { unseen: 0.01, seen: 0.03 }
/** At both ends of a run: streams open, the process ends. */
const EDGE_S = 2
/** Before the figures are taken: code that has just begun is interpreted. */
const WARM_S = 8
/** Where the observer's functions are; what they call counts with them. */
const OBSERVER = /\/packages\/control\/dist\//

/** Holds the clocks of the control plane still: nothing is looked at by itself. */
const STILL = `data:text/javascript,${encodeURIComponent(`
  const begin = globalThis.setInterval
  globalThis.setInterval = (work, ...more) =>
    /\\/packages\\/control\\/dist\\//.test(new Error().stack) ? begin(() => {}, 2 ** 31 - 1) : begin(work, ...more)
`)}`

interface Run {
  readonly viewers: number
  /** Of the time in which the process worked. */
  readonly share: number
  /** Of one core. */
  readonly busy: number
  readonly requests: number
}

if (values.help) console.log(HELP)
else if (values.turns !== undefined) await inTurn(countOf('turns', 1), countOf('viewers', 0), countOf('seconds', 1))
else {
  const seconds = countOf('seconds', 1)
  const [unseen, seen] = [await take(0, seconds), await take(countOf('viewers', 0), seconds)]
  if (values.json) console.log(JSON.stringify({ unseen, seen, bounds: BOUNDS }))
  else for (const run of [unseen, seen]) console.log(told(run))
  if (unseen.share > BOUNDS.unseen || seen.share > BOUNDS.seen) process.exitCode = 1
}

function countOf(name: 'seconds' | 'viewers' | 'turns', least: number): number {
  const count = Number(values[name])
  if (Number.isSafeInteger(count) && count >= least) return count
  console.error(`bench:observer: --${name} ${JSON.stringify(values[name])} is not understood: give a whole number from ${least}`)
  process.exit(2)
}

function told({ viewers, share, busy, requests }: Run): string {
  const who = viewers === 0 ? 'nobody looking' : `${viewers} live viewers`
  return `${who.padEnd(16)} ${(100 * share).toFixed(2)} % of the processor time of the service (${(100 * busy).toFixed(0)} % of a core, ${requests} requests)`
}

/** Two services stand side by side, and one is asked at a time: what the machine does else falls on all alike. */
async function inTurn(turns: number, viewers: number, seconds: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'millpond-observer-'))
  const children = [start(join(folder, 'plain'), ['--import', STILL]), start(join(folder, 'watched'), [])] as const
  try {
    const [plain, watched] = await Promise.all(children.map(async (child) => ({ pid: child.pid ?? 0, ...(await ready(child)) })))
    if (plain === undefined || watched === undefined) return
    const cost = async ({ pid, url, token }: typeof plain, streams: number): Promise<number> => {
      const stop = new AbortController()
      const headers = { authorization: `Bearer ${token}` }
      const open = Array.from({ length: streams }, () => watch(`${url}/api/admin/caching/stream/?hz=1`, headers, stop.signal))
      // What it takes to open them is not what it takes to watch.
      await load(url, headers, EDGE_S / 2, PACE_MS)
      const before = ticksOf(pid)
      const requests = await load(url, headers, seconds, PACE_MS)
      const ticks = ticksOf(pid) - before
      stop.abort()
      await Promise.all(open)
      return ticks / requests
    }
    for (const service of [plain, watched]) await load(service.url, { authorization: `Bearer ${service.token}` }, WARM_S)
    const more: { unseen: number[]; seen: number[] } = { unseen: [], seen: [] }
    for (let turn = 0; turn < turns; turn++) {
      const costs = { off: 0, on: 0, seen: 0 }
      // Each is the first, the second and the last in turn: a machine that warms or is busier by and by leans on none.
      for (let at = turn; at < turn + 3; at++) {
        if (at % 3 === 0) costs.off = await cost(plain, 0)
        else if (at % 3 === 1) costs.on = await cost(watched, 0)
        else costs.seen = await cost(watched, viewers)
      }
      more.unseen.push(costs.on / costs.off - 1)
      more.seen.push(costs.seen / costs.off - 1)
    }
    const [unseen, seen] = [interval(more.unseen), interval(more.seen)]
    if (values.json) console.log(JSON.stringify({ turns, unseen, seen }))
    else
      for (const [who, { mean, half }] of [
        ['nobody looking', unseen],
        [`${viewers} live viewers`, seen],
      ] as const)
        console.log(
          `${who.padEnd(16)} ${(100 * mean).toFixed(1)} % \u00b1 ${(100 * half).toFixed(1)} more processor time a request than without, in ${turns} turns`,
        )
  } finally {
    for (const child of children) child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Of user and system, as Linux counts them for a process and all its threads. */
function ticksOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
  return Number(fields[11]) + Number(fields[12])
}

/** Of the mean, by the normal distribution: give it ten turns or more. */
function interval(values: readonly number[]): { readonly mean: number; readonly half: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, values.length - 1)
  return { mean, half: 1.96 * Math.sqrt(variance / values.length) }
}

function start(data: string, flags: readonly string[]): ChildProcess {
  const size = ['--organizations', '40', '--users', '400', '--deals', '4000']
  return spawn(process.execPath, [...flags, join(ROOT, 'apps/deals/dist/main.js'), '--port', '0', '--dir', data, ...size], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, CACHE_WARMING_ENABLED: 'false' },
  })
}

async function take(viewers: number, seconds: number): Promise<Run> {
  const folder = mkdtempSync(join(tmpdir(), 'millpond-observer-'))
  const child = start(join(folder, 'data'), ['--cpu-prof', '--cpu-prof-dir', folder, '--cpu-prof-interval', '500'])
  const ended = new Promise((resolve) => child.once('exit', resolve))
  const stop = new AbortController()
  try {
    const { url, token } = await ready(child)
    const headers = { authorization: `Bearer ${token}` }
    const streams = Array.from({ length: viewers }, () => watch(`${url}/api/admin/caching/stream/?hz=1`, headers, stop.signal))
    await load(url, headers, WARM_S)
    const requests = await load(url, headers, seconds)
    stop.abort()
    await Promise.all(streams)
    child.kill('SIGINT')
    await ended
    const [file = ''] = readdirSync(folder).filter((name) => name.endsWith('.cpuprofile'))
    const profile: Profile = JSON.parse(readFileSync(join(folder, file), 'utf8'))
    const { share, busy } = shareUnder(profile, OBSERVER, seconds, EDGE_S)
    return { viewers, share, busy, requests }
  } finally {
    stop.abort()
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
}

function ready(child: ChildProcess): Promise<{ url: string; token: string }> {
  return new Promise((resolve, reject) => {
    let said = ''
    child.once('exit', () => reject(new Error(`the service ended before it was ready:\n${said}`)))
    child.stdout?.on('data', (chunk) => {
      said += chunk
      const [url, token] = [/Deals is ready: (\S+)\//.exec(said)?.[1], /viewer +(\S+)/.exec(said)?.[1]]
      if (said.includes('Ctrl-C stops it') && url !== undefined && token !== undefined) resolve({ url, token })
    })
  })
}

/** Each waits for its answer before it asks again; without a pause the service does as much as it can. */
async function load(url: string, headers: Record<string, string>, seconds: number, pauseMs = 0): Promise<number> {
  const until = performance.now() + seconds * 1000
  let requests = 0
  const client = async (first: number): Promise<void> => {
    for (let at = first; performance.now() < until; at++) {
      const path =
        at % 3 === 0 ? '/api/cached/users/dashboard/' : `/api/cached/organizations/${1 + (at % 40)}/${at % 3 === 1 ? 'info' : 'roles'}/`
      // Nothing of the HTTP cache before the routes: the caches behind are to work.
      await (await fetch(url + path, { headers: { ...headers, 'cache-token': '' } })).arrayBuffer()
      requests++
      if (pauseMs > 0) await sleep(pauseMs)
    }
  }
  await Promise.all(Array.from({ length: CLIENTS }, (_, at) => client(at * 7)))
  return requests
}

async function watch(url: string, headers: Record<string, string>, signal: AbortSignal): Promise<void> {
  try {
    const answer = await fetch(url, { headers, signal })
    if (!answer.ok || answer.body === null) throw new Error(`the stream answered ${answer.status}: ${await answer.text()}`)
    for await (const _ of answer.body);
  } catch (error) {
    if (!signal.aborted) throw error
  }
}
