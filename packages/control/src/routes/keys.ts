// The contents of caches: keys as memory has them, each with its copies in every node and tier, and why one is missed.
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { appendAudit } from '../audit/audit.ts'
import { placesOf } from '../fleet/places.ts'
import { namespacesFor, oneCache } from '../fleet/reach.ts'
import { listQuery } from '../http/lists.ts'
import { invalid, Problem } from '../http/problem.ts'
import { type Call, defineRoute, json, type Route } from '../http/route.ts'
import { instant, number } from './schemas.ts'

const at = { cache_name: z.string().max(128).optional(), namespace: z.string().max(128).optional() }
/** Of one key. */
const place = { ...at, namespace: at.namespace.describe('default: where the key exists or is remembered') }
const MOST_KEY = 16_384
const keyText = z.string().min(1).max(MOST_KEY)
const atKey = z.strictObject({
  ...place,
  key: keyText
    .optional()
    .describe('instead of the key in the path: a path cannot hold "." and "..", and some proxies alter others'),
})
const keyOf = ({ params, query }: Pick<Call<unknown, z.output<typeof atKey>>, 'params' | 'query'>): string =>
  query.key ?? params.key ?? ''

/** Whose value is viewed; the access is recorded before anything is shown. */
async function lookAtValue(call: Call<unknown, z.output<typeof atKey>>, more: { readonly copies?: true } = {}) {
  const { control, principal, query, caller } = call
  const cache = oneCache(control, principal, query.cache_name)
  const key = keyOf(call)
  const namespace = await namespaceOf(call, cache, key)
  const detail = { cache, namespace, ...more }
  await control.store.write((tx) =>
    appendAudit(control.store, tx, { ...caller, kind: 'access', action: 'value.read', target: key, detail }),
  )
  return { cache, namespace, key }
}

const hits_limit = number.describe(
  'where hit counters stop: a counter at this value may stand for more; null: not known',
)
const keyRow = z.object({
  namespace: z.string(),
  key: z.string(),
  bytes: z.number(),
  hits: z.number(),
  age_seconds: z.number(),
  ttl_seconds: number,
  tags: z.array(z.string()),
})
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
const group = z.object({
  name: z.string(),
  namespace: z.string().nullable(),
  entries: z.number(),
  bytes: z.number(),
  hits: z.number(),
})
const groups = z.object({
  data: z.array(group),
  has_more: z.literal(false),
  scanned: z.number(),
  hits_limit,
  is_complete: z.boolean(),
})
/** A page that waits for every node waits for the slowest. */
const FAN_OUT_MS = 300

