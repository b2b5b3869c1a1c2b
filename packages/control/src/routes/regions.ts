// Regions of caches: their state and lag; draining, filling and restoring one.
import { z } from 'zod'
import { mayTouch, type Principal } from '../access/roles.ts'
import type { FillRow, RegionRow } from '../agent/answers.ts'
import { type AuditOutcome, appendAudit, type Caller } from '../audit/audit.ts'
import type { Control } from '../control.ts'
import type { NodeReply } from '../fleet/fleet.ts'
import { cachesFor } from '../fleet/reach.ts'
import { notFound, Problem } from '../http/problem.ts'
import { defineRoute, json, type Route } from '../http/route.ts'
import { all } from './schemas.ts'

const cacheName = z.string().max(128).optional()
const force = z.boolean().default(false).describe('even if no other region is serving')
const LAST = {
  description: 'It is the last serving region (`last_region`): let another one serve first, or use `force`',
}
const filling = z.object({
  from: z.string(),
  keys: z.number().describe('scanned there'),
  copied: z.number().describe('entries stored here'),
  bytes: z.number(),
  is_done: z.boolean(),
  error: z.string().nullable(),
})
const row = z.object({
  cache_name: z.string(),
  region: z.string(),
  is_origin: z.boolean().describe('the region that the others ask for what they lack'),
  state: z.enum(['serving', 'drained', 'filling']).nullable().describe('null: its stores do not answer'),
  nodes: z.array(z.string()).describe('its processes, as far as this control plane can see'),
  seen_from: z
    .array(
      z.object({
        region: z.string(),
        lag_seconds: z
          .number()
          .nullable()
          .describe('since all of its invalidations were last known there; null: not connected yet'),
        is_heard: z.boolean().describe('within the maximum lag'),
        waiting: z
          .number()
          .nullable()
          .describe('steps of that region which this one has not applied yet; null: not reported'),
        error: z.string().nullable().describe('the error of the last attempt to reach this region from there'),
      }),
    )
    .describe('by region with visible processes; of several processes the one furthest behind'),
  filling: filling.nullable().describe('the current or last fill'),
})
type Row = z.output<typeof row>

