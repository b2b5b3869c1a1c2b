// Sends a cached answer: validators, 304, Age, Cache-Status (RFC 9211), and the versions of what it shows.

import { edgeTagFields } from 'millpond/http/middlewares'
import { KINDS } from '../cache/kinds.ts'
import type { Outcome } from '../cache/layer.ts'
import { type Response as Answer, versionsIn } from '../cache/responses.ts'
import { TOKEN_HEADER } from '../cache/token.ts'
import type { Versions } from '../db/versions.ts'
import type { Ctx } from './context.ts'
import { Problem } from './problem.ts'

export function send(c: Ctx, answer: Answer, missing: string): Response {
  const { kind, tags, body, outcome } = answer
  if (body.text === null) throw new Problem(404, missing)
  const { cacheControl } = KINDS[kind]
  const versions = versionsIn(body.text)
  const headers = new Headers({
    'Cache-Control': cacheControl,
    'Cache-Status': cacheStatus(answer),
    'Data-Version': dataVersion(versions),
    ETag: body.etag,
  })
  // Public answers are kept by the HTTP cache in front of the routes, until one of these changes.
  if (cacheControl.includes('public'))
    for (const [name, value] of Object.entries(edgeTagFields([...Object.keys(versions), ...tags])))
      headers.set(name, value)
  // A token makes it a different request: a browser that honours max-age still revalidates after a write of its own.
  headers.set('Vary', cacheControl.includes('public') ? TOKEN_HEADER : `Authorization, ${TOKEN_HEADER}`)
  if (outcome.result === 'hit') headers.set('Age', String(Math.max(0, Math.floor((Date.now() - body.storedAt) / 1000))))
  const changed = Math.floor(body.changedAt / 1000)
  // RFC 9110, 8.8.2.2: within the second of the change, the date could not tell this state from a later one.
  if (changed < Math.floor(body.storedAt / 1000)) headers.set('Last-Modified', new Date(changed * 1000).toUTCString())
  if (isUnchanged(c, body.etag, headers.get('Last-Modified'))) return new Response(null, { status: 304, headers })
  headers.set('Content-Type', 'application/json')
  return new Response(body.text, { headers })
}

/** RFC 9110, 13.2.2: `If-None-Match` takes precedence; the date counts only without it. */
function isUnchanged(c: Ctx, etag: string, lastModified: string | null): boolean {
  const noneMatch = c.req.header('if-none-match')
  if (noneMatch !== undefined)
    return noneMatch.trim() === '*' || noneMatch.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag)
  const since = c.req.header('if-modified-since')
  return since !== undefined && lastModified !== null && Date.parse(lastModified) <= Date.parse(since)
}

/**
 * The layer nearest to the data comes first: `deals-strategic; hit; ttl=870; detail=memory, deals-response;
 * fwd=uri-miss; stored`.
 */
function cacheStatus({ body, ttlMs, outcome, below }: Answer): string {
  const ttl = Math.round((body.storedAt + ttlMs - Date.now()) / 1000)
  return [...(below ? [member('deals-strategic', below)] : []), member('deals-response', outcome, ttl)].join(', ')
}

function member(name: string, { result, tier }: Outcome, ttl?: number): string {
  switch (result) {
    case 'hit':
      return `${name}; hit${ttl === undefined ? '' : `; ttl=${ttl}`}${tier ? `; detail=${tier}` : ''}`
    case 'collapsed':
      return `${name}; fwd=uri-miss; collapsed`
    case 'miss':
      return `${name}; fwd=uri-miss; stored`
    case 'bypass':
      return `${name}; fwd=bypass; detail=off`
  }
}

/** A list of strings with a version each (RFC 9651): `"org:7:deals";v=12, "user:9";v=3`. */
export function dataVersion(versions: Versions): string {
  return Object.entries(versions)
    .map(([scope, version]) => `"${scope}";v=${version}`)
    .join(', ')
}
