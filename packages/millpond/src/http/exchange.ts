// The two sides of the handler: client and origin. Adapters implement them; the rules and the handler know nothing else
// of a server.
import type { RawFields } from './rules/fields.ts'
import type { RequestFacts } from './rules/request.ts'

/** A request as it arrived. */
export interface ClientRequest {
  /** Method and fields, as the rules of HTTP need them. */
  readonly facts: RequestFacts
  /** Absolute, with a normalised host. */
  readonly url: string
  /** The content, if it had to be read for the key (QUERY). */
  readonly body?: Uint8Array
}

/** A status and its fields, ready to be sent. */
export interface Head {
  /** The status code of the final answer. */
  readonly status: number
  /** The reason phrase of HTTP/1.1; may be empty. */
  readonly reason: string
  /** Flat. */
  readonly fields: string[]
}

/** The head of a stored answer as sent during one second: a popular answer is sent thousands of times within it. */
export class KeptHead implements Head {
  readonly status: number
  readonly reason: string
  /** Shared: not to be changed. */
  readonly fields: string[]
  readonly age: number
  /** The member of `Cache-Status`. */
  readonly told: string | undefined
  /**
   * Whether it may be written together with text that is not ASCII: node:http writes both in one encoding, and fields
   * have their own.
   */
  readonly isAscii: boolean
  /** The reply's cached form of it. */
  written: unknown = undefined

  constructor(status: number, reason: string, fields: string[], age: number, told: string | undefined) {
    this.status = status
    this.reason = reason
    this.fields = fields
    this.age = age
    this.told = told
    this.isAscii = fields.every((part) => ASCII.test(part))
  }
}

const ASCII = /^[\x20-\x7e\t]*$/

/** The destination of an answer. Calls after the client has left do nothing. */
export interface Reply {
  /** `false`: the client has left, or the answer is complete. */
  readonly isOpen: boolean
  /** The head was sent: nothing else can be sent in its place. */
  readonly isStarted: boolean
  /** A 1xx answer (RFC 9110 15.2). */
  inform(status: number, fields: RawFields): void
  /** A whole answer at once. `encoding`: how a string becomes bytes. */
  send(head: Head, body: string | Uint8Array | undefined, encoding: 'latin1' | 'utf8'): void
  /** Sends the head of an answer whose body follows in pieces. */
  start(head: Head): void
  /** `false`: the client reads slowly; `onDrain` tells when it is ready again. */
  write(chunk: Uint8Array): boolean
  /** The answer is complete; `trailers` are sent where the protocol has them. */
  end(trailers?: RawFields): void
  /** The rest will not come: the connection is closed, so that the part is not taken for the whole. */
  cut(): void
  /** Called once the client accepts more, after `write` has returned `false`. */
  onDrain(listener: () => void): void
  /** The client has left before the end. */
  onClose(listener: () => void): void
}

/** The request to the origin. */
export interface UpstreamRequest {
  /** The client's request, which the origin is asked for. */
  readonly asked: ClientRequest
  /** End-to-end fields, including the cache's own conditions. */
  readonly fields: string[]
}

/**
 * The origin's response, in this order: any number of `inform`, `start`, any number of `write`, `end`; or `fail` at any
 * time.
 */
export interface Sink {
  /** A 1xx answer (RFC 9110 15.2). */
  inform(status: number, fields: RawFields): void
  /** The head of the answer. */
  start(status: number, reason: string, fields: RawFields): void
  /** `false`: no more until `resume` of the call. */
  write(chunk: Buffer): boolean
  /** The answer is complete. */
  end(trailers?: RawFields): void
  /** The origin could not be reached, or broke off: nothing else follows. */
  fail(error: unknown): void
}

/** A running request to the origin. */
export interface UpstreamCall {
  /** The answer is no longer wanted: the connection may be closed, and the sink gets nothing more. */
  abort(): void
  /** The sink accepts more again. */
  resume(): void
}

/** The origin. */
export interface Upstream {
  /** Sends a request, and passes the answer or the failure to the sink. */
  ask(question: UpstreamRequest, sink: Sink): UpstreamCall
  /**
   * It can be called without a client, and again if an answer turns out to be unusable. An application within one
   * request cannot.
   */
  readonly isRepeatable: boolean
}
