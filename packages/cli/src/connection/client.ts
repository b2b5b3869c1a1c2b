// Calls of the admin API: the one place that sends the token, understands problem documents, and reports in one line
// what is wrong and what to do.
import { randomUUID } from 'node:crypto'
import { isError } from 'millpond/options'
import { isOption } from '../arguments/options.ts'
import { type ExitName, Failure } from '../failure.ts'
import { VERSION } from '../version.ts'
import { codeOf, isObject } from './files.ts'
import type { Connection } from './settings.ts'

/** A `Request` in, a `Response` out: over the network, or to a control plane in this process. */
export type Send = (request: Request) => Promise<Response>

export interface CallOptions {
  readonly query?: Readonly<Record<string, string | number | undefined>>
  readonly body?: unknown
  /** Milliseconds for a slow answer; `--timeout` takes precedence. */
  readonly timeoutMs?: number
  readonly headers?: Readonly<Record<string, string>>
  /** Statuses that are not failures here: `[503]` of a health check. */
  readonly takes?: readonly number[]
}

export interface Answered {
  readonly status: number
  readonly headers: Headers
  readonly body: Readonly<Record<string, unknown>>
}

export interface ClientOptions {
  readonly connection: Connection
  readonly send: Send
  /** Milliseconds of `--timeout`. */
  readonly timeoutMs: number | undefined
  readonly signal: AbortSignal
  /** For `--verbose`. */
  readonly trace: (line: string) => void
}

const USUAL_MS = 30_000
/** The longest delay of a Node timer. */
const MOST_MS = 2 ** 31 - 1

export class Client {
  readonly #options: ClientOptions

  constructor(options: ClientOptions) {
    this.#options = options
  }

  get url(): string {
    return this.#options.connection.url
  }

  get connection(): Connection {
    return this.#options.connection
  }

  get(path: string, query: CallOptions['query'] = {}, options: CallOptions = {}): Promise<Answered> {
    return this.call('GET', path, { ...options, query })
  }

  post(path: string, body: unknown, options: CallOptions = {}): Promise<Answered> {
    return this.call('POST', path, { ...options, body })
  }

  /** @throws Failure for everything that is not an answer */
  async call(method: string, path: string, options: CallOptions = {}): Promise<Answered> {
    const response = await this.#open(method, path, options)
    const text = await this.#read(response, options)
    const body = jsonIn(text)
    if (response.status === 204) return { status: 204, headers: response.headers, body: {} }
    if (
      !isObject(body) ||
      typeOf(response) === PROBLEM ||
      (!response.ok && options.takes?.includes(response.status) !== true)
    )
      throw this.#refused(response, body)
    return { status: response.status, headers: response.headers, body }
  }

  /** The raw answer, for exports. @throws Failure as `call` does, and for an HTML page in its place */
  async text(path: string, options: CallOptions = {}): Promise<string> {
    return (await this.#text(path, options)).text
  }

  /** The same for a text in parts, each of which links to the next. */
  async *parts(path: string, options: CallOptions = {}): AsyncGenerator<string> {
    for (let query = options.query ?? {}; ; ) {
      const { text, headers } = await this.#text(path, { ...options, query })
      yield text
      const next = /^<\?([^>]*)>; rel="next"$/.exec(headers.get('link') ?? '')?.[1]
      if (next === undefined) return
      query = Object.fromEntries(new URLSearchParams(next))
    }
  }

  async #text(path: string, options: CallOptions) {
    const response = await this.#open('GET', path, options)
    const text = await this.#read(response, options)
    if (!response.ok || typeOf(response) === 'text/html') throw this.#refused(response, jsonIn(text))
    return { text, headers: response.headers }
  }

