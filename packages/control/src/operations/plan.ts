// The plan of an invalidation: its entries, the traffic that they carry, and what it takes to run it.
import { z } from 'zod'
import { may, type Principal } from '../access/roles.ts'
import { newId } from '../access/tokens.ts'
import type { NodePlan } from '../agent/answers.ts'
import { HOTTEST } from '../agent/invalidation.ts'
import type { AskedCriteria } from '../agent/requests.ts'
import type { Control } from '../control.ts'
import { placesOf } from '../fleet/places.ts'
import { cachesFor, namespacesFor } from '../fleet/reach.ts'
import { invalid, notFound, Problem } from '../http/problem.ts'
import { type ByUrl, entriesOf } from './by-url.ts'
import { type CdnPlan, cdnPlan, checkPace, checkTiers, isByKeysAlone, refuseCdn } from './execution.ts'
import { type Target, targets } from './registered.ts'

const PLAN_MS = 5 * 60_000
/** Above this it needs a plan that was confirmed by its text. */
const GUARD_KEYS = 10_000
const PLANNING_MS = 10_000
/** Each is looked up in every process, and in its tiers. */
const MOST_URLS = 100
/** Keys of a plan that are shown, and probed after the run. */
export const SAMPLE = 20
const text = z.string().min(1).max(1024)
const keyText = z.string().min(1).max(16_384)
const keys = z
  .array(z.union([keyText, z.array(z.union([z.string(), z.number(), z.boolean(), z.null()])).min(1)]))
  .max(10_000)

/** The body of `invalidate_keys/` and `plan/`. */
export const invalidationBody = z.strictObject({
  cache_name: z.string().max(128).optional().describe('default: every cache that the caller may change'),
  namespace: z.string().max(128).optional().describe('default: all of the cache'),
  keys: keys.optional().describe('as written in code; a tuple as an array or as its string form'),
  tags: z.array(text).max(1000).optional(),
  pattern: z
    .union([text, z.array(text).min(1).max(16)])
    .optional()
    .describe('a glob such as user:*, a regular expression that begins with ^, or a list of them'),
  model: z.string().min(1).max(200).optional(),
  id: z
    .union([z.string().max(200), z.number()])
    .optional()
    .describe('a row of the model'),
  urls: z
    .array(z.url({ protocol: /^https?$/ }).max(16_384))
    .min(1)
    .max(MOST_URLS)
    .optional()
    .describe(
      'absolute, as clients request them: matches the entries that answer them, according to the HTTP cache or as registered by the application',
    ),
  organization: z.string().min(1).max(200).optional().describe('by name or id, as registered by the application'),
  cache_type: z
    .string()
    .min(1)
    .max(128)
    .optional()
    .describe('as registered by the application: strategic, response, ...; or all'),
  all: z.literal(true).optional().describe('everything in the namespaces; needs purge:all'),
  mode: z.enum(['soft', 'hard']).default('hard').describe('soft: stale values may be served while they are reloaded'),
  tiers: z
    .array(z.string().min(1).max(64))
    .min(1)
    .optional()
    .describe('all tiers of the cache, or none: a tier left out would bring old values back'),
  pace_per_s: z
    .number()
    .int()
    .min(1)
    .max(100_000)
    .optional()
    .describe('keys per second, if keys or urls are named; default: all at once'),
  propagate_cdn: z
    .boolean()
    .default(false)
    .describe(
      'also purge urls, tags or everything at the connected CDN; a cache with an outlet to the CDN does so by itself',
    ),
  reason: z.string().max(1000).optional(),
  dry_run: z.boolean().default(false),
  scan: z.boolean().default(false).describe('count in every tier by listing it: exact but expensive'),
  max_keys: z.number().int().min(0).optional().describe('reject a plan with more keys'),
  plan_id: z.string().max(64).optional().describe('of an earlier plan: only the criteria of that plan are used'),
  confirm: text.optional().describe('the text requested by the plan'),
})
export type InvalidationBody = z.output<typeof invalidationBody>

export interface CachePlan {
  readonly cache_name: string
  readonly namespaces: readonly string[] | null
  readonly keys: number
  readonly is_exact: boolean
  readonly bytes: number
  readonly reads_per_second: number
  readonly by_namespace: Readonly<Record<string, number>>
  /** The hottest keys that it covers. */
  readonly sample: NodePlan['hottest']
  readonly cascade: readonly string[]
}

