// The origin by undici's dispatch API: header lines and bodies unchanged, including unusual lengths and 1xx responses.
import type { IncomingMessage } from 'node:http'
import { Transform } from 'node:stream'
import type { Sink, Upstream, UpstreamCall, UpstreamRequest } from 'millpond/http'
import type { Dispatcher } from 'undici'
import { forwardedFields } from './forwarded.ts'
import type { ProxySettings } from './options.ts'
import { leaveOut, type Origin, type Origins } from './origins.ts'

/** RFC 9110 9.2.2: idempotent methods, safe to retry. */
const REPEATABLE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'QUERY'])

/** The origins, for one request. */
export function originFor(request: IncomingMessage, origins: Origins, settings: ProxySettings): Upstream {
  return {
    isRepeatable: true,
    ask: (question, sink) => new OriginCall(request, question, sink, origins, settings),
  }
}

class OriginCall implements UpstreamCall {
  readonly #request: IncomingMessage
  readonly #question: UpstreamRequest
  readonly #sink: Sink
  readonly #origins: Origins
  readonly #settings: ProxySettings
  #controller: Dispatcher.DispatchController | undefined
  #retries: number
  #isAborted = false
  #isStarted = false
  #isNotModified = false

  constructor(
    request: IncomingMessage,
    question: UpstreamRequest,
    sink: Sink,
    origins: Origins,
    settings: ProxySettings,
  ) {
    this.#request = request
    this.#question = question
    this.#sink = sink
    this.#origins = origins
    this.#settings = settings
    this.#retries = REPEATABLE.has(question.asked.facts.method) && !hasBody(request) ? settings.retries : 0
    this.#dispatch()
  }

  #dispatch(): void {
    const { asked, fields } = this.#question
    const origin = this.#origins.take()
    origin.pool.dispatch(
      {
        path: pathOf(asked.url),
        // Undici's type knows fewer methods than undici does.
        method: asked.facts.method as Dispatcher.HttpMethod,
        headers: forwardedFields(fields, this.#request, this.#settings),
        body: this.#body(),
      },
      {
        onRequestStart: (controller) => {
          this.#controller = controller
          if (this.#isAborted) controller.abort(new Error('the client is gone'))
        },
        onResponseStart: (controller, status, _, reason) => {
          const lines = linesOf(controller.rawHeaders)
          if (status < 200) {
            this.#sink.inform(status, lines)
            return
          }
          this.#isStarted = true
          this.#isNotModified = status === 304
          this.#sink.start(status, reason ?? '', lines)
        },
        onResponseData: (controller, chunk) => {
          if (!this.#sink.write(chunk)) controller.pause()
        },
        onResponseEnd: (controller) => this.#sink.end(linesOf(controller.rawTrailers)),
        onResponseError: (_, error) => this.#fail(error, origin),
      },
    )
  }

  #body(): Uint8Array | Transform | IncomingMessage | null {
    const { body } = this.#question.asked
    if (body !== undefined) return body
    if (!hasBody(this.#request)) return null
    const most = this.#settings.maxRequestBytes
    return most === Number.POSITIVE_INFINITY ? this.#request : bounded(this.#request, most)
  }

  /** A connection that broke before the response began is retried if the method permits it. */
  #fail(error: Error, origin: Origin): void {
    if (this.#isAborted) return
    // RFC 9110 8.6: a 304 may carry the content's length; undici does not handle it.
    if (this.#isNotModified && 'code' in error && error.code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH') {
      this.#sink.end()
      return
    }
    const isTimeout = 'code' in error && /TIMEOUT/.test(String(error.code))
    if (!this.#isStarted && isUnreachable(error)) leaveOut(origin)
    if (this.#isStarted || this.#retries === 0 || (isTimeout && !isUnreachable(error))) {
      this.#sink.fail(isTimeout ? Object.assign(error, { isTimeout: true }) : error)
      return
    }
    this.#retries--
    this.#dispatch()
  }

  abort(): void {
    this.#isAborted = true
    this.#controller?.abort(new Error('the client is gone'))
  }

  resume(): void {
    this.#controller?.resume()
  }
}

/** No connection was established: nothing can have happened at the origin. */
const isUnreachable = (error: Error): boolean =>
  'code' in error &&
  /^(?:ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|UND_ERR_CONNECT_TIMEOUT)$/.test(String(error.code))

export function hasBody({ headers }: IncomingMessage): boolean {
  return (
    headers['transfer-encoding'] !== undefined ||
    (headers['content-length'] !== undefined && headers['content-length'] !== '0')
  )
}

function bounded(request: IncomingMessage, most: number): Transform {
  let length = 0
  const gate = new Transform({
    transform(chunk: Buffer, _, done) {
      length += chunk.length
      if (length > most) done(new Error('the content of the request is too long'))
      else done(null, chunk)
    },
  })
  request.on('error', (error) => gate.destroy(error))
  return request.pipe(gate)
}

const pathOf = (url: string): string => url.slice(url.indexOf('/', url.indexOf('://') + 3))

function linesOf(raw: Dispatcher.DispatchController['rawHeaders']): string[] {
  return Array.isArray(raw) ? raw.map((part) => (typeof part === 'string' ? part : part.toString('latin1'))) : []
}
