// The proxy under traffic of every kind for a while, reloaded and purged meanwhile: afterwards the heap and what is
// open are what they were when its memory was full. `HTTP_SOAK_MINUTES=60` is the real one.
import { Agent, request as ask } from 'node:http'
import { connect } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, it } from 'vitest'
import { type Play, scene } from './origin.ts'

const MINUTES = Number(process.env.HTTP_SOAK_MINUTES ?? 0)
/** Without minutes: this many rounds. */
const ROUNDS = 30
const AT_ONCE = 24
const URLS = 400
const LONG = Buffer.alloc(300_000, 'long')
/** What may come and go between two looks, in bytes: buffers of sockets and tables that grow by doubling. */
const SLACK = 12 * 1024 * 1024
/** By then its memory is full, however slow the machine is. */
const FULL_ROUNDS = 4000
/** Connections that are just being closed. */
const FEW = 16

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')

/** Kinds of answers, by the last digit of the path. */
const origin: Play = (request, response) => {
  const kind = Number(request.url?.at(-1))
  request.resume()
  const headers: Record<string, string> = { 'Cache-Control': 'max-age=60', 'Surrogate-Key': `t${kind}` }
  if (kind === 1) Object.assign(headers, { 'Cache-Control': 'max-age=0, stale-while-revalidate=5', ETag: '"a"' })
  if (kind === 2) headers['Cache-Control'] = 'no-store'
  if (kind === 3) headers['Set-Cookie'] = 'a=b'
  if (kind === 4) headers.Vary = 'X-Kind'
  if (kind === 5) response.writeEarlyHints({ link: '</a.css>; rel=preload' })
  if (kind === 6) {
    request.socket.destroy()
    return
  }
  if (kind === 9) {
    // Declares more than it sends.
    response.writeHead(200, { ...headers, 'Content-Length': '100' }).write('short')
    request.socket.end()
    return
  }
  if (request.headers['if-none-match'] === '"a"') response.writeHead(304, headers).end()
  else response.writeHead(kind === 7 ? 503 : 200, headers).end(kind === 8 ? LONG : `answer ${request.url}`)
}

it('keeps memory and connections constant', { timeout: MINUTES * 60_000 + 120_000 }, async () => {
  const clock = { now: Date.now() }
  const options = { cache: { now: () => clock.now }, memory: '8mb', accessLog: () => {}, connections: 16 }
  const made = await scene(origin, options)
  const { proxy, seen, errors } = made
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE })
  let asked = 0
  function one(): Promise<void> {
    const at = asked++
    const method = at % 53 === 0 ? 'POST' : at % 31 === 0 ? 'HEAD' : at % 71 === 0 ? 'QUERY' : 'GET'
    const headers = {
      'X-Kind': String(at % 200),
      ...(at % 17 === 0 ? { Range: 'bytes=0-9' } : {}),
      ...(at % 11 === 0 ? { Cookie: 'a=b' } : {}),
    }
    return new Promise((resolve) => {
      const done = (): void => resolve()
      const request = ask(
        { port: proxy.port, path: `/${(at * 7919) % URLS}${at % 10}`, method, headers, agent },
        (response) => {
          response.on('close', done)
          response.on('error', done)
          // Some have seen enough.
          if (at % 37 === 0) response.destroy()
          else response.resume()
        },
      )
      request.on('error', done)
      request.end(method === 'POST' || method === 'QUERY' ? 'content' : undefined)
    })
  }
  /** Comes and goes: in the middle of an answer, with what is refused, or to be tunnelled. */
  function leave(): Promise<void> {
    const text = [
      'GET /18 HTTP/1.1\r\nHost: a\r\n\r\n',
      'GET /1 HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
      'GET /0 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    ][asked % 3] as string
    return new Promise((resolve) => {
      const socket = connect(proxy.port, '127.0.0.1')
      socket.on('error', () => {})
      socket.once('data', () => socket.destroy())
      socket.on('close', () => resolve())
      socket.write(text)
    })
  }
  async function round(at: number): Promise<void> {
    await Promise.all([...Array.from({ length: AT_ONCE }, one), leave()])
    seen.length = 0
    errors.length = 0
    // Time goes on, so that things become stale, end, and are marked anew.
    clock.now += 1_000
    if (at % 5 === 0) await proxy.http.purge({ tags: [`t${at % 10}`] })
    if (at % 10 === 0) proxy.reload({ origin: made.origin, ...options })
  }
  const look = async (): Promise<{ heap: number; open: number }> => {
    await new Promise((resolve) => setTimeout(resolve, 100))
    collect()
    collect()
    const { heapUsed, external } = process.memoryUsage()
    return { heap: heapUsed + external, open: process.getActiveResourcesInfo().length }
  }
  const until = performance.now() + MINUTES * 60_000
  const isOver = (rounds: number, share: number): boolean =>
    MINUTES > 0 ? performance.now() > until - (1 - share) * MINUTES * 60_000 : rounds >= ROUNDS * share
  let rounds = 0
  while (!isOver(rounds, 0.4) || (MINUTES > 0 && rounds < FULL_ROUNDS && !isOver(rounds, 0.9))) await round(rounds++)
  const before = await look()
  while (!isOver(rounds, 1)) await round(rounds++)
  const after = await look()
  console.log(`${asked} requests, ${Math.round(before.heap / 1e6)} MB, then ${Math.round(after.heap / 1e6)} MB`)
  console.log(`open: ${before.open}, then ${after.open}; ${JSON.stringify(proxy.http.stats())}`)
  agent.destroy()
  await made.close()
  expect(after.heap - before.heap).toBeLessThan(SLACK)
  expect(after.open - before.open).toBeLessThan(FEW)
})
