// The CDN: purges and their progress, the state that its edges report, and its metrics.
import { z } from 'zod'
import { may, type Principal } from '../access/roles.ts'
import { type CdnByEdge, type CdnTarget, type ControlCdn, cdnOf, problemOf, reportOf } from '../cdn/part.ts'
import { Problem } from '../http/problem.ts'
import { defineRoute, json, type Route } from '../http/route.ts'
import { orLater } from '../operations/wait.ts'
import { accepted, instant, number, operation } from './schemas.ts'

const name = z.string().min(1).max(256)
const list = z.array(z.string().min(1).max(4096)).max(10_000)
/** Selects the site: one of the three, by its vendor. */
const site = { distribution_id: name.optional(), zone_id: name.optional(), service_id: name.optional() }
const VENDORS = { distribution_id: 'cloudfront', zone_id: 'cloudflare', service_id: 'fastly' } as const

const failure = z.object({
  targets: z.array(z.string()),
  count: z.number().int(),
  code: z.string(),
  message: z.string(),
})
const edgeReport = z.object({
  edge: z.string(),
  vendor: z.string(),
  site: z.string().nullable(),
  state: z.enum(['queued', 'sending', 'accepted', 'done', 'partial', 'failed']),
  purged: z.number().int(),
  targets: z.number().int(),
  requests: z.number().int(),
  retries: z.number().int(),
  ids: z.array(z.string()).describe("the vendor's own"),
  failures: z.array(failure),
  left_ms: number,
})
const report = z.object({
  id: z.string(),
  at: instant,
  soft: z.boolean(),
  targets: z.number().int(),
  ok: z.boolean(),
  edges: z.array(edgeReport),
})
const planned = z.object({
  plan: z.object({ targets: z.number().int(), edges: z.array(z.string()), takes_ms: number }),
})
const fault = z.object({ code: z.string(), message: z.string() })
const measured = number.nullable()
const figures = z.object({
  from: instant,
  to: instant,
  requests: measured,
  hits: measured,
  misses: measured,
  hit_ratio: measured,
  bytes: measured,
  client_error_ratio: measured,
  server_error_ratio: measured,
  days: z.array(z.object({ day: z.string(), requests: measured, hit_ratio: measured, bytes: measured })),
})
const byEdge = <T extends z.ZodType>(found: T) =>
  z.object({
    edges: z.array(
      z.object({
        edge: z.string(),
        vendor: z.string(),
        site: z.string().nullable(),
        found: found.nullable(),
        error: fault.nullable(),
      }),
    ),
  })
const edge = z.object({
  edge: z.string(),
  vendor: z.string(),
  site: z.string().nullable(),
  purges_by: z.array(z.string()),
  softly_by: z.array(z.string()),
  tells_when_done: z.boolean(),
})
const outlet = z.object({
  name: z.string(),
  waiting: z.number().int(),
  left_ms: number,
  purged: z.number().int(),
  coalesced: z.number().int(),
  failures: z.number().int(),
  probes: z.object({ gone: z.number().int(), old: z.number().int(), unknown: z.number().int() }),
})

const folder = z.object({
  name: z.string(),
  to: z.string().nullable().describe('the destination of its files; null: they are not uploaded'),
  has_images: z.boolean().describe('its pictures can be made smaller'),
})
const location = z.object({
  code: z.string(),
  name: z.string(),
  region: z.string().nullable(),
  state: z.enum(['ok', 'degraded', 'down', 'unknown']),
  met: z.object({ at: instant, ms: number, ok: z.boolean() }).nullable().describe('the result of the last probe'),
})

const body = z.strictObject({
  paths: list.optional().describe('/a, /a/* or whole addresses'),
  tags: list.optional(),
  prefixes: list.optional().describe('www.example.com/a/'),
  hosts: list.optional(),
  everything: z.boolean().default(false),
  ...site,
  edges: z.array(name).max(50).optional(),
  soft: z.boolean().default(false).describe('mark as stale, if the vendor supports it'),
  reason: z.string().max(1000).optional(),
  dry_run: z.boolean().default(false),
})