export interface Plan {
  readonly id: string
  readonly expires_at: string
  readonly dry_run: boolean
  readonly criteria: AskedCriteria
  readonly mode: 'soft' | 'hard'
  readonly keys: number
  /** `false`: a lower bound; tiers below memory are listed only with `scan`. */
  readonly is_exact: boolean
  readonly caches: readonly CachePlan[]
  /** Keys a second; null: all at once. */
  readonly pace_per_s: number | null
  /** Null: it is not purged. */
  readonly cdn: CdnPlan | null
  readonly guard: { readonly max_keys: number; readonly needs_confirmation: boolean; readonly confirm: string }
}

export interface StoredPlan extends Plan {
  /** It could not be counted completely in time, so no limit on keys is known to hold. */
  readonly isCut?: boolean
  readonly hottest: Readonly<Record<string, NodePlan['hottest']>>
}

/** @throws Problem 422 for no target, 403 without `purge:all`, 404 for an unknown cache */
export async function planInvalidation(
  control: Control,
  principal: Principal,
  body: InvalidationBody,
): Promise<StoredPlan> {
  // Without a cache's name, it means those that are running.
  if (body.cache_name === undefined) await Promise.all(control.fleet.names.map((name) => control.fleet.see(name)))
  const byName =
    body.organization === undefined && body.cache_type === undefined
      ? undefined
      : await targets(control, principal, body.cache_name, body)
  const byUrl = body.urls === undefined ? undefined : await entriesOf(control, principal, body, body.urls, PLANNING_MS)
  const criteria = byName === undefined ? criteriaOf(body, byUrl) : criteriaByName(body, [...byName.values()])
  const cdn = body.propagate_cdn ? cdnPlan(control, principal, criteria, body.urls) : null
  if (criteria.all === true && !may(principal, 'purge:all'))
    throw new Problem(
      403,
      'forbidden',
      'clearing everything needs the permission purge:all: name keys, tags or a pattern',
    )
  const caches = byName === undefined ? cachesFor(control, principal, body.cache_name) : [...byName.keys()]
  checkPace(body.pace_per_s, criteria)
  await checkTiers(control, caches, body.tiers)
  const hottest: Record<string, NodePlan['hottest']> = {}
  let isCut = false
  const plans = await Promise.all(
    caches.map(async (cache): Promise<CachePlan> => {
      const meant =
        byUrl !== undefined && isByKeysAlone(criteria) && body.keys === undefined ? byUrl.get(cache) : undefined
      const namespaces =
        meant?.namespaces ?? within(namespacesFor(principal, cache, body.namespace), byName?.get(cache)?.namespaces)
      const plan = meant?.plan ?? (await planOne(control, cache, namespaces, criteria, body.scan))
      hottest[cache] = plan.hottest
      isCut ||= plan.is_cut === true
      return {
        cache_name: cache,
        namespaces: namespaces ?? null,
        keys: plan.entries,
        is_exact: plan.is_exact,
        bytes: plan.bytes,
        reads_per_second: plan.reads_per_second,
        by_namespace: plan.namespaces,
        sample: plan.hottest.slice(0, SAMPLE),
        cascade: plan.cascade,
      }
    }),
  )
  const count = Math.max(0, ...[plans.reduce((all, { keys: some }) => all + some, 0)])
  const now = await control.store.now()
  const plan: StoredPlan = {
    id: newId('plan'),
    expires_at: new Date(now + PLAN_MS).toISOString(),
    dry_run: body.dry_run,
    criteria,
    mode: body.mode,
    keys: count,
    is_exact: plans.every(({ is_exact }) => is_exact),
    caches: plans,
    pace_per_s: body.pace_per_s ?? null,
    cdn,
    guard: {
      max_keys: GUARD_KEYS,
      needs_confirmation: isCut || count > GUARD_KEYS || criteria.all === true,
      confirm: confirmText(criteria),
    },
    hottest,
    isCut,
  }
  await control.store.read
    .insertInto('plans')
    .values({ id: plan.id, user_id: principal.userId, document: JSON.stringify(plan), expires_at: now + PLAN_MS })
    .execute()
  await control.store.read.deleteFrom('plans').where('expires_at', '<', now).execute()
  return plan
}

