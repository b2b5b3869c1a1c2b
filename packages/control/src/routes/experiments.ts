// Experiments between settings of a cache: started, viewed, stopped, and their results applied or rolled back.
import { isPartial } from 'millpond/insight'
import { z } from 'zod'
import type { Principal } from '../access/roles.ts'
import { planFrom } from '../agent/experiment.ts'
import { type AskedPlan, experimentPlan } from '../agent/requests.ts'
import type { Control } from '../control.ts'
import { carryOut, changeOf } from '../experiments/apply.ts'
import { type ExperimentView, experimentView } from '../experiments/document.ts'
import { checkedPlan } from '../experiments/experiments.ts'
import { namespacesFor, oneCache } from '../fleet/reach.ts'
import { listQuery, page, pageOf, readCursor } from '../http/lists.ts'
import { notFound, Problem } from '../http/problem.ts'
import { defineRoute, json, type Route } from '../http/route.ts'
import { orLater } from '../operations/wait.ts'
import { accepted, operation } from './schemas.ts'

const cacheName = z.string().max(128).optional()
const reason = z.string().max(500).optional()
const planned = z.object({
  cache_name: z.string(),
  kind: z.enum(['keys', 'shadow']),
  arms: z.array(z.object({ name: z.string(), share: z.number() })),
  metric: z.string(),
  effect: z.number(),
  alpha: z.number(),
  before_seconds: z.number(),
  settle_seconds: z.number(),
  min_run_seconds: z.number(),
  max_run_seconds: z.number(),
  namespace: z.string().nullable(),
  select: experimentPlan.shape.select.unwrap().nullable(),
})

