// A Memcached server for tests.
import { chmodSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { type Certificate, selfSigned } from './certificate.ts'
import { program } from './program.ts'
import { launch, type Service } from './service.ts'

export interface MemcachedServiceOptions {
  /** Added to the command line: `['-m', '16']`. */
  readonly args?: readonly string[]
  /** With a self-signed certificate of its own. */
  readonly tls?: boolean
  /** Who may use it; default: everybody. */
  readonly auth?: { readonly username: string; readonly password: string }
}

export interface MemcachedService extends Service {
  /** The certificate that its clients must trust, with `tls`. */
  readonly ca: string | undefined
}

/** Starts a server; it is empty after every restart. */
export async function startMemcached({
  args = [],
  tls = false,
  auth,
}: MemcachedServiceOptions = {}): Promise<MemcachedService> {
  const user = process.getuid?.() === 0 ? ['-u', 'nobody'] : []
  const certificate = tls ? selfSigned() : undefined
  const service = await launch({
    name: 'memcached',
    program: program('memcached'),
    url: (port) => `memcached://127.0.0.1:${port}`,
    args: (port, folder) => [
      ...['-l', '127.0.0.1', '-p', String(port), '-U', '0', ...user, ...args],
      ...(tls ? ['-Z', '-o', `ssl_chain_cert=${join(folder, 'cert.pem')},ssl_key=${join(folder, 'key.pem')}`] : []),
      ...(auth ? ['-Y', join(folder, 'auth')] : []),
    ],
    prepare: (folder) => {
      // It gives up its rights before it reads them.
      chmodSync(folder, 0o755)
      if (certificate) {
        writeFileSync(join(folder, 'cert.pem'), certificate.cert)
        writeFileSync(join(folder, 'key.pem'), certificate.key)
      }
      if (auth) writeFileSync(join(folder, 'auth'), `${auth.username}:${auth.password}\n`)
    },
    ready: (port) => answers(port, certificate),
  })
  return Object.assign(service, { ca: certificate?.cert })
}

/** Also a refusal, where a login is wanted, is an answer. */
function answers(port: number, certificate: Certificate | undefined): Promise<boolean> {
  return new Promise((resolve) => {
    const socket: Socket = certificate
      ? connectTls({ port, host: '127.0.0.1', ca: certificate.cert, servername: 'localhost' })
      : connect(port, '127.0.0.1')
    socket.write('version\r\n')
    socket.setTimeout(2_000, () => socket.destroy())
    socket.once('data', (data) => {
      resolve(/^VERSION|^CLIENT_ERROR unauth/.test(data.toString()))
      socket.destroy()
    })
    socket.once('error', () => resolve(false))
    socket.once('close', () => resolve(false))
  })
}
