// Carries a read-your-writes token between requests: in a header for services, in a cookie for browsers.
import { checkOptions, duration, flag, type Shape, text } from '../core/checks.ts'
import { type Duration, parseDuration } from '../core/duration.ts'
import { MillpondError, show } from '../core/errors.ts'
import {
  decodeToken,
  encodeToken,
  MAX_TOKEN_LENGTH,
  mergePositions,
  type Positions,
  TOKEN,
  type TokenOptions,
} from './token.ts'

export interface TokenCarrierOptions extends TokenOptions {
  /** Default `millpond-token`. */
  readonly header?: string | undefined
  /** Default `millpond_token`. */
  readonly cookie?: string | undefined
  /** How long a browser keeps the cookie: longer than any process may lag behind. Default `'1m'`. */
  readonly maxAge?: Duration | undefined
  /** Only over TLS. Default true. */
  readonly secure?: boolean | undefined
}

const OPTIONS: Shape<TokenCarrierOptions> = { ...TOKEN, header: text, cookie: text, maxAge: duration, secure: flag }

/** A request's headers: values by lower-case name, or a `Headers`. */
export type RequestHeaders = Readonly<Record<string, string | readonly string[] | undefined>> | Headers

const NAME = /^[A-Za-z0-9_-]{1,64}$/
const MAX_COOKIE_HEADER = 16_384

/** Carries a read-your-writes token in a header or a cookie. */
export class TokenCarrier {
  /** The name of the header that carries it. */
  readonly header: string
  /** The name of the cookie that carries it. */
  readonly cookie: string
  readonly #options: TokenOptions
  readonly #isSecure: boolean
  readonly #maxAgeSeconds: number

  /** @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`. */
  constructor(options: TokenCarrierOptions = {}) {
    checkOptions<TokenCarrierOptions>(options, OPTIONS, 'TokenCarrier')
    this.header = checkToken(options.header ?? 'millpond-token', 'header').toLowerCase()
    this.cookie = checkToken(options.cookie ?? 'millpond_token', 'cookie')
    this.#options = options.key === undefined ? {} : { key: options.key }
    this.#isSecure = options.secure ?? true
    this.#maxAgeSeconds = Math.min(86_400, Math.ceil(parseDuration(options.maxAge ?? '1m', 'maxAge') / 1000))
    // Throws for a key that is too short, before the first request.
    encodeToken(new Map(), this.#options)
  }

  /** The tokens of the request's header and cookie, merged; empty if neither is readable. */
  read(headers: RequestHeaders): Positions {
    const get = (name: string): string =>
      headers instanceof Headers ? (headers.get(name) ?? '') : textOf(headers[name])
    const fromHeader = decodeToken(get(this.header), this.#options)
    const fromCookie = decodeToken(this.#cookieValue(get('cookie')), this.#options)
    return mergePositions(fromCookie ?? new Map(), fromHeader ?? new Map())
  }

  /** The value of the header, for a response or for a request to another service. */
  headerValue(positions: Positions): string {
    return encodeToken(positions, this.#options)
  }

  /** The value of a `Set-Cookie` header. */
  setCookie(positions: Positions): string {
    const secure = this.#isSecure ? '; Secure' : ''
    return `${this.cookie}=${encodeToken(positions, this.#options)}; Max-Age=${this.#maxAgeSeconds}; Path=/; HttpOnly; SameSite=Lax${secure}`
  }

  #cookieValue(header: string): string | undefined {
    if (header.length > MAX_COOKIE_HEADER) return undefined
    for (const part of header.split(';')) {
      const at = part.indexOf('=')
      if (at > 0 && part.slice(0, at).trim() === this.cookie) {
        const value = part.slice(at + 1).trim()
        return value.length <= MAX_TOKEN_LENGTH ? value : undefined
      }
    }
    return undefined
  }
}

const textOf = (value: string | readonly string[] | undefined): string =>
  typeof value === 'string' ? value : (value?.[0] ?? '')

function checkToken(name: string, what: string): string {
  if (NAME.test(name)) return name
  throw new MillpondError(
    'OPTION_INVALID',
    `${what}: ${show(name)} is not allowed: use 1 to 64 letters, digits, '_' or '-'`,
  )
}
