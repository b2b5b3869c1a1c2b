// Running an invalidation: on one node, acknowledged by all, probed; and checked again while a node is late.

import { z } from 'zod'
import type { Principal } from '../access/roles.ts'
import type { NodePlan, NodeReceipt } from '../agent/answers.ts'
import type { Caller } from '../audit/audit.ts'
import { cdnOf, problemOf, reportOf } from '../cdn/part.ts'
import type { Control } from '../control.ts'
import { Problem } from '../http/problem.ts'
import type { InvalidationBody } from './invalidation-body.ts'
import type { OperationView, Step } from './operations.ts'
import { type CachePlan, planInvalidation, SAMPLE, type StoredPlan, shownPlan } from './plan.ts'
import { guard, storedPlan } from './stored-plan.ts'

const ACK_MS = 1500

/**
 * @throws Problem as `planInvalidation`; 409 where it needs a confirmation or is larger than `max_keys`; 403 beyond the
 * caller's own limit
 */
export async function runInvalidation(
  control: Control,
  principal: Principal,
  caller: Caller,
  body: InvalidationBody,
  began: (id: string) => void = () => undefined,
): Promise<OperationView> {
  const plan =
    body.plan_id === undefined
      ? await planInvalidation(control, principal, body)
      : await storedPlan(control, principal, body)
  guard(principal, plan, body)
  const { caches, criteria, mode, hottest } = plan
  const names = caches.map(({ cache_name }) => cache_name)
  const request = {
    criteria,
    mode,
    namespaces: Object.fromEntries(caches.map(({ cache_name, namespaces }) => [cache_name, namespaces])),
  }
  const given = {
    kind: 'invalidate',
    prefix: 'inv',
    caches: names,
    request,
    plan: { ...shownPlan(plan), hottest },
    reason: body.reason,
  }
  return control.operations.run(given, caller, async (step) => {
    began(step.id)
    const results = await Promise.all(caches.map((one) => runOne(control, one, plan, step)))
    const isWhole = results.every(({ isComplete }) => isComplete)
    const isCancelled = results.some(({ left }) => left > 0)
    const cdn = plan.cdn === null || isCancelled ? undefined : await purged(control, plan)
    return {
      state: isCancelled ? 'cancelled' : isWhole && cdn?.ok !== false ? 'completed' : 'partial',
      result: {
        caches: Object.fromEntries(results.map(({ isComplete: _, ...result }, at) => [names[at], result])),
        ...(cdn !== undefined && { cdn }),
      },
      receipts: results.flatMap(({ receipts }) => receipts.map(({ receipt }) => receipt)),
    }
  })
}

interface NodeAck {
  readonly id: string
  /** `acked`; `behind`: it answers but has not applied it; `late`: it does not answer; `left`: it is gone. */
  readonly status: string
  readonly ms?: number
}

interface CacheResult {
  readonly receipts: readonly NodeReceipt[]
  readonly removed: number
  readonly is_exact: boolean
  readonly nodes: readonly NodeAck[]
  readonly probe: { readonly checked: number; readonly old: readonly string[] }
  readonly ms: number
  /** Keys that were left when it was cancelled. */
  readonly left: number
  readonly isComplete: boolean
}

async function runOne(
  control: Control,
  { cache_name: cache, namespaces, sample }: CachePlan,
  { criteria, mode, pace_per_s: pace }: StoredPlan,
  step: Step,
): Promise<CacheResult> {
  const began = performance.now()
  const receipts: NodeReceipt[] = []
  let keys = criteria.keys ?? []
  for (;;) {
    const turn = pace === null ? criteria : { ...criteria, keys: keys.slice(0, pace) }
    keys = pace === null ? [] : keys.slice(pace)
    const asked = {
      criteria: turn,
      mode: mode === 'soft' ? ('expire' as const) : ('delete' as const),
      ...(namespaces !== null && { namespaces: [...namespaces] }),
    }
    const due = performance.now() + 1000
    receipts.push(...(await control.fleet.one(cache, 'invalidate', asked, { deadlineMs: 30_000 })).receipts)
    await step.progress({ caches: { [cache]: { receipts, left: keys.length } } })
    if (keys.length === 0 || (await step.isCancelled())) break
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - performance.now())))
  }
  const nodes = await acksOf(control, cache, receipts)
  const probe = await probed(control, cache, receipts, sample)
  return {
    receipts,
    removed: receipts.reduce((all, { removed }) => all + removed, 0),
    is_exact: receipts.every(({ is_exact }) => is_exact),
    nodes,
    probe,
    ms: Math.round(performance.now() - began),
    left: keys.length,
    isComplete: receipts.every(({ is_applied }) => is_applied) && nodes.every(isSettled) && probe.old.length === 0,
  }
}

