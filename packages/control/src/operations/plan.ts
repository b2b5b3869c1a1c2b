// The plan of an invalidation: its entries, the traffic that they carry, and what it takes to run it.
import { may, type Principal } from '../access/roles.ts'
import { newId } from '../access/tokens.ts'
import type { NodePlan } from '../agent/answers.ts'
import { HOTTEST } from '../agent/invalidation.ts'
import type { AskedCriteria } from '../agent/requests.ts'
import type { Control } from '../control.ts'
import { placesOf } from '../fleet/places.ts'
import { cachesFor, namespacesFor } from '../fleet/reach.ts'
import { Problem } from '../http/problem.ts'
import { entriesOf } from './by-url.ts'
import { type CdnPlan, cdnPlan, checkPace, checkTiers, isByKeysAlone } from './execution.ts'
import { criteriaByName, criteriaOf, type InvalidationBody } from './invalidation-body.ts'
import { PLAN_MS } from './kept-plan.ts'
import { targets } from './registered.ts'

/** Above this it needs a plan that was confirmed by its text. */
const GUARD_KEYS = 10_000
const PLANNING_MS = 10_000
/** Keys of a plan that are shown, and probed after the run. */
export const SAMPLE = 20

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

const confirmText = ({ all, tags, patterns, model, keys: named }: AskedCriteria): string =>
  all === true ? 'all' : (patterns?.[0] ?? tags?.[0] ?? model ?? named?.[0] ?? 'all')
