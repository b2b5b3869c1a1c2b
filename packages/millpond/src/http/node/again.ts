// A head that is sent thousands of times a second, written by node:http once.
//
// `writeHead` checks and joins all fields anew for each answer, which is most of what a hit costs. Here the text that it made for an answer is handed
// back to node:http for the next one: `_header` is what `end` sends where it is there. The property is not documented, though on-headers, morgan and others
// have read it for ten years. Where it is not what is expected, where somebody has wrapped the response, or has set fields of his own, `writeHead` is called as ever.
import { ServerResponse } from 'node:http'
import type { KeptHead } from '../exchange.ts'

/** What of a response decides how the same head is written. */
interface Insides {
  _header: unknown
  readonly shouldKeepAlive: unknown
  readonly maxRequestsOnConnectionReached: unknown
  readonly _keepAliveTimeout: unknown
}

class Written {
  readonly text: string
  /** In `Keep-Alive`. */
  readonly keepAliveTimeout: unknown

  constructor(text: string, keepAliveTimeout: unknown) {
    this.text = text
    this.keepAliveTimeout = keepAliveTimeout
  }
}

const { writeHead, end } = ServerResponse.prototype
/** Wrapped before this file was loaded: whoever did it wants to hear of each answer. */
const isWrapped = !/_storeHeader/.test(String(writeHead))

/** Sends a whole answer. */
export function sendAgain(response: ServerResponse, head: KeptHead, body: string | Uint8Array, encoding: 'latin1' | 'utf8'): void {
  const insides = response as unknown as Insides
  const isUsual =
    insides.shouldKeepAlive === true &&
    insides.maxRequestsOnConnectionReached !== true &&
    response.writeHead === writeHead &&
    response.end === end &&
    response.getHeaderNames().length === 0
  const { written } = head
  if (isUsual && written instanceof Written && written.keepAliveTimeout === insides._keepAliveTimeout) {
    response.statusCode = head.status
    response.statusMessage = head.reason
    if (typeof body === 'string' && encoding === 'latin1') {
      // One string is one write.
      insides._header = written.text + body
      response.end()
      return
    }
    insides._header = written.text
  } else {
    response.writeHead(head.status, head.reason, head.fields)
    const text = insides._header
    if (isUsual && !isWrapped && typeof text === 'string' && text.endsWith('\r\n\r\n'))
      head.written = new Written(text, insides._keepAliveTimeout)
  }
  if (typeof body === 'string') response.end(body, encoding)
  else response.end(body)
}
