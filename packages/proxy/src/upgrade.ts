// WebSockets and other upgrades: once the origin has agreed, bytes flow both ways. Nothing is cached.
//
// Before that, and if it does not agree, nothing that the client sends is forwarded: otherwise a client could send
// requests to the origin past the proxy, with fields that the proxy removes (M. Egorov, "What's wrong with WebSocket
// APIs", 2019; J. Miller, "h2c Smuggling", 2020). An upgrade to HTTP itself is therefore removed, and the request
// forwarded without it (RFC 9110 7.8: a server may ignore it).
import type { IncomingMessage } from 'node:http'
import { connect as connectTcp } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import { forwardedFields } from './forwarded.ts'
import type { ProxySettings } from './options.ts'
import type { Origins } from './origins.ts'

const AGREED = /^HTTP\/1\.1 101(?: |\r)/
/** Enough to tell. */
const STATUS_LENGTH = 13

/** Tunnels one upgrade; `tunnels` holds those that are open. */
export function tunnel(
  request: IncomingMessage,
  client: Duplex,
  head: Buffer,
  origins: Origins,
  settings: ProxySettings,
  tunnels: Set<Duplex>,
): void {
  const fault = faultOf(request)
  if (fault !== undefined) {
    client.end(`HTTP/1.1 ${fault}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
    return
  }
  const { url } = origins.take()
  const isSecure = url.protocol === 'https:'
  const port = Number(url.port || (isSecure ? 443 : 80))
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const origin = isSecure ? connectTls({ host, port, servername: host }) : connectTcp({ host, port })
  let isAnswered = false
  const refuse = (error: Error): void => {
    settings.onError(error)
    if (!isAnswered && client.writable)
      client.write('HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
    client.destroy()
    origin.destroy()
  }
  origin.setTimeout(settings.connectTimeout, () => refuse(new Error('the origin did not answer the upgrade in time')))
  origin.once(isSecure ? 'secureConnect' : 'connect', () => {
    origin.write(requestHead(request, settings), 'latin1')
    if (!isTunnelled(request)) sendContent(request, client, head, origin)
  })
  let begun = ''
  const answer = (chunk: Buffer): void => {
    begun += chunk.toString('latin1')
    if (begun.length < STATUS_LENGTH) return
    origin.removeListener('data', answer)
    isAnswered = true
    client.write(begun, 'latin1')
    origin.pipe(client)
    if (isTunnelled(request) && AGREED.test(begun)) {
      origin.setTimeout(0)
      if (head.length > 0) origin.write(head)
      client.pipe(origin)
      return
    }
    origin.setTimeout(settings.originTimeout, () => origin.destroy())
    // There will be no further request: those waiting for one may close.
    origin.end()
    client.resume()
  }
  origin.on('data', answer)
  tunnels.add(client)
  client.once('close', () => {
    tunnels.delete(client)
    origin.destroy()
  })
  origin.once('close', () => client.end())
  origin.once('error', refuse)
  client.once('error', () => origin.destroy())
}

const isTunnelled = ({ headers }: IncomingMessage): boolean =>
  !/(?:^|,)\s*(?:h2c?|http|tls)\b/i.test(headers.upgrade ?? '')

/** The status for requests that are not forwarded. */
function faultOf(request: IncomingMessage): string | undefined {
  const hosts = request.rawHeaders.filter((name, at) => at % 2 === 0 && name.toLowerCase() === 'host')
  if (hosts.length !== 1) return '400 Bad Request'
  // Its end could only be found by parsing it, and node:http has detached the connection.
  return request.headers['transfer-encoding'] === undefined ? undefined : '501 Not Implemented'
}

/** The request's content, and nothing that follows it. */
function sendContent({ headers }: IncomingMessage, client: Duplex, head: Buffer, origin: Duplex): void {
  let left = Number(headers['content-length'] ?? 0)
  const send = (chunk: Buffer): void => {
    if (left === 0) return
    origin.write(chunk.subarray(0, left))
    left -= Math.min(left, chunk.length)
  }
  send(head)
  client.on('data', send)
}

function requestHead(request: IncomingMessage, settings: ProxySettings): string {
  const isAsked = isTunnelled(request)
  const fields = forwardedFields(request.rawHeaders, request, settings)
  let text = `${request.method} ${request.url} HTTP/1.1\r\n`
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const lower = (fields[at] as string).toLowerCase()
    const isOfConnection = lower === 'connection' || lower === 'upgrade' || lower === 'http2-settings'
    if (!isOfConnection || (isAsked && lower === 'upgrade')) text += `${fields[at]}: ${fields[at + 1]}\r\n`
  }
  return `${text}Connection: ${isAsked ? 'Upgrade' : 'close'}\r\n\r\n`
}
