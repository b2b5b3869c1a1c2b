// Webhook signatures by the Standard Webhooks specification: HMAC-SHA256 over `id.timestamp.body`, in base64, with the
// prefix `v1`.
import { createHmac, timingSafeEqual } from 'node:crypto'
import { check, checkedElsewhere, checkOptions, required, type Shape } from '../core/checks.ts'
import { MillpondError } from '../core/errors.ts'

/** `whsec_` and base64, another string (taken as UTF-8), or bytes. At least 16 bytes. */
export type WebhookSecret = string | Uint8Array

export interface SignOptions {
  /** The secret that sender and receiver share. */
  readonly secret: WebhookSecret
  /** Identifies the message; a retry carries the same one. 1 to 128 visible ASCII characters without a dot. */
  readonly id: string
  /** The body as it is sent, byte by byte. */
  readonly body: string | Uint8Array
  /** Epoch milliseconds; sent as whole seconds. */
  readonly now: number
}

const OPTIONS: Shape<SignOptions> = {
  secret: required<WebhookSecret>(checkedElsewhere), // validated below, and never shown
  id: required(
    check(
      (value): value is string => typeof value === 'string' && isWebhookId(value),
      '1 to 128 visible ASCII characters without a dot',
    ),
  ),
  body: required(
    check(
      (value): value is string | Uint8Array => typeof value === 'string' || value instanceof Uint8Array,
      'the body as sent: a string or bytes',
    ),
  ),
  now: required(
    check((value): value is number => typeof value === 'number' && Number.isFinite(value), 'epoch milliseconds'),
  ),
}

/** The headers that a sender adds. @throws MillpondError `OPTION_INVALID`. */
export function signWebhook(
  options: SignOptions,
): Record<'webhook-id' | 'webhook-timestamp' | 'webhook-signature', string> {
  checkOptions<SignOptions>(options, OPTIONS, 'signWebhook')
  const { secret, id, body, now } = options
  const timestamp = String(Math.floor(now / 1000))
  const signature = digest(secretBytes(secret), id, timestamp, bytesOf(body)).toString('base64')
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` }
}

/** Whether one of the header's signatures was made with one of the secrets. In constant time. */
export function verifySignature(
  secrets: readonly Uint8Array[],
  id: string,
  timestamp: string,
  body: Uint8Array,
  header: string,
): boolean {
  const given = header
    .split(' ', MAX_SIGNATURES)
    .filter((one) => one.startsWith('v1,'))
    .map((one) => Buffer.from(one.slice(3), 'base64'))
    .filter((bytes) => bytes.length === 32)
  let isGood = false
  for (const secret of secrets) {
    const wanted = digest(secret, id, timestamp, body)
    for (const bytes of given) isGood = timingSafeEqual(wanted, bytes) || isGood
  }
  return isGood
}

const MAX_SIGNATURES = 8
const MIN_SECRET_BYTES = 16

/** @throws MillpondError `OPTION_INVALID`; the secret itself is never shown. */
export function secretBytes(secret: unknown): Uint8Array {
  const bytes =
    secret instanceof Uint8Array
      ? secret
      : typeof secret !== 'string'
        ? undefined
        : secret.startsWith('whsec_')
          ? Buffer.from(secret.slice(6), 'base64')
          : Buffer.from(secret, 'utf8')
  if (bytes !== undefined && bytes.length >= MIN_SECRET_BYTES) return bytes
  throw new MillpondError(
    'OPTION_INVALID',
    `webhook secret: too short or not a secret: give at least ${MIN_SECRET_BYTES} bytes, such as "whsec_" and 32 random bytes in base64`,
  )
}

export const bytesOf = (body: string | Uint8Array): Uint8Array =>
  typeof body === 'string' ? Buffer.from(body, 'utf8') : body

export function isWebhookId(id: string): boolean {
  if (id.length === 0 || id.length > 128) return false
  for (let i = 0; i < id.length; i++) {
    const unit = id.charCodeAt(i)
    if (unit <= 0x20 || unit >= 0x7f || unit === 0x2e) return false
  }
  return true
}

function digest(secret: Uint8Array, id: string, timestamp: string, body: Uint8Array): Buffer {
  return createHmac('sha256', secret).update(`${id}.${timestamp}.`).update(body).digest()
}
