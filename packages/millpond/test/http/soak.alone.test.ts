// Traffic of every kind for a while: afterwards the heap is what it was when the store had filled.
// `HTTP_SOAK_MINUTES=60` is the real one.
import { Agent, type RequestListener } from 'node:http'
import { connect } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, it } from 'vitest'
import { stage } from './stage.ts'

const MINUTES = Number(process.env.HTTP_SOAK_MINUTES ?? 0)
/** Without minutes: this many rounds. */
const ROUNDS = 25
const AT_ONCE = 32
const URLS = 400
const LONG = Buffer.alloc(300_000, 'long')
/** What may come and go between two looks, in bytes: buffers of sockets and tables that grow by doubling. */
const SLACK = 12 * 1024 * 1024

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')

/** Kinds of answers, by the last digit of the path. */
const application: RequestListener = (request, response) => {
  const kind = Number(request.url?.at(-1))
  const headers: Record<string, string> = { 'Cache-Control': 'max-age=60', 'Surrogate-Key': `t${kind}` }
  if (kind === 1) Object.assign(headers, { 'Cache-Control': 'max-age=0', ETag: '"a"' })
  if (kind === 2) headers['Cache-Control'] = 'no-store'
  if (kind === 3) headers['Cache-Control'] = 'private'
  if (kind === 4) headers.Vary = 'X-Kind'
  if (kind === 5) headers['No-Vary-Search'] = 'params=("page")'
  if (kind === 6) {
    request.socket.destroy()
    return
  }
  if (request.headers['if-none-match'] === '"a"') response.writeHead(304, headers).end()
  else response.writeHead(kind === 7 ? 503 : 200, headers).end(kind === 8 ? LONG : `answer ${request.url}`)
}

it('keeps memory as it is', { timeout: MINUTES * 60_000 + 120_000 }, async () => {
  const made = await stage(application, { staleIfUnreachable: 0 })
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE })
  let asked = 0
  async function one(): Promise<void> {
    const at = asked++
    const path = `/${(at * 7919) % URLS}${at % 10}`
    const method = at % 53 === 0 ? 'POST' : at % 31 === 0 ? 'HEAD' : 'GET'
    const headers = {
      'X-Kind': String(at % 200),
      ...(at % 17 === 0 ? { Range: 'bytes=0-9' } : {}),
      ...(at % 11 === 0 ? { Cookie: 'a=b' } : {}),
    }
    await made.ask(path, { method, headers, agent }).catch(() => undefined)
  }
  /** Comes and goes: in the middle of a request, of an answer, or with what is refused. */
  function leave(): void {
    const socket = connect(made.port, '127.0.0.1')
    socket.on('error', () => {})
    socket.once('data', () => socket.destroy())
    socket.write(
      asked % 2 === 0 ? 'GET /18 HTTP/1.1\r\nHost: a\r\n\r\n' : 'GET /1 HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
    )
  }
  async function round(): Promise<void> {
    await Promise.all(Array.from({ length: AT_ONCE }, one))
    leave()
    // What the stage remembers for other tests would be all that grows.
    made.seen.length = 0
    made.errors.length = 0
    made.arrived.length = 0
    // Time goes on, so that things become stale, end, and are marked anew.
    made.clock.now += 1_000
    if (asked % 5 === 0) await made.http.purge({ tags: [`t${asked % 10}`] })
  }
  const heap = async (): Promise<number> => {
    await new Promise((resolve) => setTimeout(resolve, 50))
    collect()
    collect()
    const { heapUsed, external } = process.memoryUsage()
    return heapUsed + external
  }
  const until = performance.now() + MINUTES * 60_000
  const isOver = (rounds: number, share: number): boolean =>
    MINUTES > 0 ? performance.now() > until - (1 - share) * MINUTES * 60_000 : rounds >= ROUNDS * share
  let rounds = 0
  while (!isOver(rounds, 0.4)) {
    await round()
    rounds++
  }
  const before = await heap()
  while (!isOver(rounds, 1)) {
    await round()
    rounds++
  }
  const after = await heap()
  console.log(`${asked} requests, ${Math.round(before / 1e6)} MB, then ${Math.round(after / 1e6)} MB`)
  agent.destroy()
  await made.close()
  expect(after - before).toBeLessThan(SLACK)
})
