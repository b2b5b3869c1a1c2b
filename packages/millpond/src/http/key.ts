// The primary key of a request: its absolute URL with a normalised host, the raw path and query; for QUERY also what was sent.
import { createHash } from 'node:crypto'
import type { RequestFacts } from './rules/request.ts'

const HOST = /^(?:[a-z0-9_~!$&'()*+,;=.%-]+|\[[0-9a-f:.]+\])(?::\d{0,5})?$/
const known = new Map<string, string | undefined>()
const KNOWN_HOSTS = 512

/** Lower case, without the scheme's own port; `undefined` for what is not a host. */
export function normalHost(scheme: 'http' | 'https', host: string): string | undefined {
  const name = `${scheme} ${host}`
  if (known.has(name)) return known.get(name)
  if (known.size >= KNOWN_HOSTS) known.clear()
  const lower = host.toLowerCase()
  const normal = host.length <= 255 && HOST.test(lower) ? lower.replace(scheme === 'http' ? /:(?:80)?$/ : /:(?:443)?$/, '') : undefined
  known.set(name, normal)
  return normal
}

/**
 * The absolute URL that a request asks for, or `undefined` where it cannot be told: no host, two hosts, a target of another form,
 * an absolute one that names another host than `Host` does (RFC 9112 3.2).
 */
export function urlOfRequest(scheme: 'http' | 'https', facts: RequestFacts, target: string): string | undefined {
  const host = facts.host === undefined ? undefined : normalHost(scheme, facts.host)
  if (host === undefined) return undefined
  if (target.charCodeAt(0) === SLASH) return target.includes('#') ? undefined : `${scheme}://${host}${target}`
  return absolute(scheme, host, target)
}

const SLASH = 47

function absolute(scheme: 'http' | 'https', host: string, target: string): string | undefined {
  const match = /^(https?):\/\/([^/?#]+)([^#]*)$/i.exec(target)
  if (match === null || match[1]?.toLowerCase() !== scheme || normalHost(scheme, match[2] ?? '') !== host) return undefined
  const rest = match[3] ?? ''
  return `${scheme}://${host}${rest.startsWith('/') ? '' : '/'}${rest}`
}

/** RFC 10008: of a QUERY the content and what it is belong to the key. */
export function queryKey(url: string, facts: RequestFacts, body: Uint8Array): string {
  const hash = createHash('sha256')
  for (const name of ['content-type', 'content-encoding', 'content-language']) hash.update(`${facts.get(name) ?? ''}\n`)
  return `${url} QUERY ${hash.update(body).digest('base64url')}`
}
