// A stored plan about to be run: found by its id, and checked against the limits of its caller.
import { counted } from 'millpond/options'
import { may, type Principal } from '../access/roles.ts'
import type { Control } from '../control.ts'
import { namespacesFor } from '../fleet/reach.ts'
import { notFound, Problem } from '../http/problem.ts'
import { refuseCdn } from './execution.ts'
import type { InvalidationBody } from './invalidation-body.ts'
import { keptPlan, refuseBesidePlan } from './kept-plan.ts'
import { type StoredPlan, shownPlan } from './plan.ts'

/** @throws Problem 403, 409 if the plan may not run as it is */
export function guard(principal: Principal, plan: StoredPlan, body: InvalidationBody): void {
  const { guard: held, isCut = false } = plan
  const count = isCut ? Number.POSITIVE_INFINITY : plan.keys
  const told = isCut ? `${counted(plan.keys, 'key')} counted in time, and perhaps more` : counted(count, 'key')
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
  const plan: StoredPlan = JSON.parse(await keptPlan(control, 'plan', 'plan', body.plan_id ?? ''))
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
  refuseBesidePlan(extra)
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
