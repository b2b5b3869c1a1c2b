// `millpond serve` as a stranger runs it.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { main } from '@millpond/control/main'
import { afterAll, expect, it, vi } from 'vitest'

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

it('makes the first credential and shows it once, finds what meets at a file, and ends in good order', async () => {
  let role = ''
  const first = await serve([...STORE, '--sqlite', join(folder, 'shop.db')], async (said) => {
    const token = /shown this once: (\S+)/.exec(said)?.[1] ?? ''
    const answer = await fetch(`${urlIn(said)}session/`, { headers: { Authorization: `Bearer ${token}` } })
    role = ((await answer.json()) as { role: string }).role
  })
  expect([first.code, first.err, role]).toEqual([0, '', 'admin'])
})

it('says in one line what it cannot do', async () => {
  const said = vi.spyOn(console, 'error').mockImplementation(() => undefined)
  for (const [args, words] of [
    [['serve', '--speed', '3'], /--speed.*--help/],
    [['serve', '--port', '99999'], /--port 99999 is not a port/],
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
