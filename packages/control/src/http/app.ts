// The admin API as one function from Request to Response: credential, rate, permission, schema, idempotency, handler,
// in this order.
import { randomUUID } from 'node:crypto'
import { Hono } from 'hono'
import { counted } from 'millpond/options'
import { may, type Principal } from '../access/roles.ts'
import { isOwnWrite, principalOfSession, secretIn, WRITE_HEADER } from '../access/sessions.ts'
import { principalOf } from '../access/tokens.ts'
import type { Control } from '../control.ts'
import { isError } from '../is-error.ts'
import { once } from './idempotency.ts'
import { parse } from './parse.ts'
import { invalid, Problem, problemReply } from './problem.ts'
import type { Rates } from './rates.ts'
import type { Refusals } from './refusals.ts'
import { lacks, refuse } from './refuse.ts'
import type { Call, Reply, Route } from './route.ts'
import { isStorable } from './storable.ts'

const MAX_BODY_BYTES = 1024 * 1024

export interface AppOptions {
  readonly control: Control
  readonly routes: readonly Route[]
  readonly base: string
  readonly rates: Rates
  readonly refusals: Refusals
  /** Called with unexpected errors; the caller gets a 500 without details. */
  readonly onError: (error: unknown) => void
  /** The host application's own sign-in; undefined: not signed in there. */
  readonly authorize?: ((request: Request) => Promise<Principal | undefined> | Principal | undefined) | undefined
  readonly addressOf?: ((request: Request) => string | undefined) | undefined
}

export function createApp(options: AppOptions): (request: Request) => Promise<Response> {
  const app = new Hono({ strict: false })
  for (const route of options.routes) {
    const path = fullPath(options, route).replace(/\{(\w+)\}/g, ':$1')
    app.on(route.method, path, async (c) => answer(options, route, c.req.raw, c.req.param()))
  }
  app.notFound((c) => {
    const path = new URL(c.req.url).pathname
    const allow = allowed(options, path)
    const problem =
      allow.length === 0
        ? new Problem(404, 'not_found', `there is nothing at ${path}`)
        : new Problem(405, 'method_not_allowed', `${c.req.method} is not offered at ${path}: use ${allow.join(', ')}`, {
            headers: { Allow: allow.join(', ') },
          })
    return finish(problemReply(problem, requestIdOf(c.req.raw)), requestIdOf(c.req.raw), 0)
  })
  return async (request) => app.fetch(request)
}

/** Without its trailing slash. */
const fullPath = ({ base }: AppOptions, route: Route): string =>
  `${route.base ?? base}/${route.path.replace(/\/$/, '')}`

function allowed(options: AppOptions, path: string): string[] {
  const given = path.replace(/\/$/, '').split('/')
  const fits = (route: Route): boolean => {
    const wanted = fullPath(options, route).split('/')
    return (
      wanted.length === given.length &&
      wanted.every((part, at) => (part.startsWith('{') ? given[at] !== '' : part === given[at]))
    )
  }
  return [
    ...new Set(options.routes.filter(fits).flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method]))),
  ]
}

async function answer(
  options: AppOptions,
  route: Route,
  request: Request,
  params: Record<string, string>,
): Promise<Response> {
  const requestId = requestIdOf(request)
  const began = performance.now()
  let response: Response
  try {
    response = toResponse(await run(options, route, request, params, requestId))
  } catch (error) {
    if (!(error instanceof Problem)) options.onError(error)
    const problem =
      error instanceof Problem ? error : new Problem(500, 'internal', 'an internal error occurred and was logged')
    response = problemReply(problem, requestId)
  }
  return finish(response, requestId, performance.now() - began)
}

async function run(
  options: AppOptions,
  route: Route,
  request: Request,
  params: Record<string, string>,
  requestId: string,
): Promise<Reply> {
  const { control, rates } = options
  const principal = await signIn(options, request)
  const kind = route.rate ?? (route.method === 'GET' ? 'read' : 'write')
  const { retryMs, left, limit } = rates.take(
    principal.userId,
    kind,
    `${route.method} ${route.base ?? ''}${route.path}`,
  )
  if (retryMs > 0) {
    const seconds = Math.ceil(retryMs / 1000)
    throw new Problem(
      429,
      'rate_limited',
      `more than ${counted(limit, 'call')} of this kind in a minute: wait ${seconds} s`,
      {
        headers: { 'Retry-After': String(seconds), RateLimit: `"${kind}";r=${left};t=${seconds}` },
      },
    )
  }
  const address = options.addressOf?.(request)
  const caller = { actor: principal.name, via: principal.via, address, requestId }
  if (route.scope !== 'any' && !may(principal, route.scope)) {
    const { method, path } = route
    const action = `${method} ${route.base === undefined ? '' : `${route.base}/`}${path}`
    await refuse(control.store, caller, { action, target: requestPath(request) }, lacks(principal, route.scope))
  }
  if (principal.via === 'session' && request.method !== 'GET' && request.method !== 'HEAD' && !isOwnWrite(request))
    throw new Problem(
      403,
      'csrf',
      `a write within a session needs the header ${WRITE_HEADER.name}: ${WRITE_HEADER.value}, from a page of the same origin`,
    )
  // No name contains text that cannot be stored.
  if (Object.entries(params).some(([name, value]) => name !== 'key' && !isStorable(value)))
    throw new Problem(404, 'not_found', `there is nothing at ${requestPath(request)}`)
  const stillSignedIn = async (): Promise<boolean> => (await authenticate(options, request)) !== undefined
  const text = await bodyText(request)
  const body = route.body === undefined ? noBody(text, route) : parse(route.body, jsonOf(text, request), '')
  const query = parseQuery(route, request)
  const call: Call = {
    control,
    principal,
    params,
    body,
    query,
    request,
    requestId,
    base: options.base,
    address,
    caller,
    stillSignedIn,
  }
  const key = request.headers.get('idempotency-key')
  if (key === null || route.method !== 'POST') return route.handle(call)
  const named = {
    principal: principal.userId,
    route: requestPath(request),
    key,
    answersSecret: route.answersSecret === true,
  }
  // The query is part of the request's identity: a dry run is another call than the run.
  return once(control.store, named, new URL(request.url).search + text, async () => route.handle(call))
}

