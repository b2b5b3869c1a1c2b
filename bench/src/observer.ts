// `npm run bench:observer`: what watching costs a loaded service. The deals service runs under load as a process of its
// own, with a CPU profile: first without viewers, then with six live viewers. The share of the observer is the time
// under functions of the control plane and those that it calls, of all time in which the process worked..
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type Interval, intervalOf } from './observer/interval.ts'
import { type Profile, shareUnder } from './observer/profile.ts'
import type { Slice, Turns } from './observer/switch.ts'

const HELP = `usage: npm run bench:observer -- [options]
  --seconds N   of load in each of the runs (20)
  --viewers N   live streams in the second run (6)
  --turns N     instead of profiles: the processor time of a request while the control plane looks, against the second before or after in which its clocks stand still,
                in N turns of two seconds with nobody looking, and N with viewers; the middle of the differences with its 95 % interval. Its clocks go ten times as fast
                (four times with viewers, who are told as often), and the differences are divided by that. Give it 60, under chrt -r 1
  --json        the figures as JSON

Exits with 1 where watching takes more than 1 % with nobody looking, or 3 % with six viewers; in turns, where the interval reaches beyond.`

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
const SLICE_MS = 1000
/** In turns: looks per second, and the most that viewers may request. */
const FASTER = { unseen: 10, seen: 4 }
const BOUNDS = { unseen: 0.01, seen: 0.03 }
/** At both ends of a run: streams open, the process ends. */
const EDGE_S = 2
/** Before the figures are taken: code that has just begun is interpreted. */
const WARM_S = 8
/** Where the observer's functions are; what they call counts with them. */
const OBSERVER = /\/packages\/control\/dist\//

interface Run {
  readonly viewers: number
  /** The share of the time in which the process worked. */
  readonly share: number
  /** Of one core. */
  readonly busy: number
  readonly requests: number
}

if (values.help) console.log(HELP)
else if (values.turns !== undefined) await inTurn(countOf('turns', 10), countOf('viewers', 0))
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
  console.error(
    `bench:observer: --${name} ${JSON.stringify(values[name])} is not understood: give a whole number from ${least}`,
  )
  process.exit(2)
}

function told({ viewers, share, busy, requests }: Run): string {
  const who = viewers === 0 ? 'nobody looking' : `${viewers} live viewers`
  return `${who.padEnd(16)} ${(100 * share).toFixed(2)} % of the processor time of the service (${(100 * busy).toFixed(0)} % of a core, ${requests} requests)`
}

/**
 * One service, whose control plane is switched on and off, a second each in turn: first without viewers, then with
 * viewers.
 */
async function inTurn(turns: number, viewers: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'millpond-observer-'))
  const child = start(join(folder, 'data'), ['--import', new URL('./observer/switch.js', import.meta.url).href], 'ipc')
  const stop = new AbortController()
  try {
    const { url, token } = await ready(child)
    const headers = { authorization: `Bearer ${token}` }
    const loaded = load(url, headers, stop.signal)
    await sleep(WARM_S * 1000)
    const unseen = await more(child, turns, FASTER.unseen)
    const streams = Array.from({ length: viewers }, () =>
      watch(`${url}/api/admin/caching/stream/?hz=${FASTER.seen}`, headers, stop.signal),
    )
    // Opening the streams is not counted.
    await sleep(EDGE_S * 1000)
    const seen = await more(child, turns, FASTER.seen)
    stop.abort()
    await Promise.all([loaded, ...streams])
    const holds = { unseen: unseen.to < BOUNDS.unseen, seen: seen.to < BOUNDS.seen }
    if (values.json) console.log(JSON.stringify({ turns, unseen, seen, bounds: BOUNDS, holds }))
    else
      console.log(
        `more processor time a request while the control plane looks, in ${turns} turns: ${spanOf(unseen)} with nobody looking, ${spanOf(seen)} with ${viewers} viewers (95 % interval)`,
      )
    if (!holds.unseen || !holds.seen) process.exitCode = 1
  } finally {
    stop.abort()
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
}

/** How much more a request costs in the watched slice of each pair. */
async function more(child: ChildProcess, pairs: number, faster: number): Promise<Interval> {
  const asked: Turns = { pairs, faster, sliceMs: SLICE_MS }
  child.send(asked)
  const [slices]: (readonly Slice[])[] = await once(child, 'message')
  const cost = ({ cpuUs, answers }: Slice): number => cpuUs / Math.max(1, answers)
  const differences: number[] = []
  for (let at = 0; at < 2 * pairs; at += 2) {
    const pair = slices?.slice(at, at + 2) ?? []
    const [watched, still] = [pair.find(({ isWatched }) => isWatched), pair.find(({ isWatched }) => !isWatched)]
    if (watched !== undefined && still !== undefined) differences.push((cost(watched) / cost(still) - 1) / faster)
  }
  return intervalOf(differences)
}

function spanOf({ middle, from, to }: Interval): string {
  return `${(100 * middle).toFixed(2)} % (${(100 * from).toFixed(2)} to ${(100 * to).toFixed(2)})`
}

function start(data: string, flags: readonly string[], ...more: readonly 'ipc'[]): ChildProcess {
  const size = ['--organizations', '40', '--users', '400', '--deals', '4000']
  return spawn(
    process.execPath,
    [...flags, join(ROOT, 'apps/deals/dist/main.js'), '--port', '0', '--dir', data, ...size],
    {
      stdio: ['ignore', 'pipe', 'inherit', ...more],
      env: { ...process.env, CACHE_WARMING_ENABLED: 'false' },
    },
  )
}

async function take(viewers: number, seconds: number): Promise<Run> {
  const folder = mkdtempSync(join(tmpdir(), 'millpond-observer-'))
  const child = start(join(folder, 'data'), ['--cpu-prof', '--cpu-prof-dir', folder, '--cpu-prof-interval', '500'])
  const ended = new Promise((resolve) => child.once('exit', resolve))
  const stop = new AbortController()
  try {
    const { url, token } = await ready(child)
    const headers = { authorization: `Bearer ${token}` }
    const streams = Array.from({ length: viewers }, () =>
      watch(`${url}/api/admin/caching/stream/?hz=1`, headers, stop.signal),
    )
    await load(url, headers, AbortSignal.timeout(WARM_S * 1000))
    const requests = await load(url, headers, AbortSignal.timeout(seconds * 1000))
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

/**
 * Each client waits for its answer before the next request, so the service runs at its limit. Ends with the signal, and
 * returns the number of answers.
 */
async function load(url: string, headers: Record<string, string>, signal: AbortSignal): Promise<number> {
  let requests = 0
  const client = async (first: number): Promise<void> => {
    for (let at = first; !signal.aborted; at++) {
      const path =
        at % 3 === 0
          ? '/api/cached/users/dashboard/'
          : `/api/cached/organizations/${1 + (at % 40)}/${at % 3 === 1 ? 'info' : 'roles'}/`
      // Bypasses the HTTP cache in front of the routes, so that the caches behind it work.
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
    if (!answer.ok || answer.body === null)
      throw new Error(`the stream answered ${answer.status}: ${await answer.text()}`)
    for await (const _ of answer.body);
  } catch (error) {
    if (!signal.aborted) throw error
  }
}
