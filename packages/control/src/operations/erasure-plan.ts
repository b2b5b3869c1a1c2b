// The plan of an erasure: whose data, in which caches and namespaces, and the text that confirms it.
import { z } from 'zod'
import { mayTouch, type Principal } from '../access/roles.ts'
import { newId } from '../access/tokens.ts'
import type { AskedSubject } from '../agent/requests.ts'
import type { Control } from '../control.ts'
import { cachesFor } from '../fleet/reach.ts'
import { invalid, notFound, Problem } from '../http/problem.ts'
import { keptPlan, PLAN_MS, refuseBesidePlan } from './kept-plan.ts'

/** A walk over memory takes 2.5 s at most. */
const PLANNING_MS = 4000
const PREFIX = 'erp'
const text = z.string().min(1).max(1024)
const keyText = z.string().min(1).max(16_384)

/** The body of `erasures/`. */
export const erasureBody = z.strictObject({
  cache_name: z.string().max(128).optional().describe('default: every cache that the caller may change'),
  namespace: z
    .string()
    .max(128)
    .optional()
    .describe('for tags and keys; default: every namespace open in any process. A tenant is erased in all of them'),
  tenant: text.optional().describe('everything of a tenant; if it has its own encryption keys, they are destroyed'),
  tags: z
    .array(text)
    .min(1)
    .max(1000)
    .optional()
    .describe('entries that carry one of them, and whatever was computed from those entries'),
  keys: z
    .array(z.union([keyText, z.array(z.union([z.string(), z.number(), z.boolean(), z.null()])).min(1)]))
    .min(1)
    .max(10_000)
    .optional(),
  reason: z
    .string()
    .max(1000)
    .optional()
    .describe('such as a request number: it is stored in the audit, so name no person'),
  dry_run: z.boolean().default(false),
  plan_id: z.string().max(64).optional().describe('of an earlier plan: only the subject of that plan is erased'),
  confirm: text.optional().describe('the text requested by the plan'),
})
export type ErasureBody = z.output<typeof erasureBody>

export const erasurePlan = z.object({
  id: z.string(),
  expires_at: z.iso.datetime(),
  subject: z.object({
    tenant: z.string().optional(),
    tags: z.array(z.string()).optional(),
    keys: z.array(z.string()).optional(),
  }),
  caches: z.array(
    z.object({
      cache_name: z.string(),
      namespaces: z.array(z.string()),
      entries: z
        .number()
        .describe('in the memory of the processes: entries in tiers are found when the tiers are searched'),
      by_namespace: z.record(z.string(), z.number()),
      silent: z
        .array(z.string())
        .describe('processes that did not answer: namespaces open only there are not searched'),
    }),
  ),
  confirm: z.string(),
})
export type ErasurePlan = z.output<typeof erasurePlan>

/** @throws Problem 422 for no subject or several, 404 for an unknown cache */
export async function planErasure(control: Control, principal: Principal, body: ErasureBody): Promise<ErasurePlan> {
  const subject = subjectOf(body)
  const caches = cachesFor(control, principal, body.cache_name)
  const foreign = caches.find((cache) => !mayTouch(principal, cache))
  if (foreign !== undefined)
    throw new Problem(
      403,
      'forbidden',
      `${principal.name} is limited to a part of ${foreign}: an erasure searches all of it`,
    )
  const now = await control.store.now()
  const plan: ErasurePlan = {
    id: newId(PREFIX),
    expires_at: new Date(now + PLAN_MS).toISOString(),
    subject,
    caches: await Promise.all(caches.map((cache) => planOne(control, cache, subject, body.namespace))),
    confirm: subject.tenant ?? subject.tags?.[0] ?? subject.keys?.[0] ?? '',
  }
  await control.store.read
    .insertInto('plans')
    .values({ id: plan.id, user_id: principal.userId, document: JSON.stringify(plan), expires_at: now + PLAN_MS })
    .execute()
  return plan
}

function subjectOf({ tenant, tags, keys }: ErasureBody): AskedSubject {
  const given = [tenant, tags, keys].filter((one) => one !== undefined)
  if (given.length !== 1)
    throw invalid([
      {
        pointer: '',
        code: 'one_subject',
        detail: 'name one subject: a tenant, tags or keys; for two subjects, erase twice',
      },
    ])
  return {
    ...(tenant !== undefined && { tenant }),
    ...(tags !== undefined && { tags }),
    ...(keys !== undefined && { keys: keys.map((key) => (typeof key === 'string' ? key : JSON.stringify(key))) }),
  }
}

async function planOne(
  control: Control,
  cache: string,
  subject: AskedSubject,
  namespace: string | undefined,
): Promise<ErasurePlan['caches'][number]> {
  const { bodies, silent } = await findSubject(
    control,
    cache,
    subject,
    namespace === undefined ? undefined : [namespace],
  )
  if (bodies.length === 0)
    throw new Problem(
      503,
      'no_node',
      `no process of ${cache} can be asked: ${silent.join(', ') || 'none is running'}`,
      {
        headers: { 'Retry-After': '2' },
      },
    )
  // Copies of one entry in several processes are one entry.
  const most = bodies.reduce((a, b) => (b.body.entries > a.body.entries ? b : a))
  const namespaces = [...new Set(bodies.flatMap(({ body }) => body.namespaces))].sort()
  return {
    cache_name: cache,
    namespaces,
    entries: most.body.entries,
    by_namespace: { ...most.body.by_namespace },
    silent: [...silent],
  }
}

export async function findSubject(
  control: Control,
  cache: string,
  subject: AskedSubject,
  namespaces: string[] | undefined,
) {
  const asked = { subject, ...(namespaces !== undefined && { namespaces }) }
  const replies = await control.fleet.ask(cache, 'erase_plan', asked, { deadlineMs: PLANNING_MS })
  const refused = replies.find(({ status, error }) => status === 'failed' && error !== undefined)
  if (refused?.error !== undefined) throw new Problem(422, 'invalid', refused.error)
  return {
    bodies: replies.flatMap(({ id, body }) => (body === undefined ? [] : [{ id, body }])),
    silent: replies.filter(({ body, status }) => body === undefined && status !== 'left').map(({ id }) => id),
  }
}

/** @throws Problem 404 */
export async function storedPlan(control: Control, principal: Principal, body: ErasureBody): Promise<ErasurePlan> {
  const document = await keptPlan(control, 'erasure plan', PREFIX, body.plan_id ?? '')
  const extra = (['tenant', 'tags', 'keys', 'namespace', 'cache_name'] as const).filter(
    (name) => body[name] !== undefined,
  )
  refuseBesidePlan(extra)
  const plan = erasurePlan.parse(JSON.parse(document))
  if (!plan.caches.every(({ cache_name }) => mayTouch(principal, cache_name))) throw notFound(`erasure plan ${plan.id}`)
  return plan
}
