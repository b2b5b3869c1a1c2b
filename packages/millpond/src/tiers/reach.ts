// Connects to a server step by step: DNS, port, TLS. Over a separate socket, so that each failure is attributed to its
// step.
import { lookup } from 'node:dns/promises'
import { connect, isIP, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls'
import { codeIn, type Examination, type Finding, findings } from './examination.ts'

export interface Destination {
  readonly host: string
  readonly port: number
  /** A Unix socket, instead of host and port. */
  readonly path?: string | undefined
  /** Undefined: none. */
  readonly tls?: ConnectionOptions | undefined
  /** What the server expects before the TLS handshake. */
  readonly beforeTls?: ((socket: Socket) => Promise<void>) | undefined
}

/** Days before expiry from which a certificate should be renewed. */
const RENEW_DAYS = 14
const DAY_MS = 86_400_000

export const nameOf = ({ host, port, path }: Destination): string =>
  path ?? (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`)

/** Resolves with a connected socket, which the caller closes; `undefined` if a step failed. */
export async function reach(examination: Examination, to: Destination): Promise<Socket | undefined> {
  const at = nameOf(to)
  const resolved =
    to.path !== undefined || isIP(to.host) !== 0 || (await examination.step('resolve', at, () => resolve(to), noName))
  if (!resolved) return undefined
  let begun: Socket | undefined
  const connected = await examination.step(
    'connect',
    at,
    () => {
      begun = begin(to)
      return opened(begun)
    },
    (error) => noWay(to, error),
  )
  if (connected === undefined) {
    // An abandoned connection may still open.
    begun?.destroy()
    return undefined
  }
  const { socket } = connected.found
  if (to.tls === undefined) return socket
  const { tls, beforeTls } = to
  const secured = await examination.step(
    'tls',
    at,
    () => secure(socket, to, tls, beforeTls),
    (error) => noTls(to, error),
  )
  if (secured === undefined) socket.destroy()
  return secured?.found.socket
}

async function resolve({ host }: Destination): Promise<Finding> {
  const addresses = await lookup(host, { all: true })
  return { detail: addresses.map(({ address }) => address).join(', ') }
}

const noName = (error: unknown): string =>
  codeIn(error) === 'ENOTFOUND'
    ? 'this name does not resolve: correct it, or check whether this host uses the right DNS server'
    : 'the DNS server does not answer: check the resolver of this host, or give an IP address'

const begin = ({ host, port, path }: Destination): Socket =>
  (path === undefined ? connect({ host, port }) : connect({ path })).unref()

function opened(socket: Socket): Promise<Finding & { readonly socket: Socket }> {
  return new Promise((done, reject) => {
    socket.once('error', reject)
    socket.once('connect', () => {
      socket.off('error', reject)
      socket.on('error', () => {})
      done({ socket })
    })
  })
}

function noWay(to: Destination, error: unknown): string {
  const at = nameOf(to)
  switch (codeIn(error)) {
    case 'ECONNREFUSED':
      return `nothing listens at ${at}: start the server, correct host and port, or let it listen on this address`
    case 'ENOENT':
      return `there is no socket ${at}: start the server, or correct the path`
    case 'EACCES':
      return `this process may not use ${at}: give its user permission`
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return 'there is no route to this address from here: check the routes and networks of both hosts'
    default:
      return 'nothing answers: check for a firewall, a security group or a network policy between this process and the server'
  }
}

async function secure(
  socket: Socket,
  { host }: Destination,
  tls: ConnectionOptions,
  before: Destination['beforeTls'],
): Promise<Finding & { readonly socket: TLSSocket }> {
  await before?.(socket)
  const secured = await new Promise<TLSSocket>((done, reject) => {
    const made = connectTls({ ...(isIP(host) === 0 ? { servername: host } : {}), ...tls, socket }, () => done(made))
    made.once('error', reject)
    made.once('close', () =>
      reject(Object.assign(new Error('the connection was closed during the handshake'), { code: 'ECONNRESET' })),
    )
  })
  secured.on('error', () => {})
  const until = Date.parse(secured.getPeerCertificate().valid_to)
  const days = Math.floor((until - Date.now()) / DAY_MS)
  return {
    socket: secured,
    ...findings(
      [secured.getProtocol() ?? undefined, Number.isNaN(days) ? undefined : `certificate valid for ${days} more days`],
      [
        !secured.authorized &&
          'the certificate is not verified, so an attacker could intercept the connection: give its CA (tls: { ca }) instead of rejectUnauthorized: false',
        days < RENEW_DAYS && `renew the certificate: it expires on ${new Date(until).toISOString().slice(0, 10)}`,
      ],
    ),
  }
}

function noTls(to: Destination, error: unknown): string {
  switch (codeIn(error)) {
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
      return 'the issuer of the certificate is not trusted: give the CA, tls: { ca: readFileSync(...) }'
    case 'CERT_HAS_EXPIRED':
      return 'the certificate has expired: renew it on the server'
    case 'CERT_NOT_YET_VALID':
      return 'the certificate is not valid yet: check the clocks of both hosts'
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return `the certificate is not for ${to.host}: connect with the name it was issued for, or give that as tls: { servername }`
    default:
      return `the server does not speak TLS at ${nameOf(to)}, or not with these options: give its TLS port, or leave TLS out`
  }
}
