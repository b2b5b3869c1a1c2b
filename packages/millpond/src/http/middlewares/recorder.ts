// Records live traffic as a list for warming another cache: the most requested URLs, found in bounded memory.
//
// Space-saving (A. Metwally, D. Agrawal, A. El Abbadi, "Efficient Computation of Frequent and Top-k Elements in Data
// Streams", ICDT 2005): a new URL replaces the least requested one and inherits its count, so that every URL with more
// than 1/maxUrls of the traffic is in the list.
import { checkOptions, type Shape, whole } from '../../core/checks.ts'
import type { WarmUrls } from '../../core/warm.ts'
import type { Middleware } from '../node/http-cache.ts'

export interface RecorderOptions {
  /** URLs that are counted. Default 1,000. */
  readonly maxUrls?: number | undefined
}

/** A plan of URLs, the most requested ones first. */
export type RecordedPlan = Pick<WarmUrls, 'kind' | 'base' | 'urls'>

/** One URL worth warming. */
export interface RecordedUrl {
  readonly method: 'GET'
  /** Path and query. */
  readonly endpoint: string
  /** Requests, at most: a URL that came late may have inherited those of another. */
  readonly count: number
}

export interface Recorder {
  /** Counts requests: put it in front of everything that answers. */
  readonly middleware: Middleware
  /** The most requested ones first. */
  top(most?: number): RecordedUrl[]
  /** A plan for `cache.warm`: requests them at `base` (an origin, such as a new instance's). */
  plan(base: string, most?: number): RecordedPlan
  /** Resets the counts. */
  reset(): void
}

const OPTIONS: Shape<RecorderOptions> = { maxUrls: whole(1) }

/**
 * Records GETs without credentials: personal requests are not worth warming, and must not be recorded.
 * @throws MillpondError `OPTION_INVALID`.
 * @example
 * const recorder = recordTraffic()
 * app.use(recorder.middleware)
 * await cache.warm(recorder.plan('http://new-instance:3000', 50))
 */
export function recordTraffic(options: RecorderOptions = {}): Recorder {
  checkOptions<RecorderOptions>(options, OPTIONS, 'recordTraffic')
  const { maxUrls = 1000 } = options
  const counts = new Map<string, number>()
  const middleware: Middleware = ({ method, url, headers }, _, next) => {
    if (method === 'GET' && url !== undefined && headers.authorization === undefined && headers.cookie === undefined)
      record(counts, url, maxUrls)
    next()
  }
  const top = (most = maxUrls): RecordedUrl[] =>
    [...counts]
      .sort(([, a], [, b]) => b - a)
      .slice(0, most)
      .map(([endpoint, count]) => ({ method: 'GET', endpoint, count }))
  const plan = (base: string, most?: number): RecordedPlan => ({
    kind: 'url',
    base,
    urls: top(most).map(({ endpoint }) => endpoint),
  })
  return { middleware, top, plan, reset: () => counts.clear() }
}

function record(counts: Map<string, number>, url: string, maxUrls: number): void {
  const known = counts.get(url)
  if (known !== undefined || counts.size < maxUrls) {
    counts.set(url, (known ?? 0) + 1)
    return
  }
  let [least, fewest] = ['', Number.POSITIVE_INFINITY]
  for (const [other, count] of counts) if (count < fewest) [least, fewest] = [other, count]
  counts.delete(least)
  counts.set(url, fewest + 1)
}
