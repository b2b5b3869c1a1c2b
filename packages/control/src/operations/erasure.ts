// An erasure as an operation: planned, confirmed by its text, run in the processes that have the namespaces open, and
// proven by the answer of each tier.
//
// The audit log outlives the data and cannot be changed, so it contains no names. It holds a digest of the subject with
// a salt that is stored with the operation: the holder of the receipt can show that the row is about that subject, and
// once the operation has been cleaned up the subject can no longer be identified.

import { createHash, randomBytes } from 'node:crypto'
import { z } from 'zod'
import { mayTouch, type Principal } from '../access/roles.ts'
import { newId } from '../access/tokens.ts'
import type { Answered, DroppedWrite, ErasedPart } from '../agent/answers.ts'
import type { AskedSubject } from '../agent/requests.ts'
import type { Caller } from '../audit/audit.ts'
import type { Control } from '../control.ts'
import { cachesFor } from '../fleet/reach.ts'
import { invalid, notFound, Problem } from '../http/problem.ts'
import type { EndState, OperationView, Step } from './operations.ts'

const PLAN_MS = 5 * 60_000
/** A walk over memory takes 2.5 s at most. */
const PLANNING_MS = 4000
const SLICE_MS = 2000
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
  const { bodies, silent } = await looked(control, cache, subject, namespace === undefined ? undefined : [namespace])
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

async function looked(control: Control, cache: string, subject: AskedSubject, namespaces: string[] | undefined) {
  const asked = { subject, ...(namespaces !== undefined && { namespaces }) }
  const replies = await control.fleet.ask(cache, 'erase_plan', asked, { deadlineMs: PLANNING_MS })
  const refused = replies.find(({ status, error }) => status === 'failed' && error !== undefined)
  if (refused?.error !== undefined) throw new Problem(422, 'invalid', refused.error)
  return {
    bodies: replies.flatMap(({ id, body }) => (body === undefined ? [] : [{ id, body }])),
    silent: replies.filter(({ body, status }) => body === undefined && status !== 'left').map(({ id }) => id),
  }
}

/** @throws Problem as `planErasure`; 409 without the plan's text */
export async function runErasure(
  control: Control,
  principal: Principal,
  caller: Caller,
  body: ErasureBody,
  began: (id: string) => void = () => undefined,
): Promise<OperationView> {
  const plan =
    body.plan_id === undefined
      ? await planErasure(control, principal, body)
      : await storedPlan(control, principal, body)
  if (body.confirm !== plan.confirm)
    throw new Problem(
      409,
      'needs_confirmation',
      `an erasure cannot be undone: check the plan, then send its plan_id with "confirm": ${JSON.stringify(plan.confirm)}`,
      { extra: { plan } },
    )
  await control.store.read.deleteFrom('plans').where('id', '=', plan.id).execute()
  const salt = randomBytes(16).toString('base64url')
  const kind = Object.keys(plan.subject)[0] ?? ''
  const request = { subject_kind: kind, subject_digest: digestOf(plan.subject, salt) }
  const caches = plan.caches.map(({ cache_name }) => cache_name)
  const given = {
    kind: 'erase',
    prefix: 'ers',
    caches,
    request,
    plan: { subject: plan.subject, salt },
    reason: body.reason,
  }
  return control.operations.run(given, caller, async (step) => {
    began(step.id)
    const results: Record<string, CacheErased> = {}
    for (const one of plan.caches) results[one.cache_name] = await eraseIn(control, one, plan.subject, results, step)
    await forgetHere(control, caches)
    const isProven = Object.values(results).every((result) => result.is_proven)
    const result = { is_proven: isProven, caches: results, remains: REMAINS }
    return { state: isProven ? 'completed' : 'partial', result, audited: proofOf(isProven, results) } satisfies {
      state: EndState
    } & Record<string, unknown>
  })
}

