// Results as HTTP responses.

import { ImageRenderer, type Result } from './renderer.ts'
import { CONTENT_TYPES } from './sniff.ts'

export interface AnswerFacts {
  readonly request: Request
  readonly name: string
  /** Varies with `Accept`. */
  readonly isNegotiated: boolean
  readonly maxAgeS: number
}

/** However an image's bytes are interpreted, they can run nothing and read nothing. */
const INERT = { 'Content-Security-Policy': "default-src 'none'; sandbox", 'X-Content-Type-Options': 'nosniff' }

export function answer(result: Result, { request, name, isNegotiated, maxAgeS }: AnswerFacts): Response {
  if (result.kind === 'later')
    return problem(503, 'the picture is being made: ask again', { 'Retry-After': String(result.seconds) })
  if (result.kind === 'refused') return problem(result.status, result.message)
  const tag = ImageRenderer.tagOf(name)
  const headers = new Headers({
    ...INERT,
    'Content-Type': result.kind === 'image' ? CONTENT_TYPES[result.format] : 'image/svg+xml',
    'Cache-Control': `public, max-age=${maxAgeS}`,
    ETag: result.tag,
    'Surrogate-Key': tag,
    'Cache-Tag': tag,
  })
  if (isNegotiated) headers.set('Vary', 'Accept')
  // Opened directly, an SVG is a document of this site; as a download it is a file.
  if (result.kind === 'vector') headers.set('Content-Disposition', 'attachment')
  if (matches(request.headers.get('if-none-match'), result.tag)) return new Response(null, { status: 304, headers })
  headers.set('Content-Length', String(result.body.byteLength))
  return new Response(request.method === 'HEAD' ? null : new Uint8Array(result.body), { headers })
}

export function problem(status: number, detail: string, headers: Readonly<Record<string, string>> = {}): Response {
  return Response.json(
    { status, detail },
    { status, headers: { 'Content-Type': 'application/problem+json', 'Cache-Control': 'no-store', ...headers } },
  )
}

/** RFC 9110, 13.1.2: weak comparison. */
const matches = (given: string | null, tag: string): boolean =>
  (given ?? '').split(',').some((one) => one.trim() === '*' || one.trim().replace(/^W\//, '') === tag)
