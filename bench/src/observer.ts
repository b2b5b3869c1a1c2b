// `npm run bench:observer`: what watching costs a loaded service. The deals service runs under load as a process of its own, with a CPU profile: first with nobody looking, then with
// six live viewers. The share of the observer is the time under functions of the control plane and of what it calls, of all time in which the process worked.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type Profile, shareUnder } from './observer/profile.ts'

const HELP = `usage: npm run bench:observer -- [options]
  --seconds N   of load in each of the runs (20)
  --viewers N   live streams in the second run (6)
  --json        the figures as JSON

Exits with 1 where watching takes more than 1 % with nobody looking, or 3 % with six viewers.`

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '20' },
    viewers: { type: 'string', default: '6' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const CLIENTS = 24
const BOUNDS = { unseen: 0.01, seen: 0.03 }
/** At both ends of a run: streams open, the process ends. */
const EDGE_S = 2
/** Before the figures are taken: code that has just begun is interpreted. */
const WARM_S = 8
/** Where the observer's functions are; what they call counts with them. */
const OBSERVER = /\/packages\/control\/dist\//

interface Run {
  readonly viewers: number
  /** Of the time in which the process worked. */
  readonly share: number
  /** Of one core. */
  readonly busy: number
  readonly requests: number
}

if (values.help) console.log(HELP)
else {
  const seconds = Number(values.seconds)
  const [unseen, seen] = [await take(0, seconds), await take(Number(values.viewers), seconds)]
  if (values.json) console.log(JSON.stringify({ unseen, seen, bounds: BOUNDS }))
  else for (const run of [unseen, seen]) console.log(told(run))
  if (unseen.share > BOUNDS.unseen || seen.share > BOUNDS.seen) process.exitCode = 1
}

function told({ viewers, share, busy, requests }: Run): string {
  const who = viewers === 0 ? 'nobody looking' : `${viewers} live viewers`
  return `${who.padEnd(16)} ${(100 * share).toFixed(2)} % of the processor time of the service (${(100 * busy).toFixed(0)} % of a core, ${requests} requests)`
}

async function take(viewers: number, seconds: number): Promise<Run> {
  const folder = mkdtempSync(join(tmpdir(), 'millpond-observer-'))
  const child = spawn(
    process.execPath,
    [
      ...['--cpu-prof', '--cpu-prof-dir', folder, '--cpu-prof-interval', '500', join(ROOT, 'apps/deals/dist/main.js')],
      ...['--port', '0', '--dir', join(folder, 'data'), '--organizations', '40', '--users', '400', '--deals', '4000'],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, CACHE_WARMING_ENABLED: 'false' } },
  )
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

/** Each waits for its answer before it asks again: the service does as much as it can. */
async function load(url: string, headers: Record<string, string>, seconds: number): Promise<number> {
  const until = performance.now() + seconds * 1000
  let requests = 0
  const client = async (first: number): Promise<void> => {
    for (let at = first; performance.now() < until; at++) {
      const path =
        at % 3 === 0 ? '/api/cached/users/dashboard/' : `/api/cached/organizations/${1 + (at % 40)}/${at % 3 === 1 ? 'info' : 'roles'}/`
      // Nothing of the HTTP cache before the routes: the caches behind are to work.
      await (await fetch(url + path, { headers: { ...headers, 'cache-token': '' } })).arrayBuffer()
      requests++
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