/** What an erasure in caches does not reach. */
const REMAINS = [
  'the audit, whose rows about earlier invalidations and viewed values name keys: it is a hash chain',
  'requests of earlier operations that named keys, until their retention ends (maintenance/retention/)',
  'what the servers keep themselves: logs, backups, lagging replicas',
  'copies outside these caches: a CDN, browsers, the source itself',
]

export interface CacheErased {
  readonly is_proven: boolean
  readonly parts: readonly ErasedPart[]
  /** Queued writes that other processes have dropped. */
  readonly writes_elsewhere: readonly (DroppedWrite & { readonly node: string; readonly namespace: string })[]
  /** Processes that have not reported on their queues: see their `erased` events. */
  readonly queues_unknown: readonly string[]
  /** Namespaces that only an unresponsive process may have open. */
  readonly silent: readonly string[]
  /** Why it ended early. */
  readonly error: string | null
}

async function eraseIn(
  control: Control,
  { cache_name: cache, namespaces }: ErasurePlan['caches'][number],
  subject: AskedSubject,
  before: Readonly<Record<string, CacheErased>>,
  step: Step,
): Promise<CacheErased> {
  const { bodies, silent } = await looked(
    control,
    cache,
    subject,
    subject.tenant === undefined ? [...namespaces] : undefined,
  )
  const parts: ErasedPart[] = []
  const errors: string[] = []
  for (const { id, names } of shared(bodies)) {
    const asked = { subject, ...(subject.tenant === undefined && { namespaces: [...names] }) }
    const done = await followed(control, cache, id, asked, async (so_far) =>
      step.progress({
        is_proven: false,
        caches: {
          ...before,
          [cache]: {
            is_proven: false,
            parts: [...parts, ...so_far],
            writes_elsewhere: [],
            queues_unknown: [],
            silent,
            error: null,
          },
        },
      }),
    )
    parts.push(...done.parts)
    if (done.error !== undefined) errors.push(`${id}: ${done.error}`)
  }
  const elsewhere = await queuesOf(control, cache, parts)
  const is_proven =
    parts.length > 0 && errors.length === 0 && silent.length === 0 && parts.every((part) => part.is_proven)
  return {
    is_proven,
    parts,
    ...elsewhere,
    silent,
    error: errors.length === 0 ? (parts.length === 0 ? 'no process could be asked' : null) : errors.join('; '),
  }
}

/** Other processes drop and report their own queued writes. */
async function queuesOf(
  control: Control,
  cache: string,
  parts: readonly ErasedPart[],
): Promise<Pick<CacheErased, 'writes_elsewhere' | 'queues_unknown'>> {
  const receipts = parts.flatMap((part) => part.receipts.map(({ namespace, id }) => ({ namespace, id })))
  if (receipts.length === 0) return { writes_elsewhere: [], queues_unknown: [] }
  const replies = await control.fleet.ask(
    cache,
    'erase_heard',
    { receipts, wait_ms: SLICE_MS },
    { deadlineMs: SLICE_MS + 2000 },
  )
  return {
    writes_elsewhere: replies.flatMap(({ id: node, body }) =>
      (body?.writes ?? []).map((write) => ({ node, ...write })),
    ),
    queues_unknown: replies
      .filter(({ body, status }) => status !== 'left' && (body === undefined || body.missing.length > 0))
      .map(({ id }) => id),
  }
}

/**
 * Each namespace is searched by one process that has it open; a process without any left is not asked, except for the
 * first.
 */
function shared(bodies: readonly { readonly id: string; readonly body: Answered['erase_plan'] }[]) {
  const taken = new Set<string>()
  return [...bodies]
    .sort((a, b) => b.body.namespaces.length - a.body.namespaces.length)
    .flatMap(({ id, body }, at) => {
      const names = body.namespaces.filter((name) => !taken.has(name))
      for (const name of names) taken.add(name)
      return at === 0 || names.length > 0 ? [{ id, names }] : []
    })
}

