// The deals service in two processes, and people who read from it: what the dashboard is looked at with.
// @ts-check
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'
import { recorded, withLibraries } from '../../scripts/servers.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** The browser that the tests use, else the system's. */
export function launch() {
  const { chromium: found } = recorded()
  const own = process.env.CHROMIUM
  const executablePath = own ?? found?.path ?? '/usr/bin/chromium'
  const env = Object.fromEntries(
    Object.entries(withLibraries(own === undefined ? found?.libraries : undefined)).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value]],
    ),
  )
  return chromium.launch({
    executablePath,
    env,
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
  })
}

const LARGE = ['--organizations', '20', '--users', '200', '--deals', '2000']

/**
 * As `npm start -- --nodes 2` does, with both processes in hand.
 * @param {string} place a folder for its database @param {readonly string[]} [size] options that say how much data
 * there is
 */
export async function startDeals(place, size = LARGE) {
  const secret = randomBytes(32).toString('base64url')
  const first = await startNode(1, ['--dir', place, '--port', '0', ...size], secret)
  const second = await startNode(2, ['--dir', place, '--port', '0', ...size], secret).catch(async (error) => {
    await ended(first.child)
    throw error
  })
  const nodes = [first, second].map(({ child, text }) => ({
    child,
    url: /http:\/\/127\.0\.0\.1:\d+/.exec(text)?.[0] ?? '',
  }))
  const token = (/** @type {string} */ role) => new RegExp(`${role}\\s+(\\S{20,})`).exec(first.text)?.[1] ?? ''
  const tokens = { viewer: token('viewer'), administrator: token('administrator') }
  return {
    url: nodes[0]?.url ?? '',
    nodes,
    tokens,
    /**
     * Reads of what the service caches, from every node that is awake.
     * @param {() => boolean} goesOn @param {(node: number) => boolean} [isAwake]
     */
    load: (goesOn, isAwake = () => true) =>
      load(
        nodes.map((node) => node.url),
        tokens.viewer,
        goesOn,
        isAwake,
      ),
    async close() {
      await Promise.all(nodes.map(({ child }) => ended(child)))
    },
  }
}

/** @param {number} node @param {readonly string[]} args @param {string} secret */
async function startNode(node, args, secret) {
  const child = spawn(process.execPath, [join(root, 'apps/deals/dist/main.js'), ...args], {
    env: { ...process.env, CACHE_WARMING_ENABLED: 'false', DEALS_TOKEN_SECRET: secret, DEALS_NODE: String(node) },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  await new Promise((resolve, reject) => {
    child.stdout.on('data', (chunk) => {
      text += chunk
      if (/Ctrl-C stops it|node \d+ is ready/.test(text)) resolve(undefined)
    })
    child.once('exit', (code) => reject(new Error(`node ${node} of the service ended with ${code}: ${text}`)))
  })
  return { child, text }
}

/** @param {import('node:child_process').ChildProcess} child */
async function ended(child) {
  if (child.exitCode !== null || child.signalCode !== null) return
  const end = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGCONT')
  child.kill('SIGTERM')
  await end
}

/**
 * @param {readonly string[]} nodes
 * @param {string} token
 * @param {() => boolean} goesOn
 * @param {(node: number) => boolean} isAwake
 */
async function load(nodes, token, goesOn, isAwake) {
  const paths = [
    'organizations/1/statistics/?days=30',
    'organizations/1/statistics/?days=7',
    'organizations/1/roles/',
    'organizations/1/info/',
  ]
  const more = [
    'analytics/deal-analytics/?days=30&type=pipeline',
    'users/permissions/',
    'users/me/',
    'organizations/1/members/',
  ]
  for (let at = 0; goesOn(); at++) {
    const path = [...paths, ...more][Math.floor(at / nodes.length) % 8]
    if (!isAwake(at % nodes.length)) continue
    const url = `${nodes[at % nodes.length]}/api/cached/${path}`
    // A stopped process answers no request, and cuts waiting ones off when it goes on.
    await fetch(url, { headers: { Authorization: `Bearer ${token}` }, signal: AbortSignal.timeout(5000) })
      .then((answer) => answer.arrayBuffer())
      .catch(() => undefined)
    await after(20)
  }
}