/** A token in the header, else the host application's sign-in, else a browser session. */
async function authenticate({ control, authorize }: AppOptions, request: Request): Promise<Principal | undefined> {
  const header = request.headers.get('authorization')
  const token = /^bearer +(\S+)$/i.exec(header ?? '')?.[1]
  const known = token === undefined ? undefined : await principalOf(control.store, token)
  const principal = known ?? (await authorize?.(request))
  if (principal !== undefined || header !== null) return principal
  const secret = await secretIn(control.store, request)
  return secret === undefined ? undefined : principalOfSession(control.store, secret)
}

async function signIn(options: AppOptions, request: Request): Promise<Principal> {
  const principal = await authenticate(options, request)
  if (principal !== undefined) return principal
  const isGiven =
    request.headers.get('authorization') !== null || (await secretIn(options.control.store, request)) !== undefined
  if (isGiven) options.refusals.count()
  const why = isGiven ? 'this credential is unknown, expired or revoked' : 'no credential was given'
  throw new Problem(401, 'unauthorized', `${why}: send "Authorization: Bearer <token>"`, {
    headers: { 'WWW-Authenticate': 'Bearer realm="millpond"' },
  })
}

async function bodyText(request: Request): Promise<string> {
  const tooLarge = new Problem(413, 'too_large', `the body exceeds ${MAX_BODY_BYTES} bytes: send less at a time`)
  if (Number(request.headers.get('content-length') ?? 0) > MAX_BODY_BYTES) throw tooLarge
  const parts: Uint8Array[] = []
  let bytes = 0
  for await (const part of request.body ?? []) {
    bytes += part.byteLength
    if (bytes > MAX_BODY_BYTES) throw tooLarge
    parts.push(part)
  }
  // An empty body may ask for more than the one that was sent: a clean-up that was meant as a dry run.
  if (bytes === 0 && isBodySaid(request))
    throw new Problem(
      400,
      'body_lost',
      'the request announced a body but none arrived: mount the control plane before any body parser, or send no body',
    )
  try {
    return UTF_8.decode(Buffer.concat(parts))
  } catch {
    throw new Problem(400, 'malformed', 'the body is not UTF-8: encode the JSON as UTF-8')
  }
}

/** Strips a byte order mark, which some editors and shells put before a text. */
const UTF_8 = new TextDecoder('utf-8', { fatal: true })

const isBodySaid = ({ headers }: Request): boolean =>
  Number(headers.get('content-length') ?? 0) > 0 || headers.has('transfer-encoding')

function noBody(text: string, { method, path }: Route): unknown {
  if (text === '' || text.trim() === '{}') return undefined
  throw invalid([{ pointer: '', code: 'unexpected', detail: `${method} ${path} takes no body` }])
}

function jsonOf(text: string, request: Request): unknown {
  if (text === '') return {}
  const type = request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase()
  if (type !== undefined && type !== 'application/json' && !type.endsWith('+json'))
    throw new Problem(415, 'unsupported_media_type', `the body is ${type}: send application/json`)
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Problem(400, 'malformed', `the body is not JSON (${isError(error) ? error.message : error})`)
  }
}

function parseQuery({ query, method, path }: Route, request: Request): unknown {
  const given: Record<string, string> = Object.create(null)
  for (const [name, value] of new URL(request.url).searchParams) {
    if (name in given) throw invalid([{ pointer: `?${name}`, code: 'repeated', detail: 'give it once' }])
    given[name] = value
  }
  if (query !== undefined) return parse(query, given, '?')
  const [first] = Object.keys(given)
  if (first === undefined) return undefined
  throw invalid([{ pointer: `?${first}`, code: 'unknown_field', detail: `${method} ${path} takes no parameters` }])
}

const requestPath = (request: Request): string => new URL(request.url).pathname

function toResponse({ status, body, text, stream, headers }: Reply): Response {
  if (stream !== undefined) return new Response(stream, { status, headers: { ...headers } })
  if (text !== undefined) return new Response(text, { status, headers: { ...headers } })
  if (body === undefined) return new Response(null, { status, headers: { ...headers } })
  return new Response(JSON.stringify(body), { status, headers: { 'Content-Type': 'application/json', ...headers } })
}

function finish(response: Response, requestId: string, ms: number): Response {
  response.headers.set('X-Request-Id', requestId)
  response.headers.set('X-Content-Type-Options', 'nosniff')
  response.headers.set('Server-Timing', `app;dur=${ms.toFixed(1)}`)
  if (!response.headers.has('Cache-Control')) response.headers.set('Cache-Control', 'no-store')
  return response
}

const given = new WeakMap<Request, string>()

/** The caller's own id if it is well-formed; else a new one. */
function requestIdOf(request: Request): string {
  const known = given.get(request)
  if (known !== undefined) return known
  const id = request.headers.get('x-request-id')
  const made = id !== null && /^[\w.-]{8,64}$/.test(id) ? id : `req_${randomUUID()}`
  given.set(request, made)
  return made
}
