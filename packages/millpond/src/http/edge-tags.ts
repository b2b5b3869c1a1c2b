// Tags as header fields for purging at edges: Fastly reads `Surrogate-Key`, Cloudflare and CloudFront read `Cache-Tag`.
import { createHash } from 'node:crypto'

/** Header fields in which edges read tags: Fastly separated by spaces, Cloudflare and CloudFront by commas. */
export interface EdgeTagFields {
  /** The tags, separated by spaces. */
  readonly 'Surrogate-Key': string
  /** The same tags, separated by commas. */
  readonly 'Cache-Tag': string
}

// Bounds, as documented in November 2026: Fastly: 1,024 bytes a key, 16,384 of all
// (https://www.fastly.com/documentation/reference/http/http-headers/Surrogate-Key). Cloudflare: 1,024 characters a tag
// in a purge, 16 KB of all, about 1,000 tags
// (https://developers.cloudflare.com/cache/how-to/purge-cache/purge-by-tags/). CloudFront: 256 characters a tag, 50
// tags (https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/invalidation-specifying-tags.html).

const MAX_TAG = 256
const MAX_FIELD = 16_384
/** Cloudflare's 16 KB hold about as many. */
const MAX_TAGS = 1000

/**
 * A tag in header form: anything but visible ASCII, a comma or a % is percent-encoded, and a tag that is then too long
 * for edges is replaced by its hash. Other tags stay as they are.
 */
export function edgeTag(tag: string): string {
  const encoded = tag.replace(/[^\x21-\x24\x26-\x2b\x2d-\x7e]+/g, (odd) => encodeURIComponent(odd.toWellFormed()))
  return encoded.length <= MAX_TAG ? encoded : `sha256-${createHash('sha256').update(encoded).digest('base64url')}`
}

/** The header fields of an answer's tags: invalidating one of them purges it at the edge. */
export function edgeTagFields(tags: readonly string[]): EdgeTagFields {
  return fieldsOf([...new Set(tags)].map(edgeTag))
}

const fieldsOf = (names: readonly string[]): EdgeTagFields => ({
  'Surrogate-Key': names.join(' '),
  'Cache-Tag': names.join(','),
})

/** A head, for reading and writing. */
interface Head {
  get(name: string): string | undefined
  set(name: string, value: string): void
  remove(name: string): void
}

/** Caches between here and the browser that have fields of their own. */
const EDGE_CONTROL = ['CDN-Cache-Control', 'Surrogate-Control', 'Cloudflare-CDN-Cache-Control']

/**
 * Adds the tags to those of the answer. If there are more than edges accept, no edge may store it: with only some of
 * them it would outlive an invalidation of the others.
 */
export function tellEdge(head: Head, tags: readonly string[], maxTags = MAX_TAGS): void {
  const known = [...(head.get('Surrogate-Key')?.split(/\s+/) ?? []), ...(head.get('Cache-Tag')?.split(',') ?? [])].map(
    (name) => name.trim(),
  )
  const names = [...new Set([...known.filter((name) => name !== ''), ...tags.map(edgeTag)])]
  if (names.length === 0) return
  const fields = fieldsOf(names)
  if (fields['Cache-Tag'].length <= MAX_FIELD && names.length <= maxTags) {
    for (const [name, value] of Object.entries(fields)) head.set(name, value)
    return
  }
  for (const name of [...Object.keys(fields), ...EDGE_CONTROL]) head.remove(name)
  head.set('Cache-Control', 'private, no-cache')
}
