// `millpond ui`: the dashboard's page on this machine, which forwards its calls to the control plane. It adds no token:
// users sign in as elsewhere.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { isError } from 'millpond/options'
import type { Command } from '../command.ts'
import type { Send } from '../connection/client.ts'
import { senderFor } from '../connection/send.ts'
import { addressFor } from '../connection/settings.ts'
import { Failure, wrongUse } from '../failure.ts'
import { text } from '../terminal/text.ts'

const USUAL_PORT = 8091
const API = '/api/admin/caching'
/** Headers that are not forwarded: those of a single connection, and those that are set again. */
const OWN = [
  'host',
  'connection',
  'content-length',
  'accept-encoding',
  'transfer-encoding',
  'content-encoding',
  'keep-alive',
]

export const ui: Command = {
  name: 'ui',
  group: 'here',
  summary: 'serve the dashboard on this machine for the control plane at --url; sign in with a token',
  positionals: [],
  options: ['port', 'read-only'],
  fields: [],
  example: 'millpond ui --port 8091 --read-only',
  async run(context) {
    const { given, streams, out, signal } = context
    if (context.isLocal)
      throw wrongUse('the dashboard needs a server: "millpond serve --store FILE", then "millpond ui"')
    const port = given.count('port') ?? USUAL_PORT
    if (port > 65_535) throw wrongUse(`--port ${port} is not a port: give 0 to 65535`)
    const page = await pageOf(given.flag('read-only'))
    const { url } = await addressFor(given, streams)
    const pass = passOn(url, await senderFor(url, streams.env), given.flag('read-only'))
    const { createAdaptorServer } = await import('@hono/node-server')
    const own = new Set<string>()
    const server = createAdaptorServer({
      fetch: async (request) => {
        const { host, pathname } = new URL(request.url)
        // Another host name for this address would be another site's (DNS rebinding).
        if (!own.has(host)) return new Response('this page is at 127.0.0.1', { status: 403 })
        // The page answers all its paths: deep links.
        return pathname.startsWith(`${API}/`)
          ? pass(request)
          : ((await page(request)) ?? new Response(null, { status: 404 }))
      },
    })
    server.listen(port, '127.0.0.1')
    await once(server, 'listening').catch((error: NodeJS.ErrnoException) => {
      throw new Failure('unexpected', `cannot listen on port ${port} (${error.code}): choose another --port`)
    })
    const { port: actual } = server.address() as AddressInfo // listening on TCP
    for (const name of ['127.0.0.1', 'localhost']) own.add(`${name}:${actual}`)
    out.line(text`http://127.0.0.1:${String(actual)}/ shows ${url}; press Ctrl-C to stop`)
    if (!signal.aborted) await once(signal, 'abort')
    server.close()
    if ('closeAllConnections' in server) server.closeAllConnections()
    return 'done'
  },
}

async function pageOf(readOnly: boolean): Promise<(request: Request) => Promise<Response | undefined>> {
  try {
    const { dashboard } = await import('@millpond/dashboard/handler')
    return dashboard({ base: '/', apiBaseUrl: API, readOnly })
  } catch (error) {
    if (!(isError(error) && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND')) throw error
    throw new Failure(
      'usage',
      'needs the package @millpond/dashboard: run "npm install @millpond/dashboard react react-dom"',
    )
  }
}

function passOn(url: string, send: Send, readOnly: boolean): (request: Request) => Promise<Response> {
  return async (request) => {
    const { pathname, search } = new URL(request.url)
    const isRead = request.method === 'GET' || request.method === 'HEAD'
    if (readOnly && !isRead && pathname !== `${API}/session/`)
      return problem(403, 'read_only', 'this dashboard was started with --read-only')
    const headers = new Headers(request.headers)
    for (const name of OWN) headers.delete(name)
    try {
      const body = isRead ? undefined : await request.text()
      const target = new Request(url + pathname.slice(API.length + 1) + search, {
        method: request.method,
        headers,
        redirect: 'manual',
        signal: request.signal,
        ...(body !== undefined && body !== '' && { body }),
      })
      const answer = await send(target)
      const passed = new Headers(answer.headers)
      for (const name of OWN) passed.delete(name)
      return new Response(answer.body, { status: answer.status, headers: passed })
    } catch (error) {
      return problem(502, 'unreachable', `${url} is not reachable: ${isError(error) ? error.message : error}`)
    }
  }
}

const problem = (status: number, code: string, detail: string): Response =>
  Response.json({ status, code, detail }, { status, headers: { 'Content-Type': 'application/problem+json' } })
