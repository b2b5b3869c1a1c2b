// Incoming webhooks that invalidate: signed, recent, once. Responses are JSON; refusals are problem details (RFC 9457).
import {
  checkedElsewhere,
  checkOptions,
  clock,
  duration,
  fn,
  type Resolved,
  required,
  type Shape,
  whole,
  withMethods,
} from '../core/checks.ts'
import { systemClock } from '../core/clock.ts'
import type { Clock } from '../core/contracts.ts'
import { type Duration, parseDuration } from '../core/duration.ts'
import { MillpondError, show } from '../core/errors.ts'
import type { Criteria } from './criteria.ts'
import { memoryNonces, type NonceStore } from './nonces.ts'
import { criteriaOf } from './webhook-body.ts'
import { bytesOf, isWebhookId, secretBytes, verifySignature, type WebhookSecret } from './webhook-signature.ts'

export interface WebhookOptions<R> {
  /** One secret, or several while they are rotated. */
  readonly secret: WebhookSecret | readonly WebhookSecret[]
  /** Invalidates; the sender gets its acknowledgement. */
  readonly invalidate: (criteria: Criteria) => Promise<R>
  /** The clock for signatures. Default: the system's. */
  readonly clock?: Clock | undefined
  /** The tolerance of the timestamp, in either direction. Default `'5m'`. */
  readonly window?: Duration | undefined
  /** The largest body, in bytes. Default 65,536. */
  readonly maxBytes?: number | undefined
  /** Default: in this process, 10,000 messages. */
  readonly nonces?: NonceStore | undefined
  /** The part of the receipt that the sender gets. Default: nothing. */
  readonly show?: ((receipt: R) => unknown) | undefined
  /** Called with failures that are not the sender's. */
  readonly onError?: ((error: unknown) => void) | undefined
}

export interface WebhookAnswer {
  /** The HTTP status. */
  readonly status: number
  /** The response's headers. */
  readonly headers: Readonly<Record<string, string>>
  /** JSON. */
  readonly body: string
}

const OPTIONS: Shape<WebhookOptions<unknown>> = {
  secret: required<WebhookOptions<unknown>['secret']>(checkedElsewhere), // validated below, and never shown
  invalidate: required(fn('a function such as (criteria) => cache.invalidate(criteria)')),
  clock,
  window: duration,
  maxBytes: whole(1),
  nonces: withMethods<NonceStore>('a store of nonces, such as memoryNonces()', 'claim', 'release'),
  show: fn(),
  onError: fn(),
}

/** Header values by name, in any case, as Node and most frameworks provide them; or a `Headers`. */
export type WebhookHeaders = Readonly<Record<string, string | readonly string[] | undefined>> | Headers

export interface Webhook {
  /** For fetch-based servers: Hono, Next, Deno, `createServerAdapter`. POST only. */
  fetch(request: Request): Promise<Response>
  /** For others: headers and the raw body, before any parser has touched it. */
  handle(headers: WebhookHeaders, body: string | Uint8Array): Promise<WebhookAnswer>
}

/**
 * A handler of signed webhooks (Standard Webhooks: `webhook-id`, `webhook-timestamp`, `webhook-signature`). The body is
 * JSON: `{ "keys": [], "tags": [], "pattern": "user:*", "model": "User", "id": 7, "older_than_seconds": 60,
 * "created_before": "2026-01-31T12:00:00Z" }`.
 * @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID` for invalid options.
 */
export function webhook<R>(options: WebhookOptions<R>): Webhook {
  const settings = resolve(options)
  const handle = async (headers: WebhookHeaders, body: string | Uint8Array): Promise<WebhookAnswer> => {
    try {
      return await receive(settings, reader(headers), bytesOf(body))
    } catch (error) {
      return failed(settings, error)
    }
  }
  return {
    handle,
    async fetch(request) {
      if (request.method !== 'POST')
        return respond(problem(405, 'method-not-allowed', 'Send webhooks with POST.', { allow: 'POST' }))
      const body = await readBody(request, settings.maxBytes).catch(() => 'broken' as const)
      if (body === 'broken') return respond(problem(400, 'body-broken', 'The body could not be read completely.'))
      if (body === 'too large') return respond(tooLarge(settings))
      return respond(await handle(request.headers, body))
    },
  }
}

interface Settings<R> extends Resolved<Omit<WebhookOptions<R>, 'secret' | 'window'>> {
  readonly secrets: readonly Uint8Array[]
  readonly windowMs: number
}

type Read = (name: string) => string

