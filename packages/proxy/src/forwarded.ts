// What the origin is told beside the client's own fields, and what it is not told, since it is in no key.
import type { IncomingMessage } from 'node:http'
import type { TLSSocket } from 'node:tls'
import { INPUTS } from 'millpond/http'
import type { ProxySettings } from './options.ts'

/** Not told, unless another proxy is before this one. */
const UNKEYED: ReadonlySet<string> = new Set(INPUTS)

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
