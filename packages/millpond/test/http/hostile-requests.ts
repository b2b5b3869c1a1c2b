// Invalid requests, as bytes: each is refused with a clean status before it reaches anything behind the server.
import { connect } from 'node:net'

const close = 'Connection: close\r\n\r\n'
const CHUNKED = 'Transfer-Encoding: chunked'

/** What is wrong with it, and its bytes in latin1. */
export const hostileRequests: readonly (readonly [string, string])[] = [
  ['two lengths', `POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n${close}xx`],
  ['two equal lengths', `POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n${close}x`],
  [
    'a length beside a transfer coding',
    `POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n${CHUNKED}\r\n${close}0\r\n\r\n`,
  ],
  ['an unknown transfer coding', `POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n${close}0\r\n\r\n`],
  ['chunked that is not last', `POST /a HTTP/1.1\r\nHost: a\r\n${CHUNKED}, gzip\r\n${close}0\r\n\r\n`],
  ['a length that is not a number', `POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n${close}x`],
  ['a bare CR', `GET /a HTTP/1.1\r\nHost: a\rX: 1\r\n${close}`],
  ['a folded line', `GET /a HTTP/1.1\r\nHost: a\r\n X: 1\r\n${close}`],
  ['white space before the colon', `GET /a HTTP/1.1\r\nHost : a\r\n${close}`],
  ['two Hosts', `GET /a HTTP/1.1\r\nHost: a\r\nHost: b\r\n${close}`],
  ['two equal Hosts', `GET /a HTTP/1.1\r\nHost: a\r\nHost: a\r\n${close}`],
  ['no Host', `GET /a HTTP/1.1\r\n${close}`],
  ['an empty Host', `GET /a HTTP/1.1\r\nHost:\r\n${close}`],
  ['a Host that is not one', `GET /a HTTP/1.1\r\nHost: a/b@c\r\n${close}`],
  ['an absolute form that disagrees', `GET http://b/a HTTP/1.1\r\nHost: a\r\n${close}`],
  ['an absolute form of another scheme', `GET https://a/a HTTP/1.1\r\nHost: a\r\n${close}`],
  ['a fragment', `GET /a#b HTTP/1.1\r\nHost: a\r\n${close}`],
  ['NUL in a field', `GET /a HTTP/1.1\r\nHost: a\r\nX: \0\r\n${close}`],
  ['NUL in the target', `GET /a\0 HTTP/1.1\r\nHost: a\r\n${close}`],
  ['an unknown method', `HACK /a HTTP/1.1\r\nHost: a\r\n${close}`],
  ['another version', `GET /a HTTP/3.7\r\nHost: a\r\n${close}`],
  ['no HTTP at all', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n'],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['a megabyte of header', `GET /a HTTP/1.1\r\nHost: a\r\nX: ${'y'.repeat(1_000_000)}\r\n${close}`],
  ['a target of a megabyte', `GET /${'y'.repeat(1_000_000)} HTTP/1.1\r\nHost: a\r\n${close}`],
]

/** Sends the bytes, and resolves with all that comes back until the connection is closed. */
export function sendRaw(port: number, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    let answer = ''
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')))
    socket.on('close', () => resolve(answer))
    socket.on('error', () => {})
    socket.write(bytes, 'latin1')
  })
}
