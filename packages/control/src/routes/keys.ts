// Keys as the memory of a node has them: listed, grouped by tag or pattern, and the operations that named one.
import { z } from 'zod'
import { namespacesFor, oneCache } from '../fleet/reach.ts'
import { listQuery } from '../http/lists.ts'
import { Problem } from '../http/problem.ts'
import { type Call, defineRoute, json, type Route } from '../http/route.ts'
import { type At, at, atKey, hits_limit, keyOf } from './key-query.ts'
import { instant, number } from './schemas.ts'

const keyRow = z.object({
  namespace: z.string(),
  key: z.string(),
  bytes: z.number(),
  hits: z.number(),
  age_seconds: z.number(),
  ttl_seconds: number,
  tags: z.array(z.string()),
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
