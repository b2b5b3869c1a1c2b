// The two sides of the handler: who asks, and who is asked. Adapters implement them; the rules and the journey know
// nothing else of a server.
import type { RawFields } from './rules/fields.ts'
import type { RequestFacts } from './rules/request.ts'

/** A request as it arrived. */
export interface ClientRequest {
  readonly facts: RequestFacts
  /** Absolute, with a normalised host. */
  readonly url: string
  /** The content, where it had to be read to know the key (QUERY). */
  readonly body?: Uint8Array
}

/** A status and its fields, ready to be sent. */
export interface Head {
  readonly status: number
  readonly reason: string
  /** Flat. */
  readonly fields: string[]
}

/** A stored answer's head as it is sent during one second: a popular answer is sent thousands of times within it. */
export class KeptHead implements Head {
  readonly status: number
  readonly reason: string
  /** Shared: not to be changed. */
  readonly fields: string[]
  readonly age: number
  /** The member of `Cache-Status`. */
  readonly told: string | undefined
  /**
   * Whether it may be written together with a text that is not ASCII: node:http writes both in one encoding, and fields
   * have their own.
   */
  readonly isAscii: boolean
  /** What a reply has made of it the first time. */
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

/** Where the answer goes. Calls after the client has left do nothing. */
export interface Reply {
  readonly isOpen: boolean
  /** The head is out: nothing else can be sent in its place. */
  readonly isStarted: boolean
  /** A 1xx answer (RFC 9110 15.2). */
  inform(status: number, fields: RawFields): void
  /** A whole answer at once. `encoding`: how a string becomes bytes. */
  send(head: Head, body: string | Uint8Array | undefined, encoding: 'latin1' | 'utf8'): void
  start(head: Head): void
  /** `false`: the client reads slowly; `onDrain` tells when it is ready again. */
  write(chunk: Uint8Array): boolean
  end(trailers?: RawFields): void
  /** The rest will not come: the connection is closed, so that nobody takes the part for the whole. */
  cut(): void
  onDrain(listener: () => void): void
  /** The client has left before the end. */
  onClose(listener: () => void): void
}

/** What is sent to the origin. */
export interface UpstreamRequest {
  readonly asked: ClientRequest
  /** End-to-end fields, conditions of the cache's own included. */
  readonly fields: string[]
}

/**
 * What comes from the origin, in this order: any number of `inform`, `start`, any number of `write`, `end`; or `fail`
 * at any time.
 */
export interface Sink {
  inform(status: number, fields: RawFields): void
  start(status: number, reason: string, fields: RawFields): void
  /** `false`: no more until `resume` of the call. */
  write(chunk: Buffer): boolean
  end(trailers?: RawFields): void
  fail(error: unknown): void
}

/** A question under way. */
export interface UpstreamCall {
  abort(): void
  /** The sink takes more again. */
  resume(): void
}

/** The origin. */
export interface Upstream {
  ask(question: UpstreamRequest, sink: Sink): UpstreamCall
  /**
   * It may be asked when nobody waits, and again when an answer turns out to be useless. An application inside one
   * request cannot.
   */
  readonly isRepeatable: boolean
}
