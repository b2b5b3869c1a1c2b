// Cloudflare, by its API v4: a zone is purged by URLs, tags, hosts, prefixes, or as a whole.
//
// https://developers.cloudflare.com/api/resources/cache/methods/purge/ and
// https://developers.cloudflare.com/cache/how-to/purge-cache/
import { checkOptions, type Duration, duration, oneOf, type Shape, text } from 'millpond/options'
import type { Edge, EdgeCall, EdgeFigures, EdgeLimit, EdgePurge, EdgeSend, EdgeState } from '../edge.ts'
import { CdnError } from '../errors.ts'
import type { EdgeLocation } from '../locations.ts'
import { fieldOf, listOf, numberOf, ratio, sum, textOf } from '../read.ts'
import type { SecretLike } from '../secret.ts'
import type { PurgeTarget } from '../target.ts'
import { askVendor } from '../vendor-fetch.ts'
import { addressOf, apiUrl, daysBack, ownSite, secretText, siteOf, timeoutOf, tokenOf, unsupported } from './common.ts'

/** Plans of Cloudflare, each with its own limits. */
export type CloudflarePlan = 'free' | 'pro' | 'business' | 'enterprise'

export interface CloudflareOptions {
  /** Default `'cloudflare'`. */
  readonly name?: string | undefined
  /**
   * An API token with the permission Zone.Cache Purge (and Analytics.Read for metrics). Default:
   * `CLOUDFLARE_API_TOKEN`.
   */
  readonly token?: SecretLike | undefined
  /** The zone's id. Default: `CLOUDFLARE_ZONE_ID`. */
  readonly zone?: string | undefined
  /** Sets the rate limits. Default `'free'`, which is safe for every plan, but slow for the others. */
  readonly plan?: CloudflarePlan | undefined
  /** The base of paths, since Cloudflare knows only URLs: `https://www.example.com`. Without it a path is an error. */
  readonly origin?: string | undefined
  /** Default `https://api.cloudflare.com/client/v4`. */
  readonly api?: string | undefined
  /** Where it reports the state of its locations. Default `https://www.cloudflarestatus.com/api/v2`. */
  readonly statusApi?: string | undefined
  /** The timeout of a request. Default `'30s'`. */
  readonly timeout?: Duration | undefined
}

const OPTIONS: Shape<CloudflareOptions> = {
  name: text,
  token: secretText,
  zone: text,
  plan: oneOf('free', 'pro', 'business', 'enterprise'),
  origin: apiUrl,
  api: apiUrl,
  statusApi: apiUrl,
  timeout: duration,
}

const SOURCE = 'https://developers.cloudflare.com/cache/how-to/purge-cache/#availability-and-limits'
const OTHERS = ['tag', 'host', 'prefix', 'everything'] as const

/**
 * As of 2026-07: requests a second, burst, URLs a second, URLs in a request. All of them apply to the account, not to
 * the zone.
 */
const PLANS: Readonly<
  Record<CloudflarePlan, readonly [perSecond: number, burst: number, urlsPerSecond: number, urlsPerRequest: number]>
> = {
  free: [5 / 60, 25, 800, 100],
  pro: [5, 25, 1500, 100],
  business: [10, 50, 1500, 100],
  enterprise: [50, 500, 3000, 500],
}

