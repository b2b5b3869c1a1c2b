// Purging on demand: by tag, URL, prefix, host, or everything; hard (gone) or soft (kept, but validated before its next
// use).
import { check, checkOptions, oneOf, options as optionsOf, required, type Shape, text, texts } from '../core/checks.ts'
import { MillpondError, show } from '../core/errors.ts'
import type { HttpReceipt } from './contract.ts'
import type { QueryRules } from './query-rules.ts'
import type { HttpStore } from './store.ts'
import { groupTag, hostTag, namedTag, prefixPattern, tenantTag, urlTag } from './tags.ts'

/** What to invalidate: everything that one of these names. */
export interface Purge {
  /** As the origin sent them in `Surrogate-Key` or `Cache-Tag`. */
  readonly tags?: readonly string[] | undefined
  /** Absolute URLs, with all their variants. */
  readonly urls?: readonly string[] | undefined
  /** Beginnings of absolute URLs: everything below. */
  readonly prefix?: string | undefined
  /** An origin: `https://example.org`. */
  readonly host?: string | undefined
  /** Cache groups of an origin (RFC 9875). */
  readonly groups?: GroupNames | undefined
  /** Everything of a tenant, by the value of the option `tenant`. */
  readonly tenant?: string | undefined
  /** Everything in the store; other names are then ignored. */
  readonly all?: true | undefined
  /** `soft`: kept, and validated before the next use. Default `hard`. */
  readonly mode?: 'soft' | 'hard' | undefined
}

/** Cache groups of one origin. */
export interface GroupNames {
  /** The origin, such as `https://example.org`. */
  readonly host: string
  /** The names of groups, as the origin sent them in `Cache-Groups`. */
  readonly names: readonly string[]
}

const PURGE: Shape<Purge> = {
  tags: texts('a list of tags'),
  urls: texts('a list of absolute URLs'),
  prefix: text,
  host: text,
  groups: optionsOf<GroupNames>({ host: required(text), names: required(texts('a list of names')) }),
  tenant: text,
  all: check((value): value is true => value === true, 'true'),
  mode: oneOf('soft', 'hard'),
}

/** @throws MillpondError `OPTION_INVALID` if nothing is named, or a URL is not absolute. */
export function purge(store: HttpStore, queries: QueryRules, what: Purge): Promise<HttpReceipt> {
  checkOptions<Purge>(what, PURGE, 'purge')
  const { groups, prefix } = what
  const mode = what.mode === 'soft' ? 'expire' : 'delete'
  if (what.all === true)
    return mode === 'delete' ? store.purgeAll() : store.purge({ patterns: [prefixPattern('')] }, mode)
  const tags = [
    ...(what.tags ?? []).map(namedTag),
    ...(what.urls ?? []).map((url) => urlTag(queries.reduce(absolute(url)))),
    ...(what.tenant === undefined ? [] : [tenantTag(what.tenant)]),
    ...(what.host === undefined ? [] : [hostTag(absolute(what.host))]),
    ...(groups === undefined ? [] : groups.names.map((name) => groupTag(absolute(groups.host), name))),
  ]
  const patterns = prefix === undefined ? [] : [prefixPattern(absolute(prefix))]
  if (tags.length + patterns.length === 0)
    throw new MillpondError(
      'OPTION_INVALID',
      `${show(what)} names nothing to purge: give tags, urls, prefix, host, groups, tenant, or all`,
    )
  return store.purge({ tags, patterns }, mode)
}

/** In the form of keys: scheme and host in lower case, without the scheme's default port. */
function absolute(url: string): string {
  if (typeof url === 'string' && /^https?:\/\//i.test(url) && URL.canParse(url)) {
    const { origin } = new URL(url)
    const rest = url.slice(url.indexOf('://') + 3).replace(/^[^/?#]*/, '')
    return origin + (rest === '' ? '/' : rest)
  }
  throw new MillpondError('OPTION_INVALID', `${show(url)} is not an absolute URL: begin with http:// or https://`)
}