/** The part of the request that the principal may touch; undefined: all of it. */
function within(
  allowed: readonly string[] | undefined,
  meant: readonly string[] | undefined,
): readonly string[] | undefined {
  if (allowed === undefined || meant === undefined) return allowed ?? meant
  return meant.filter((name) => allowed.includes(name))
}

/**
 * The tags of all caches together: those that a cache does not have, have no effect there.
 * @throws Problem 422 beside other targets
 */
function criteriaByName(body: InvalidationBody, found: readonly Target[]): AskedCriteria {
  const beside = (['keys', 'tags', 'pattern', 'model', 'id', 'all', 'urls', 'plan_id'] as const).filter(
    (name) => body[name] !== undefined,
  )
  if (beside.length > 0)
    throw invalid(
      beside.map((name) => ({
        pointer: `/${name}`,
        code: 'with_name',
        detail: 'an organisation or cache type already determines it: leave it out',
      })),
    )
  if (found.some(({ tags }) => tags === null)) return { all: true }
  return { tags: [...new Set(found.flatMap(({ tags }) => tags ?? []))] }
}

export function shownPlan({ hottest: _, isCut: __, ...plan }: StoredPlan): Plan {
  return plan
}

async function planOne(
  control: Control,
  cache: string,
  namespaces: readonly string[] | undefined,
  criteria: AskedCriteria,
  scan: boolean,
): Promise<NodePlan> {
  const { keys: named } = criteria
  if (named !== undefined && isByKeysAlone(criteria)) return planOfList(control, cache, namespaces, named)
  const asked = { criteria, scan, ...(namespaces !== undefined && { namespaces: [...namespaces] }) }
  const replies = await control.fleet.ask(cache, 'plan', asked, { deadlineMs: PLANNING_MS })
  const plans = replies.flatMap(({ body }) => (body === undefined ? [] : [body]))
  const failed = replies.find(({ status }) => status === 'failed')
  if (plans.length === 0 && failed?.error !== undefined) throw new Problem(422, 'invalid', failed.error)
  const largest = plans.reduce<NodePlan | undefined>(
    (most, plan) => (most === undefined || plan.entries > most.entries ? plan : most),
    undefined,
  )
  if (largest === undefined)
    throw new Problem(503, 'no_node', `no process of ${cache} can be asked: none is running`, {
      headers: { 'Retry-After': '2' },
    })
  // Copies of one entry in several processes are one key; how many keys all processes hold together is unknown.
  const isExact = plans.length === 1 && replies.length === 1 && largest.is_exact
  return { ...largest, is_exact: isExact, is_cut: plans.some(({ is_cut }) => is_cut === true) }
}

/** The length of the list, and the locations of the keys as far as processes know them: the run probes there. */
async function planOfList(
  control: Control,
  cache: string,
  namespaces: readonly string[] | undefined,
  named: readonly string[],
): Promise<NodePlan> {
  const [only, ...others] = namespaces ?? []
  const known =
    only !== undefined && others.length === 0
      ? new Map<string, string[]>()
      : await placesOf(control, cache, namespaces, named)
  const hottest = named
    .slice(0, HOTTEST)
    .flatMap((key) => (known.get(key) ?? [only ?? 'default']).map((namespace) => ({ namespace, key, hits: 0 })))
  const counts: Record<string, number> = {}
  for (const namespace of [...known.values()].flat()) counts[namespace] = (counts[namespace] ?? 0) + 1
  const found = named.every((key) => known.has(key)) ? counts : {}
  return {
    entries: named.length,
    bytes: 0,
    reads_per_second: 0,
    namespaces: found,
    hottest,
    cascade: [],
    is_exact: true,
  }
}

/** @throws Problem 403, 409 if the plan may not run as it is */
export function guard(principal: Principal, plan: StoredPlan, body: InvalidationBody): void {
  const { guard: held, isCut = false } = plan
  const count = isCut ? Number.POSITIVE_INFINITY : plan.keys
  const told = isCut ? `${plan.keys} keys counted in time, and perhaps more` : `${count} keys`
  if (principal.maxKeys !== undefined && count > principal.maxKeys)
    throw new Problem(
      403,
      'over_limit',
      `the plan has ${told}, and ${principal.name} may invalidate ${principal.maxKeys} at a time: narrow it, or ask someone with a higher limit`,
      {
        extra: { plan: shownPlan(plan) },
      },
    )
  if (body.max_keys !== undefined && count > body.max_keys)
    throw new Problem(
      409,
      'too_many_keys',
      `the plan has ${told}, more than max_keys ${body.max_keys}: nothing was changed`,
      {
        extra: { plan: shownPlan(plan) },
      },
    )
  if (held.needs_confirmation && body.confirm !== held.confirm)
    throw new Problem(
      409,
      'needs_confirmation',
      `the plan has ${told}: check it, then send its plan_id with "confirm": ${JSON.stringify(held.confirm)}`,
      {
        extra: { plan: shownPlan(plan) },
      },
    )
}

