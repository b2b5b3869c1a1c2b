// The primary key of a request: its absolute URL with a normalised host, the raw path and query; for QUERY also its
// content.
import { createHash } from 'node:crypto'
import type { RequestFacts } from './rules/request.ts'

const HOST = /^(?:[a-z0-9_~!$&'()*+,;=.%-]+|\[[0-9a-f:.]+\])(?::\d{0,5})?$/
/** `http://host` as the beginning of a key, by the Host that clients send: each request needs it. */
const known = { http: new Map<string, string | undefined>(), https: new Map<string, string | undefined>() }
const KNOWN_HOSTS = 512

type Scheme = keyof typeof known

/** Scheme and host, in lower case and without the scheme's default port; `undefined` for an invalid host. */
function originOf(scheme: Scheme, host: string): string | undefined {
  const origins = known[scheme]
  const origin = origins.get(host)
  if (origin !== undefined || origins.has(host)) return origin
  if (origins.size >= KNOWN_HOSTS) origins.clear()
  const lower = host.toLowerCase()
  const isHost = host.length <= 255 && HOST.test(lower)
  const made = isHost ? `${scheme}://${lower.replace(scheme === 'http' ? /:(?:80)?$/ : /:(?:443)?$/, '')}` : undefined
  origins.set(host, made)
  return made
}

/**
 * The absolute URL of a request, or `undefined` if it is ambiguous: no host, two hosts, a target in another form, an
 * absolute one with another host than `Host` (RFC 9112 3.2).
 */
export function urlOfRequest(scheme: Scheme, facts: RequestFacts, target: string): string | undefined {
  const origin = facts.host === undefined ? undefined : originOf(scheme, facts.host)
  if (origin === undefined) return undefined
  if (target.charCodeAt(0) === SLASH) return target.includes('#') ? undefined : origin + target
  // RFC 9110 9.3.7: about the server as a whole. Not the URL of anything stored.
  if (target === '*') return facts.method === 'OPTIONS' ? `${origin}/*` : undefined
  return absolute(scheme, origin, target)
}

const SLASH = 47

function absolute(scheme: Scheme, origin: string, target: string): string | undefined {
  const match = /^(https?):\/\/([^/?#]+)([^#]*)$/i.exec(target)
  if (match === null || match[1]?.toLowerCase() !== scheme || originOf(scheme, match[2] ?? '') !== origin)
    return undefined
  const rest = match[3] ?? ''
  return `${origin}${rest.startsWith('/') ? '' : '/'}${rest}`
}

/**
 * The parts of a request that belong to the key besides its URL: those of the fields that it carries, since the origin
 * may use them.
 */
export function inputKey(url: string, facts: RequestFacts, names: readonly string[]): string {
  const given = names.flatMap((name) => {
    const value = facts.get(name)
    return value === undefined ? [] : [name, value]
  })
  return given.length === 0 ? url : `${url} ${JSON.stringify(given)}`
}

/** The prefix of a tenant's keys; as JSON, so that different tenants never collide. */
export function tenantKey(primary: string, tenant: string | undefined): string {
  return tenant === undefined ? primary : `${primary} TENANT ${JSON.stringify(tenant)}`
}

/** The tenant of an answer, by its key. */
export function tenantOf(primary: string): string | undefined {
  const text = / TENANT ("(?:[^"\\]|\\.)*")/.exec(primary)?.[1]
  return text === undefined ? undefined : String(JSON.parse(text))
}

/** The longest content of a QUERY that becomes part of its key, in bytes; longer ones are forwarded. */
export const queryLimit = 64 * 1024

/** RFC 10008: for a QUERY the content and its type belong to the key. */
export function queryKey(url: string, facts: RequestFacts, body: Uint8Array): string {
  const hash = createHash('sha256')
  for (const name of ['content-type', 'content-encoding', 'content-language']) hash.update(`${facts.get(name) ?? ''}\n`)
  return `${url} QUERY ${hash.update(body).digest('base64url')}`
}
