// A fetch `Response` as plain data, and back: a view may return one.
import { tellEdge } from '../edge-tags.ts'

interface KeptResponse {
  readonly isResponse: true
  readonly status: number
  readonly statusText: string
  readonly headers: readonly (readonly [string, string])[]
  readonly body: Uint8Array
}

export async function packResponse(result: unknown): Promise<unknown> {
  if (!(result instanceof Response)) return result
  const body = new Uint8Array(await result.clone().arrayBuffer())
  const kept: KeptResponse = {
    isResponse: true,
    status: result.status,
    statusText: result.statusText,
    headers: [...result.headers],
    body,
  }
  return kept
}

export function unpackResponse(kept: unknown): unknown {
  if (!isKept(kept)) return kept
  const { status, statusText, headers, body } = kept
  const isEmpty = status === 204 || status === 205 || status === 304
  return new Response(isEmpty ? null : new Uint8Array(body), {
    status,
    statusText,
    headers: headers.map(([name, value]): [string, string] => [name, value]),
  })
}

function isKept(value: unknown): value is KeptResponse {
  return (
    typeof value === 'object' && value !== null && 'isResponse' in value && value.isResponse === true && 'body' in value
  )
}

/** Errors are not cached unless requested; nor are answers that set a cookie for one user. */
export function isKeepable(result: unknown, keepsErrors: boolean): boolean {
  if (!(result instanceof Response)) return true
  return (result.status < 400 || keepsErrors) && !result.headers.has('set-cookie')
}

/** The same answer with its tags in the head. Other values have no head. */
export function withEdgeTags(result: unknown, tags: readonly string[] = [], maxTags?: number): unknown {
  if (!(result instanceof Response) || tags.length === 0) return result
  const { status, statusText, body } = result
  const headers = new Headers(result.headers)
  tellEdge(
    {
      get: (name) => headers.get(name) ?? undefined,
      set: (name, value) => headers.set(name, value),
      remove: (name) => headers.delete(name),
    },
    tags,
    maxTags,
  )
  return new Response(body, { status, statusText, headers })
}
