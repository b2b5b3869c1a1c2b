// Fields that the origin gets in addition to the client's own, and those that are removed because they are not part of
// the key.
import type { IncomingMessage } from 'node:http'
import type { TLSSocket } from 'node:tls'
import { INPUTS } from 'millpond/http'
import { countedDown } from './max-forwards.ts'
import type { ProxySettings } from './options.ts'

/** Removed, unless this proxy is behind another one. */
const UNKEYED: ReadonlySet<string> = new Set(INPUTS)

/** A server behind CGI or WSGI reads `X_Forwarded_Host` as `X-Forwarded-Host`; no honest client sends it. */
function isTakenFor(lower: string): boolean {
  const name = lower.replaceAll('_', '-')
  return UNKEYED.has(name) || name === 'x-forwarded-for' || name === 'host'
}

/** The request's fields as the origin gets them, flat. */
export function forwardedFields(
  fields: readonly string[],
  request: IncomingMessage,
  settings: ProxySettings,
): string[] {
  const kept: string[] = []
  let addresses = request.socket.remoteAddress ?? 'unknown'
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const name = fields[at] as string
    const lower = name.toLowerCase()
    const value = countedDown(request.method, lower, fields[at + 1] as string)
    // undici cannot send it, and this server has handled it.
    if (lower === 'expect') continue
    if (settings.strict) kept.push(name, value)
    else if (lower === 'x-forwarded-for') addresses = settings.trustForwarded ? `${value}, ${addresses}` : addresses
    else if (lower.includes('_') ? !isTakenFor(lower) : settings.trustForwarded || !UNKEYED.has(lower))
      kept.push(name, value)
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
