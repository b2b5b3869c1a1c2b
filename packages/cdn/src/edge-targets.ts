// The default mapping from invalidation targets to what the edge purges.
import type { OutletLine, Target } from 'millpond'
import { edgeTag } from 'millpond/http/middlewares'
import type { PurgeTargetLike } from './target.ts'

/**
 * Tags by their names, so that answers that carry them in `Surrogate-Key` or `Cache-Tag` are found; the HTTP cache's
 * own tags (`url …`, `host …`) as URL or host; keys that are URLs as these; a whole namespace as everything. Other keys
 * and patterns do not concern an edge: otherwise pass `map`. What the HTTP cache stores itself is not a change: the
 * answer that it has just fetched is what the edge receives.
 */
export function edgeTargets(target: Target, line?: Pick<OutletLine, 'reason' | 'tags'>): readonly PurgeTargetLike[] {
  if (target.kind === 'key' && isFill(target.key, line)) return []
  switch (target.kind) {
    case 'all':
      return [{ kind: 'everything' }]
    case 'tag':
      return ofTag(target.tag)
    case 'key':
      return isAddress(target.key) ? [{ kind: 'url', url: target.key.split(/[ \n]/)[0] ?? target.key }] : []
    case 'pattern': {
      const start = target.pattern.replace(/\*$/, '')
      return isAddress(start) && !/[*?[\\]/.test(start) && start !== target.pattern
        ? [{ kind: 'prefix', prefix: start }]
        : []
    }
    default:
      return []
  }
}

/**
 * An answer that was stored, or one of the HTTP cache's former ones that storing another has left without use. A key of
 * the program's own may be invalidated as superseded, too.
 */
const isFill = (key: string, line: Pick<OutletLine, 'reason' | 'tags'> | undefined): boolean =>
  (line?.reason === 'superseded' && key.includes('\n')) ||
  (line?.reason === 'replaced' && line.tags?.some((tag) => /^host https?:/.test(tag)) === true)

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
