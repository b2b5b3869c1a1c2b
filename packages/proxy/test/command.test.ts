// `millpond proxy` as a user starts it: the library's command hands over, and says what is missing. Against the built packages, as the examples of the guide are.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createServer, type Server } from 'node:http'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { listen } from './origin.ts'

const bin = fileURLToPath(new URL('../../millpond/bin/millpond.mjs', import.meta.url))
const run = (...args: string[]): { status: number | null; stderr: string; stdout: string } =>
  spawnSync(process.execPath, [bin, ...args], { encoding: 'utf8', timeout: 20_000 })

let child: ChildProcess | undefined
let origin: Server | undefined
afterEach(() => {
  child?.kill('SIGKILL')
  origin?.closeAllConnections()
  origin?.close()
})

describe('millpond', () => {
  it('proxy: starts, caches, and ends with 0 on SIGTERM', async () => {
    origin = createServer((_, response) => response.setHeader('Cache-Control', 'max-age=60').end('hello'))
    const url = `http://127.0.0.1:${await listen(origin)}`
    child = spawn(process.execPath, [bin, 'proxy', '--origin', url, '--port', '0', '--host', '127.0.0.1', '--strict'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const port = await new Promise<string>((resolve) => {
      let text = ''
      child?.stderr?.on('data', (chunk) => {
        text += chunk
        const found = /listens on port (\d+)/.exec(text)?.[1]
        if (found !== undefined) resolve(found)
      })
    })
    const statuses = []
    for (let at = 0; at < 2; at++) statuses.push((await fetch(`http://127.0.0.1:${port}/`)).headers.get('cache-status'))
    expect(statuses).toEqual(['Millpond; fwd=uri-miss; fwd-status=200; stored', expect.stringMatching(/^Millpond; hit; ttl=/)])
    const ended = new Promise((resolve) => child?.once('exit', resolve))
    child.kill('SIGTERM')
    expect(await ended).toBe(0)
  })
  it.each([
    [['proxy'], /--origin is missing/],
    [['proxy', '--origin', 'http://a', '--port', 'x'], /--port: "x" is not a port/],
    [['proxy', '--nonsense'], /--nonsense/],
  ])('%j is a wrong argument', (args, message) => {
    const { status, stderr } = run(...args)
    expect([status, stderr]).toEqual([2, expect.stringMatching(message)])
  })
  it('names what cannot be used', () => {
    const { status, stderr } = run('proxy', '--origin', 'nowhere', '--port', '0')
    expect([status, stderr]).toEqual([1, expect.stringContaining('origin: "nowhere" is not allowed: give an origin')])
  })
})
