// Purging on demand: by tag, URL, prefix, host, or everything; hard (gone) or soft (kept, but validated before its next use).
import { MillpondError, show } from '../core/errors.ts'
import type { HttpReceipt } from './contract.ts'
import type { QueryRules } from './query-rules.ts'
import type { HttpStore } from './store.ts'
import { groupTag, hostTag, namedTag, tenantTag, urlTag } from './tags.ts'

export interface Purge {
  /** As the origin named them in `Surrogate-Key` or `Cache-Tag`. */
  readonly tags?: readonly string[]
  /** Absolute URLs, all their variants. */
  readonly urls?: readonly string[]
  /** Absolute URLs up to some point: everything below. */
  readonly prefix?: string
  /** An origin: `https://example.org`. */
  readonly host?: string
  /** Cache groups of an origin (RFC 9875). */
  readonly groups?: { readonly host: string; readonly names: readonly string[] }
  /** Everything of a tenant, as the option `tenant` named it. */
  readonly tenant?: string
  readonly all?: true
  /** `soft`: kept, and validated before the next use. Default `hard`. */
  readonly mode?: 'soft' | 'hard'
}

/** @throws MillpondError `OPTION_INVALID` for what names nothing, or no absolute URL. */
export function purge(store: HttpStore, queries: QueryRules, what: Purge): Promise<HttpReceipt> {
  const mode = what.mode === 'soft' ? 'expire' : 'delete'
  if (what.all === true) return store.purgeAll()
  if (what.prefix !== undefined) return store.purgePrefix(absolute(what.prefix), mode)
  const tags = [
    ...(what.tags ?? []).map(namedTag),
    ...(what.urls ?? []).map((url) => urlTag(queries.reduce(absolute(url)))),
    ...(what.tenant === undefined ? [] : [tenantTag(what.tenant)]),
    ...(what.host === undefined ? [] : [hostTag(absolute(what.host))]),
    ...(what.groups?.names ?? []).map((name) => groupTag(absolute(what.groups?.host ?? ''), name)),
  ]
  if (tags.length === 0)
    throw new MillpondError('OPTION_INVALID', `${show(what)} names nothing to purge: give tags, urls, prefix, host, groups, tenant, or all`)
  return store.purgeTags(tags, mode)
}

/** As the keys write it: scheme and host in lower case, the scheme's own port left out. */
function absolute(url: string): string {
  if (typeof url === 'string' && /^https?:\/\//i.test(url) && URL.canParse(url)) {
    const { origin } = new URL(url)
    const rest = url.slice(url.indexOf('://') + 3).replace(/^[^/?#]*/, '')
    return origin + (rest === '' ? '/' : rest)
  }
  throw new MillpondError('OPTION_INVALID', `${show(url)} is not an absolute URL: begin with http:// or https://`)
}
