// A head that is sent thousands of times a second, written by node:http once.
//
// `writeHead` validates and joins all fields again for each answer, which is most of the cost of a hit. Here the text
// that it made for an answer is passed back to node:http for the next one: `_header` is what `end` sends if it is set.
// The property is undocumented, though on-headers, morgan and others have read it for ten years. If it is not what is
// expected, or the response was wrapped, or other fields were set than last time, `writeHead` is called as usual.
//
// Texts are kept flat: strings concatenated with `+` would be flattened again by each write.
import { ServerResponse } from 'node:http'
import type { KeptHead } from '../exchange.ts'

/** The parts of a response that determine how the same head is written. */
interface Insides {
  _header: unknown
  readonly shouldKeepAlive: unknown
  readonly maxRequestsOnConnectionReached: unknown
  readonly _keepAliveTimeout: unknown
}

class Written {
  readonly text: string
  /** With the body behind it; see `whole`. */
  all: string | undefined
  /** In `Keep-Alive`. */
  readonly keepAliveTimeout: unknown
  /** Fields that were set on the response before the cache (Express sets one): their names and values. */
  readonly others: readonly unknown[]

  constructor(text: string, keepAliveTimeout: unknown, others: readonly unknown[]) {
    this.text = text
    this.keepAliveTimeout = keepAliveTimeout
    this.others = others
  }

  fits(response: ServerResponse & Insides): boolean {
    if (this.keepAliveTimeout !== response._keepAliveTimeout) return false
    const names = response.getHeaderNames()
    const { others } = this
    if (names.length * 2 !== others.length) return false
    for (let at = 0; at < names.length; at++) {
      const name = names[at] as string
      if (others[2 * at] !== name || others[2 * at + 1] !== response.getHeader(name)) return false
    }
    return true
  }
}

const { writeHead, end } = ServerResponse.prototype
/** Wrapped before this file was loaded: the wrapper wants to see each answer. */
const isWrapped = !/_storeHeader/.test(String(writeHead))

/** Bodies up to this length are kept together with their heads while these are current, the most recently sent ones. */
const WHOLE_LENGTH = 16 * 1024
const WHOLES = 64
const wholes: Written[] = []
let oldest = 0

/** Head and body in one. One answer has one body, so the concatenation is valid for as long as its head. */
function whole(written: Written, body: string): string {
  if (written.all !== undefined) return written.all
  if (body.length > WHOLE_LENGTH) return written.text + body
  const former = wholes[oldest]
  if (former !== undefined) former.all = undefined
  wholes[oldest] = written
  oldest = (oldest + 1) % WHOLES
  written.all = inOnePiece(written.text + body)
  return written.all
}

const inOnePiece = (text: string): string => Buffer.from(text, 'latin1').toString('latin1')

/** Sends a whole answer. */
export function sendAgain(
  response: ServerResponse,
  head: KeptHead,
  body: string | Uint8Array,
  encoding: 'latin1' | 'utf8',
): void {
  const insides = response as ServerResponse & Insides
  const isUsual =
    insides.shouldKeepAlive === true &&
    insides.maxRequestsOnConnectionReached !== true &&
    response.writeHead === writeHead &&
    response.end === end
  const { written } = head
  if (isUsual && written instanceof Written && written.fits(insides)) {
    response.statusCode = head.status
    response.statusMessage = head.reason
    if (typeof body === 'string' && encoding === 'latin1') {
      // One string is one write.
      insides._header = whole(written, body)
      response.end()
      return
    }
    insides._header = written.text
  } else {
    const others = response.getHeaderNames().flatMap((name) => [name, response.getHeader(name)])
    response.writeHead(head.status, head.reason, head.fields)
    const text = insides._header
    if (isUsual && !isWrapped && typeof text === 'string' && text.endsWith('\r\n\r\n'))
      head.written = new Written(inOnePiece(text), insides._keepAliveTimeout, others)
  }
  if (typeof body === 'string') response.end(body, encoding)
  else response.end(body)
}