export const keyRoutes: readonly Route[] = [
  defineRoute({
    method: 'GET',
    path: 'keys/',
    summary: 'List keys in the memory of a node; no tier is listed for it',
    scope: 'keys:read',
    query: listQuery.extend({
      ...at,
      contains: z.string().max(1024).optional().describe('a part of the key'),
      tag: z.string().max(1024).optional(),
      node: z.string().max(128).optional().describe('default: this process, otherwise the first'),
    }),
    answers: {
      200: {
        description:
          'A page. A search that takes longer than 0.2 s continues with its cursor, which is kept for two minutes',
        schema: z.object({
          data: z.array(keyRow),
          has_more: z.boolean(),
          next_cursor: z.string().nullable(),
          scanned: z.number(),
          hits_limit,
        }),
      },
    },
    async handle({ control, principal, query }) {
      const cache = oneCache(control, principal, query.cache_name)
      const [node, cursor] = cursorOf(query.cursor)
      const namespaces = namespacesFor(principal, cache, query.namespace)
      const to = node ?? query.node
      const list = await control.fleet
        .one(
          cache,
          'keys',
          {
            limit: query.limit,
            ...(namespaces !== undefined && { namespaces: [...namespaces] }),
            ...(query.contains !== undefined && { contains: query.contains }),
            ...(query.tag !== undefined && { tag: query.tag }),
            ...(cursor !== undefined && { cursor }),
          },
          to === undefined ? {} : { to: [to] },
        )
        .catch((error: unknown) => {
          if (cursor === undefined || !(error instanceof Problem)) throw error
          throw new Problem(400, 'cursor_invalid', 'this cursor has expired: start again without one')
        })
      const next_cursor =
        list.cursor === null ? null : Buffer.from(JSON.stringify([to ?? null, list.cursor])).toString('base64url')
      return json(200, {
        data: list.data,
        has_more: next_cursor !== null,
        next_cursor,
        scanned: list.scanned,
        hits_limit: list.hits_limit ?? null,
      })
    },
  }),
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
    path: 'keys/{key}/history/',
    summary: 'List the operations that named this key',
    scope: 'keys:read',
    query: atKey,
    answers: {
      200: {
        description: 'Newest first, among the last 200 of its cache',
        schema: z.object({
          data: z.array(
            z.object({
              operation: z.string(),
              kind: z.string(),
              actor: z.string(),
              reason: z.string().nullable(),
              at: instant,
            }),
          ),
          has_more: z.literal(false),
        }),
      },
    },
    async handle(call) {
      const { control, principal, query } = call
      const key = keyOf(call)
      const cache = oneCache(control, principal, query.cache_name)
      const rows = await control.operations.list({ cache, limit: 200 })
      const named = rows.filter(({ view }) => namesKey(view.request, key))
      const data = named.map(({ view: { id, kind, actor, reason, created_at } }) => ({
        operation: id,
        kind,
        actor,
        reason,
        at: created_at,
      }))
      return json(200, { data, has_more: false })
    },
  }),
  defineRoute({
    method: 'GET',
    path: 'keys/{key}/value/',
    summary: 'Show the value itself: each access is recorded in the audit',
    scope: 'values:read',
    query: atKey,
    answers: {
      200: {
        description: 'As JSON; types that JSON lacks are marked ($map, $set, $bytes)',
        schema: z.object({
          key: z.string(),
          namespace: z.string(),
          found: z.boolean(),
          tier: z.string().optional(),
          is_stale: z.boolean().optional(),
          value: z.unknown(),
        }),
      },
    },
    async handle(call) {
      const { cache, namespace, key } = await lookAtValue(call)
      return json(200, { key, namespace, ...(await call.control.fleet.one(cache, 'value', { namespace, key })) })
    },
  }),
  defineRoute({
    method: 'GET',
    path: 'keys/{key}/copies/',
    summary: 'Show the value in each process and whether all agree: each access is recorded in the audit',
    scope: 'values:read',
    query: atKey,
    answers: {
      200: {
        description: 'By process',
        schema: z.object({
          key: z.string(),
          namespace: z.string(),
          is_same: z.boolean().nullable().describe('null: fewer than two processes have it'),
          copies: z.array(
            z.object({
              node: z.string(),
              status: z.string(),
              found: z.boolean().nullable(),
              tier: z.string().nullable(),
              is_stale: z.boolean().nullable(),
              sha256: z.string().nullable(),
              value: z.unknown(),
            }),
          ),
        }),
      },
    },
    async handle(call) {
      const { cache, namespace, key } = await lookAtValue(call, { copies: true })
      const replies = await call.control.fleet.ask(cache, 'value', { namespace, key })
      const copies = replies.map(({ id, status, body }) => ({
        node: id,
        status,
        found: body?.found ?? null,
        tier: body?.tier ?? null,
        is_stale: body?.is_stale ?? null,
        sha256: body?.found === true ? createHash('sha256').update(JSON.stringify(body.value)).digest('hex') : null,
        value: body?.value ?? null,
      }))
      const sums = copies.flatMap(({ sha256 }) => sha256 ?? [])
      return json(200, { key, namespace, is_same: sums.length < 2 ? null : new Set(sums).size === 1, copies })
    },
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
  defineRoute({
    method: 'GET',
    path: 'tags/',
    summary: "List tags of the entries in a node's memory, most entries first",
    scope: 'keys:read',
    query: z.strictObject({ ...at, limit: listQuery.shape.limit }),
    answers: { 200: { description: 'At most `limit`', schema: groups } },
    handle: (call) => grouped(call, 'tag', call.query),
  }),
  defineRoute({
    method: 'GET',
    path: 'top/',
    summary: "List the hottest keys, largest keys or most common key patterns in a node's memory",
    scope: 'keys:read',
    query: z.strictObject({
      ...at,
      limit: listQuery.shape.limit,
      by: z.enum(['hits', 'bytes', 'pattern']).default('hits'),
    }),
    answers: { 200: { description: 'At most `limit`', schema: groups } },
    handle: (call) => grouped(call, call.query.by, call.query),
  }),
]

interface At {
  readonly cache_name?: string | undefined
  readonly namespace?: string | undefined
}

async function grouped(
  { control, principal }: Pick<Call, 'control' | 'principal'>,
  by: 'tag' | 'hits' | 'bytes' | 'pattern',
  query: At & { readonly limit: number },
) {
  const cache = oneCache(control, principal, query.cache_name)
  const namespaces = namespacesFor(principal, cache, query.namespace)
  const found = await control.fleet.one(cache, 'groups', {
    by,
    limit: query.limit,
    ...(namespaces !== undefined && { namespaces: [...namespaces] }),
  })
  return json(200, { ...found, hits_limit: found.hits_limit ?? null, has_more: false })
}

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

/** The named one, else the first that knows the key, else the cache's own. */
async function namespaceOf(
  { control, principal, query }: Pick<Call<unknown, At>, 'control' | 'principal' | 'query'>,
  cache: string,
  key: string,
): Promise<string> {
  const allowed = namespacesFor(principal, cache, query.namespace)
  const [only, ...others] = allowed ?? []
  if (only !== undefined && others.length === 0) return only
  const places = await placesOf(control, cache, allowed, [key])
  return places.get(key)?.[0] ?? only ?? 'default'
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

function cursorOf(cursor: string | undefined): [node: string | undefined, walk: string | undefined] {
  if (cursor === undefined) return [undefined, undefined]
  try {
    const [node, walk]: unknown[] = JSON.parse(Buffer.from(cursor, 'base64url').toString())
    if (typeof walk === 'string') return [typeof node === 'string' ? node : undefined, walk]
  } catch {
    // From another list, or forged.
  }
  throw new Problem(400, 'cursor_invalid', 'this cursor belongs to another list: start again without one', {
    errors: [{ pointer: '?cursor', code: 'cursor_invalid', detail: 'use next_cursor of the previous page' }],
  })
}

function namesKey(request: unknown, key: string): boolean {
  const criteria: unknown =
    typeof request === 'object' && request !== null ? (Reflect.get(request, 'criteria') ?? request) : undefined
  const keys: unknown = typeof criteria === 'object' && criteria !== null ? Reflect.get(criteria, 'keys') : undefined
  return Array.isArray(keys) && keys.some((one) => one === key || (Array.isArray(one) && JSON.stringify(one) === key))
}
