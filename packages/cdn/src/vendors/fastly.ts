// Fastly: a service is purged by URLs, surrogate keys, or as a whole.
//
// https://www.fastly.com/documentation/reference/api/purging/
import { checkOptions, type Duration, duration, type Shape, text } from 'millpond/options'
import type { Edge, EdgeCall, EdgeFigures, EdgeLimit, EdgePurge, EdgeSend, EdgeState } from '../edge.ts'
import { CdnError } from '../errors.ts'
import type { EdgeLocation } from '../locations.ts'
import { fieldOf, listOf, numberOf, ratio, sum, textOf } from '../read.ts'
import type { SecretLike } from '../secret.ts'
import type { PurgeTarget } from '../target.ts'
import { askVendor } from '../vendor-fetch.ts'
import { addressOf, apiUrl, daysBack, ownSite, secretText, siteOf, timeoutOf, tokenOf, unsupported } from './common.ts'

export interface FastlyOptions {
  /** Default `'fastly'`. */
  readonly name?: string | undefined
  /**
   * An API token with the scopes purge_select and purge_all (and global:read for metrics). Default: `FASTLY_API_TOKEN`.
   */
  readonly token?: SecretLike | undefined
  /** The service's id. Default: `FASTLY_SERVICE_ID`. */
  readonly service?: string | undefined
  /** The base of paths, since Fastly knows only URLs: `https://www.example.com`. Without it a path is an error. */
  readonly origin?: string | undefined
  /** Default `https://api.fastly.com`. */
  readonly api?: string | undefined
  /** The timeout of a request. Default `'30s'`. */
  readonly timeout?: Duration | undefined
}

const OPTIONS: Shape<FastlyOptions> = {
  name: text,
  token: secretText,
  service: text,
  origin: apiUrl,
  api: apiUrl,
  timeout: duration,
}

/**
 * 100,000 an hour per customer, for URLs and for keys each. This is from a third party's listing, read in November
 * 2026; we have not found it in Fastly's own documentation. Its page on resource limits
 * (https://docs.fastly.com/products/network-services-resource-limits) states 1,000 API requests an hour per user, and
 * does not say whether purges count: if fewer are allowed, Fastly's 429 decides. Neither states a burst: ours is a
 * hundredth of the hourly limit.
 */
const SOURCE = 'https://apis.io/rate-limits/fastly/fastly-rate-limits/'
const PER_SECOND = 100_000 / 3600
const BURST = 1000

