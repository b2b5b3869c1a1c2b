// An HTTP cache for node:http: in front of a listener, as a middleware, or in front of the caller's own upstream.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Backing, HttpReceipt } from '../contract.ts'
import type { HttpStats } from '../counts.ts'
import type { ClientRequest, Reply, Upstream } from '../exchange.ts'
import { HttpHandler } from '../handler.ts'
import { queryLimit, urlOfRequest } from '../key.ts'
import type { Purge } from '../purge.ts'
import { asForwarded, type RawFields } from '../rules/fields.ts'
import { ASKS, RequestFacts } from '../rules/request.ts'
import type { HttpCacheOptions, Settings } from '../settings.ts'
import { applicationUpstream } from './application.ts'
import { readBody } from './body.ts'
import { NodeReply } from './reply.ts'
import { endUnread } from './unread.ts'

/** An upstream that has taken over the response provides the reply that still reaches the client. */
type NodeUpstream = Upstream & { readonly reply?: NodeReply }

export type Listener = (request: IncomingMessage, response: ServerResponse) => unknown
export type Middleware = (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void) => void

/** A cache in front of an application of `node:http`, Express or Connect: created by `createHttpCache`. */
export class HttpCache {
  readonly #handler: HttpHandler
  /** Connections that end with the refusal of a request: RFC 9112 9.6 forbids reading on. */
  readonly #refused = new Set<Socket>()

  /** Created by `createHttpCache`. */
  constructor(cache: Backing, options: HttpCacheOptions, onError: (error: unknown) => void) {
    this.#handler = new HttpHandler(cache, options, onError)
  }

  /** The options in force. */
  get settings(): Settings {
    return this.#handler.settings
  }

  /** The listener with the cache in front of it: `createServer(http.listener(app))`. */
  listener(application: Listener): (request: IncomingMessage, response: ServerResponse) => void {
    return (request, response) =>
      this.#handle(request, response, () =>
        applicationUpstream(request, response, () => application(request, response)),
      )
  }

  /** For frameworks that call middlewares with `(request, response, next)`. */
  middleware(): Middleware {
    return (request, response, next) =>
      this.#handle(request, response, () => applicationUpstream(request, response, () => next()))
  }

  /** One request in front of an origin that the caller calls itself, without the fields that `Connection` names. */
  handle(request: IncomingMessage, response: ServerResponse, upstreamOf: () => Upstream): void {
    this.#handle(request, response, upstreamOf, asForwarded(request.rawHeaders))
  }

  /** One request of a server other than node:http: a stored answer, or the upstream's. Never rejects. */
  async exchange(asked: ClientRequest, reply: Reply, upstream: Upstream): Promise<void> {
    const isRead = asked.facts.method === 'GET' || asked.facts.method === 'HEAD'
    if (!isRead || !this.#handler.hit(asked, reply)) await this.#handler.serve(asked, reply, upstream)
  }

  /**
   * Invalidates answers by tag, URL, prefix, host, group, or all of them; resolves once they are not served any more.
   * @throws MillpondError `OPTION_INVALID` if nothing is named.
   */
  async purge(what: Purge): Promise<HttpReceipt> {
    return this.#handler.purge(what)
  }

  /** Its counts since it was created. */
  stats(): HttpStats {
    return this.#handler.stats()
  }

  #handle(
    request: IncomingMessage,
    response: ServerResponse,
    upstreamOf: () => NodeUpstream,
    fields: RawFields = request.rawHeaders,
  ): void {
    if (this.#refused.size > 0 && this.#refused.has(request.socket)) return
    const method = request.method ?? 'GET'
    const facts = new RequestFacts(method, fields, this.#handler.settings.codings)
    const scheme = (request.socket as Partial<TLSSocket>).encrypted === true ? 'https' : 'http'
    const url = urlOfRequest(scheme, facts, request.url ?? '')
    const reply = new NodeReply(response)
    // RFC 9112 3.2, 6.3: ambiguous requests are refused, and never stored.
    if (url === undefined || facts.has(ASKS.ambiguous)) this.#refuse(request, reply)
    else if (method === 'QUERY') void this.#query(request, { facts, url }, reply, upstreamOf())
    else if ((method === 'GET' || method === 'HEAD') && this.#handler.hit({ facts, url }, reply)) endUnread(request)
    else {
      const upstream = upstreamOf()
      void this.#handler.serve({ facts, url }, upstream.reply ?? reply, upstream)
    }
  }

  async #query(
    request: IncomingMessage,
    asked: ClientRequest,
    given: NodeReply,
    upstream: NodeUpstream,
  ): Promise<void> {
    const reply = upstream.reply ?? given
    const body = await readBody(request, queryLimit)
    if (body === undefined) this.#refuse(request, reply)
    else await this.#handler.serve({ ...asked, body }, reply, upstream)
  }

  #refuse(request: IncomingMessage, reply: NodeReply): void {
    const { socket } = request
    this.#refused.add(socket)
    socket.once('close', () => this.#refused.delete(socket))
    const text = 'Bad Request\n'
    const fields = ['Content-Type', 'text/plain', 'Content-Length', String(text.length), 'Connection', 'close']
    reply.send({ status: 400, reason: 'Bad Request', fields }, text, 'latin1')
    request.resume()
  }
}
