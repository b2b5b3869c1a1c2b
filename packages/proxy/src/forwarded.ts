// What the origin is told beside the client's own fields, and what it is not told, since it is in no key.
import type { IncomingMessage } from 'node:http'
import type { TLSSocket } from 'node:tls'
import type { ProxySettings } from './options.ts'

/**
 * Fields by which frameworks let a client choose host, path or method: an answer made by them would be stored for those who did not send them
 * (web cache poisoning: J. Kettle, "Practical Web Cache Poisoning", 2018; "Web Cache Entanglement", 2020).
 */
const UNKEYED: ReadonlySet<string> = new Set([
  'forwarded',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-proto',
  'x-forwarded-scheme',
  'x-forwarded-server',
  'x-forwarded-prefix',
  'x-forwarded-path',
  'x-host',
  'x-http-host-override',
  'x-original-host',
  'x-original-url',
  'x-rewrite-url',
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
])

/** The fields of a request as the origin gets them, flat. */
export function forwardedFields(fields: readonly string[], request: IncomingMessage, settings: ProxySettings): string[] {
  const kept: string[] = []
  let addresses = request.socket.remoteAddress ?? 'unknown'
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const [name, value] = [fields[at] as string, fields[at + 1] as string]
    const lower = name.toLowerCase()
    // undici cannot send it, and this server has answered it.
    if (lower === 'expect') continue
    if (settings.strict) kept.push(name, value)
    else if (lower === 'x-forwarded-for') addresses = settings.trustForwarded ? `${value}, ${addresses}` : addresses
    else if (settings.trustForwarded || !UNKEYED.has(lower)) kept.push(name, value)
  }
  if (settings.strict) return kept
  kept.push('X-Forwarded-For', addresses)
  if (!settings.trustForwarded) {
    const isSecure = (request.socket as Partial<TLSSocket>).encrypted === true
    kept.push('X-Forwarded-Proto', isSecure ? 'https' : 'http', 'X-Forwarded-Host', request.headers.host ?? '')
  }
  // RFC 9110 7.6.3.
  kept.push('Via', '1.1 millpond')
  return kept
}
