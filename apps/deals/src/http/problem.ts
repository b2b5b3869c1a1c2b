// Problem documents (RFC 9457).
import { STATUS_CODES } from 'node:http'

export interface Fault {
  /** JSON pointer into the body, or the name of a parameter. */
  readonly at: string
  readonly detail: string
}

/** Thrown to end a request early. */
export class Problem extends Error {
  readonly status: number
  readonly faults: readonly Fault[]
  readonly headers: Readonly<Record<string, string>>

  constructor(
    status: number,
    detail: string,
    more: { readonly faults?: readonly Fault[]; readonly headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(detail)
    this.name = 'Problem'
    this.status = status
    this.faults = more.faults ?? []
    this.headers = more.headers ?? {}
  }
}

export function problemResponse({ status, message, faults, headers }: Problem): Response {
  const document = {
    type: 'about:blank',
    title: STATUS_CODES[status] ?? 'Error',
    status,
    detail: message,
    ...(faults.length > 0 ? { errors: faults } : {}),
  }
  return new Response(JSON.stringify(document), {
    status,
    headers: { 'Content-Type': 'application/problem+json', 'Cache-Control': 'no-store', ...headers },
  })
}

/** Malformed: cannot be parsed. */
export function malformed(at: string, detail: string): Problem {
  return new Problem(400, `${at}: ${detail}`, { faults: [{ at, detail }] })
}

/** Well-formed, but not allowed. */
export function unprocessable(faults: readonly Fault[]): Problem {
  return new Problem(422, faults.map(({ at, detail }) => `${at}: ${detail}`).join('; '), { faults })
}
