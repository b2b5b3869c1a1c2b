// Memcached seen without Millpond: a connection that sends what it is told, and servers that answer what they like.
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** Sends the text and answers what came back until it ends with `until`. */
export function talk(port: number, text: string | Buffer, until = '\r\n'): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text))
    let heard = ''
    socket.setTimeout(5000, () => socket.destroy(new Error(`no ${JSON.stringify(until)} in ${JSON.stringify(heard)}`)))
    socket.on('data', (bytes) => {
      heard += bytes.toString('latin1')
      if (heard.endsWith(until)) socket.end(() => resolve(heard))
    })
    socket.on('error', reject)
  })
}

export interface ImpostorServer {
  readonly port: number
  readonly connections: number
  close(): Promise<void>
}

/** `answer` is given each piece that a client sends. */
export async function startImpostor(answer: (text: string, socket: Socket) => void): Promise<ImpostorServer> {
  const open = new Set<Socket>()
  let connections = 0
  const server = createServer((socket) => {
    connections++
    open.add(socket)
    socket.on('data', (bytes) => answer(bytes.toString('latin1'), socket))
    socket.on('error', () => {})
    socket.on('close', () => open.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return connections
    },
    close: () =>
      new Promise((resolve) => {
        for (const socket of open) socket.destroy()
        server.close(() => resolve())
      }),
  }
}

/** A greeting as the real server has it, then whatever `answer` says. */
export const greeted =
  (answer: (text: string, socket: Socket) => void) =>
  (text: string, socket: Socket): void => {
    if (text.startsWith('mn\r\n')) socket.write('MN\r\nVERSION 1.6.18\r\n')
    else answer(text, socket)
  }