export const regionRoutes: readonly Route[] = [
  defineRoute({
    method: 'GET',
    path: 'regions/',
    summary: 'List the regions of caches: which ones serve, which are connected, and their lag',
    scope: 'metrics:read',
    query: z.strictObject({ cache_name: cacheName }),
    answers: { 200: { description: 'By cache and region', schema: all(row) } },
    async handle({ control, principal, query }) {
      if (query.cache_name === undefined && control.fleet.names.length === 0)
        return json(200, { data: [], has_more: false })
      const names = cachesFor(control, principal, query.cache_name).filter((cache) => mayTouch(principal, cache))
      const data = await Promise.all(names.map((cache) => rowsOf(control, cache)))
      return json(200, { data: data.flat(), has_more: false })
    },
  }),
  defineRoute({
    method: 'POST',
    path: 'regions/{name}/drain/',
    summary:
      'Drain a region: its stores are neither read nor written; answers once the others have heard everything from it, or after the timeout',
    scope: 'config:write',
    body: z.strictObject({ cache_name: cacheName, wait_seconds: z.number().min(0).max(30).default(10), force }),
    answers: {
      200: {
        description:
          'It is drained; safe to stop if no region is behind, as far as the processes asked have its namespaces open',
        schema: z.object({
          cache_name: z.string(),
          region: z.string(),
          is_safe: z.boolean(),
          behind: z.array(z.string()),
        }),
      },
      409: LAST,
    },
    async handle({ control, principal, params, body, caller }) {
      const { cache, row: found } = await regionAt(control, principal, body.cache_name, params.name)
      const ms = body.wait_seconds * 1000
      const force = forced(body)
      // Nodes of the region know its namespaces; if none is here, any node.
      const replies = await control.fleet.ask(
        cache,
        'region_drain',
        { region: found.region, timeout_ms: ms, ...force },
        { deadlineMs: ms + 5000, ...(found.nodes.length > 0 && { to: found.nodes }) },
      )
      const done = replies.flatMap((reply) => (reply.body === undefined ? [] : [reply.body]))
      if (done.length === 0) throw await failed(control, caller, 'region.drain', found, replies, force)
      const silent = replies
        .filter(({ status }) => status !== 'answered' && status !== 'left')
        .map(({ id }) => `node:${id}`)
      // A node without open namespaces knows nothing, and does not count if others do.
      const knowing = done.filter(({ namespaces }) => namespaces > 0)
      const behind = [...new Set([...(knowing.length > 0 ? knowing : done).flatMap((one) => one.behind), ...silent])]
      await noted(control, caller, 'region.drain', found.region, { cache, behind, ...force })
      return json(200, { cache_name: cache, region: found.region, is_safe: behind.length === 0, behind })
    },
  }),
  defineRoute({
    method: 'POST',
    path: 'regions/{name}/fill/',
    summary:
      'Fill a region from another one at a limited rate, and let it serve when that is done; `regions/` shows the progress',
    scope: 'config:write',
    body: z.strictObject({
      cache_name: cacheName,
      from: z.string().min(1).max(63).optional().describe('default: the origin'),
      keys_per_second: z.number().int().min(1).max(1_000_000).optional().describe('default 2,000'),
      force,
    }),
    answers: {
      200: {
        description: 'It has started',
        schema: z.object({ cache_name: z.string(), region: z.string(), filling: filling.nullable() }),
      },
      409: {
        description: `${LAST.description}; or no process of it is visible from here (\`no_node_there\`): use its own control plane`,
      },
      422: { description: '`from` is not one of the other regions' },
    },
    async handle({ control, principal, params, body, caller }) {
      const { cache, row: found } = await regionAt(control, principal, body.cache_name, params.name)
      const [node] = found.nodes
      if (node === undefined)
        throw new Problem(
          409,
          'no_node_there',
          `no process of ${found.region} is visible from here: use the control plane of ${found.region}, or let it serve and fill by reads`,
        )
      const force = forced(body)
      const asked = {
        ...(body.from !== undefined && { from: body.from }),
        ...(body.keys_per_second !== undefined && { per_second: body.keys_per_second }),
        ...force,
      }
      const [reply] = await control.fleet.ask(cache, 'region_fill', asked, { to: [node], deadlineMs: 10_000 })
      if (reply?.body === undefined)
        throw await failed(control, caller, 'region.fill', found, reply === undefined ? [] : [reply], force)
      await noted(control, caller, 'region.fill', found.region, {
        cache,
        from: reply.body.filling?.from ?? null,
        ...force,
      })
      return json(200, { cache_name: cache, region: found.region, filling: reply.body.filling })
    },
  }),
  defineRoute({
    method: 'POST',
    path: 'regions/{name}/serve/',
    summary: 'Let a region serve at once with what it has',
    scope: 'config:write',
    body: z.strictObject({ cache_name: cacheName }),
    answers: { 200: { description: 'It serves', schema: z.object({ cache_name: z.string(), region: z.string() }) } },
    async handle({ control, principal, params, body, caller }) {
      const { cache, row: found } = await regionAt(control, principal, body.cache_name, params.name)
      const to = found.nodes.slice(0, 1)
      const replies = await control.fleet.ask(
        cache,
        'region_serve',
        { region: found.region },
        to.length > 0 ? { to } : {},
      )
      if (!replies.some((reply) => reply.body !== undefined))
        throw await failed(control, caller, 'region.serve', found, replies)
      await noted(control, caller, 'region.serve', found.region, { cache })
      return json(200, { cache_name: cache, region: found.region })
    },
  }),
]

async function rowsOf(control: Control, cache: string): Promise<readonly Row[]> {
  const replies = await control.fleet.ask(cache, 'regions', null)
  const rows = new Map<string, Row>()
  for (const { id, body } of replies) {
    if (body === undefined || body.own === null) continue
    for (const seen of body.regions) {
      const isOwn = seen.region === body.own
      const known = rows.get(seen.region)
      const from = known?.seen_from ?? []
      const filling: FillRow | null = isOwn ? seen.filling : null
      rows.set(seen.region, {
        ...{ cache_name: cache, region: seen.region, is_origin: seen.is_origin },
        state: seen.state ?? known?.state ?? null,
        nodes: isOwn ? [...(known?.nodes ?? []), id] : (known?.nodes ?? []),
        seen_from: isOwn ? from : withWorst(from, body.own, seen),
        filling: filling ?? known?.filling ?? null,
      })
    }
  }
  return [...rows.values()].sort((a, b) => (a.region < b.region ? -1 : 1))
}