  /** Server-sent events as they arrive, until either side ends the stream. @throws Failure as `call` does */
  async *events(
    path: string,
    query: NonNullable<CallOptions['query']>,
  ): AsyncGenerator<{ readonly event: string; readonly data: unknown }> {
    const options = { query, timeoutMs: MOST_MS, headers: { Accept: 'text/event-stream' } }
    const response = await this.#open('GET', path, options)
    if (!response.ok || typeOf(response) !== 'text/event-stream' || response.body === null)
      throw this.#refused(response, jsonIn(await this.#read(response, options)))
    const decoder = new TextDecoder()
    let text = ''
    try {
      for await (const chunk of response.body) {
        text += decoder.decode(chunk, { stream: true })
        for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
          const block = text.slice(0, end)
          text = text.slice(end + 2)
          const field = (name: string): string | undefined => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1]
          const [event, data] = [field('event'), field('data')]
          if (event !== undefined && data !== undefined) yield { event, data: jsonIn(data) }
        }
      }
    } catch (error) {
      throw this.#told(error, options)
    }
  }

  #refused(response: Response, body: unknown): Failure {
    const { connection } = this.#options
    const type = typeOf(response)
    if (type === PROBLEM && isObject(body)) return problemOf(response, body, connection)
    return new Failure(
      'unreachable',
      `${connection.url} (${connection.urlFrom}) answered ${response.status} with ${type ?? 'no content type'}: that is not a control plane; is the address correct?`,
    )
  }

  /** An interrupted POST is sent once more: its idempotency key makes it one call. */
  async #open(method: string, path: string, options: CallOptions = {}): Promise<Response> {
    const key = method === 'POST' ? randomUUID() : undefined
    try {
      return await this.#send(method, path, options, key)
    } catch (error) {
      if (this.#options.signal.aborted || !isBroken(error) || (method !== 'GET' && key === undefined))
        throw this.#told(error, options)
      this.#options.trace(`the connection broke (${reasonOf(error)}): trying again`)
      return await this.#send(method, path, options, key).catch((again: unknown) => {
        throw this.#told(again, options)
      })
    }
  }

  async #send(method: string, path: string, options: CallOptions, key: string | undefined): Promise<Response> {
    const { connection, signal, send, trace } = this.#options
    const url = new URL(path, connection.url)
    for (const [name, value] of Object.entries(options.query ?? {}))
      if (value !== undefined) url.searchParams.set(name, String(value))
    const request = new Request(url, {
      method,
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(this.#limitOf(options))]),
      headers: {
        Accept: 'application/json, application/problem+json',
        'User-Agent': `millpond-cli/${VERSION}`,
        ...(connection.token !== undefined && { Authorization: `Bearer ${connection.token}` }),
        ...(key !== undefined && { 'Idempotency-Key': key }),
        ...(options.body !== undefined && { 'Content-Type': 'application/json' }),
        ...options.headers,
      },
      ...(options.body !== undefined && { body: JSON.stringify(options.body) }),
    })
    const began = performance.now()
    const response = await send(request)
    trace(
      `${method} ${url.href} ${response.status} ${Math.round(performance.now() - began)} ms ${response.headers.get('x-request-id') ?? ''}`,
    )
    if (response.status >= 300 && response.status < 400)
      throw new Failure(
        'unreachable',
        `${url.href} redirects to ${response.headers.get('location') ?? 'nowhere'}: the token is not sent there; give that address as --url if it is yours`,
      )
    return response
  }

  async #read(response: Response, options: CallOptions): Promise<string> {
    try {
      return await response.text()
    } catch (error) {
      throw this.#told(error, options)
    }
  }

  #limitOf({ timeoutMs = USUAL_MS }: CallOptions): number {
    return Math.min(this.#options.timeoutMs ?? timeoutMs, MOST_MS)
  }

  #told(error: unknown, options: CallOptions): Error {
    if (error instanceof Failure) return error
    const { connection, signal } = this.#options
    if (signal.aborted) return new Failure('interrupted', 'interrupted')
    const where = `${connection.url} (${connection.urlFrom})`
    if (isError(error) && error.name === 'TimeoutError')
      return new Failure(
        'unreachable',
        `${where} did not answer in time (${this.#limitOf(options) / 1000} s): is it busy? --timeout waits longer`,
      )
    return new Failure(
      'unreachable',
      `${where} is not reachable: ${reasonOf(error)}; is the control plane running? --url names its address, --local FILE works without it`,
    )
  }
}

const PROBLEM = 'application/problem+json'
const typeOf = (response: Response): string | undefined => response.headers.get('content-type')?.split(';')[0]?.trim()

const BROKEN = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'])
const isBroken = (error: unknown): boolean =>
  error instanceof TypeError && BROKEN.has(reasonOf(error).split(' ')[0] ?? '')

/** `fetch failed` is not informative; its causes are. */
function reasonOf(error: unknown): string {
  const cause = isError(error) ? error.cause : undefined
  if (cause instanceof AggregateError && cause.errors.length > 0) return codeOf(cause.errors[0])
  if (isError(cause))
    return codeOf(cause) === cause.message ? cause.message : `${codeOf(cause)} ${cause.message}`.trim()
  return codeOf(error)
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const BY_CODE: Readonly<Record<string, ExitName>> = {
  needs_confirmation: 'unconfirmed',
  over_limit: 'forbidden',
  no_node: 'unreachable',
}
const BY_STATUS: Readonly<Record<number, ExitName>> = {
  400: 'usage',
  401: 'forbidden',
  403: 'forbidden',
  404: 'notFound',
  405: 'unavailable',
  409: 'conflict',
  412: 'conflict',
  415: 'usage',
  422: 'usage',
  429: 'rateLimited',
  501: 'unavailable',
  502: 'unreachable',
  503: 'unreachable',
}

function problemOf(
  response: Response,
  body: Readonly<Record<string, unknown>>,
  { token, tokenFrom, url }: Connection,
): Failure {
  const code = typeof body.code === 'string' ? body.code : ''
  const detail = typeof body.detail === 'string' ? body.detail : `answered ${response.status}`
  const more = [`code ${code}`, `request ${response.headers.get('x-request-id') ?? '-'}`]
  if (response.status === 401)
    return new Failure(
      'forbidden',
      token === undefined
        ? `${url} needs a token: set MILLPOND_TOKEN, use --token-file FILE, or "millpond login"`
        : `${url} does not accept the token from ${tokenFrom}: it is unknown, expired or revoked`,
      more,
    )
  // An unknown route is a different failure than an unknown object.
  const exit =
    code === 'not_found' && detail.startsWith('there is nothing at')
      ? 'unavailable'
      : (BY_CODE[code] ?? BY_STATUS[response.status] ?? 'unexpected')
  const said = detail
    .replaceAll('set cache_name to one of', 'set --cache-name to one of')
    .replaceAll('force: true', '--force')
    .replace(/(?<=^|; )\?(\w+): /g, (query, name: string) => asOption(name) ?? query)
  return new Failure(exit, exit === 'unavailable' ? `${said} (${url})` : said, more)
}

/** A field of a query by the name that it has here: "--memory-gb-month: ". */
function asOption(field: string): string | undefined {
  const name = field.replaceAll('_', '-')
  return isOption(name) ? `--${name}: ` : undefined
}