async function receive<R>(settings: Settings<R>, header: Read, body: Uint8Array): Promise<WebhookAnswer> {
  if (body.length > settings.maxBytes) return tooLarge(settings)
  const id = header('webhook-id')
  const timestamp = header('webhook-timestamp')
  const sentAt = /^\d{1,12}$/.test(timestamp) ? Number(timestamp) * 1000 : Number.NaN
  // One answer for every invalid signature: which part failed is not revealed.
  if (
    !isWebhookId(id) ||
    Number.isNaN(sentAt) ||
    !verifySignature(settings.secrets, id, timestamp, body, header('webhook-signature').slice(0, 2000))
  ) {
    return problem(
      401,
      'signature-invalid',
      'The signature is missing or wrong: sign "id.timestamp.body" with the shared secret.',
    )
  }
  const now = settings.clock.now()
  if (Math.abs(now - sentAt) > settings.windowMs) {
    return problem(
      401,
      'timestamp-outside-window',
      `The message was signed more than ${settings.windowMs / 1000} s from now: sign it again, and check the clocks.`,
    )
  }
  const criteria = criteriaOf(body)
  if (typeof criteria === 'string') return problem(400, 'body-invalid', criteria)
  return once(settings, id, sentAt + settings.windowMs, now, criteria)
}

async function once<R>(
  settings: Settings<R>,
  id: string,
  until: number,
  now: number,
  criteria: Criteria,
): Promise<WebhookAnswer> {
  const claim = await settings.nonces.claim(id, until + 1, now)
  if (claim === 'repeated')
    return problem(409, 'message-repeated', `The message ${show(id)} was already received; it counts only once.`)
  if (claim === 'full')
    return problem(503, 'busy', 'Too many messages within the window: send it again later.', { 'retry-after': '30' })
  try {
    const receipt = await settings.invalidate(criteria)
    return answer(200, 'application/json', { status: 'invalidated', receipt: settings.show(receipt) })
  } catch (error) {
    await settings.nonces.release(id)
    throw error
  }
}

const SENDERS_FAULTS: ReadonlySet<string> = new Set([
  'OPTION_INVALID',
  'KEY_INVALID',
  'TAG_INVALID',
  'PATTERN_INVALID',
  'DURATION_INVALID',
])

function failed<R>(settings: Settings<R>, error: unknown): WebhookAnswer {
  if (error instanceof MillpondError && SENDERS_FAULTS.has(error.code))
    return problem(422, 'criteria-refused', error.message, {}, { code: error.code })
  settings.onError(error)
  return problem(503, 'not-applied', 'The invalidation could not be acknowledged: send the message again.', {
    'retry-after': '1',
  })
}

function resolve<R>(options: WebhookOptions<R>): Settings<R> {
  const given: unknown = options
  checkOptions<WebhookOptions<unknown>>(given, OPTIONS, 'webhook')
  const { secret, window, maxBytes = 65_536 } = options
  const secrets = (Array.isArray(secret) ? secret : [secret]).map(secretBytes)
  if (secrets.length === 0)
    throw new MillpondError('OPTION_INVALID', 'webhook secret: the list is empty: give at least one')
  const windowMs = parseDuration(window ?? '5m', 'window')
  if (!Number.isFinite(windowMs))
    throw new MillpondError('OPTION_INVALID', 'window: Infinity would accept every replay: give a time such as "5m"')
  return {
    secrets,
    windowMs,
    maxBytes,
    invalidate: options.invalidate,
    clock: options.clock ?? systemClock(),
    nonces: options.nonces ?? memoryNonces(),
    show: options.show ?? (() => undefined),
    onError: options.onError ?? (() => undefined),
  }
}

function reader(headers: WebhookHeaders): Read {
  if (headers instanceof Headers) return (name) => headers.get(name) ?? ''
  const byName = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
  return (name) => {
    const value = byName.get(name)
    return typeof value === 'string' ? value : ''
  }
}

/** Stops reading as soon as the body is too large, whatever its headers say. */
async function readBody(request: Request, maxBytes: number): Promise<Uint8Array | 'too large'> {
  if (Number(request.headers.get('content-length') ?? 0) > maxBytes) return 'too large'
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of request.body ?? []) {
    size += chunk.length
    if (size > maxBytes) return 'too large'
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

const tooLarge = (settings: { readonly maxBytes: number }): WebhookAnswer =>
  problem(413, 'body-too-large', `The body may have at most ${settings.maxBytes} bytes.`)

function problem(
  status: number,
  type: string,
  detail: string,
  headers: Readonly<Record<string, string>> = {},
  more: object = {},
): WebhookAnswer {
  const title = type.replaceAll('-', ' ')
  const made = answer(status, 'application/problem+json', {
    type: `urn:millpond:problem:${type}`,
    title,
    status,
    detail,
    ...more,
  })
  return { ...made, headers: { ...made.headers, ...headers } }
}

const answer = (status: number, type: string, body: object): WebhookAnswer => ({
  status,
  headers: { 'content-type': type, 'cache-control': 'no-store' },
  body: JSON.stringify(body),
})

const respond = ({ status, headers, body }: WebhookAnswer): Response => new Response(body, { status, headers })
