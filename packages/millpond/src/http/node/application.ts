// The application behind the cache as an upstream: it writes into its response as usual, and its output goes to the
// sink first.
import { type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse, STATUS_CODES } from 'node:http'
import { unheld } from '../../core/unheld.ts'
import type { Sink, Upstream, UpstreamCall, UpstreamRequest } from '../exchange.ts'
import { fieldLines, fieldValue } from '../rules/fields.ts'
import { CONDITIONS } from '../rules/validation.ts'
import { NodeReply, type Writing } from './reply.ts'

/** An application whose client has left may never end its answer: it gets this long. */
const ABANDONED_MS = 30_000
const BROKEN_OFF = 'the application aborted its answer'

/** Takes over the response that the application got. The client is served through `reply`, by the original methods. */
export function applicationUpstream(
  request: IncomingMessage,
  response: ServerResponse,
  run: () => unknown,
): Upstream & { readonly reply: NodeReply } {
  const writeHead = response.writeHead.bind(response)
  const write = response.write.bind(response)
  const end = response.end.bind(response)
  const destroy = response.destroy.bind(response)
  const writing: Writing = {
    writeHead(status, reason, fields) {
      for (const name of response.getHeaderNames()) response.removeHeader(name)
      return writeHead(status, reason, fields)
    },
    write: (chunk) => write(chunk),
    end: (body, encoding) => end(body, encoding ?? 'latin1'),
    destroy,
  }
  return {
    isRepeatable: false,
    reply: new NodeReply(response, writing),
    ask(question, sink) {
      putConditions(request, question)
      const capture = new Capture(request.method === 'HEAD', response, sink)
      capture.takeOver()
      Promise.resolve()
        .then(run)
        .catch((error: unknown) => sink.fail(error))
      return capture
    },
  }
}

/** The application sees the cache's conditions; the client's were for the cache. */
function putConditions(request: IncomingMessage, { fields }: UpstreamRequest): void {
  for (const name of CONDITIONS) {
    const value = fieldValue(fields, name)
    if (value === undefined) delete request.headers[name]
    else request.headers[name] = value
  }
}

type Done = (error?: Error | null) => void

/** The application's output, as the answer of a fetch. */
class Capture implements UpstreamCall {
  readonly #isHead: boolean
  readonly #response: ServerResponse
  readonly #sink: Sink
  #isStarted = false
  #isEnded = false
  #isBodiless = false

  constructor(isHead: boolean, response: ServerResponse, sink: Sink) {
    this.#isHead = isHead
    this.#response = response
    this.#sink = sink
  }

  /** The application's output is no longer needed, and is discarded. */
  abort(): void {
    this.#isBodiless = true
  }

  resume(): void {
    this.#response.emit('drain')
  }

  /** Own properties, since frameworks change the prototype. */
  takeOver(): void {
    const response = this.#response
    const destroy = response.destroy.bind(response)
    const own = {
      writeHead: (status: number, reason?: unknown, given?: unknown) => {
        this.#start(
          status,
          typeof reason === 'string' ? reason : undefined,
          typeof reason === 'string' ? given : reason,
        )
        return response
      },
      write: (chunk: string | Uint8Array, encoding?: BufferEncoding | Done, done?: Done) => {
        this.#startOnce()
        return this.#write(chunk, encoding, done)
      },
      end: (chunk?: string | Uint8Array | Done, encoding?: BufferEncoding | Done, done?: Done) => {
        this.#end(chunk, encoding, done)
        return response
      },
      flushHeaders: () => this.#startOnce(),
      // An application signals by this that it gives up half-way: those that wait for the same answer must not wait any
      // longer.
      destroy: (error?: Error) => {
        destroy(error)
        if (!this.#isEnded) this.#sink.fail(error ?? new Error(BROKEN_OFF))
        return response
      },
    }
    Object.assign(response, own)
    const { socket } = response
    response.once('close', () => {
      if (this.#isEnded) return
      // A client that leaves ends its side or resets the connection; otherwise the application has destroyed it.
      const hasClientLeft = socket === null || socket.readableEnded || socket.errored !== null
      if (!hasClientLeft) return this.#sink.fail(new Error(BROKEN_OFF))
      const timer = setTimeout(() => this.#sink.fail(new Error('the application did not end its answer')), ABANDONED_MS)
      unheld(timer)
    })
  }

  #startOnce(length?: number): void {
    if (!this.#isStarted) this.#start(this.#response.statusCode, this.#response.statusMessage, undefined, length)
  }

  #start(status: number, reason: string | undefined, given: unknown, length?: number): void {
    if (this.#isStarted) return
    this.#isStarted = true
    const fields = fieldsOf(this.#response, given)
    this.#isBodiless ||= this.#isHead || status === 204 || status === 304
    // As node:http does for an answer in one piece.
    const isSilent =
      fieldLines(fields, 'content-length').length === 0 && fieldLines(fields, 'transfer-encoding').length === 0
    if (length !== undefined && isSilent && status !== 204 && status !== 304)
      fields.push('Content-Length', String(length))
    this.#sink.start(status, reason ?? STATUS_CODES[status] ?? '', fields)
  }

  #write(chunk: string | Uint8Array, encoding?: BufferEncoding | Done, done?: Done): boolean {
    const callback = typeof encoding === 'function' ? encoding : done
    if (callback !== undefined) queueMicrotask(callback)
    if (this.#isBodiless || this.#isEnded || chunk.length === 0) return true
    return this.#sink.write(bytesOf(chunk, encoding))
  }

  #end(chunk?: string | Uint8Array | Done | null, encoding?: BufferEncoding | Done, done?: Done): void {
    if (this.#isEnded) return
    const callback = [chunk, encoding, done].find((argument): argument is Done => typeof argument === 'function')
    if (callback !== undefined) this.#response.once('finish', callback)
    const body =
      typeof chunk === 'function' || chunk === undefined || chunk === null ? undefined : bytesOf(chunk, encoding)
    this.#startOnce(body?.length ?? 0)
    if (body !== undefined) this.#write(body)
    this.#isEnded = true
    this.#sink.end()
  }
}

/** A copy unless it is a string: the application may reuse its memory. */
function bytesOf(chunk: string | Uint8Array, encoding?: BufferEncoding | Done): Buffer {
  return typeof chunk === 'string'
    ? Buffer.from(chunk, typeof encoding === 'string' ? encoding : 'utf8')
    : Buffer.from(chunk)
}

/** The fields set by `setHeader`, and those passed to `writeHead`, which take precedence. */
function fieldsOf(response: ServerResponse, given: unknown): string[] {
  const added = flat(given)
  const named = new Set(added.filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase()))
  const fields: string[] = []
  for (const name of response.getHeaderNames()) {
    if (!named.has(name.toLowerCase())) push(fields, name, response.getHeader(name))
  }
  return [...fields, ...added]
}

function flat(given: unknown): string[] {
  const fields: string[] = []
  if (Array.isArray(given)) {
    const pairs: readonly unknown[] = Array.isArray(given[0]) ? given.flat() : given
    for (let at = 0; at + 1 < pairs.length; at += 2) push(fields, String(pairs[at]), pairs[at + 1])
  } else if (typeof given === 'object' && given !== null) {
    for (const [name, value] of Object.entries(given as OutgoingHttpHeaders)) push(fields, name, value)
  }
  return fields
}

function push(fields: string[], name: string, value: unknown): void {
  if (Array.isArray(value)) for (const line of value) fields.push(name, String(line))
  else if (value !== undefined) fields.push(name, String(value))
}
