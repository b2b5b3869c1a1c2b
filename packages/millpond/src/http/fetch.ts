// `millpond/http/fetch`: the cache around a fetch handler, for runtimes and frameworks with Request and Response.
import type { ClientRequest, Head, Reply, Sink, Upstream, UpstreamCall, UpstreamRequest } from './exchange.ts'
import { httpCache } from './given.ts'
import { queryLimit, urlOfRequest } from './key.ts'
import type { HttpCache } from './node/http-cache.ts'
import { endToEnd, type RawFields } from './rules/fields.ts'
import { ASKS, RequestFacts } from './rules/request.ts'
import { CONDITIONS } from './rules/validation.ts'

export type FetchHandler = (request: Request) => Response | Promise<Response>

/**
 * The handler with the cache in front of it. Statuses below 200 and above 599 cannot be represented by a `Response`,
 * and become a 502.
 * @example const handler = cachedFetch(http, (request) => app.fetch(request))
 */
export function cachedFetch(http: HttpCache, handler: FetchHandler): (request: Request) => Promise<Response> {
  httpCache(http, 'cachedFetch')
  return async (request) => {
    const { origin, host, pathname, search, hash, protocol } = new URL(request.url)
    const fields = [...flat(request.headers), ...(request.headers.has('host') ? [] : ['Host', host])]
    const facts = new RequestFacts(request.method, fields, http.settings.codings)
    const url = urlOfRequest(protocol === 'https:' ? 'https' : 'http', facts, origin + pathname + search + hash)
    if (url === undefined || facts.has(ASKS.ambiguous)) return new Response('Bad Request\n', { status: 400 })
    const body = request.method === 'QUERY' ? new Uint8Array(await request.clone().arrayBuffer()) : undefined
    if (body !== undefined && body.length > queryLimit) return handler(request)
    const asked: ClientRequest = body === undefined ? { facts, url } : { facts, url, body }
    const reply = new ResponseReply()
    await http.exchange(asked, reply, new HandlerUpstream(request, handler))
    return reply.response
  }
}

function flat(headers: Headers): string[] {
  const fields: string[] = []
  headers.forEach((value, name) => {
    if (name !== 'set-cookie') fields.push(name, value)
  })
  // The only field whose lines cannot be combined.
  for (const line of headers.getSetCookie()) fields.push('set-cookie', line)
  return fields
}

class HandlerUpstream implements Upstream {
  readonly isRepeatable = true
  readonly #request: Request
  readonly #handler: FetchHandler

  constructor(request: Request, handler: FetchHandler) {
    this.#request = request
    this.#handler = handler
  }

  ask({ fields }: UpstreamRequest, sink: Sink): UpstreamCall {
    const aborter = new AbortController()
    let resume: () => void = () => {}
    const pump = async (): Promise<void> => {
      const response = await this.#handler(this.#withConditions(fields))
      sink.start(response.status, response.statusText, flat(response.headers))
      const reader = response.body?.getReader()
      while (reader !== undefined) {
        const { done, value } = await reader.read()
        if (done || aborter.signal.aborted) break
        if (!sink.write(Buffer.from(value))) await new Promise<void>((resolve) => (resume = resolve))
      }
      if (aborter.signal.aborted) await reader?.cancel()
      else sink.end()
    }
    pump().catch((error: unknown) => sink.fail(error))
    return {
      abort: () => aborter.abort(),
      resume: () => resume(),
    }
  }

  /** The request itself if nothing differs: frameworks use it as a key. */
  #withConditions(fields: RawFields): Request {
    const asked = new Headers()
    for (let at = 0; at + 1 < fields.length; at += 2) {
      if (CONDITIONS.has((fields[at] as string).toLowerCase()))
        asked.append(fields[at] as string, fields[at + 1] as string)
    }
    const isSame = [...CONDITIONS].every((name) => asked.get(name) === this.#request.headers.get(name))
    if (isSame) return this.#request
    const headers = new Headers(this.#request.headers)
    for (const name of CONDITIONS) {
      const value = asked.get(name)
      if (value === null) headers.delete(name)
      else headers.set(name, value)
    }
    return new Request(this.#request, { headers })
  }
}

/** Becomes a `Response` with the first call. */
class ResponseReply implements Reply {
  readonly response: Promise<Response>
  isStarted = false
  isOpen = true
  #resolve: (response: Response) => void = () => {}
  #stream: ReadableStreamDefaultController<Uint8Array> | undefined
  #onDrain: () => void = () => {}
  #onClose: () => void = () => {}

  constructor() {
    this.response = new Promise((resolve) => {
      this.#resolve = resolve
    })
  }

  /** Fetch has no informational responses. */
  inform(): void {}

  send(head: Head, body: string | Uint8Array | undefined, encoding: 'latin1' | 'utf8'): void {
    if (this.isStarted) return
    const bytes = typeof body === 'string' ? Buffer.from(body, encoding) : body
    this.#open(head, bytes === undefined ? null : new Uint8Array(bytes))
    this.isOpen = false
  }

  start(head: Head): void {
    if (this.isStarted) return
    const stream = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#stream = controller
        },
        pull: () => this.#onDrain(),
        cancel: () => {
          this.isOpen = false
          this.#onClose()
        },
      },
      { highWaterMark: 16 },
    )
    this.#open(head, head.status === 204 || head.status === 304 ? null : stream)
  }

  #open({ status, reason, fields }: Head, body: Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | null): void {
    this.isStarted = true
    const isTellable = status >= 200 && status <= 599
    const headers = new Headers()
    const kept = endToEnd(fields)
    for (let at = 0; at + 1 < kept.length; at += 2) headers.append(kept[at] as string, kept[at + 1] as string)
    this.#resolve(new Response(body, { status: isTellable ? status : 502, statusText: reason, headers }))
  }

  write(chunk: Uint8Array): boolean {
    if (!this.isOpen || this.#stream === undefined) return true
    this.#stream.enqueue(new Uint8Array(chunk))
    return (this.#stream.desiredSize ?? 1) > 0
  }

  end(): void {
    if (!this.isOpen) return
    this.isOpen = false
    this.#stream?.close()
  }

  cut(): void {
    if (!this.isOpen) return
    this.isOpen = false
    this.#stream?.error(new Error('the answer was cut off'))
  }

  onDrain(listener: () => void): void {
    this.#onDrain = listener
  }

  onClose(listener: () => void): void {
    this.#onClose = listener
  }
}
