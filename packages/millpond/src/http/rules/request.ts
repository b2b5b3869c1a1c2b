// A request as the rules see it: one pass over its fields sets the deciding bits, the rest is parsed on demand.
import { parseRequestDirectives, type RequestDirectives } from './cache-control.ts'
import { fieldValue, type RawFields } from './fields.ts'

/** Fields that change how a request is answered, as bits. */
export const ASKS = Object.freeze({
  directives: 1,
  condition: 2,
  range: 4,
  credentials: 8,
  body: 16,
  upgrade: 32,
  /** If-Match, If-Unmodified-Since: about the origin's state, so the origin answers. */
  precondition: 64,
  /** Two Hosts, or contradictory lengths. */
  ambiguous: 128,
  /** One of `INPUTS`. */
  inputs: 256,
  /** One of `MODES`. */
  modes: 512,
})

/** What the caching rules need of a request: its method, fields and host. */
export class RequestFacts {
  /** The method as sent. */
  readonly method: string
  /** Alternating names and values, as received. */
  readonly fields: RawFields
  /** `ASKS`, added up. */
  readonly asks: number
  /** The authority; undefined if the request names none. */
  readonly host: string | undefined
  /** Codings that the origin chooses from, if configured. */
  readonly codings: readonly string[] | undefined
  #directives: RequestDirectives | undefined

  constructor(method: string, fields: RawFields, codings?: readonly string[]) {
    this.method = method
    this.codings = codings
    this.fields = fields
    let asks = 0
    let host: string | undefined
    let framing = 0
    for (let at = 0; at + 1 < fields.length; at += 2) {
      const mark = markOf(fields[at] as string)
      if (mark === HOST) {
        if (host !== undefined) asks |= ASKS.ambiguous
        host = fields[at + 1] as string
      } else if (mark === ASKS.body) {
        framing++
        if ((fields[at] as string).length === TRANSFER_ENCODING.length && !ENDS_CHUNKED.test(fields[at + 1] as string))
          asks |= ASKS.ambiguous
        // Many clients send an empty one.
        if (fields[at + 1] !== '0') asks |= mark
      } else asks |= mark
    }
    // RFC 9112 6.1: two lengths, or a length with a transfer coding, are used for request smuggling.
    if (framing > 1) asks |= ASKS.ambiguous
    this.asks = asks
    this.host = host
  }

  /** `name` in lower case. */
  get(name: string): string | undefined {
    return fieldValue(this.fields, name)
  }

  /** Whether the request has any of these (`ASKS`). */
  has(bits: number): boolean {
    return (this.asks & bits) !== 0
  }

  /** RFC 9111 5.4: `Pragma: no-cache` counts only where there is no Cache-Control. */
  get directives(): RequestDirectives {
    if (this.#directives === undefined) {
      const given = this.get('cache-control')
      const isPragma = given === undefined && /(?:^|,)\s*no-cache\s*(?:,|$)/i.test(this.get('pragma') ?? '')
      this.#directives = parseRequestDirectives(isPragma ? 'no-cache' : given)
    }
    return this.#directives
  }
}

/**
 * Fields by which frameworks let a client choose host, path or method. They are not part of the URL, so an answer that
 * depends on them would be served to clients that did not send them (J. Kettle, "Practical Web Cache Poisoning", 2018,
 * and "Web Cache Entanglement", 2020).
 */
export const INPUTS: readonly string[] = Object.freeze([
  'forwarded',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-proto',
  'x-forwarded-scheme',
  'x-forwarded-server',
  'x-forwarded-prefix',
  'x-forwarded-path',
  'x-host',
  'x-http-host-override',
  'x-original-host',
  'x-original-url',
  'x-rewrite-url',
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
  // Next.js' internal fields (CVE-2024-46982, and similar).
  'x-now-route-matches',
  'x-matched-path',
  'x-invoke-path',
  'x-invoke-query',
  'x-invoke-status',
  'x-invoke-error',
  'next-resume',
])

/**
 * Fields by which the browser side of a framework requests another form of the same URL. The application needs them,
 * and does not always vary by them explicitly (vercel/next.js#52745, CVE-2023-46298, CVE-2026-44576), so they are
 * always part of the key.
 */
export const MODES: readonly string[] = Object.freeze([
  'rsc',
  'next-url',
  'next-router-prefetch',
  'next-router-segment-prefetch',
  'next-router-state-tree',
  'x-middleware-prefetch',
  'x-nextjs-data',
])

const TRANSFER_ENCODING = 'transfer-encoding'
/** RFC 9112 6.3: otherwise the end of a request's content is undefined. */
const ENDS_CHUNKED = /(?:^|,)[\t ]*chunked[\t ]*$/i
const HOST = -1
const MARKS: ReadonlyMap<string, number> = new Map([
  ['host', HOST],
  ['range', ASKS.range],
  ['pragma', ASKS.directives],
  ['cookie', ASKS.credentials],
  ['upgrade', ASKS.upgrade],
  ['if-match', ASKS.precondition],
  ['cache-control', ASKS.directives],
  ['authorization', ASKS.credentials],
  ['if-none-match', ASKS.condition],
  ['content-length', ASKS.body],
  ['if-modified-since', ASKS.condition],
  [TRANSFER_ENCODING, ASKS.body],
  ['if-unmodified-since', ASKS.precondition],
  ...INPUTS.map((name) => [name, ASKS.inputs] as const),
  ...MODES.map((name) => [name, ASKS.modes] as const),
])

/**
 * Most names are distinguished from all of these by their length and their first letter: an index into a table,
 * ignoring case.
 */
const CASE_BIT = 32
const CELLS = 2048
const cellOf = (name: string): number => ((name.length << 5) | (name.charCodeAt(0) & (CASE_BIT - 1))) & (CELLS - 1)
const IS_MARKED = new Uint8Array(CELLS)
for (const name of MARKS.keys()) IS_MARKED[cellOf(name)] = 1

function markOf(name: string): number {
  // In each request, spelled like this by clients.
  if (name === 'Host') return HOST
  return IS_MARKED[cellOf(name)] === 1 ? (MARKS.get(name.toLowerCase()) ?? 0) : 0
}

/** RFC 9110 9.2.1: safe methods change nothing at the origin. */
const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'QUERY', 'PROPFIND', 'REPORT', 'SEARCH'])

/** RFC 9111 4: unsafe requests are written through, and invalidate. An unknown method is unsafe. */
export function isSafe(method: string): boolean {
  return SAFE.has(method)
}
