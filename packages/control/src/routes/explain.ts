// Why a key hits or misses: in every process and tier, and who caused it.
import { z } from 'zod'
import { namespacesFor, oneCache } from '../fleet/reach.ts'
import { invalid, Problem } from '../http/problem.ts'
import { type Call, defineRoute, json, type Route } from '../http/route.ts'
import { type At, atKey, hits_limit, keyOf, keyText, MOST_KEY, namespaceOf, place } from './key-query.ts'
import { instant } from './schemas.ts'

const blame = z
  .object({ operation: z.string(), actor: z.string(), reason: z.string().nullable(), at: instant })
  .nullable()
  .describe('who requested the invalidation that removed it, if it was requested here')
const explanation = z.object({
  cache_name: z.string(),
  namespace: z.string(),
  key: z.string(),
  verdict: z.enum(['hit', 'stale', 'miss']),
  cause: z.string().nullable(),
  detail: z.string().nullable(),
  receipt: z.string().nullable(),
  note: z.string().nullable().describe('the reason that the program gave for that invalidation, in its own words'),
  by: blame,
  nodes: z.array(
    z.object({
      node: z.string(),
      status: z.string(),
      verdict: z.string().nullable(),
      cause: z.string().nullable(),
      is_loading: z.boolean().nullable(),
      chosen_ttl: z
        .object({ seconds: z.number(), why: z.string() })
        .nullable()
        .describe('the time to live chosen automatically for the last load there'),
      error: z.string().nullable(),
      hits_limit,
      tiers: z.array(z.unknown()),
    }),
  ),
})
/** A page that waits for every node waits for the slowest. */
const FAN_OUT_MS = 300

export const explainRoutes: readonly Route[] = [
  defineRoute({
    method: 'GET',
    path: 'keys/{key}/',
    summary: 'Show a key in every node and tier, and why it misses',
    scope: 'keys:read',
    query: atKey,
    answers: { 200: { description: 'The same as explain/', schema: explanation } },
    handle: async (call) => json(200, await explained(call, keyOf(call))),
  }),
  defineRoute({
    method: 'GET',
    path: 'explain/',
    summary: 'Explain why a key hits or misses in every node and tier, and who caused it',
    scope: 'keys:read',
    query: z.strictObject({
      ...place,
      key: keyText.optional(),
      url: z
        .url({ protocol: /^https?$/ })
        .max(MOST_KEY)
        .optional()
        .describe(
          'instead of key: absolute, as the client requests it. The entry that answers it is found by the HTTP cache or as registered by the application',
        ),
    }),
    answers: { 200: { description: 'The explanation', schema: explanation } },
    async handle(call) {
      const { key, url } = call.query
      if ((key === undefined) === (url === undefined))
        throw invalid([{ pointer: '?key', code: 'one_of', detail: 'give either key or url' }])
      if (url === undefined) return json(200, await explained(call, key ?? ''))
      const found = await entryOf(call, url)
      return json(200, await explained({ ...call, query: { ...call.query, namespace: found.namespace } }, found.key))
    },
  }),
]

/** From the first process that knows one; present entries before past ones. */
async function entryOf(
  { control, principal, query }: Pick<Call<unknown, At>, 'control' | 'principal' | 'query'>,
  url: string,
) {
  const cache = oneCache(control, principal, query.cache_name)
  const namespaces = namespacesFor(principal, cache, query.namespace)
  const asked = { url, ...(namespaces !== undefined && { namespaces: [...namespaces] }) }
  const replies = await control.fleet.ask(cache, 'url', asked)
  const entries = replies.flatMap(({ body }) => body?.entries ?? [])
  const found = ['hit', 'stale', 'miss']
    .map((verdict) => entries.find((one) => one.verdict === verdict))
    .find((one) => one !== undefined)
  if (found !== undefined) return found
  throw new Problem(
    404,
    'url_unknown',
    `no process of ${cache} has stored or remembers an answer to ${JSON.stringify(url.slice(0, 200))}`,
  )
}

async function explained(
  { control, principal, query }: Pick<Call<unknown, At>, 'control' | 'principal' | 'query'>,
  key: string,
) {
  const cache = oneCache(control, principal, query.cache_name)
  const namespace = await namespaceOf({ control, principal, query }, cache, key)
  const replies = await control.fleet.ask(cache, 'explain', { namespace, key }, { deadlineMs: FAN_OUT_MS })
  const first = replies.find(({ body }) => body !== undefined)?.body
  if (first === undefined)
    throw new Problem(
      404,
      'namespace_unknown',
      `no process of ${cache} has the namespace ${JSON.stringify(namespace)} open, or none of them answers`,
    )
  const receipt = first.receipt ?? first.tiers.find((tier) => tier.receipt !== undefined)?.receipt ?? null
  const by = receipt === null ? undefined : await control.operations.ofReceipt(receipt)
  return {
    cache_name: cache,
    namespace,
    key,
    verdict: first.verdict,
    cause: first.cause ?? null,
    detail: first.detail ?? null,
    receipt,
    note: first.note ?? first.tiers.find((tier) => tier.note !== undefined)?.note ?? null,
    by: by === undefined ? null : { operation: by.id, actor: by.actor, reason: by.reason, at: by.created_at },
    nodes: replies.map(({ id, status, body, error }) => ({
      node: id,
      status,
      verdict: body?.verdict ?? null,
      cause: body?.cause ?? null,
      is_loading: body?.isLoading ?? null,
      chosen_ttl:
        body?.chosenTtl === undefined ? null : { seconds: body.chosenTtl.ttlMs / 1000, why: body.chosenTtl.why },
      error: error ?? null,
      hits_limit: body?.hitsLimit ?? null,
      tiers: (body?.tiers ?? []).map(({ asOf, ageMs, ttlMs, ...tier }) => ({
        ...tier,
        ...(ageMs !== undefined && { age_seconds: ageMs / 1000 }),
        ...(ttlMs !== undefined && { ttl_seconds: ttlMs / 1000 }),
        ...(asOf !== undefined && { version: asOf }),
      })),
    })),
  }
}
