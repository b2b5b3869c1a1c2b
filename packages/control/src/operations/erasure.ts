// An erasure as an operation: planned, confirmed by its text, run in the processes that have the namespaces open, and
// proven by the answer of each tier.
//
// The audit log outlives the data and cannot be changed, so it contains no names. It holds a digest of the subject with
// a salt that is stored with the operation: the holder of the receipt can show that the row is about that subject, and
// once the operation has been cleaned up the subject can no longer be identified.
import { createHash, randomBytes } from 'node:crypto'
import type { Principal } from '../access/roles.ts'
import type { Answered, DroppedWrite, ErasedPart } from '../agent/answers.ts'
import type { AskedSubject } from '../agent/requests.ts'
import type { Caller } from '../audit/audit.ts'
import type { Control } from '../control.ts'
import { Problem } from '../http/problem.ts'
import { type ErasureBody, type ErasurePlan, findSubject, planErasure, storedPlan } from './erasure-plan.ts'
import type { EndState, OperationView, Step } from './operations.ts'

const SLICE_MS = 2000
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
  const { bodies, silent } = await findSubject(
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
