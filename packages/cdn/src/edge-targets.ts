// What at the edge hangs on a target of an invalidation, where nobody has said otherwise.
import type { Target } from 'millpond'
import type { PurgeTargetLike } from './target.ts'

/** Header fields by which edges take tags: Fastly by spaces, Cloudflare and CloudFront by commas. */
export interface EdgeTagFields {
  readonly 'Surrogate-Key': string
  readonly 'Cache-Tag': string
}

/**
 * Tags by their names, so that an answer that carries them in `Surrogate-Key` or `Cache-Tag` is found; what the HTTP cache calls an answer (`url …`, `host …`) as address or host;
 * keys that are addresses as these; all of a namespace as everything. Other keys and patterns are none of an edge's business: give `map` where they are.
 */
export function edgeTargets(target: Target): readonly PurgeTargetLike[] {
  switch (target.kind) {
    case 'all':
      return [{ kind: 'everything' }]
    case 'tag':
      return ofTag(target.tag)
    case 'key':
      return isAddress(target.key) ? [{ kind: 'url', url: target.key.split(/[ \n]/)[0] ?? target.key }] : []
    case 'pattern': {
      const start = target.pattern.replace(/\*$/, '')
      return isAddress(start) && !/[*?[\\]/.test(start) && start !== target.pattern ? [{ kind: 'prefix', prefix: start }] : []
    }
    default:
      return []
  }
}

const isAddress = (text: string): boolean => /^https?:\/\/[^/]+\//.test(text)

function ofTag(tag: string): readonly PurgeTargetLike[] {
  const mark = tag.indexOf(' ')
  const [word, rest] = mark < 0 ? ['', tag] : [tag.slice(0, mark), tag.slice(mark + 1)]
  // The HTTP cache's own tags are two words.
  if (word === 'url' && isAddress(rest)) return [{ kind: 'url', url: rest }]
  if (word === 'host' && URL.canParse(rest)) return [{ kind: 'host', host: new URL(rest).host }]
  if (word === 'tag') return [{ kind: 'tag', tag: edgeTag(rest) }]
  return [{ kind: 'tag', tag: edgeTag(tag) }]
}

/** A tag as a header can carry it: what is not visible ASCII, a comma or a % is percent-encoded. What has no such thing in it stays as it is. */
export function edgeTag(tag: string): string {
  return tag.replace(/[^\x21-\x24\x26-\x2b\x2d-\x7e]+/g, (odd) => encodeURIComponent(odd.toWellFormed()))
}

/** The fields of an answer for its tags: what `edgeTargets` purges. */
export function edgeTagFields(tags: readonly string[]): EdgeTagFields {
  const names = [...new Set(tags)].map(edgeTag)
  return { 'Surrogate-Key': names.join(' '), 'Cache-Tag': names.join(',') }
}
