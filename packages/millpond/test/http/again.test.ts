// A stored head that node:http writes once and that is sent again: byte for byte what `writeHead` would write, for
// every kind of request.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { afterEach, expect, it } from 'vitest'
import { createHttpCache } from '../../src/http/index.ts'
import { createCache } from '../../src/index.ts'
import { close, listen } from './stage.ts'

let server: Server | undefined
afterEach(async () => {
  if (server !== undefined) await close(server)
  server = undefined
})

type Before = (request: IncomingMessage, response: ServerResponse) => void

/**
 * A cache before an application; `before` stands before the cache. Resolves with a way to ask: all that comes back, as
 * latin1.
 */
async function start(
  body: string | Buffer,
  fields: string[] = [],
  before: Before = () => {},
): Promise<(text: string) => Promise<string>> {
  const http = createHttpCache(createCache(), { now: () => 1_700_000_000_000 })
  const listener = http.listener((_, response) => {
    response.writeHead(200, 'Fine', ['Cache-Control', 'max-age=60', 'Date', 'Tue, 14 Nov 2023 22:13:20 GMT', ...fields])
    response.end(body)
  })
  server = createServer((request, response) => {
    before(request, response)
    listener(request, response)
  })
  const port = await listen(server)
  return (text) =>
    new Promise((resolve, reject) => {
      const chunks: Buffer[] = []
      const socket = connect(port, '127.0.0.1')
      socket.on('data', (chunk) => chunks.push(chunk))
      socket.on('error', reject)
      socket.on('close', () => resolve(Buffer.concat(chunks).toString('latin1')))
      socket.write(text)
    })
}

const last = 'GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
const next = 'GET /a HTTP/1.1\r\nHost: a\r\n\r\n'
const answersIn = (text: string): string[] => text.split(/(?=HTTP\/1\.1 )/)

it.each<[string, string | Buffer]>([
  ['ASCII', 'hello'],
  ['UTF-8', 'grüße, 你好'],
  ['bytes', Buffer.from([0, 1, 200, 255])],
  ['nothing', ''],
  ['a body that no socket takes at once', 'x'.repeat(60_000)],
])('is the same each time: %s', async (_, body) => {
  const ask = await start(body, ['X-Name', 'caf\u00e9'])
  await ask(last)
  const [first, ...others] = answersIn(await ask(next.repeat(4) + last))
  const closing = others.pop()
  expect(others).toHaveLength(3)
  for (const other of others) expect(other).toBe(first)
  expect(first).toMatch(
    /^HTTP\/1\.1 200 Fine\r\n[\s\S]*\r\nX-Name: caf\u00e9\r\n[\s\S]*Millpond; hit[\s\S]*\r\nConnection: keep-alive\r\n/,
  )
  expect(first?.slice(first.indexOf('\r\n\r\n') + 4)).toBe(Buffer.from(body).toString('latin1'))
  expect(closing).toBe(first?.replace(/Connection: keep-alive\r\nKeep-Alive: timeout=5/, 'Connection: close'))
})

it('knows whose connection stays open, over HTTP/1.0 too', async () => {
  const ask = await start('hello')
  await ask(last)
  const keep = 'GET /a HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n'
  const answers = answersIn(await ask(`${next}${keep}${keep}GET /a HTTP/1.0\r\nHost: a\r\n\r\n`))
  expect(answers.map((answer) => /Connection: ([\w-]+)/.exec(answer)?.[1])).toEqual([
    'keep-alive',
    'keep-alive',
    'keep-alive',
    'close',
  ])
})

it('heeds how long this server keeps a connection, and how many requests it takes over one', async () => {
  const ask = await start('hello')
  await ask(last)
  await ask(next + last)
  if (server !== undefined) server.keepAliveTimeout = 7000
  expect(await ask(next + last)).toContain('Keep-Alive: timeout=7\r\n')
  // Node leaves such a connection to its client, or to this timeout.
  if (server !== undefined) Object.assign(server, { maxRequestsPerSocket: 3, keepAliveTimeout: 50 })
  const answers = answersIn(await ask(next.repeat(3)))
  expect(answers.map((answer) => /Connection: ([\w-]+)/.exec(answer)?.[1])).toEqual([
    'keep-alive',
    'keep-alive',
    'close',
  ])
})

