// Signed image URLs: each size and format costs work, so only the holder of the key may request one.
import { createHmac, timingSafeEqual } from 'node:crypto'
import { encodedKey } from '../assets/names.ts'
import { type SecretLike, secretOf } from '../secret.ts'
import type { ImageFormat } from './sniff.ts'

export interface ImageKeys {
  /** The signing key. The other `keys` are still accepted: remove an old one when the URLs that it signed are gone. */
  readonly current: string
  /** By id; each of at least 16 characters. */
  readonly keys: Readonly<Record<string, SecretLike>>
}

export interface ImageRequest {
  /** Pixels. */
  readonly width: number
  /** `auto`: the best that the browser accepts. Default. */
  readonly format?: ImageFormat | 'auto' | undefined
  /** 1 to 100. Default: the format's. */
  readonly quality?: number | undefined
  /**
   * When the URL expires: epoch milliseconds. Default: never. A URL that changes is stored again in every cache, so
   * round it.
   */
  readonly expiresAt?: number | undefined
}

export interface CheckedRequest {
  readonly name: string
  readonly width: number
  readonly format: ImageFormat | 'auto'
  readonly quality: number | undefined
  /** Epoch seconds. */
  readonly expires: number | undefined
}

export const MIN_SECRET = 16
const FIELDS = ['w', 'f', 'q', 'e', 'k', 's'] as const

export function signedPath(
  base: string,
  name: string,
  { width, format = 'auto', quality, expiresAt }: ImageRequest,
  { current, keys }: ImageKeys,
): string {
  const expires = expiresAt === undefined ? undefined : Math.floor(expiresAt / 1000)
  const request = { name, width, format, quality, expires }
  const query = new URLSearchParams({ w: String(width), f: format })
  if (quality !== undefined) query.set('q', String(quality))
  if (expires !== undefined) query.set('e', String(expires))
  query.set('k', current)
  query.set('s', signature(request, current, keys[current] ?? '').toString('base64url'))
  return `${base}${encodedKey(name)}?${query}`
}

export type Refusal = 'malformed' | 'unsigned' | 'expired'

/** @returns the request, or why it is not accepted. Nothing is parsed before the signature is verified. */
export function checkSigned(url: URL, base: string, { keys }: ImageKeys, now: number): CheckedRequest | Refusal {
  const query = url.searchParams
  if (FIELDS.some((field) => query.getAll(field).length > 1)) return 'malformed'
  const name = decoded(url.pathname.slice(base.length))
  const [width, quality, expires] = [whole(query.get('w')), whole(query.get('q')), whole(query.get('e'))]
  const format = query.get('f') as CheckedRequest['format'] | null // signed as one of them, or not accepted below
  if (name === undefined || width === undefined || format === null) return 'malformed'
  if ((query.has('q') && quality === undefined) || (query.has('e') && expires === undefined)) return 'malformed'
  const id = query.get('k') ?? ''
  const key = Object.hasOwn(keys, id) ? keys[id] : undefined
  const given = Buffer.from(query.get('s') ?? '', 'base64url')
  const request = { name, width, format, quality, expires }
  // An unknown key takes as long as a known one.
  const wanted = signature(request, id, key ?? 'unknown')
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted) || key === undefined) return 'unsigned'
  return expires !== undefined && expires * 1000 <= now ? 'expired' : request
}

/** HMAC-SHA-256 (RFC 2104) over the fields as JSON: different requests never have the same text. */
function signature({ name, width, format, quality, expires }: CheckedRequest, id: string, key: SecretLike): Buffer {
  const text = JSON.stringify(['millpond.image/1', id, name, width, format, quality ?? null, expires ?? null])
  return createHmac('sha256', secretOf(key).reveal()).update(text).digest()
}

const whole = (text: string | null): number | undefined =>
  text !== null && /^(?:0|[1-9]\d{0,11})$/.test(text) ? Number(text) : undefined

function decoded(path: string): string | undefined {
  try {
    return decodeURIComponent(path)
  } catch {
    return undefined
  }
}
