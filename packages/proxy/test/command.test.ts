// `millpond proxy` as a user starts it: the library's command hands over, and says what is missing. Against the built
// packages, as the examples of the guide are.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { type Ran, ran } from '../../millpond/test/services/index.ts'
import { listen } from './origin.ts'

const bin = fileURLToPath(new URL('../../millpond/bin/millpond.mjs', import.meta.url))
const run = (...args: string[]): Promise<Ran> => ran(process.execPath, [bin, ...args])

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
    expect(statuses).toEqual([
      'Millpond; fwd=uri-miss; fwd-status=200; stored',
      expect.stringMatching(/^Millpond; hit; ttl=/),
    ])
    const ended = new Promise((resolve) => child?.once('exit', resolve))
    child.kill('SIGTERM')
    expect(await ended).toBe(0)
  })
  it('proxy: reloads its configuration on SIGHUP, keeps the old one if it is invalid, and survives the loss of its log reader', async () => {
    origin = createServer((request, response) => response.end(`from ${request.headers.host}`))
    const port = await listen(origin)
    const folder = mkdtempSync(join(tmpdir(), 'millpond-proxy-'))
    const config = join(folder, 'proxy.json')
    const write = (options: object): void => writeFileSync(config, JSON.stringify(options))
    write({ origin: 'http://127.0.0.1:1', retries: 0, cache: { name: 'edge' } })
    try {
      child = spawn(
        process.execPath,
        [bin, 'proxy', '--config', config, '--port', '0', '--host', '127.0.0.1', '--access-log'],
        {
          stdio: ['ignore', 'pipe', 'pipe'],
        },
      )
      let said = ''
      child.stderr?.on('data', (chunk) => {
        said += chunk
      })
      const until = (words: RegExp): Promise<void> => expect.poll(() => said).toMatch(words)
      await until(/listens on port \d+/)
      const url = `http://127.0.0.1:${/port (\d+)/.exec(said)?.[1]}/`
      expect((await fetch(url)).status).toBe(502)
      write({ origin: `http://127.0.0.1:${port}`, cache: { name: 'edge' } })
      child.kill('SIGHUP')
      await until(/has reloaded its configuration/)
      const answer = await fetch(url)
      expect([answer.status, answer.headers.get('cache-status')]).toEqual([
        200,
        expect.stringMatching(/^edge; fwd=uri-miss/),
      ])
      write({ origin: 5 })
      child.kill('SIGHUP')
      await until(/origin: 5 is not allowed/)
      child.stdout?.destroy()
      for (let round = 0; round < 3; round++) expect((await fetch(url)).status).toBe(200)
      await until(/the access log cannot be written any more/)
      expect(child.exitCode).toBe(null)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
  it.each([
    [['proxy'], /--origin is missing/],
    [['proxy', '--origin', 'http://a', '--port', 'x'], /--port: "x" is not a port/],
    [['proxy', '--nonsense'], /--nonsense/],
  ])('%j is an invalid argument', async (args, message) => {
    const { status, stderr } = await run(...args)
    expect([status, stderr]).toEqual([2, expect.stringMatching(message)])
  })
  it('names an option that it cannot use', async () => {
    const { status, stderr } = await run('proxy', '--origin', 'nowhere', '--port', '0')
    expect([status, stderr]).toEqual([1, expect.stringContaining('origin: "nowhere" is not allowed: give an origin')])
  })
})
