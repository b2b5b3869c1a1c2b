// Max-Forwards of OPTIONS and TRACE (RFC 9110 7.6.2): each server on the way counts down, and the last one answers
// itself.
import type { IncomingMessage, ServerResponse } from 'node:http'

const NAME = 'max-forwards'

const isCounted = (method: string | undefined): boolean => method === 'OPTIONS' || method === 'TRACE'

/** Answers requests that go no further: `false` if it is to be forwarded. */
export function answeredHere({ method, url, headers }: IncomingMessage, response: ServerResponse): boolean {
  if (!isCounted(method) || (url !== '*' && headers[NAME] !== '0')) return false
  const fields = { Allow: 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, QUERY', 'Content-Length': '0' }
  // An intermediary may have added fields that the client must not see: nothing is reflected.
  response.writeHead(method === 'OPTIONS' ? 200 : 405, fields).end()
  return true
}

/** The value for the next server; unchanged if it does not apply. */
export function countedDown(method: string | undefined, lower: string, value: string): string {
  return lower === NAME && isCounted(method) && /^[1-9]\d{0,8}$/.test(value) ? String(Number(value) - 1) : value
}
