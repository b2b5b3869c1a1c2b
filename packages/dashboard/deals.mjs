// The deals service in two processes, and people who read from it: what the dashboard is looked at with.
// @ts-check
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'
import { recorded } from '../../scripts/servers.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** The browser that the tests use, else the system's. */
export function launch() {
  const executablePath = process.env.CHROMIUM ?? recorded().chromium?.path ?? '/usr/bin/chromium'
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'] })
}

/** @param {string} place a folder for its database */
export async function startDeals(place) {
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
  const tokens = { viewer: token('viewer'), administrator: token('administrator') }
  return {
    url: urls[0] ?? '',
    tokens,
    /** Reads of what the service caches, from both nodes. @param {() => boolean} goesOn */
    load: (goesOn) => load(urls, tokens.viewer, goesOn),
    async close() {
      child.kill('SIGTERM')
      await new Promise((resolve) => child.once('exit', resolve))
    },
  }
}

/** @param {readonly string[]} nodes @param {string} token @param {() => boolean} goesOn */
async function load(nodes, token, goesOn) {
  const paths = [
    'organizations/1/statistics/?days=30',
    'organizations/1/statistics/?days=7',
    'organizations/1/roles/',
    'organizations/1/info/',
  ]
  const more = ['analytics/deal-analytics/?days=30&type=pipeline', 'users/permissions/', 'users/me/', 'organizations/1/members/']
  for (let at = 0; goesOn(); at++) {
    const path = [...paths, ...more][at % 8]
    const answer = await fetch(`${nodes[at % nodes.length]}/api/cached/${path}`, { headers: { Authorization: `Bearer ${token}` } })
    await answer.arrayBuffer()
    await after(20)
  }
}
