// Values themselves, in one process or in each: every access is recorded in the audit.
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { appendAudit } from '../audit/audit.ts'
import { oneCache } from '../fleet/reach.ts'
import { type Call, defineRoute, json, type Route } from '../http/route.ts'
import { atKey, keyOf, namespaceOf } from './key-query.ts'

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

export const valueRoutes: readonly Route[] = [
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
]