/** A Fastly service as an edge. @throws MillpondError `OPTION_INVALID`, CdnError `CREDENTIALS_MISSING` */
export function fastly(options: FastlyOptions = {}): Edge {
  checkOptions<FastlyOptions>(options, OPTIONS, 'fastly')
  const { name = 'fastly', origin } = options
  const vendor = 'fastly'
  const secret = tokenOf(options.token, vendor, 'FASTLY_API_TOKEN')
  const service = ownSite(options.service, vendor, 'service', 'FASTLY_SERVICE_ID')
  const api = options.api ?? 'https://api.fastly.com'
  const timeoutMs = timeoutOf(options.timeout)
  const limits: readonly EdgeLimit[] = [
    { kinds: ['url'], perRequest: 1, cost: 'target', burst: BURST, perSecond: PER_SECOND, source: SOURCE },
    {
      kinds: ['tag', 'everything'],
      perRequest: 256,
      cost: 'target',
      burst: BURST,
      perSecond: PER_SECOND,
      source: SOURCE,
    },
  ]

  const ask = (
    method: 'GET' | 'POST',
    path: string,
    about: string,
    needs: string,
    { soft = false, body }: { soft?: boolean; body?: unknown },
    call: EdgeCall,
  ): Promise<unknown> =>
    askVendor({
      vendor,
      url: api + path,
      method,
      headers: {
        'fastly-key': secret.reveal(),
        ...(soft ? { 'fastly-soft-purge': '1' } : {}),
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

  const idOf = (site: string | undefined): string => siteOf(site ?? service, vendor, 'service', 'FASTLY_SERVICE_ID')

  return {
    name,
    vendor,
    abilities: {
      purge: ['url', 'path', 'tag', 'everything'],
      soft: ['url', 'path', 'tag'],
      status: false,
      analytics: true,
      locations: true,
    },
    limits,
    site: service,
    plan: (target) => planned(target, origin, vendor),
    limitOf: (target) => (target.kind === 'url' ? 0 : 1),
    async send({ targets, site, soft, signal }: EdgeSend): Promise<EdgePurge> {
      const [first] = targets
      if (first === undefined) throw new CdnError('TARGET_INVALID', 'a purge names something', { vendor })
      if (first.kind === 'url') {
        const { host, pathname, search } = new URL(first.url)
        const answer = await ask(
          'POST',
          `/purge/${host}${pathname}${search}`,
          first.url,
          'the scope purge_select',
          { soft },
          { signal },
        )
        return { id: textOf(answer, 'id'), isDone: true }
      }
      const id = idOf(site)
      if (first.kind === 'everything') {
        await ask('POST', `/service/${id}/purge_all`, `service ${id}`, 'the scope purge_all', {}, { signal })
        return { id: undefined, isDone: true }
      }
      const body = { surrogate_keys: targets.map((one) => (one.kind === 'tag' ? one.tag : '')) }
      const answer = await ask(
        'POST',
        `/service/${id}/purge`,
        `service ${id}`,
        'the scope purge_select',
        { soft, body },
        { signal },
      )
      const lost = targets.find((one) => one.kind === 'tag' && fieldOf(answer, one.tag) === undefined)
      if (lost?.kind === 'tag')
        throw new CdnError(
          'VENDOR_FAILED',
          `service ${id}: fastly does not confirm that ${JSON.stringify(lost.tag)} is purged: try again`,
          {
            vendor,
          },
        )
      return { id: first.kind === 'tag' ? textOf(answer, first.tag) : undefined, isDone: true }
    },
    async figures(days, call): Promise<EdgeFigures> {
      const id = idOf(call.site)
      const { from, to } = daysBack(days)
      const query = new URLSearchParams({
        from: String(Math.floor(Date.parse(from) / 1000)),
        to: String(Math.floor(Date.parse(to) / 1000)),
        by: 'day',
      })
      const answer = await ask(
        'GET',
        `/stats/service/${id}?${query}`,
        `service ${id}`,
        'the scope global:read',
        {},
        call,
      )
      return { from, to, ...readFigures(listOf(answer, 'data')) }
    },
    async locations(call): Promise<readonly EdgeLocation[]> {
      const answer = await ask('GET', '/datacenters', 'list of locations', 'the scope global:read', {}, call)
      const list = Array.isArray(answer) ? answer : []
      return list.flatMap((one): EdgeLocation[] => {
        const code = textOf(one, 'code')
        return code === undefined
          ? []
          : [{ code, name: textOf(one, 'name') ?? code, region: textOf(one, 'group'), state: 'unknown' }]
      })
    },
    async state(call): Promise<EdgeState> {
      const id = idOf(call.site)
      const answer = await ask('GET', `/service/${id}/details`, `service ${id}`, 'the scope global:read', {}, call)
      const isReady = fieldOf(answer, 'active_version', 'active') === true
      return {
        site: id,
        name: textOf(answer, 'name'),
        isReady,
        notes: isReady ? [] : ['no version of the service is active'],
      }
    },
  }
}

function planned(target: PurgeTarget, origin: string | undefined, vendor: string): PurgeTarget {
  const tags = 'give answers a tag for it in Surrogate-Key, and purge the tag'
  if (target.kind === 'host' || target.kind === 'prefix')
    throw unsupported(vendor, `cannot purge by ${target.kind}`, tags)
  if (target.kind !== 'path') return target
  if (target.path.endsWith('*'))
    throw unsupported(
      vendor,
      `cannot purge ${JSON.stringify(target.path)}: it has no wildcards`,
      `${tags}, or purge everything`,
    )
  return { kind: 'url', url: addressOf(target.path, origin, vendor, 'fastly({ origin })').href }
}

function readFigures(days: readonly unknown[]): Omit<EdgeFigures, 'from' | 'to'> {
  const total = (name: string): number | undefined => sum(days.map((day) => numberOf(day, name)))
  const [requests, hits, misses] = [total('requests'), total('hits'), total('miss')]
  const looked = hits === undefined || misses === undefined ? undefined : hits + misses
  return {
    requests,
    hits,
    misses,
    hitRatio: ratio(hits, looked),
    bytes: total('bandwidth'),
    clientErrors: ratio(total('status_4xx'), requests),
    serverErrors: ratio(total('status_5xx'), requests),
    days: days.map((day) => ({
      day: new Date((numberOf(day, 'start_time') ?? 0) * 1000).toISOString().slice(0, 10),
      requests: numberOf(day, 'requests'),
      hitRatio: ratio(numberOf(day, 'hits'), (numberOf(day, 'hits') ?? 0) + (numberOf(day, 'miss') ?? 0)),
      bytes: numberOf(day, 'bandwidth'),
    })),
  }
}

const words = (answer: unknown): string =>
  [textOf(answer, 'msg'), textOf(answer, 'detail')].filter((one) => one !== undefined).join(': ')
