// A vendor's API as its public documentation describes it, on a port of this machine: what a request gets wrong is
// noted as a fault, and refused.
import { createServer, type IncomingMessage } from 'node:http'
import { afterEach, expect } from 'vitest'

export interface Asked {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
  readonly body: string
  readonly rawPath: string
}

export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body: string
}

export interface Wire {
  readonly url: string
  readonly asked: readonly Asked[]
  /** Requests that are not as documented. */
  readonly faults: string[]
  /** Given before the documented behaviour: storms, throttling, silence (`'hang'`). Each once. */
  readonly script: (Answer | 'hang' | 'cut')[]
  close(): Promise<void>
}

const open: Wire[] = []

/** A request that no vendor documents fails the test that sent it. */
afterEach(async () => {
  const all = open.splice(0)
  await Promise.all(all.map((wire) => wire.close()))
  for (const { faults } of all) expect(faults).toEqual([])
})

export async function serve(
  answer: (asked: Asked, fault: (what: string) => void) => Answer | Promise<Answer>,
): Promise<Wire> {
  const asked: Asked[] = []
  const faults: string[] = []
  const script: Wire['script'] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const url = new URL(request.url ?? '/', 'http://vendor.invalid')
    const one: Asked = {
      method: request.method ?? '',
      path: url.pathname,
      rawPath: request.url ?? '',
      query: url.searchParams,
      headers: request.headers,
      body: Buffer.concat(chunks).toString(),
    }
    asked.push(one)
    // Checked whatever is answered.
    const documented = await answer(one, (what) => faults.push(`${one.method} ${one.rawPath}: ${what}`))
    const given = script.shift() ?? documented
    if (given === 'hang') return
    if (given === 'cut') return void request.socket.destroy()
    response.writeHead(given.status, given.headers).end(given.body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const wire: Wire = {
    url: `http://127.0.0.1:${port}`,
    asked,
    faults,
    script,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  open.push(wire)
  return wire
}

/** A bucket as the documentation of a limit has it. @param now milliseconds. */
export function bucket(burst: number, perSecond: number, now: () => number): (cost: number) => boolean {
  let left = burst
  let at = now()
  return (cost) => {
    left = Math.min(burst, left + ((now() - at) / 1000) * perSecond)
    at = now()
    // A hair of rounding is not a request too many.
    if (left + 1e-6 < cost) return false
    left -= cost
    return true
  }
}

export const json = (status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Answer => ({
  status,
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(body),
})

export function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

export const isList = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((one) => typeof one === 'string')
