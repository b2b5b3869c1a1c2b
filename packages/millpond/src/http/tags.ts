// The tags of an answer: its URL, its host, the tags that the origin sends, and cache groups.
import { createHash } from 'node:crypto'

/** Longer names are hashed: tags have at most 1024 characters. */
const MAX_NAME = 800
/** The most tags of an origin's fields; further ones are ignored. */
const MAX_TAGS = 64

const short = (name: string): string =>
  name.length <= MAX_NAME ? name : `#${createHash('sha256').update(name).digest('base64url')}`

/** One tag per URL, whatever variants, methods and bodies there are. */
export function urlTag(primary: string): string {
  return `url ${short(urlOf(primary))}`
}

/** Scheme, host and port. */
export function hostTag(primary: string): string {
  return `host ${originOf(primary)}`
}

/** RFC 9875 2: groups belong to one origin. */
export function groupTag(primary: string, group: string): string {
  return `group ${originOf(primary)} ${short(group)}`
}

/** All answers of a tenant. */
export function tenantTag(tenant: string): string {
  return `tenant ${short(tenant)}`
}

/** A tag that the origin sent, in `Surrogate-Key` or `Cache-Tag`. */
export function namedTag(name: string): string {
  return `tag ${short(name)}`
}

/** `Surrogate-Key` is separated by spaces, `Cache-Tag` by commas. */
export function surrogateTags(surrogateKey: string | undefined, cacheTag: string | undefined): string[] {
  const names = [...(surrogateKey?.split(/\s+/) ?? []), ...(cacheTag?.split(',') ?? [])]
    .map((name) => name.trim())
    .filter((name) => name !== '')
  return [...new Set(names)].slice(0, MAX_TAGS).map(namedTag)
}

/** A glob for all keys that begin with the text. */
export function prefixPattern(prefix: string): string {
  return `${prefix.replace(/[\\*?]/g, '\\$&')}*`
}

/** The URL of a primary key: without the body of a QUERY. */
export function urlOf(primary: string): string {
  const mark = primary.indexOf(' ')
  return mark < 0 ? primary : primary.slice(0, mark)
}

/** `http://host:port`, from a URL or a primary key. */
function originOf(primary: string): string {
  const start = primary.indexOf('://') + 3
  const end = primary.indexOf('/', start)
  return end < 0 ? primary : primary.slice(0, end)
}