/** A Cloudflare zone as an edge. @throws MillpondError `OPTION_INVALID`, CdnError `CREDENTIALS_MISSING` */
export function cloudflare(options: CloudflareOptions = {}): Edge {
  checkOptions<CloudflareOptions>(options, OPTIONS, 'cloudflare')
  const { name = 'cloudflare', plan = 'free', origin } = options
  const vendor = 'cloudflare'
  const secret = tokenOf(options.token, vendor, 'CLOUDFLARE_API_TOKEN')
  const zone = ownSite(options.zone, vendor, 'zone', 'CLOUDFLARE_ZONE_ID')
  const idOf = (site: string | undefined): string => siteOf(site ?? zone, vendor, 'zone', 'CLOUDFLARE_ZONE_ID')
  const api = options.api ?? 'https://api.cloudflare.com/client/v4'
  const timeoutMs = timeoutOf(options.timeout)
  const [perSecond, burst, urlsPerSecond, urlsPerRequest] = PLANS[plan]
  const limits: readonly EdgeLimit[] = [
    {
      kinds: ['url'],
      perRequest: urlsPerRequest,
      cost: 'target',
      burst: urlsPerSecond,
      perSecond: urlsPerSecond,
      source: SOURCE,
    },
    { kinds: OTHERS, perRequest: 100, cost: 'request', burst, perSecond, source: SOURCE },
  ]

  const ask = async (
    method: 'GET' | 'POST',
    path: string,
    about: string,
    needs: string,
    body: unknown,
    call: EdgeCall,
  ): Promise<unknown> => {
    const answer = await askVendor({
      vendor,
      url: api + path,
      method,
      headers: {
        authorization: `Bearer ${secret.reveal()}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
      secrets: [secret],
      timeoutMs,
      now: Date.now,
      about,
      needs,
      words,
      signal: call.signal,
    })
    // Some refusals come with status 200.
    if (fieldOf(answer, 'success') === false)
      throw new CdnError('REFUSED', `${about}: cloudflare rejects it: ${words(answer)}`, { vendor })
    return answer
  }

  return {
    name,
    vendor,
    abilities: { purge: ['url', 'path', ...OTHERS], soft: [], status: false, analytics: true, locations: true },
    limits,
    site: zone,
    plan: (target) => (target.kind === 'path' ? addressed(target.path, origin, vendor) : target),
    limitOf: (target) => (target.kind === 'url' ? 0 : 1),
    async send({ targets, site, signal }: EdgeSend): Promise<EdgePurge> {
      const id = idOf(site)
      const path = `/zones/${encodeURIComponent(id)}/purge_cache`
      const answer = await ask(
        'POST',
        path,
        `zone ${id}`,
        'the permission Zone.Cache Purge for this zone',
        bodyOf(targets),
        { signal },
      )
      return { id: textOf(answer, 'result', 'id'), isDone: true }
    },
    async figures(days, call): Promise<EdgeFigures> {
      const id = idOf(call.site)
      const { from, to } = daysBack(days)
      const variables = { zone: id, from: from.slice(0, 10), to: to.slice(0, 10), limit: days + 1 }
      const answer = await ask(
        'POST',
        '/graphql',
        `zone ${id}`,
        'the permission Account Analytics.Read',
        { query: QUERY, variables },
        call,
      )
      const fault = textOf(answer, 'errors', 0, 'message')
      if (fault !== undefined)
        throw new CdnError('REFUSED', `zone ${id}: cloudflare rejects the request for figures: ${fault}`, { vendor })
      return { from, to, ...readFigures(listOf(answer, 'data', 'viewer', 'zones', 0, 'days')) }
    },
    async locations(call): Promise<readonly EdgeLocation[]> {
      // Public, so the token is not sent.
      const url = `${options.statusApi ?? 'https://www.cloudflarestatus.com/api/v2'}/components.json`
      const answer = await askVendor({
        vendor,
        url,
        method: 'GET',
        headers: {},
        secrets: [],
        timeoutMs,
        now: Date.now,
        about: 'status page',
        needs: '',
        words,
        signal: call.signal,
      })
      return readLocations(listOf(answer, 'components'))
    },
    async state(call): Promise<EdgeState> {
      const id = idOf(call.site)
      const answer = await ask(
        'GET',
        `/zones/${encodeURIComponent(id)}`,
        `zone ${id}`,
        'the permission Zone.Read',
        undefined,
        call,
      )
      const status = textOf(answer, 'result', 'status') ?? 'unknown'
      const isPaused = fieldOf(answer, 'result', 'paused') === true
      const notes = [
        ...(status === 'active' ? [] : [`the zone is ${status}`]),
        ...(isPaused ? ['the zone is paused: no traffic passes the edge'] : []),
      ]
      return { site: id, name: textOf(answer, 'result', 'name'), isReady: notes.length === 0, notes }
    },
  }
}

function bodyOf(targets: readonly PurgeTarget[]): unknown {
  const names = { url: 'files', tag: 'tags', host: 'hosts', prefix: 'prefixes' } as const
  const [first] = targets
  if (first === undefined || first.kind === 'everything' || first.kind === 'path') return { purge_everything: true }
  const values = targets.map((one) =>
    one.kind === 'url'
      ? one.url
      : one.kind === 'tag'
        ? one.tag
        : one.kind === 'host'
          ? one.host
          : one.kind === 'prefix'
            ? one.prefix
            : '',
  )
  return { [names[first.kind]]: values }
}

/** `/a/*` is a prefix, and `/*` a host. */
function addressed(path: string, origin: string | undefined, vendor: string): PurgeTarget {
  const url = addressOf(path.replace(/\*$/, ''), origin, vendor, 'cloudflare({ origin })')
  if (!path.endsWith('*')) return { kind: 'url', url: url.href }
  if (path === '/*') return { kind: 'host', host: url.host }
  if (!path.endsWith('/*') || path.includes('?'))
    throw unsupported(
      vendor,
      `purges whole folders, not ${JSON.stringify(path)}`,
      `purge ${JSON.stringify(path.replace(/\/[^/]*$/, '/*'))}, or a tag`,
    )
  return { kind: 'prefix', prefix: url.host + url.pathname }
}

/** https://developers.cloudflare.com/analytics/graphql-api/ */
const QUERY = `query Days($zone: string!, $from: Date!, $to: Date!, $limit: uint64!) {
  viewer { zones(filter: { zoneTag: $zone }) { days: httpRequests1dGroups(limit: $limit, filter: { date_geq: $from, date_leq: $to }, orderBy: [date_ASC]) {
    dimensions { date } sum { requests cachedRequests bytes responseStatusMap { edgeResponseStatus requests } } } } } }`

function readFigures(days: readonly unknown[]): Omit<EdgeFigures, 'from' | 'to'> {
  const total = (name: string): number | undefined => sum(days.map((day) => numberOf(day, 'sum', name)))
  const answered = (from: number): number | undefined => {
    const found = days.flatMap((day) => listOf(day, 'sum', 'responseStatusMap'))
    const of = found.filter((one) => Math.floor((numberOf(one, 'edgeResponseStatus') ?? 0) / 100) === from)
    return days.length === 0 ? undefined : (sum(of.map((one) => numberOf(one, 'requests'))) ?? 0)
  }
  const [requests, hits] = [total('requests'), total('cachedRequests')]
  return {
    requests,
    hits,
    misses: requests === undefined || hits === undefined ? undefined : requests - hits,
    hitRatio: ratio(hits, requests),
    bytes: total('bytes'),
    clientErrors: ratio(answered(4), requests),
    serverErrors: ratio(answered(5), requests),
    days: days.map((day) => ({
      day: textOf(day, 'dimensions', 'date') ?? '',
      requests: numberOf(day, 'sum', 'requests'),
      hitRatio: ratio(numberOf(day, 'sum', 'cachedRequests'), numberOf(day, 'sum', 'requests')),
      bytes: numberOf(day, 'sum', 'bytes'),
    })),
  }
}

const STATES: Readonly<Record<string, EdgeLocation['state']>> = {
  operational: 'ok',
  degraded_performance: 'degraded',
  partial_outage: 'degraded',
  under_maintenance: 'degraded',
  major_outage: 'down',
}

/** Its status page has a component for each location, `Amsterdam, Netherlands - (AMS)`, in groups by region. */
function readLocations(components: readonly unknown[]): EdgeLocation[] {
  const regions = new Map(
    components.filter((one) => fieldOf(one, 'group') === true).map((one) => [textOf(one, 'id'), textOf(one, 'name')]),
  )
  return components.flatMap((one): EdgeLocation[] => {
    const [, name, code] = /^(.*?)\s*-\s*\(([A-Z]{3})\)$/.exec(textOf(one, 'name') ?? '') ?? []
    if (name === undefined || code === undefined) return []
    return [
      {
        code,
        name,
        region: regions.get(textOf(one, 'group_id')),
        state: STATES[textOf(one, 'status') ?? ''] ?? 'unknown',
      },
    ]
  })
}

function words(answer: unknown): string {
  return listOf(answer, 'errors')
    .map(
      (one) =>
        `${textOf(one, 'message') ?? 'no message'}${numberOf(one, 'code') === undefined ? '' : ` (${numberOf(one, 'code')})`}`,
    )
    .join('; ')
}
