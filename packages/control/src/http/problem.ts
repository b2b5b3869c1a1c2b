// Problem documents (RFC 9457), each with a code that programs can rely on.
import { STATUS_CODES } from 'node:http'

export interface Fault {
  /** JSON pointer into the body, or `?name` for a parameter of the query. */
  readonly pointer: string
  readonly code: string
  readonly detail: string
}

export interface ProblemMore {
  readonly errors?: readonly Fault[]
  readonly headers?: Readonly<Record<string, string>>
  /** Members beside those of the RFC: a plan, the version in force. */
  readonly extra?: Readonly<Record<string, unknown>>
}

/** Thrown to end a request early. */
export class Problem extends Error {
  /** The HTTP status of the answer. */
  readonly status: number
  /** What went wrong; for programs. */
  readonly code: string
  /** Further members of the answer. */
  readonly more: ProblemMore

  constructor(status: number, code: string, detail: string, more: ProblemMore = {}) {
    super(detail)
    this.name = 'Problem'
    this.status = status
    this.code = code
    this.more = more
  }
}

export function problemReply({ status, code, message, more }: Problem, requestId: string): Response {
  const document = {
    type: 'about:blank',
    title: STATUS_CODES[status] ?? 'Error',
    status,
    code,
    detail: message,
    request_id: requestId,
    ...(more.errors === undefined ? {} : { errors: more.errors }),
    ...more.extra,
  }
  return new Response(JSON.stringify(document), {
    status,
    headers: { 'Content-Type': 'application/problem+json', ...more.headers },
  })
}

export const notFound = (what: string): Problem =>
  new Problem(404, 'not_found', `there is no ${what}: it may have been removed`)

export const invalid = (errors: readonly Fault[]): Problem =>
  new Problem(
    422,
    'invalid',
    errors.map(({ pointer, detail }) => (pointer === '' ? detail : `${pointer}: ${detail}`)).join('; '),
    { errors },
  )