export const cdnRoutes: readonly Route[] = [
  defineRoute({
    method: 'POST',
    path: 'cdn/invalidate_cdn/',
    summary: 'Purge a CDN by paths, tags, prefixes, hosts, or as a whole; accepted does not yet mean gone',
    scope: 'cdn:purge',
    rate: 'purge',
    body,
    answers: {
      200: {
        description: 'What each vendor has accepted, or with dry_run how long it would take',
        schema: z.union([operation, planned]),
      },
      202: { description: "Waiting for a vendor's rate limit", schema: accepted },
      429: { description: 'A vendor asks to retry later' },
      422: { description: 'Nothing can be purged, or no CDN is connected' },
      502: { description: 'A vendor rejects it, fails, or cannot be reached' },
    },
    handle({ control, principal, caller, body: asked, request, base }) {
      const cdn = cdnOf(control.cdn)
      refuseLimited(principal)
      if (asked.everything && !may(principal, 'purge:all'))
        throw new Problem(403, 'forbidden', 'purging everything needs the permission purge:all: name paths or tags')
      const targets = targetsOf(asked)
      const where = whereOf(cdn, asked)
      if (asked.dry_run) {
        const takes_ms = refused(() => cdn.forecast(targets, where))
        return json(200, {
          plan: { targets: targets.length, edges: where.edges ?? cdn.describe().map((one) => one.name), takes_ms },
        })
      }
      const given = { kind: 'purge_cdn', prefix: 'op', caches: [], request: asked, reason: asked.reason }
      return orLater(request, base, (began) =>
        control.operations.run(given, caller, async ({ id }) => {
          began(id)
          const made = await cdn.purge(targets, { ...where, soft: asked.soft }).catch((error: unknown) => {
            throw problemOf(error)
          })
          return {
            state: made.ok ? 'completed' : 'partial',
            result: reportOf(made),
            audited: { purge: made.id, targets: made.targets, ok: made.ok },
          }
        }),
      )
    },
  }),
  defineRoute({
    method: 'GET',
    path: 'cdn/status/',
    summary: 'Show edges, purges by this process, and invalidations on their way to the edge, without asking a vendor',
    scope: 'metrics:read',
    answers: {
      200: {
        description: 'The latest 50 purges, newest first',
        schema: z.object({
          edges: z.array(edge),
          outlets: z.array(outlet),
          folders: z.array(folder),
          purges: z.array(report),
        }),
      },
    },
    handle({ control: { cdn } }) {
      if (cdn === undefined) return json(200, { edges: [], outlets: [], folders: [], purges: [] })
      const edges = cdn.describe().map((one) => ({
        edge: one.name,
        vendor: one.vendor,
        site: one.site ?? null,
        purges_by: one.abilities.purge,
        softly_by: one.abilities.soft,
        tells_when_done: one.abilities.status,
      }))
      const outlets = cdn.outlets().map((one) => {
        const { leftMs, name: called, waiting, purged, coalesced, failures, probes } = one.state()
        return { name: called, waiting, left_ms: leftMs, purged, coalesced, failures, probes }
      })
      const folders = cdn.folders().map((one) => ({ name: one.name, to: one.to ?? null, has_images: one.hasImages }))
      return json(200, { edges, outlets, folders, purges: cdn.purges().slice(0, 50).map(reportOf) })
    },
  }),
  defineRoute({
    method: 'GET',
    path: 'cdn/health/',
    summary: 'Check whether each vendor accepts the credentials and its distribution, zone or service is serving',
    scope: 'metrics:read',
    query: z.strictObject(site),
    answers: {
      200: {
        description: 'By edge',
        schema: byEdge(z.object({ name: z.string().nullable(), is_ready: z.boolean(), notes: z.array(z.string()) })),
      },
    },
    async handle({ control: { cdn }, query }) {
      if (cdn === undefined) return json(200, { edges: [] })
      const found = await asked(() => cdn.health(whereOf(cdn, query)))
      return json(200, {
        edges: found.map((one) =>
          told(one, ({ name: called, isReady, notes }) => ({ name: called ?? null, is_ready: isReady, notes })),
        ),
      })
    },
  }),
  defineRoute({
    method: 'GET',
    path: 'cdn/locations/',
    summary: 'List the locations of the edges and their state, as reported by each vendor and by probes',
    scope: 'metrics:read',
    query: z.strictObject(site),
    answers: { 200: { description: 'By edge', schema: byEdge(z.array(location)) } },
    async handle({ control: { cdn }, query }) {
      if (cdn === undefined) return json(200, { edges: [] })
      const found = await asked(() => cdn.locations(whereOf(cdn, query)))
      return json(200, { edges: found.map((one) => told(one, (places) => places.map(placeOf))) })
    },
  }),
  defineRoute({
    method: 'GET',
    path: 'cdn/analytics/',
    summary: 'Show the figures of the CDN vendors for the last days',
    scope: 'metrics:read',
    query: z.strictObject({ ...site, days: z.coerce.number().int().min(1).max(90).default(7) }),
    answers: {
      200: { description: 'By edge, including what a vendor did not provide', schema: byEdge(figures) },
    },
    async handle({ control: { cdn }, query: { days, ...query } }) {
      if (cdn === undefined) return json(200, { edges: [] })
      const found = await asked(() => cdn.analytics({ ...whereOf(cdn, query), days }))
      return json(200, {
        edges: found.map((one) =>
          told(
            one,
            ({ hitRatio, clientErrors, serverErrors, requests, hits, misses, bytes, from, to, days: daily }) => ({
              from,
              to,
              requests: requests ?? null,
              hits: hits ?? null,
              misses: misses ?? null,
              hit_ratio: hitRatio ?? null,
              bytes: bytes ?? null,
              client_error_ratio: clientErrors ?? null,
              server_error_ratio: serverErrors ?? null,
              days: daily.map((day) => ({
                day: day.day,
                requests: day.requests ?? null,
                hit_ratio: day.hitRatio ?? null,
                bytes: day.bytes ?? null,
              })),
            }),
          ),
        ),
      })
    },
  }),
]

