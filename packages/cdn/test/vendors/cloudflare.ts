// Cloudflare as its API documentation describes it: purge_cache with its limits, zones, GraphQL analytics, and the
// components of its status page.
import { type Answer, bucket, isList, json, parse, serve, type Wire } from './wire.ts'

const ZONE = '023e105f4ecef8ad9ca31a8372d0c353'
const TOKEN = 'cf-token-hidden'

/** As documented on 2026-07-29: requests a second and at once, addresses a second, operations of a request. */
const LIMITS = { free: [5 / 60, 25, 800, 100], pro: [5, 25, 1500, 100], enterprise: [50, 500, 3000, 500] } as const

export interface CloudflareServer extends Wire {
  readonly zone: string
  readonly token: string
  /** `tag a`, in the order in which it was purged. */
  readonly purged: string[]
  /** Requests that came too soon. */
  readonly haste: { readonly refusals: number }
  /** When so many different ones had been purged, by `now`. */
  firstPurgedAll(count: number): number | undefined
}

export async function cloudflareServer(
  now: () => number,
  plan: keyof typeof LIMITS = 'free',
): Promise<CloudflareServer> {
  const [perSecond, burst, urls, operations] = LIMITS[plan]
  const [requests, addresses] = [bucket(burst, perSecond, now), bucket(urls, urls, now)]
  const purged: string[] = []
  const different = new Set<string>()
  const times: number[] = []
  const haste = { refusals: 0 }
  const tooSoon = (headers = {}): Answer => {
    haste.refusals++
    return refused(429, 10000, 'rate limited', headers)
  }
  const note = (what: string): void => {
    purged.push(what)
    if (different.has(what)) return
    different.add(what)
    times.push(now())
  }
  const refused = (status: number, code: number, message: string, headers = {}) =>
    json(status, { success: false, errors: [{ code, message }], messages: [], result: null }, headers)

  const wire = await serve(({ method, path, headers, body }, fault) => {
    if (path === '/api/v2/components.json') {
      if (headers.authorization !== undefined) fault('the token goes to the status page')
      return json(200, { components: COMPONENTS })
    }
    if (!path.startsWith('/client/v4/')) fault('not a path of the API')
    if (!/^Bearer \S+$/.test(headers.authorization ?? '')) {
      fault('no bearer token')
      return refused(400, 6003, 'Invalid request headers')
    }
    if (headers.authorization !== `Bearer ${TOKEN}`)
      return refused(403, 10000, `Authentication error for ${headers.authorization?.slice(7)}`)
    if (method === 'POST' && headers['content-type'] !== 'application/json') fault('not sent as JSON')
    if (path === '/client/v4/graphql') return graph(parse(body), fault)
    const [, zone, rest] = /^\/client\/v4\/zones\/([^/]+)(\/purge_cache)?$/.exec(path) ?? []
    if (zone === undefined) fault('not a path of the API')
    if (zone !== ZONE)
      return refused(404, 7003, `Could not route to /zones/${zone}, perhaps your object identifier is invalid?`)
    if (rest === undefined)
      return json(200, {
        success: true,
        errors: [],
        messages: [],
        result: { id: ZONE, name: 'example.com', status: 'active', paused: false },
      })
    if (method !== 'POST') fault('a purge is a POST')
    const asked = parse(body)
    const kinds = typeof asked === 'object' && asked !== null ? Object.entries(asked) : []
    const [[kind, value] = ['', undefined]] = kinds
    if (kinds.length !== 1) fault(`one kind of purge in a request, not ${kinds.length}`)
    if (kind === 'purge_everything') {
      if (value !== true) fault('purge_everything is true')
      if (!requests(1)) return tooSoon({ 'retry-after': String(Math.ceil(1 / perSecond)) })
      note('everything')
    } else {
      const shape = SHAPES[kind]
      if (shape === undefined || !isList(value) || value.length === 0) {
        fault(`not a body of a purge: ${body.slice(0, 200)}`)
        return refused(
          400,
          1012,
          'Request must contain one of "purge_everything", "files", "tags", "hosts" or "prefixes"',
        )
      }
      if (value.length > (kind === 'files' ? operations : 100)) fault(`${value.length} operations in a request`)
      if (new Set(value).size < value.length) fault('something is named twice')
      const odd = value.find((one) => !shape.test(one))
      if (odd !== undefined) {
        fault(`${odd} is not one of ${kind}`)
        return refused(400, 1094, `Unable to purge ${odd}, which is an invalid ${kind}.`)
      }
      if (value.includes('poison')) return refused(400, 1094, 'Unable to purge poison, which is an invalid tag.')
      const taken = kind === 'files' ? addresses(value.length) : requests(1)
      if (!taken) return tooSoon()
      for (const one of value) note(`${WORDS[kind]} ${one}`)
    }
    return json(200, { success: true, errors: [], messages: [], result: { id: ZONE } })
  })
  return Object.assign(wire, {
    zone: ZONE,
    token: TOKEN,
    purged,
    haste,
    firstPurgedAll: (count: number) => times[count - 1],
  })
}

const SHAPES: Readonly<Record<string, RegExp>> = {
  files: /^https?:\/\/[a-z0-9.:-]+\/[\x21-\x7e]*$/,
  tags: /^[\x21-\x2b\x2d-\x7e]{1,1024}$/,
  hosts: /^[a-z0-9.:-]+$/,
  prefixes: /^[a-z0-9.:-]+\/[\x21-\x29\x2b-\x3e\x40-\x7e]*$/,
}

const WORDS: Readonly<Record<string, string>> = { files: 'url', tags: 'tag', hosts: 'host', prefixes: 'prefix' }

function graph(asked: unknown, fault: (what: string) => void) {
  const query = typeof asked === 'object' && asked !== null ? (Reflect.get(asked, 'query') as unknown) : undefined
  const variables =
    typeof asked === 'object' && asked !== null ? (Reflect.get(asked, 'variables') as Record<string, unknown>) : {}
  if (typeof query !== 'string' || !query.includes('httpRequests1dGroups') || !query.includes('zoneTag: $zone'))
    fault('not a question for days of a zone')
  for (const name of ['from', 'to'])
    if (!/^\d{4}-\d\d-\d\d$/.test(String(variables[name]))) fault(`${name} is not a date`)
  if (variables.zone !== ZONE)
    return json(200, { data: null, errors: [{ message: `zone ${variables.zone} does not exist` }] })
  const day = (date: string, requests: number, cachedRequests: number) => ({
    dimensions: { date },
    sum: {
      requests,
      cachedRequests,
      bytes: requests * 1000,
      responseStatusMap: [
        { edgeResponseStatus: 200, requests: requests - 3 },
        { edgeResponseStatus: 404, requests: 2 },
        { edgeResponseStatus: 502, requests: 1 },
      ],
    },
  })
  return json(200, {
    data: { viewer: { zones: [{ days: [day('2026-11-25', 100, 90), day('2026-11-26', 300, 210)] }] } },
    errors: null,
  })
}

const COMPONENTS = [
  { id: 'eu', name: 'Europe', group: true, group_id: null, status: 'operational' },
  { id: 'a', name: 'Amsterdam, Netherlands - (AMS)', group: false, group_id: 'eu', status: 'operational' },
  { id: 'b', name: 'Berlin, Germany - (TXL)', group: false, group_id: 'eu', status: 'partial_outage' },
  { id: 'c', name: 'CDN/Cache', group: false, group_id: null, status: 'operational' },
]
