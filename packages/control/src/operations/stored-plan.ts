// A stored plan about to be run: found by its id, and checked against the limits of its caller.
import { may, type Principal } from '../access/roles.ts'
import type { Control } from '../control.ts'
import { namespacesFor } from '../fleet/reach.ts'
import { invalid, notFound, Problem } from '../http/problem.ts'
import { refuseCdn } from './execution.ts'
import type { InvalidationBody } from './invalidation-body.ts'
import { type StoredPlan, shownPlan } from './plan.ts'

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