type Place = NonNullable<Awaited<ReturnType<ControlCdn['locations']>>[number]['found']>[number]
function placeOf({ code, name: called, region, state, met }: Place) {
  const found = met === undefined ? null : { at: new Date(met.at).toISOString(), ms: met.ms, ok: met.ok }
  return { code, name: called, region: region ?? null, state, met: found }
}

/** An edge has no namespaces that a caller could be limited to. */
export function refuseLimited(principal: Principal): void {
  if (principal.namespaces !== undefined)
    throw new Problem(403, 'forbidden', `a CDN belongs to all namespaces: ${principal.name} is limited to some of them`)
}

function targetsOf({
  paths = [],
  tags = [],
  prefixes = [],
  hosts = [],
  everything,
}: z.output<typeof body>): CdnTarget[] {
  return [
    ...paths,
    ...tags.map((tag): CdnTarget => ({ kind: 'tag', tag })),
    ...prefixes.map((prefix): CdnTarget => ({ kind: 'prefix', prefix })),
    ...hosts.map((host): CdnTarget => ({ kind: 'host', host })),
    ...(everything ? [{ kind: 'everything' as const }] : []),
  ]
}

interface Asked {
  readonly distribution_id?: string | undefined
  readonly zone_id?: string | undefined
  readonly service_id?: string | undefined
  readonly edges?: readonly string[] | undefined
}

/** A distribution is CloudFront's, a zone Cloudflare's, a service Fastly's. */
function whereOf(cdn: ControlCdn, given: Asked): { edges?: readonly string[]; site?: string } {
  const sites = (['distribution_id', 'zone_id', 'service_id'] as const).filter((one) => given[one] !== undefined)
  const [field] = sites
  if (field === undefined) return given.edges === undefined ? {} : { edges: given.edges }
  if (sites.length > 1) throw new Problem(422, 'invalid', `${sites.join(' and ')}: name one of them`)
  const own = cdn.describe().filter((one) => one.vendor === VENDORS[field] && (given.edges?.includes(one.name) ?? true))
  if (own.length === 0)
    throw new Problem(422, 'invalid', `${field}: ${VENDORS[field]} is not connected to this control plane`)
  return { edges: own.map((one) => one.name), site: given[field] ?? '' }
}

function told<T, U>({ edge: called, vendor, site: at, found, error }: CdnByEdge<T>, read: (found: T) => U) {
  return {
    edge: called,
    vendor,
    site: at ?? null,
    found: found === undefined ? null : read(found),
    error: error === undefined ? null : { code: error.code, message: error.message },
  }
}

async function asked<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw problemOf(error)
  }
}

function refused<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw problemOf(error)
  }
}