async function followed(
  control: Control,
  cache: string,
  node: string,
  asked: { readonly subject: AskedSubject; readonly namespaces?: string[] },
  progress: (parts: readonly ErasedPart[]) => Promise<void>,
): Promise<Pick<Answered['erase'], 'parts' | 'error'>> {
  let run: string | undefined
  let parts: readonly ErasedPart[] = []
  for (;;) {
    const slice = { ...asked, wait_ms: SLICE_MS, ...(run !== undefined && { run }) }
    const [reply] = await control.fleet.ask(cache, 'erase', slice, { to: [node], deadlineMs: SLICE_MS + 10_000 })
    if (reply?.body === undefined) return { parts, error: reply?.error ?? reply?.status ?? 'it does not answer' }
    if (reply.body.is_done) return reply.body
    run = reply.body.run
    parts = reply.body.parts
    await progress(parts)
  }
}

/**
 * The control plane's own plans name the hottest keys: those of these caches are deleted, and with them the undo of
 * earlier invalidations.
 */
async function forgetHere(control: Control, caches: readonly string[]): Promise<void> {
  await control.store.read.deleteFrom('plans').execute()
  for (const cache of caches)
    await control.store.read
      .updateTable('operations')
      .set({ plan: null })
      .where('kind', '=', 'invalidate')
      .where('plan', 'is not', null)
      .where((eb) =>
        eb.or([
          eb('cache', '=', cache),
          eb('cache', 'like', `${cache},%`),
          eb('cache', 'like', `%,${cache}`),
          eb('cache', 'like', `%,${cache},%`),
        ]),
      )
      .execute()
}

/** The audit row: places and counts, no names. */
const proofOf = (isProven: boolean, results: Readonly<Record<string, CacheErased>>) => ({
  is_proven: isProven,
  caches: Object.fromEntries(
    Object.entries(results).map(([cache, { parts, writes_elsewhere, queues_unknown, silent, error }]) => [
      cache,
      {
        dropped_writes: parts.reduce((all, { writes }) => all + writes.length, writes_elsewhere.length),
        queues_unknown,
        receipts: parts.map(({ id }) => id),
        tiers: parts.flatMap(({ tiers }) => tiers.map(({ name, state, removed }) => ({ name, state, removed }))),
        shredded_keys: parts.flatMap(({ keys }) => keys?.ids ?? []),
        unheard: [...new Set(parts.flatMap(({ unheard }) => unheard))],
        silent,
        error,
      },
    ]),
  ),
})

/** The subject as the audit log names it. */
export const digestOf = (subject: AskedSubject, salt: string): string =>
  createHash('sha256')
    .update(JSON.stringify([salt, subject.tenant ?? null, subject.tags ?? null, subject.keys ?? null]))
    .digest('hex')

/** @throws Problem 404 */
async function storedPlan(control: Control, principal: Principal, body: ErasureBody): Promise<ErasurePlan> {
  const row = body.plan_id?.startsWith(`${PREFIX}_`)
    ? await control.store.read
        .selectFrom('plans')
        .select('document')
        .where('id', '=', body.plan_id)
        .where('expires_at', '>', await control.store.now())
        .executeTakeFirst()
    : undefined
  if (row === undefined)
    throw notFound(`erasure plan ${body.plan_id} any more: a plan is valid for 5 minutes; make a new one`)
  const extra = (['tenant', 'tags', 'keys', 'namespace', 'cache_name'] as const).filter(
    (name) => body[name] !== undefined,
  )
  if (extra.length > 0)
    throw invalid(
      extra.map((name) => ({
        pointer: `/${name}`,
        code: 'with_plan',
        detail: 'the plan already contains it: leave it out when you send plan_id',
      })),
    )
  const plan = erasurePlan.parse(JSON.parse(row.document))
  if (!plan.caches.every(({ cache_name }) => mayTouch(principal, cache_name))) throw notFound(`erasure plan ${plan.id}`)
  return plan
}
