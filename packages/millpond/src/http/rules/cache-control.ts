// Cache-Control, parsed tolerantly (RFC 9111 5.2): names in any case, quoted or plain arguments. An unreadable field
// forbids storing.
import { listMembers } from './fields.ts'

/**
 * The directives of an answer, in seconds. `undefined`: absent. A present but invalid time is 0 (RFC 9111 4.2.1: treat
 * as stale).
 */
export interface Directives {
  readonly noStore: boolean
  /** Without field names: RFC 9111 5.2.2.4. */
  readonly noCache: boolean
  /** Without field names: RFC 9111 5.2.2.7. */
  readonly isPrivate: boolean
  readonly isPublic: boolean
  readonly mustRevalidate: boolean
  readonly proxyRevalidate: boolean
  readonly mustUnderstand: boolean
  /** RFC 8246. */
  readonly immutable: boolean
  readonly maxAge: number | undefined
  readonly sMaxAge: number | undefined
  /** RFC 5861. */
  readonly staleWhileRevalidate: number | undefined
  readonly staleIfError: number | undefined
  /** Fields that `private="…"` and `no-cache="…"` name, in lower case: not stored, the rest is. */
  readonly fields: readonly string[]
}

/** The directives of a request (RFC 9111 5.2.1), in seconds. */
export interface RequestDirectives {
  readonly noStore: boolean
  readonly noCache: boolean
  readonly onlyIfCached: boolean
  readonly maxAge: number | undefined
  readonly minFresh: number | undefined
  /** `Infinity`: any staleness. */
  readonly maxStale: number | undefined
}

/** RFC 9111 1.2.2: larger numbers count as this one. */
export const MAX_SECONDS = 2_147_483_648
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const QUOTED = /^"((?:[^"\\]|\\[\s\S])*)"$/

interface Parsed {
  /** The first argument of each directive; `''` without an argument, `undefined` if it is unreadable. */
  readonly values: ReadonlyMap<string, string | undefined>
  /** Every `private` and `no-cache`, since one without names takes precedence. */
  readonly limits: readonly {
    readonly name: string
    readonly argument: string | undefined
    readonly hasArgument: boolean
  }[]
  readonly isReadable: boolean
}

const cache = new Map<string, Directives>()
const KNOWN_TEXTS = 256

/** The directives of an answer's `Cache-Control`. Never throws. */
export function parseCacheControl(text: string | undefined): Directives {
  if (text === undefined) return NONE
  const known = cache.get(text)
  if (known !== undefined) return known
  const directives = directivesOf(parse(text))
  if (cache.size >= KNOWN_TEXTS) cache.clear()
  cache.set(text, directives)
  return directives
}

/** The directives of a request's `Cache-Control`. Never throws; unreadable ones are absent. */
export function parseRequestDirectives(text: string | undefined): RequestDirectives {
  if (text === undefined) return ASKS_NOTHING
  const { values } = parse(text)
  const maxStale = values.get('max-stale')
  return {
    noStore: values.has('no-store'),
    noCache: values.has('no-cache'),
    onlyIfCached: values.has('only-if-cached'),
    maxAge: optionalSeconds(values.get('max-age')),
    minFresh: optionalSeconds(values.get('min-fresh')),
    maxStale: maxStale === '' ? Number.POSITIVE_INFINITY : optionalSeconds(maxStale),
  }
}

/** Whole seconds of a `delta-seconds`, or `undefined`. */
export function seconds(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Math.min(Number(text), MAX_SECONDS) : undefined
}

function optionalSeconds(text: string | undefined): number | undefined {
  return text === undefined ? undefined : seconds(text)
}

function parse(text: string): Parsed {
  const values = new Map<string, string | undefined>()
  const limits: { name: string; argument: string | undefined; hasArgument: boolean }[] = []
  let isReadable = hasClosedQuotes(text)
  for (const member of listMembers(text)) {
    const equals = member.indexOf('=')
    const name = (equals < 0 ? member : member.slice(0, equals)).trim().toLowerCase()
    if (!TOKEN.test(name)) {
      isReadable = false
      continue
    }
    const written = equals < 0 ? '' : member.slice(equals + 1).trim()
    const argument = equals < 0 ? '' : argumentOf(written)
    // `max-age=60; private` means something, but not what it says.
    if (argument === undefined && written !== '') isReadable = false
    if (name === 'private' || name === 'no-cache') limits.push({ name, argument, hasArgument: equals >= 0 })
    // RFC 9111 4.2.1: of a repeated directive the first one counts.
    if (!values.has(name)) values.set(name, argument)
  }
  return { values, limits, isReadable }
}

function hasClosedQuotes(text: string): boolean {
  let quoted = false
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '\\' && quoted) at++
    else if (text[at] === '"') quoted = !quoted
  }
  return !quoted
}

/** RFC 9111 5.2: recipients accept both the token and the quoted form. */
function argumentOf(text: string): string | undefined {
  const quoted = QUOTED.exec(text)
  if (quoted !== null) return (quoted[1] ?? '').replace(/\\([\s\S])/g, '$1')
  return TOKEN.test(text) ? text : undefined
}

function directivesOf({ values, limits, isReadable }: Parsed): Directives {
  const fields: string[] = []
  const unlimited = new Set<string>()
  for (const { name, argument, hasArgument } of limits) {
    const named = listMembers(argument).map((field) => field.toLowerCase())
    // Malformed means without field names: a shared cache that ignores `private=""` would serve one user's answer to
    // another.
    if (!hasArgument || named.length === 0 || !named.every((field) => TOKEN.test(field))) unlimited.add(name)
    else fields.push(...named)
  }
  const time = (name: string): number | undefined => (values.has(name) ? (seconds(values.get(name)) ?? 0) : undefined)
  return Object.freeze({
    noStore: values.has('no-store') || !isReadable,
    noCache: unlimited.has('no-cache'),
    isPrivate: unlimited.has('private'),
    isPublic: values.has('public'),
    mustRevalidate: values.has('must-revalidate'),
    proxyRevalidate: values.has('proxy-revalidate'),
    mustUnderstand: values.has('must-understand') && isReadable,
    immutable: values.has('immutable'),
    maxAge: time('max-age'),
    sMaxAge: time('s-maxage'),
    staleWhileRevalidate: optionalSeconds(values.get('stale-while-revalidate')),
    staleIfError: optionalSeconds(values.get('stale-if-error')),
    fields: Object.freeze(fields),
  })
}

export const NONE: Directives = directivesOf({ values: new Map(), limits: [], isReadable: true })
const ASKS_NOTHING: RequestDirectives = Object.freeze({
  noStore: false,
  noCache: false,
  onlyIfCached: false,
  maxAge: undefined,
  minFresh: undefined,
  maxStale: undefined,
})