export const experimentRoutes: readonly Route[] = [
  defineRoute({
    method: 'GET',
    path: 'experiments/',
    summary: 'List experiments with cache settings, newest first',
    scope: 'metrics:read',
    query: listQuery.extend({ cache_name: cacheName, state: z.enum(['running', 'ended']).optional() }),
    answers: { 200: { description: 'A page, each with its current result', schema: page(experimentView) } },
    async handle({ control, principal, query: { cache_name: cache, state, cursor, limit } }) {
      const list = `experiments ${cache ?? ''} ${state ?? ''}`
      const rows = await control.experiments.list({ cache, state, before: readCursor(cursor, list), limit: limit + 1 })
      const { data, ...rest } = pageOf(
        rows,
        limit,
        list,
        ({ seq }) => seq,
        ({ view }) => view,
      )
      return json(200, { data: data.filter((view) => mayReach(principal, view)), ...rest })
    },
  }),
  defineRoute({
    method: 'POST',
    path: 'experiments/',
    summary:
      'Start an experiment: times to live or refresh-ahead on shares of the keys, or memory settings in shadow caches, which change nothing',
    scope: 'experiments:write',
    rate: 'write',
    body: experimentPlan.extend({ cache_name: cacheName, reason, dry_run: z.boolean().default(false) }),
    answers: {
      200: { description: 'With dry_run: the experiment with every default filled in', schema: planned },
      201: { description: 'It runs', schema: experimentView },
    },
    async handle({ control, principal, body, caller }) {
      const { cache_name, reason: why, dry_run, ...plan } = body
      const cache = oneCache(control, principal, cache_name)
      checkReach(principal, cache, plan.namespace)
      const { kind, arms, metric, effect, alpha, beforeMs, settleMs, minRunMs, maxRunMs } = checkedPlan(plan)
      const { phase } = await control.auto.state(cache)
      if (!dry_run && phase !== 'idle')
        throw new Problem(
          409,
          'is_changing',
          `a recommendation is being applied to ${cache}, and two changes at a time would disturb each other: try again later`,
        )
      if (!dry_run) return json(201, await control.experiments.start({ cache, plan, reason: why }, caller))
      return json(200, {
        cache_name: cache,
        kind,
        arms: arms.map(({ name, share }) => ({ name, share })),
        metric: metric === 'hit_rate' ? 'hit_ratio' : metric,
        effect,
        alpha,
        before_seconds: beforeMs / 1000,
        settle_seconds: settleMs / 1000,
        min_run_seconds: minRunMs / 1000,
        max_run_seconds: maxRunMs / 1000,
        namespace: plan.namespace ?? null,
        select: plan.select ?? null,
      })
    },
  }),
  defineRoute({
    method: 'GET',
    path: 'experiments/{id}/',
    summary: 'Show one experiment: each arm against the first, the verdict in words, and how its interval has narrowed',
    scope: 'metrics:read',
    answers: { 200: { description: 'Its latest evaluation', schema: experimentView } },
    handle: async ({ control, principal, params }) => json(200, await reached(control, principal, params.id)),
  }),
  defineRoute({
    method: 'POST',
    path: 'experiments/{id}/stop/',
    summary: 'Stop an experiment: all keys are treated alike again, and its results remain available',
    scope: 'experiments:write',
    rate: 'write',
    body: z.strictObject({}),
    answers: { 200: { description: 'Its final state', schema: experimentView } },
    async handle({ control, principal, params, caller }) {
      const { id, cache_name, plan } = await reached(control, principal, params.id)
      checkReach(principal, cache_name, plan.namespace)
      return json(200, await control.experiments.stop(id, caller))
    },
  }),
  defineRoute({
    method: 'POST',
    path: 'experiments/{id}/apply/',
    summary:
      'Apply the settings of an arm to all keys, in every process until it ends; a running experiment is stopped',
    scope: 'config:write',
    rate: 'write',
    body: z.strictObject({
      arm: z.string().max(60).optional().describe('default: the winner'),
      whole: z
        .boolean()
        .default(false)
        .describe('required if the experiment covered only keys of some patterns or tenants'),
      reason,
      dry_run: z.boolean().default(false),
    }),
    answers: {
      200: {
        description: 'What each process changed; with dry_run what would change',
        schema: z.union([
          operation,
          z.object({ arm: z.string(), change: z.record(z.string(), z.union([z.string(), z.number(), z.null()])) }),
        ]),
      },
      202: { description: 'It runs', schema: accepted },
    },
    async handle({ control, principal, params, body, caller, request, base }) {
      const view = await reached(control, principal, params.id)
      checkReach(principal, view.cache_name, view.plan.namespace)
      const arm = body.arm ?? winnerOf(view)
      if (arm === null || arm === undefined)
        throw new Problem(
          409,
          'no_winner',
          `experiment ${view.id} has no winner (${view.judgement.text}): name the arm to apply`,
        )
      // Its undo is known only once: applied on top of itself, it would be lost.
      if (view.applied !== null && !view.applied.is_undone)
        throw new Problem(
          409,
          'is_applied',
          `${view.applied.arm} is already applied by experiment ${view.id}: roll it back first`,
        )
      const change = await changeOf(control, view, arm)
      if (!body.whole && isPartial(planFrom(view.plan).select))
        throw new Problem(
          409,
          'covered_a_part',
          `experiment ${view.id} covered only a part of the keys (${coveredIn(view.plan)}), and settings apply to all keys of ${view.plan.namespace ?? view.cache_name}: confirm it with "whole": true, or put the keys into a namespace of their own`,
        )
      if (body.dry_run) return json(200, { arm, change })
      return orLater(request, base, async (began) => {
        if (view.state === 'running') await control.experiments.stop(view.id, caller)
        const { operation: done, undo } = await carryOut(
          control,
          view,
          change,
          { what: `set ${arm}`, reason: body.reason, began },
          caller,
        )
        if (done.state !== 'failed')
          await control.experiments.note(view.id, { arm, at: done.created_at, change, undo, is_undone: false })
        return done
      })
    },
  }),
  defineRoute({
    method: 'POST',
    path: 'experiments/{id}/roll_back/',
    summary: 'Roll back what an experiment applied',
    scope: 'config:write',
    rate: 'write',
    body: z.strictObject({ reason }),
    answers: {
      200: { description: 'What each process changed', schema: operation },
      202: { description: 'It runs', schema: accepted },
    },
    async handle({ control, principal, params, body, caller, request, base }) {
      const view = await reached(control, principal, params.id)
      checkReach(principal, view.cache_name, view.plan.namespace)
      const { applied } = view
      if (applied === null || applied.is_undone)
        throw new Problem(
          409,
          'nothing_applied',
          `nothing from experiment ${view.id} is applied: there is nothing to roll back`,
        )
      return orLater(request, base, async (began) => {
        const asked = { what: `roll back ${applied.arm}`, reason: body.reason, began }
        const { operation: done } = await carryOut(control, view, applied.undo, asked, caller)
        // If a process did not roll it back, it can be requested again.
        if (done.state === 'completed') await control.experiments.note(view.id, { ...applied, is_undone: true })
        return done
      })
    },
  }),
]

/** The winner stays what it was when it was found, unless it turned out that it does harm, or that nothing counts. */
const winnerOf = ({ decided, judgement }: ExperimentView): string | null =>
  judgement.verdict === 'harm' || judgement.verdict === 'uneven' ? null : (decided?.winner ?? judgement.winner)

const coveredIn = ({ select = {} }: AskedPlan): string =>
  Object.entries(select)
    .map(([name, value]) => `${name}: ${[value].flat().join(', ')}`)
    .join('; ')

async function reached(
  { experiments }: Control,
  principal: Principal,
  id: string | undefined,
): Promise<ExperimentView> {
  const view = await experiments.get(id ?? '')
  if (!mayReach(principal, view)) throw notFound(`experiment ${view.id}`)
  return view
}

/** A caller limited to a namespace sees what concerns that namespace. */
const mayReach = ({ namespaces }: Principal, { cache_name, plan: { namespace } }: ExperimentView): boolean =>
  namespaces === undefined ||
  namespaces.includes(cache_name) ||
  (namespace !== undefined && namespaces.includes(namespace))

function checkReach(principal: Principal, cache: string, namespace: string | undefined): void {
  if (namespacesFor(principal, cache, namespace) === undefined || namespace !== undefined) return
  throw new Problem(
    403,
    'forbidden',
    `this affects all of ${cache}: ${principal.name} is limited to a part of it, so name a namespace`,
  )
}