/** @throws Problem 404 */
export async function storedPlan(control: Control, principal: Principal, body: InvalidationBody): Promise<StoredPlan> {
  const row = await control.store.read
    .selectFrom('plans')
    .select('document')
    .where('id', '=', body.plan_id?.startsWith('plan_') === true ? body.plan_id : '')
    .where('expires_at', '>', await control.store.now())
    .executeTakeFirst()
  if (row === undefined) throw notFound(`plan ${body.plan_id} any more: a plan is valid for 5 minutes; make a new one`)
  const plan: StoredPlan = JSON.parse(row.document)
  const named = [
    'keys',
    'tags',
    'pattern',
    'model',
    'id',
    'all',
    'urls',
    'organization',
    'cache_type',
    'namespace',
    'cache_name',
  ] as const
  const beside = ['tiers', 'pace_per_s'] as const
  const extra: string[] = [...named, ...beside].filter((name) => body[name] !== undefined)
  if (body.propagate_cdn) extra.push('propagate_cdn')
  if (extra.length > 0)
    throw invalid(
      extra.map((name) => ({
        pointer: `/${name}`,
        code: 'with_plan',
        detail: 'the plan already contains it: leave it out when you send plan_id',
      })),
    )
  if (plan.cdn !== null) refuseCdn(control, principal)
  // The caller is responsible for the run: the plan may be someone else's.
  if (plan.criteria.all === true && !may(principal, 'purge:all'))
    throw new Problem(403, 'forbidden', 'clearing everything needs the permission purge:all')
  const mine = plan.caches.every(({ cache_name, namespaces }) => {
    const allowed = namespacesFor(principal, cache_name, undefined)
    return allowed === undefined || namespaces?.every((name) => allowed.includes(name)) === true
  })
  if (!mine) throw notFound(`plan ${plan.id}`)
  return plan
}

function criteriaOf(body: InvalidationBody, byUrl: ReadonlyMap<string, ByUrl> | undefined): AskedCriteria {
  const { keys: named, tags, pattern, model, id, all, plan_id } = body
  const found = byUrl === undefined ? [] : [...byUrl.values()].flatMap(({ plan }) => plan.hottest.map(({ key }) => key))
  const criteria = {
    ...((named ?? byUrl) !== undefined && {
      keys: [
        ...new Set([...(named ?? []).map((key) => (typeof key === 'string' ? key : JSON.stringify(key))), ...found]),
      ],
    }),
    ...(tags !== undefined && { tags }),
    ...(pattern !== undefined && { patterns: typeof pattern === 'string' ? [pattern] : pattern }),
    ...(model !== undefined && { model }),
    ...(id !== undefined && { id }),
    ...(all !== undefined && { all }),
  }
  if (plan_id === undefined && Object.keys(criteria).every((name) => name === 'id'))
    throw invalid([{ pointer: '', code: 'no_target', detail: 'name keys, tags, a pattern, a model or urls' }])
  // A list that came out empty in a script would be answered as a success, and what is outdated would stay. Addresses
  // name something even if they answer to no entry.
  const empty = (['keys', 'tags'] as const).filter((name) => body[name]?.length === 0)
  const isEmpty = Object.entries(criteria).every(
    ([name, list]) => name === 'id' || (Array.isArray(list) && list.length === 0),
  )
  if (empty.length > 0 && isEmpty && byUrl === undefined)
    throw invalid(
      empty.map((name) => ({ pointer: `/${name}`, code: 'no_target', detail: 'the list is empty: name at least one' })),
    )
  return criteria
}

const confirmText = ({ all, tags, patterns, model, keys: named }: AskedCriteria): string =>
  all === true ? 'all' : (patterns?.[0] ?? tags?.[0] ?? model ?? named?.[0] ?? 'all')
