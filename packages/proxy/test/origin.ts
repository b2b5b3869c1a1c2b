// Origins that a test plays: a node:http server, or raw bytes; a proxy before them; a client that writes raw bytes.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import {
  type AddressInfo,
  connect,
  createServer as createTcpServer,
  type Socket,
  type Server as TcpServer,
} from 'node:net'
import { type CachingProxy, type ProxyOptions, startProxy } from '../src/index.ts'

export type Play = (request: IncomingMessage, response: ServerResponse) => unknown

export interface Scene {
  readonly proxy: CachingProxy
  readonly origin: string
  /** Requests that reached the origin. */
  readonly seen: IncomingMessage[]
  readonly errors: unknown[]
  /** Sends the text, and resolves with all that comes back until the connection is closed. */
  raw(text: string | Buffer): Promise<string>
  close(): Promise<void>
}

export async function listen(server: Server | TcpServer): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

/** A proxy before an origin in node:http. */
export async function scene(play: Play, options: Partial<ProxyOptions> = {}): Promise<Scene> {
  const seen: IncomingMessage[] = []
  const server = createServer((request, response) => {
    seen.push(request)
    return play(request, response)
  })
  const made = await before(await listen(server), options)
  return {
    ...made,
    seen,
    async close() {
      await made.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** A proxy before an origin that writes what it likes. */
export async function rawScene(
  play: (socket: Socket) => void,
  options: Partial<ProxyOptions> = {},
): Promise<Scene & { readonly connections: () => number }> {
  const sockets = new Set<Socket>()
  let connections = 0
  const server = createTcpServer((socket) => {
    connections++
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('data', () => play(socket))
  })
  const made = await before(await listen(server), options)
  return {
    ...made,
    seen: [],
    connections: () => connections,
    async close() {
      await made.close()
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function before(port: number, options: Partial<ProxyOptions>): Promise<Omit<Scene, 'seen'>> {
  const errors: unknown[] = []
  const origin = `http://127.0.0.1:${port}`
  const proxy = await startProxy({
    origin,
    port: 0,
    host: '127.0.0.1',
    onError: (error) => errors.push(error),
    ...options,
  })
  return { proxy, origin, errors, raw: (text) => rawAsk(proxy.port, text), close: () => proxy.close(0) }
}

export function rawAsk(port: number, text: string | Buffer): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const chunks: Buffer[] = []
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.on('close', () => resolve(Buffer.concat(chunks).toString('latin1')))
    socket.on('error', () => {})
    socket.write(text)
  })
}

/** A GET that closes its connection. */
export const get = (path: string, ...lines: string[]): string =>
  `GET ${path} HTTP/1.1\r\n${['Host: a.example', ...lines, 'Connection: close'].join('\r\n')}\r\n\r\n`

export const statusOf = (answer: string): number => Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0)
export const bodyOf = (answer: string): string => answer.slice(answer.indexOf('\r\n\r\n') + 4)
export const fieldOf = (answer: string, name: string): string | undefined =>
  new RegExp(`^${name}: (.*)\r$`, 'im').exec(answer)?.[1]