/** What the CDN has accepted. The caches are invalidated by then, whatever the result. */
async function purged(
  { cdn }: Control,
  { cdn: planned, mode }: StoredPlan,
): Promise<{ readonly ok: boolean } & Record<string, unknown>> {
  try {
    return reportOf(await cdnOf(cdn).purge(planned?.targets ?? [], { soft: mode === 'soft' }))
  } catch (error) {
    const problem = problemOf(error)
    return {
      ok: false,
      error:
        problem instanceof Problem
          ? { code: problem.code, message: problem.message }
          : { code: 'failed', message: 'it was not purged' },
    }
  }
}

const isSettled = ({ status }: NodeAck): boolean => status === 'acked' || status === 'left'

export async function acksOf(
  control: Control,
  cache: string,
  receipts: readonly NodeReceipt[],
): Promise<readonly NodeAck[]> {
  const positions = Object.fromEntries(
    receipts.map(({ namespace, position }) => [namespace, { epoch: position.epoch, seq: position.seq }]),
  )
  const replies = await control.fleet.ask(cache, 'acked', { positions, wait_ms: ACK_MS }, { deadlineMs: ACK_MS + 500 })
  return replies.map(({ id, status, body, ms }) => ({
    id,
    status: status === 'answered' ? (body?.ok === true ? 'acked' : 'behind') : status,
    ...(ms !== undefined && { ms: Math.round(ms * 10) / 10 }),
  }))
}

async function probed(
  control: Control,
  cache: string,
  receipts: readonly NodeReceipt[],
  sample: NodePlan['hottest'],
): Promise<CacheResult['probe']> {
  const positions = new Map(receipts.map(({ namespace, position }) => [namespace, position]))
  const asked = sample.slice(0, SAMPLE).flatMap(({ namespace, key }) => {
    const position = positions.get(namespace)
    return position === undefined ? [] : [{ namespace, key, seq: position.seq, epoch: position.epoch }]
  })
  if (asked.length === 0) return { checked: 0, old: [] }
  const replies = await control.fleet.ask(cache, 'probe', { keys: asked })
  const bodies = replies.flatMap(({ body }) => (body === undefined ? [] : [body]))
  return {
    checked: bodies.reduce((all, { checked }) => all + checked, 0),
    old: [...new Set(bodies.flatMap(({ old }) => old))],
  }
}

/** Checks partial ones again: a late node applies what it missed before it serves. */
export async function recheck(control: Control): Promise<void> {
  for (const { id, result } of await control.operations.partial(10 * 60_000)) {
    const parsed = partialResult.safeParse(result).data
    // A cache that is no longer known here must not keep the others from being checked.
    if (parsed === undefined || !Object.keys(parsed.caches).every((cache) => control.fleet.has(cache))) continue
    const caches: Record<string, unknown> = {}
    const { cdn } = parsed
    let isWhole = cdn?.ok !== false
    for (const [cache, was] of Object.entries(parsed.caches)) {
      const nodes = await acksOf(control, cache, was.receipts)
      const present = new Set(nodes.map((node) => node.id))
      const gone = was.nodes
        .filter((node) => !present.has(node.id))
        .map((node) => ({ ...node, status: node.status === 'acked' ? 'acked' : 'left' }))
      isWhole &&= nodes.every(isSettled) && was.probe.old.length === 0
      caches[cache] = { ...was, nodes: [...nodes, ...gone] }
    }
    if (isWhole) await control.operations.complete(id, { caches, ...(cdn !== undefined && { cdn }) })
  }
}

const partialResult = z.object({
  cdn: z.looseObject({ ok: z.boolean() }).optional(),
  caches: z.record(
    z.string(),
    z.looseObject({
      receipts: z.array(
        z.custom<NodeReceipt>((value) => typeof value === 'object' && value !== null && 'position' in value),
      ),
      nodes: z.array(z.object({ id: z.string(), status: z.string(), ms: z.number().optional() })),
      probe: z.object({ checked: z.number(), old: z.array(z.string()) }),
    }),
  ),
})