/** If a region has several processes, the one that lags most. */
function withWorst(
  all: Row['seen_from'],
  region: string,
  { lag_seconds, is_heard, waiting = null, error = null }: RegionRow,
): Row['seen_from'] {
  const one = { region, lag_seconds, is_heard, waiting, error }
  const same = all.find((other) => other.region === region)
  if (same === undefined) return [...all, one]
  const worst = {
    ...{ region, is_heard: same.is_heard && is_heard, error: same.error ?? error },
    lag_seconds: most(same.lag_seconds, lag_seconds),
    waiting: most(same.waiting, waiting),
  }
  return [...all.filter((other) => other !== same), worst]
}

/** `null` exceeds every number: the lag is unknown. */
const most = (one: number | null, other: number | null): number | null =>
  one === null || other === null ? null : Math.max(one, other)

/** @throws Problem 404, 422 if several caches have such a region and none was named */
async function regionAt(
  control: Control,
  principal: Principal,
  asked: string | undefined,
  name = '',
): Promise<{ readonly cache: string; readonly row: Row }> {
  const names = cachesFor(control, principal, asked).filter((cache) => mayTouch(principal, cache))
  const rows = (await Promise.all(names.map((cache) => rowsOf(control, cache)))).flat()
  const [found, ...more] = rows.filter(({ region }) => region === name)
  if (found === undefined) throw notFound(`region ${JSON.stringify(name.slice(0, 63))} of a cache`)
  if (more.length === 0) return { cache: found.cache_name, row: found }
  const caches = [found, ...more].map(({ cache_name }) => cache_name).join(', ')
  throw new Problem(
    422,
    'cache_name_missing',
    `there are several caches with a region ${name}: set cache_name to one of ${caches}`,
    {
      errors: [{ pointer: '/cache_name', code: 'missing', detail: 'name the cache' }],
    },
  )
}

/** For the nodes and for the record; included only if true, since nodes of earlier releases do not know it. */
const forced = ({ force }: { readonly force: boolean }): { readonly force?: true } => (force ? { force } : {})

type Failed = Pick<NodeReply<unknown>, 'id' | 'status' | 'error' | 'code'>

/** Recorded as well: a process that did not answer in time may have done it. */
async function failed(
  control: Control,
  caller: Caller,
  action: string,
  { cache_name: cache, region }: Row,
  replies: readonly Failed[],
  more: Record<string, unknown> = {},
): Promise<Problem> {
  // A node that gives a reason is more informative than one that does not answer.
  const first = replies.find(({ code }) => code === 'LAST_REGION') ?? replies[0]
  const why = first?.error ?? first?.status
  const problem = problemFor(cache, first, why)
  await noted(
    control,
    caller,
    action,
    region,
    { cache, ...(why !== undefined && { why }), ...more },
    problem.status < 500 ? 'refused' : 'failed',
  )
  return problem
}

function problemFor(cache: string, first: Failed | undefined, why = ''): Problem {
  if (first === undefined) return new Problem(502, 'node_failed', `no process of ${cache} can be asked`)
  if (first.code === 'LAST_REGION') return new Problem(409, 'last_region', why)
  if (first.code === 'OPTION_INVALID') return new Problem(422, 'invalid', why)
  return new Problem(502, 'node_failed', `${first.id} of ${cache} could not do it: ${why}`)
}

function noted(
  control: Control,
  caller: Caller,
  action: string,
  target: string,
  detail: Record<string, unknown>,
  outcome: AuditOutcome = 'ok',
): Promise<unknown> {
  return control.store.write((tx) =>
    appendAudit(control.store, tx, { ...caller, kind: 'change', action, target, detail, outcome }),
  )
}
