// Whether a request comes from this machine, and is meant for it.
import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'

/**
 * True only for a direct connection over loopback whose Host is a loopback name: a page on the internet whose name
 * resolves to 127.0.0.1 sends its own name, and a proxy adds forwarding headers.
 */
export function isFromLoopback(request: IncomingMessage): boolean {
  const { forwarded, host = '' } = request.headers
  if (forwarded !== undefined || request.headers['x-forwarded-for'] !== undefined) return false
  return isLoopbackAddress(request.socket.remoteAddress ?? '') && isLoopbackName(host.replace(/:\d+$/, ''))
}

function isLoopbackAddress(address: string): boolean {
  const plain = address.replace(/^::ffff:/, '')
  return plain === '::1' || (isIP(plain) === 4 && plain.startsWith('127.'))
}

function isLoopbackName(name: string): boolean {
  return name === 'localhost' || name === '[::1]' || isLoopbackAddress(name)
}
