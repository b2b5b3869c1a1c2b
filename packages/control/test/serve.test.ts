// `millpond serve` as a stranger runs it.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { main } from '@millpond/control/main'
import { MillpondError } from 'millpond'
import { afterAll, expect, it, vi } from 'vitest'
import { cdnOfEnvironment } from '../src/cdn/environment.ts'

const BIN = fileURLToPath(new URL('../../millpond/bin/millpond.mjs', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'millpond-serve-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Runs it; once it says where it is, `act` is called and then it is told to stop. */
function serve(args: readonly string[], act?: (said: string) => Promise<void>, env: Record<string, string> = {}) {
  return new Promise<{ code: number | null; out: string; err: string }>((resolve) => {
    const child = spawn(process.execPath, [BIN, 'serve', ...args], { env: { PATH: process.env.PATH, ...env } })
    let [out, err, isReady] = ['', '', false]
    child.stderr.on('data', (chunk) => {
      err += chunk
    })
    child.stdout.on('data', (chunk) => {
      out += chunk
      if (isReady || !out.includes('is at http')) return
      isReady = true
      Promise.resolve(act?.(out)).finally(() => child.kill('SIGTERM'))
    })
    child.on('close', (code) => resolve({ code, out, err }))
  })
}

const STORE = ['--store', join(folder, 'control.db'), '--port', '0']
const urlIn = (said: string): string => /is at (\S+)/.exec(said)?.[1] ?? ''

it('creates the first credential and shows it once, finds processes that meet at a file, and shuts down cleanly', async () => {
  let role = ''
  const first = await serve([...STORE, '--sqlite', join(folder, 'shop.db')], async (said) => {
    const token = /shown only once: (\S+)/.exec(said)?.[1] ?? ''
    const answer = await fetch(`${urlIn(said)}session/`, { headers: { Authorization: `Bearer ${token}` } })
    role = ((await answer.json()) as { role: string }).role
  })
  expect([first.code, first.err, role]).toEqual([0, '', 'admin'])
})

it('purges the CDN that the environment configures', async () => {
  const asked: string[] = []
  const vendor = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`)
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"success":true,"result":{"id":"x"}}')
  })
  await new Promise<void>((resolve) => vendor.listen(0, '127.0.0.1', resolve))
  const api = `http://127.0.0.1:${(vendor.address() as AddressInfo).port}`
  const env = {
    CLOUDFLARE_ZONE_ID: 'zone1',
    CLOUDFLARE_API_TOKEN: 'hidden',
    CLOUDFLARE_API_URL: api,
    MILLPOND_ADMIN_TOKEN: 'x'.repeat(40),
  }
  const purge = async (said: string) => {
    const headers = { Authorization: `Bearer ${env.MILLPOND_ADMIN_TOKEN}`, 'Content-Type': 'application/json' }
    await fetch(`${urlIn(said)}cdn/invalidate_cdn/`, { method: 'POST', headers, body: '{"tags":["deals"]}' })
  }
  const served = await serve(STORE, purge, env)
  expect([served.code, served.err, asked]).toEqual([0, '', ['POST /zones/zone1/purge_cache']])
  vendor.closeAllConnections()
  await new Promise((resolve) => vendor.close(resolve))
})

it('loads the CDN package only if one is configured, and says what to install', async () => {
  const missing = Object.assign(new Error("Cannot find package '@millpond/cdn'"), { code: 'ERR_MODULE_NOT_FOUND' })
  const absent = () => Promise.reject(missing)
  expect(await cdnOfEnvironment({ CLOUDFLARE_API_TOKEN: 'hidden', FASTLY_SERVICE_ID: ' ' }, absent)).toBeUndefined()
  const refused = cdnOfEnvironment({ FASTLY_SERVICE_ID: 'service1' }, absent)
  await expect(refused).rejects.toThrow(MillpondError)
  const half = cdnOfEnvironment({ CLOUDFLARE_ZONE_ID: 'zone1' })
  await expect(half).rejects.toThrow(MillpondError)
  await expect(half).rejects.toThrow(/^\[millpond\] CLOUDFLARE_ZONE_ID is set but CLOUDFLARE_API_TOKEN is not/)
  await expect(refused).rejects.toThrow(/FASTLY_SERVICE_ID needs the package @millpond\/cdn: npm install/)
})

it('reports in one line what it cannot do', async () => {
  const said = vi.spyOn(console, 'error').mockImplementation(() => undefined)
  for (const [args, words] of [
    [['serve', '--speed', '3'], /--speed.*--help/],
    [['serve', '--port', '99999'], /--port 99999 is not a port/],
    [['serve', ...STORE, '--host', ''], /--host "" is empty: give a value, or leave it out/],
    [['serve', '--store', '/dev/null/control.db'], /cannot be opened/],
    [['serve', ...STORE, '--token-file', join(folder, 'none')], /--token-file .* cannot be read/],
    [['ui'], /@millpond\/cli has the others/],
  ] as const) {
    said.mockClear()
    expect(await main(args)).toBe(2)
    expect(said.mock.calls).toHaveLength(1)
    expect(said.mock.calls[0]?.[0]).toMatch(words)
  }
  said.mockRestore()
})