it('leaves what others have set, and whom they have told to listen', async () => {
  let isWatched = false
  const heads: number[] = []
  const ask = await start('hello', [], (_, response) => {
    if (!isWatched) return
    response.setHeader('X-Powered-By', 'others')
    const { writeHead } = response
    response.writeHead = (...args: unknown[]) => {
      heads.push(Number(args[0]))
      return Reflect.apply(writeHead, response, args)
    }
  })
  await ask(last)
  expect(await ask(next + next + last)).not.toContain('X-Powered-By')
  isWatched = true
  expect((await ask(next + last)).match(/X-Powered-By: others\r\n/g)).toHaveLength(2)
  expect(heads).toEqual([200, 200])
  isWatched = false
  expect(await ask(next + last)).not.toContain('X-Powered-By')
})

it('sends what others have set as they have set it this time', async () => {
  let count = 0
  const ask = await start('hello', [], (_, response) => {
    // What the first one sets is the application's answer, and stored.
    if (count > 0) response.setHeader('X-Kind', count < 4 ? 'same' : String(count))
    if (count > 0) response.setHeader('Age', 'theirs')
    count++
  })
  await ask(last)
  const answers = answersIn(await ask(next.repeat(5) + last))
  expect(answers.map((answer) => /X-Kind: (\w+)/.exec(answer)?.[1])).toEqual(['same', 'same', 'same', '4', '5', '6'])
  expect(answers[1]).toBe(answers[0])
  expect(answers.join('')).not.toContain('theirs')
})

it('tells those who ask the response afterwards', async () => {
  const told: unknown[] = []
  const ask = await start('hello', [], (_, response) => {
    response.once('finish', () =>
      told.push([response.statusCode, response.statusMessage, response.headersSent, response.writableEnded]),
    )
  })
  await ask(last)
  await ask(next + next + last)
  expect(told).toEqual(Array(4).fill([200, 'Fine', true, true]))
})

it('ends a request that is not read at once, and leaves one with listeners alone', async () => {
  const told: string[] = []
  const endedAtOnce: boolean[] = []
  const seen: IncomingMessage[] = []
  const listener = createHttpCache(createCache()).listener((_, response) => {
    response.writeHead(200, { 'Cache-Control': 'max-age=60' })
    response.end('hello')
  })
  server = createServer((request, response) => {
    seen.push(request)
    if (request.headers['x-listen'] !== undefined) request.on('close', () => told.push('close'))
    listener(request, response)
    endedAtOnce.push(request.readableEnded)
  })
  const url = `http://127.0.0.1:${await listen(server)}/`
  for (const headers of [{}, {}, { 'X-Listen': '1' }, {}]) await (await fetch(url, { headers })).text()
  expect(endedAtOnce).toEqual([false, true, false, true])
  await expect.poll(() => told).toEqual(['close'])
  for (const { complete, readableEnded, destroyed, errored } of seen)
    expect([complete, readableEnded, destroyed, errored]).toEqual([true, true, true, null])
})

it('keeps the content of what comes next on the connection for who reads it', async () => {
  const got: string[] = []
  const ask = await start('hello', [], (request) => {
    if (request.method !== 'POST') return
    let text = ''
    request.on('data', (chunk) => {
      text += chunk
    })
    request.on('end', () => got.push(text))
  })
  await ask(last)
  const post = 'POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12345'
  const answers = answersIn(await ask(next + post + next + post + last))
  expect(answers.map((answer) => /HTTP\/1.1 (\d+)/.exec(answer)?.[1])).toEqual(['200', '200', '200', '200', '200'])
  expect(got).toEqual(['12345', '12345'])
})

it('keeps head and body together for the last answers only, each its own', async () => {
  const bodies = Array.from({ length: 70 }, (_, at) => `body ${at} `.repeat(50))
  const http = createHttpCache(createCache(), { now: () => 1_700_000_000_000 })
  const listener = http.listener((request, response) => {
    response.writeHead(200, { 'Cache-Control': 'max-age=60' })
    response.end(bodies[Number(request.url?.slice(1))])
  })
  server = createServer(listener)
  const url = `http://127.0.0.1:${await listen(server)}`
  for (let round = 0; round < 4; round++)
    expect(await Promise.all(bodies.map(async (_, at) => (await fetch(`${url}/${at}`)).text()))).toEqual(bodies)
  expect(http.stats().hits).toBe(210)
})
