// Connects to a server step by step: DNS, port, TLS. Over a separate socket, so that each failure is attributed to its
// step.
import { lookup } from 'node:dns/promises'
import { connect, isIP, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls'
import { counted } from '../core/counted.ts'
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
  const refused = secured === undefined ? undefined : await refusal(secured.found.socket)
  if (refused !== undefined) examination.revoke(refused, (error) => noTls(to, error))
  if (secured !== undefined && refused === undefined) return secured.found.socket
  socket.destroy()
  return undefined
}

/** How long a server may take to refuse the certificate of a client. */
const REFUSAL_MS = 100

/**
 * With TLS 1.3 the client's part of the handshake is over before the server has seen the client's certificate, or that
 * there is none. Then it sends session tickets (some send none), or an alert. Reads only: a write to a connection that
 * the server has ended would lose the alert.
 */
function refusal(socket: TLSSocket): Promise<Error | undefined> {
  if (socket.getProtocol() !== 'TLSv1.3') return Promise.resolve(undefined)
  return new Promise((resolve) => {
    const end = (error?: Error): void => {
      clearTimeout(timer)
      socket.off('error', end).off('close', closed).off('session', accepted)
      resolve(error)
    }
    const closed = (): void =>
      end(Object.assign(new Error('the connection was closed after the handshake'), { code: 'EPIPE' }))
    const accepted = (): void => end()
    const timer = setTimeout(accepted, REFUSAL_MS)
    socket.once('error', end).once('close', closed).once('session', accepted).resume()
  })
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
    const made = connectTls({ ...(isIP(host) === 0 ? { servername: host } : { host }), ...tls, socket }, () =>
      done(made),
    )
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
      [
        secured.getProtocol() ?? undefined,
        Number.isNaN(days) ? undefined : `certificate valid for ${counted(days, 'more day')}`,
      ],
      [
        !secured.authorized &&
          'the certificate is not verified, so an attacker could intercept the connection: give its CA (tls: { ca }) instead of rejectUnauthorized: false',
        days < RENEW_DAYS && `renew the certificate: it expires on ${new Date(until).toISOString().slice(0, 10)}`,
      ],
    ),
  }
}

/** Refusals of the client's own certificate; with TLS 1.3 they come after the handshake. */
const REFUSED = /^ERR_SSL_(?:TLSV1|SSLV3)_ALERT_(?:UNKNOWN_CA|(?:BAD|UNSUPPORTED)_CERTIFICATE|CERTIFICATE_\w+)$/

/** What to do if the server requires a certificate of the client, or refuses its one; undefined for other errors. */
export function aboutOwnCertificate(error: unknown): string | undefined {
  const code = codeIn(error)
  if (code === 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED')
    return 'the server requires a certificate of this client: give it with its key, tls: { cert, key }'
  return REFUSED.test(code)
    ? "the server refuses this client's certificate: give one of a CA that the server trusts and that has not expired, tls: { cert, key }"
    : undefined
}

function noTls(to: Destination, error: unknown): string {
  switch (codeIn(error)) {
    case 'EPIPE':
      return 'the server ends the connection after the handshake: it may require a certificate of this client, tls: { cert, key }'
    case 'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE':
      return 'the server accepts neither these versions and ciphers nor a client without a certificate: give tls: { cert, key }, or options that the server accepts'
    case 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION':
    case 'ERR_SSL_UNSUPPORTED_PROTOCOL':
      return 'client and server have no version of TLS in common: correct minVersion and maxVersion of tls, or those of the server'
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
      return (
        aboutOwnCertificate(error) ??
        `the server does not speak TLS at ${nameOf(to)}, or not with these options: give its TLS port, or leave TLS out`
      )
  }
}
