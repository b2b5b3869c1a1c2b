// WebSockets and other upgrades: once the origin has agreed, bytes both ways. Nothing of it is cached.
import type { IncomingMessage } from 'node:http'
import { connect as connectTcp } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import type { ProxySettings } from './options.ts'
import type { Origins } from './origins.ts'

/** Tunnels one upgrade; `tunnels` holds those that are open. */
export function tunnel(
  request: IncomingMessage,
  client: Duplex,
  head: Buffer,
  origins: Origins,
  settings: ProxySettings,
  tunnels: Set<Duplex>,
): void {
  const { url } = origins.take()
  const isSecure = url.protocol === 'https:'
  const port = Number(url.port || (isSecure ? 443 : 80))
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const origin = isSecure ? connectTls({ host, port, servername: host }) : connectTcp({ host, port })
  let isOpen = false
  const refuse = (error: Error): void => {
    settings.onError(error)
    if (!isOpen && client.writable) client.write('HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
    client.destroy()
    origin.destroy()
  }
  origin.setTimeout(settings.connectTimeout, () => {
    if (!isOpen) refuse(new Error('the origin did not accept the upgrade in time'))
  })
  origin.once(isSecure ? 'secureConnect' : 'connect', () => {
    origin.write(requestHead(request), 'latin1')
    if (head.length > 0) origin.write(head)
    origin.pipe(client)
    client.pipe(origin)
  })
  origin.once('data', () => {
    isOpen = true
    origin.setTimeout(0)
  })
  tunnels.add(client)
  client.once('close', () => {
    tunnels.delete(client)
    origin.destroy()
  })
  origin.once('close', () => client.end())
  origin.once('error', refuse)
  client.once('error', () => origin.destroy())
}

function requestHead({ method, url, rawHeaders }: IncomingMessage): string {
  let text = `${method} ${url} HTTP/1.1\r\n`
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) text += `${rawHeaders[at]}: ${rawHeaders[at + 1]}\r\n`
  return `${text}\r\n`
}
