// A Millpond proxy as an edge: purged over its admin port, which reports completion.
import { checkOptions, type Duration, duration, required, type Shape, text } from 'millpond/options'
import type { Edge, EdgeCall, EdgeFigures, EdgeLimit, EdgePurge, EdgeSend, EdgeState } from '../edge.ts'
import { fieldOf, listOf, numberOf, ratio, textOf } from '../read.ts'
import type { PurgeKind, PurgeTarget } from '../target.ts'
import { askVendor } from '../vendor-fetch.ts'
import { addressOf, apiUrl, timeoutOf } from './common.ts'

export interface MillpondProxyOptions {
  /** Default `'proxy'`. Name each one if there are several. */
  readonly name?: string | undefined
  /** Its admin port: `http://127.0.0.1:9090` of `millpond proxy --admin-port 9090`. */
  readonly admin: string
  /** The base of paths: `https://www.example.com`. Without it a path is an error. */
  readonly origin?: string | undefined
  /** The timeout of a request. Default `'30s'`. */
  readonly timeout?: Duration | undefined
}

const OPTIONS: Shape<MillpondProxyOptions> = { name: text, admin: required(apiUrl), origin: apiUrl, timeout: duration }

const VENDOR = 'millpond'
/** It is our own and has no rate limit: until it is back it may serve old responses. */
const MENDED_MS = 2000
const KINDS: readonly PurgeKind[] = ['url', 'path', 'tag', 'host', 'prefix', 'everything']
/** Its only limit is 64 KiB per request. */
const SOURCE = '@millpond/proxy'
const LIMITS: readonly EdgeLimit[] = [
  { kinds: ['url', 'tag'], perRequest: 30, cost: 'request', burst: 100, perSecond: 1000, source: SOURCE },
  {
    kinds: ['host', 'prefix', 'everything'],
    perRequest: 1,
    cost: 'request',
    burst: 100,
    perSecond: 1000,
    source: SOURCE,
  },
]

/**
 * A Millpond proxy as an edge, purged over its admin port.
 * @throws MillpondError `OPTION_INVALID`
 * @example
 * createCdn({ edges: [millpondProxy({ admin: 'http://127.0.0.1:9090', origin: 'https://www.example.com' })] })
 */
export function millpondProxy(options: MillpondProxyOptions): Edge {
  checkOptions<MillpondProxyOptions>(options, OPTIONS, 'millpondProxy')
  const { name = 'proxy', admin, origin } = options
  const timeoutMs = timeoutOf(options.timeout)
  const ask = (method: 'GET' | 'POST', path: string, body: unknown, { signal }: EdgeCall): Promise<unknown> =>
    askVendor({
      vendor: VENDOR,
      url: admin + path,
      method,
      headers: body === undefined ? {} : { 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
      secrets: [],
      timeoutMs,
      now: Date.now,
      about: `proxy at ${admin}`,
      needs: 'its admin port',
      words: (answer) => textOf(answer, 'error') ?? '',
      signal,
    })
  return {
    name,
    vendor: VENDOR,
    abilities: { purge: KINDS, soft: KINDS, status: true, analytics: true, locations: false },
    limits: LIMITS,
    site: undefined,
    mendedMs: MENDED_MS,
    plan(target) {
      if (target.kind !== 'path') return target
      const url = addressOf(target.path.replace(/\*$/, ''), origin, VENDOR, 'millpondProxy({ origin })')
      if (!target.path.endsWith('*')) return { kind: 'url', url: url.href }
      return { kind: 'prefix', prefix: url.host + url.pathname }
    },
    limitOf: ({ kind }) => (kind === 'url' || kind === 'tag' ? 0 : 1),
    async send({ targets, soft, signal }: EdgeSend): Promise<EdgePurge> {
      const mode = soft ? { mode: 'soft' } : {}
      for (const what of purgesOf(targets)) await ask('POST', '/purge', { ...what, ...mode }, { signal })
      return { id: undefined, isDone: true }
    },
    /** Since the proxy started, whatever days are requested: it keeps no others. */
    async figures(_, call): Promise<EdgeFigures> {
      const answer = await ask('GET', '/health', undefined, call)
      const count = (name: string): number => numberOf(answer, 'answers', name) ?? 0
      // Served from its cache, revalidated or not; or fetched by another request at the same time.
      const hits = count('hits') + count('stale') + count('validated') + count('collapsed')
      const misses = count('stored') + count('passed') + count('failed')
      return {
        from: textOf(answer, 'since') ?? new Date().toISOString(),
        to: new Date().toISOString(),
        requests: hits + misses,
        hits,
        misses,
        hitRatio: ratio(hits, hits + misses),
        bytes: undefined,
        clientErrors: undefined,
        serverErrors: undefined,
        days: [],
      }
    },
    async state(call): Promise<EdgeState> {
      const answer = await ask('GET', '/health', undefined, call)
      const down = listOf(answer, 'origins').filter((one) => fieldOf(one, 'isUp') !== true)
      return {
        site: admin,
        name: undefined,
        isReady: true,
        notes: down.map((one) => `${textOf(one, 'url') ?? 'an origin'} cannot be reached`),
      }
    },
  }
}

/** Of the same kind. TLS may be terminated in front of it, so a URL is purged with both schemes. */
function purgesOf(targets: readonly PurgeTarget[]): readonly object[] {
  const [first] = targets
  switch (first?.kind) {
    case 'tag':
      return [{ tags: targets.flatMap((one) => (one.kind === 'tag' ? [one.tag] : [])) }]
    case 'url':
      return [{ urls: targets.flatMap((one) => (one.kind === 'url' ? bothSchemes(one.url) : [])) }]
    case 'host':
      return bothSchemes(`http://${first.host}`).map((host) => ({ host }))
    case 'prefix':
      return bothSchemes(`http://${first.prefix}`).map((prefix) => ({ prefix }))
    default:
      return [{ all: true }]
  }
}

const bothSchemes = (url: string): string[] => ['http', 'https'].map((scheme) => url.replace(/^https?/, scheme))
