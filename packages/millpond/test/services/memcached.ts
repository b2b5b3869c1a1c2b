// A Memcached server for tests.
import { connect } from 'node:net'
import { program } from './program.ts'
import { launch, type Service } from './service.ts'

/** Starts a server; it is empty after every restart. `args` are added to the command line: `['-m', '16']`. */
export function startMemcached({ args = [] }: { readonly args?: readonly string[] } = {}): Promise<Service> {
  const user = process.getuid?.() === 0 ? ['-u', 'nobody'] : []
  return launch({
    name: 'memcached',
    program: program('memcached'),
    url: (port) => `memcached://127.0.0.1:${port}`,
    args: (port) => ['-l', '127.0.0.1', '-p', String(port), '-U', '0', ...user, ...args],
    ready: (port) => answersVersion(port),
  })
}

function answersVersion(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('version\r\n'))
    socket.setTimeout(2_000, () => socket.destroy())
    socket.once('data', (data) => {
      resolve(data.toString().startsWith('VERSION'))
      socket.destroy()
    })
    socket.once('error', () => resolve(false))
    socket.once('close', () => resolve(false))
  })
}
