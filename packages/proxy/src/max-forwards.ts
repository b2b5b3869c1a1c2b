// How far OPTIONS and TRACE go (RFC 9110 7.6.2): each server on the way counts down, and the last one answers for
// itself.
import type { IncomingMessage, ServerResponse } from 'node:http'

const NAME = 'max-forwards'

const isCounted = (method: string | undefined): boolean => method === 'OPTIONS' || method === 'TRACE'

/** Answers what goes no further: `false` where it is to be sent on. */
export function answeredHere({ method, url, headers }: IncomingMessage, response: ServerResponse): boolean {
  if (!isCounted(method) || (url !== '*' && headers[NAME] !== '0')) return false
  const fields = { Allow: 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, QUERY', 'Content-Length': '0' }
  // What a client sent may have been added to on its way, by somebody who relies on its not coming back: nothing is
  // reflected.
  response.writeHead(method === 'OPTIONS' ? 200 : 405, fields).end()
  return true
}

/** The value for the next server; as it is where it counts nothing. */
export function countedDown(method: string | undefined, lower: string, value: string): string {
  return lower === NAME && isCounted(method) && /^[1-9]\d{0,8}$/.test(value) ? String(Number(value) - 1) : value
}
