// Addresses over HTTP: of allowed hosts alone, against a real server.
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { showWarming } from 'millpond/observe'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { closeAfterEach, open } from '../engine/setups.ts'

closeAfterEach()

let server: Server
let base: string
const asked: string[] = []

beforeAll(async () => {
  server = createServer(({ url = '', headers }, response) => {
    asked.push(`${url} ${headers['x-warm'] ?? ''}`.trim())
    if (url === '/away') response.writeHead(302, { location: 'http://127.0.0.2:1/' }).end()
    else response.writeHead(url === '/broken' ? 500 : 200).end('page')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => new Promise((resolve) => server.close(resolve)))

describe('W1: addresses', () => {
  it('are asked as they are; what is not 2xx is a failure, and redirects are not followed', async () => {
    const report = await open().warm({
      kind: 'url',
      base,
      urls: ['/a', '/b?x=1', '/broken', '/away'],
      headers: { 'x-warm': '1' },
    })
    expect(report).toMatchObject({ warmed: 2, failed: 2, plans: [{ name: 'url', state: 'done' }] })
    expect(report.plans[0]?.errors.join()).toMatch(/\/broken answered 500.*\/away answered 302/)
    expect(asked.sort()).toEqual(['/a 1', '/away 1', '/b?x=1 1', '/broken 1'])
  })

  it('of another host are refused, before any is asked where they are at hand, else one by one', async () => {
    const cache = open()
    asked.length = 0
    const elsewhere = 'http://127.0.0.2:1/secret'
    await expect(cache.warm({ kind: 'url', base, urls: ['/a', elsewhere] })).rejects.toThrow(
      /on the host "127\.0\.0\.2:1", which is not allowed/,
    )
    await expect(cache.warm({ kind: 'url', base, urls: ['//127.0.0.2:1/x'] })).rejects.toThrow(/not allowed/)
    await expect(cache.warm({ kind: 'url', base, urls: ['file:///etc/passwd'] })).rejects.toThrow(
      /is not an HTTP address/,
    )
    await expect(cache.warm({ kind: 'url', urls: [`${base}/a`] })).rejects.toThrow(/no host is allowed/)
    expect(asked).toEqual([])
    const report = await cache.warm({ kind: 'url', base, urls: () => [elsewhere, '/a'] })
    expect(report).toMatchObject({ warmed: 1, failed: 1 })
    const { host } = new URL(base)
    expect(await cache.warm({ kind: 'url', allow: [host], urls: [`${base}/a`] })).toMatchObject({ warmed: 1 })
  })
})

describe('addresses that mean another host than they seem to', () => {
  it('are refused, however they are written', async () => {
    const cache = open()
    asked.length = 0
    const { host, port } = new URL(base)
    for (const url of [
      'http://2130706434:1/',
      'http://0x7f000002:1/',
      'http://0177.0.0.2:1/',
      'http://[::ffff:127.0.0.2]:1/',
      'http:\\\\127.0.0.2:1\\x',
      '\\\\127.0.0.2:1/x',
      '/\t/127.0.0.2:1/x',
      'ht\ntp://127.0.0.2:1/',
      'http:///127.0.0.2:1/',
      'http://１２７.0.0.2:1/',
      `http://127.0.0.1.:${port}1/`,
      `http://127.0.0.1:1/#@${host}/`,
      `http://127.0.0.2:1/?${base}`,
      `https://127.0.0.1:${Number(port) - 1}/`,
    ])
      await expect(cache.warm({ kind: 'url', base, urls: [url] }), url).rejects.toThrow(
        /which is not allowed|is not an HTTP address/,
      )
    for (const url of [`http://${host}@127.0.0.2:1/`, `http://ada:geheim@${host}/a`]) {
      const refused = cache.warm({ kind: 'url', base, urls: [url] })
      await expect(refused, url).rejects.toThrow(/contains a user name or password/)
      await expect(refused).rejects.not.toThrow(/geheim/)
    }
    expect(asked).toEqual([])
    expect(
      await cache.warm({ kind: 'url', base, urls: [`http://2130706433:${port}/a`, `HTTP://0x7f.1:${port}/b`] }),
    ).toMatchObject({
      warmed: 2,
    })
  })

  it('nor is what is allowed taken for more, or less, than it says', async () => {
    const cache = open()
    const warm = (allow: readonly unknown[], url: string) =>
      cache.warm({ kind: 'url', allow: allow as string[], urls: [url] })
    for (const host of ['http://example.com', 'example.com/x', '*.example.com', 'ada@example.com', 'a b', '', 7])
      await expect(warm([host], 'http://example.com/'), String(host)).rejects.toThrow(
        /allow.*(is not a host|give a text)/,
      )
    const { port } = new URL(base)
    expect(await warm([`LOCALHOST:${port}`, `0x7f000001:${port}`], `${base}/a`)).toMatchObject({ warmed: 1 })
    await expect(warm(['example.com:80'], 'https://example.com/')).rejects.toThrow(/not allowed/)
    await expect(warm(['example.com:443'], 'http://example.com/')).rejects.toThrow(/not allowed/)
    await expect(warm(['xn--bcher-kva.example'], 'http://bücher.example.evil.test/')).rejects.toThrow(/not allowed/)
    await expect(warm(['example.com'], 'http://example.com.evil.test/')).rejects.toThrow(/not allowed/)
    await expect(warm(['example.com'], 'http://evil.test/example.com')).rejects.toThrow(/not allowed/)
  })
})

describe('W3: the bar', () => {
  it('is written over in a terminal, and a line for each plan elsewhere', async () => {
    const cache = open()
    const lines = (isTTY: boolean) => {
      const written: string[] = []
      return { out: { isTTY, columns: 60, write: (text: string) => written.push(text) }, written }
    }
    const [terminal, file] = [lines(true), lines(false)]
    const hides = [showWarming(cache, { out: terminal.out }), showWarming(cache, { out: file.out })]
    await cache.warm({ name: 'users', keys: ['a', 'b'], load: (key) => key })
    for (const hide of hides) hide()
    await cache.warm({ name: 'unseen', keys: ['c'], load: (key) => key })
    expect(file.written).toEqual([expect.stringMatching(/^\[#{24}\] 2\/2 users, 2 loaded, \d+\.\d s\n$/)])
    expect(terminal.written[0]).toMatch(/\[\.{24}\] 0\/2 users/)
    expect(terminal.written.at(-1)).toMatch(/\[#{24}\] 2\/2 users.*\n$/)
    expect(terminal.written.every((text) => text.replace(/^\r\S*K/, '').trimEnd().length < 60)).toBe(true)
  })
})
