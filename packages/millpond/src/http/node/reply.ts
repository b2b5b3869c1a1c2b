// A node:http response as a reply: flat fields and bytes as they are.
import type { ServerResponse } from 'node:http'
import { type Head, KeptHead, type Reply } from '../exchange.ts'
import type { RawFields } from '../rules/fields.ts'
import { sendAgain } from './repeated-head.ts'

/**
 * The writing half of a response; an application's own calls may have been taken over, so these are stored separately.
 */
export interface Writing {
  writeHead(status: number, reason: string, fields: string[]): unknown
  write(chunk: Uint8Array): boolean
  end(body?: string | Uint8Array, encoding?: BufferEncoding): unknown
  destroy(): unknown
}

export class NodeReply implements Reply {
  readonly #response: ServerResponse
  readonly #writing: Writing
  #isStarted = false

  constructor(response: ServerResponse, writing: Writing = response) {
    this.#response = response
    this.#writing = writing
  }

  get isStarted(): boolean {
    return this.#isStarted
  }

  get isOpen(): boolean {
    return !this.#response.destroyed && !this.#response.writableEnded
  }

  inform(status: number, fields: RawFields): void {
    const response = this.#response
    // The socket is set while this answer is being sent: HTTP/1.1 allows several requests in a row.
    const { socket } = response
    if (this.#isStarted || socket === null || !this.isOpen || status === 101 || response.req.httpVersionMinor === 0)
      return
    if (status === 102 && fields.length === 0) response.writeProcessing()
    else socket.write(informational(status, fields), 'latin1')
  }

  send(head: Head, body: string | Uint8Array | undefined, encoding: 'latin1' | 'utf8'): void {
    if (!this.isOpen || this.#isStarted) return
    this.#isStarted = true
    const response = this.#response
    const writing = this.#writing
    if (body !== undefined && writing === response && head instanceof KeptHead) {
      sendAgain(response, head, body, encoding)
      return
    }
    writing.writeHead(head.status, head.reason, head.fields)
    if (body === undefined) writing.end()
    else if (typeof body === 'string') writing.end(body, encoding)
    else writing.end(body)
  }

  start({ status, reason, fields }: Head): void {
    if (!this.isOpen || this.#isStarted) return
    this.#isStarted = true
    this.#writing.writeHead(status, reason, fields)
  }

  write(chunk: Uint8Array): boolean {
    return !this.isOpen || this.#writing.write(chunk)
  }

  end(trailers?: RawFields): void {
    if (!this.isOpen) return
    if (trailers !== undefined && trailers.length > 0) this.#response.addTrailers(pairs(trailers))
    this.#writing.end()
  }

  cut(): void {
    this.#writing.destroy()
  }

  onDrain(listener: () => void): void {
    this.#response.on('drain', listener)
  }

  onClose(listener: () => void): void {
    if (this.#response.destroyed || this.#response.closed) queueMicrotask(listener)
    else this.#response.once('close', listener)
  }
}

/** Node's own method requires `Link`, and supports two statuses; by RFC 9110 15.2 others are forwarded too. */
function informational(status: number, fields: RawFields): string {
  let text = `HTTP/1.1 ${status} ${REASONS[status] ?? 'Informational'}\r\n`
  for (let at = 0; at + 1 < fields.length; at += 2) text += `${fields[at]}: ${fields[at + 1]}\r\n`
  return `${text}\r\n`
}

const REASONS: Readonly<Record<number, string>> = { 102: 'Processing', 103: 'Early Hints' }

const pairs = (fields: RawFields): [string, string][] =>
  fields.flatMap((name, at) => (at % 2 === 0 ? [[name, fields[at + 1] ?? ''] as [string, string]] : []))
