// In a real terminal: a pseudo-terminal that the command line is started in, and an emulator that says what is to be
// seen.
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { type IPty, spawn } from '@lydell/node-pty'
import { Terminal } from '@xterm/headless'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BIN, type Desk, openDesk, tokenOf } from './desk.ts'

let desk: Desk
let server: Server
let url = ''
let isDown = false
const open: IPty[] = []
const SLOW = { timeout: 20_000, interval: 50 }

beforeAll(async () => {
  desk = await openDesk()
  for (let at = 0; at < 20; at++) await desk.shop.set(`key:${at}`, at)
  await desk.shop.get('key:1')
  await desk.shop.get('none')
  await desk.shop.namespace('users').set('a', 1)
  await desk.run(['invalidate', '--key', 'none', '--yes', '--reason', '日本語', '--cache-name', 'shop'])
  const listener = getRequestListener(desk.plane.fetch)
  server = createServer((request, response) => (isDown ? request.socket.destroy() : void listener(request, response)))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(async () => {
  for (const pty of open) pty.kill('SIGKILL')
  server.closeAllConnections()
  server.close()
  await desk.close()
})

interface Seen {
  readonly pty: IPty
  readonly terminal: Terminal
  /** Everything that came, as it came. */
  readonly raw: () => string
  readonly lines: () => string[]
  readonly screen: () => string
  readonly ended: Promise<number>
}

function start(
  args: readonly string[],
  {
    columns = 100,
    rows = 30,
    env = {},
    file = process.execPath,
  }: { columns?: number; rows?: number; env?: Record<string, string>; file?: string } = {},
): Seen {
  const terminal = new Terminal({ cols: columns, rows, allowProposedApi: true })
  const pty = spawn(file, file === process.execPath ? [BIN, ...args] : [...args], {
    cols: columns,
    rows,
    name: env.TERM ?? 'xterm-256color',
    cwd: desk.folder,
    env: {
      PATH: process.env.PATH ?? '',
      HOME: desk.folder,
      TERM: 'xterm-256color',
      MILLPOND_URL: url,
      MILLPOND_TOKEN: tokenOf('operator'),
      ...env,
    },
  })
  open.push(pty)
  let raw = ''
  pty.onData((data) => {
    raw += data
    terminal.write(data)
  })
  // What came last is to be seen by then: the emulator takes its time.
  const ended = new Promise<number>((resolve) =>
    pty.onExit(({ exitCode }) => terminal.write('', () => resolve(exitCode))),
  )
  const lines = (): string[] => {
    const { active } = terminal.buffer
    return Array.from(
      { length: terminal.rows },
      (_, row) => active.getLine(active.baseY + row)?.translateToString(true) ?? '',
    )
  }
  return { pty, terminal, raw: () => raw, lines, screen: () => lines().join('\n'), ended }
}

const isAway = ({ terminal, raw }: Seen): boolean =>
  terminal.buffer.active.type === 'normal' && raw().lastIndexOf('\u001b[?25h') > raw().lastIndexOf('\u001b[?25l')

describe('monitor', () => {
  it('fills the screen, follows its size and the keyboard, and restores the terminal', async () => {
    const seen = start(['monitor', '--interval', '200ms'])
    await expect.poll(seen.screen, SLOW).toMatch(/deep +health .*1 process/)
    expect(seen.terminal.buffer.active.type).toBe('alternate')
    seen.pty.write('n')
    await expect.poll(seen.screen, SLOW).toMatch(/shop +health .*8\.0 MB, 2\d entries/)
    await desk.shop.get('key:2')
    await desk.shop.get('another')
    await expect.poll(seen.screen, SLOW).toMatch(/hit ratio .*50\.0 %/)
    await expect.poll(seen.screen, SLOW).toMatch(/MISSES +cold 100\.0 %/)
    expect(seen.screen()).toMatch(/users[\s\S]*invalidate completed by operator: 日本語/)
    expect(seen.lines().at(-1)).toMatch(/^q quit {2}p pause {2}n next cache \(2 of 2\)/)
    for (const [columns, rows] of [
      [60, 20],
      [30, 8],
      [120, 40],
    ] as const) {
      seen.terminal.resize(columns, rows)
      seen.pty.resize(columns, rows)
      await expect
        .poll(() => [seen.lines()[0]?.slice(0, 13), seen.lines().at(-1)?.slice(0, 6)], SLOW)
        .toEqual(['millpond http', 'q quit'])
    }
    seen.pty.write('p')
    await expect.poll(seen.screen, SLOW).toContain('paused')
    seen.pty.write('q')
    expect(await seen.ended).toBe(0)
    await expect.poll(() => isAway(seen), SLOW).toBe(true)
  })

  it('shows what is unreachable, and recovers by itself', async () => {
    const seen = start(['monitor', '--interval', '100ms', '--cache-name', 'shop'])
    await expect.poll(seen.screen, SLOW).toContain('live')
    isDown = true
    await expect.poll(seen.screen, SLOW).toMatch(/not reachable[\s\S]*shop +health/)
    isDown = false
    await expect.poll(seen.screen, SLOW).toContain('live')
    seen.pty.write('\u0003')
    expect(await seen.ended).toBe(0)
    await expect.poll(() => isAway(seen), SLOW).toBe(true)
  })

  it('restores the terminal when it is terminated from outside (p-e-w/ternimal#14)', async () => {
    const seen = start(['monitor'])
    await expect.poll(seen.screen, SLOW).toContain('live')
    seen.pty.kill('SIGTERM')
    expect(await seen.ended).toBe(0)
    await expect.poll(() => isAway(seen), SLOW).toBe(true)
  })

  it('restores the terminal while it is suspended', async () => {
    const seen = start(['--norc', '--noprofile', '-i'], { file: '/bin/bash', env: { PS1: 'ready> ' } })
    await expect.poll(seen.screen, SLOW).toContain('ready>')
    seen.pty.write(`"${process.execPath}" "${BIN}" monitor\r`)
    await expect.poll(seen.screen, SLOW).toContain('live')
    seen.pty.write('\u001a')
    await expect.poll(() => isAway(seen) && seen.screen().includes('Stopped'), SLOW).toBe(true)
    seen.pty.write('fg\r')
    await expect
      .poll(() => seen.terminal.buffer.active.type === 'alternate' && seen.screen().includes('live'), SLOW)
      .toBe(true)
    seen.pty.write('q')
    await expect.poll(() => isAway(seen), SLOW).toBe(true)
    seen.pty.write('exit\r')
    await seen.ended
  })

  it('reports a wrong token before it takes the screen, and leaves no screen that it did not enter (runloopai/rl-cli#245)', async () => {
    const seen = start(['monitor'], { env: { MILLPOND_TOKEN: 'wrong' } })
    expect(await seen.ended).toBe(4)
    expect(seen.raw()).not.toContain('\u001b[?1049')
  })
})

describe('output for people', () => {
  it('fits the terminal, in colour unless NO_COLOR or TERM=dumb say otherwise', async () => {
    const seen = start(['keys', '--cache-name', 'shop', '--limit', '5'], { columns: 50 })
    expect(await seen.ended).toBe(0)
    expect(seen.lines().filter((line) => line !== '').length).toBe(7)
    expect(seen.raw()).toContain('\u001b[2mKEY')
    for (const env of [{ NO_COLOR: '1' }, { TERM: 'dumb' }]) {
      const plain = start(['keys', '--cache-name', 'shop'], { columns: 50, env })
      expect(await plain.ended).toBe(0)
      expect(plain.raw()).not.toContain('\u001b[')
    }
  })

  it('asks, takes the answer, and changes nothing on Ctrl-C', async () => {
    const asked = start(['invalidate', '--key', 'key:3', '--cache-name', 'shop'])
    await expect.poll(asked.screen, SLOW).toContain('Run it? [y/N]')
    asked.pty.write('\u0003')
    expect(await asked.ended).toBe(130)
    expect(await desk.shop.get('key:3')).toBe(3)
    const again = start(['invalidate', '--key', 'key:3', '--cache-name', 'shop'])
    await expect.poll(again.screen, SLOW).toContain('Run it? [y/N]')
    again.pty.write('y\r')
    expect(await again.ended).toBe(0)
    expect(await desk.shop.get('key:3')).toBeUndefined()
  })

  it('does not echo a token that is typed', async () => {
    const seen = start(['login'], { env: { MILLPOND_TOKEN: '' } })
    await expect.poll(seen.screen, SLOW).toContain('Token for')
    seen.pty.write(`${tokenOf('viewer')}\r`)
    expect(await seen.ended).toBe(0)
    expect(seen.screen()).toContain('viewer, viewer')
    expect(seen.raw()).not.toContain(tokenOf('viewer'))
  })
})
