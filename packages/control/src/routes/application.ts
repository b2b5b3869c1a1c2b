// What applications registered, its coverage in the caches, and warming by its names.
import { z } from 'zod'
import { namespacesFor } from '../fleet/reach.ts'
import { defineRoute, json, type Route } from '../http/route.ts'
import { holders, registeredDocument, runRegistered, targets } from '../operations/registered.ts'
import { orLater } from '../operations/wait.ts'
import { accepted, all, counts, operation } from './schemas.ts'

const names = z.array(z.string())
const cacheName = z.string().max(128).optional()

export const applicationRoutes: readonly Route[] = [
  defineRoute({
    method: 'GET',
    path: 'application/',
    summary:
      'List the names that applications registered: cache types, scopes, models, views, endpoints, critical paths',
    scope: 'config:read',
    query: z.strictObject({ cache_name: cacheName }),
    answers: {
      200: {
        description: 'By cache; caches without registrations are left out',
        schema: all(
          z.object({
            cache_name: z.string(),
            cache_types: names,
            scopes: names,
            models: names,
            views: names,
            endpoints: names,
            has_critical_paths: z.boolean(),
          }),
        ),
      },
    },
    async handle({ control, principal, query }) {
      const found = await holders(control, principal, query.cache_name)
      return json(200, {
        data: found.map(({ cache, registered }) => ({ cache_name: cache, ...registered })),
        has_more: false,
      })
    },
  }),
  defineRoute({
    method: 'GET',
    path: 'application/coverage/',
    summary: 'Show what the caches hold for an organisation or a cache type',
    scope: 'metrics:read',
    query: z.strictObject({
      cache_name: cacheName,
      organization: z.string().min(1).max(200).optional(),
      cache_type: z.string().min(1).max(128).optional(),
    }),
    answers: {
      200: {
        description: 'By cache, from the memory of one process; is_exact says whether that is complete',
        schema: all(
          z.object({
            cache_name: z.string(),
            id: z.string().nullable().describe("the organisation's"),
            entries: z.number(),
            bytes: z.number(),
            reads_per_second: z.number(),
            by_namespace: counts,
            is_exact: z.boolean(),
          }),
        ),
      },
    },
    async handle({ control, principal, query: { cache_name, ...named } }) {
      const found = await targets(control, principal, cache_name, named)
      const data = await Promise.all(
        [...found].map(async ([cache, { namespaces, tags, id }]) => {
          const allowed = namespacesFor(principal, cache, undefined)
          const chosen =
            allowed === undefined ? namespaces : (namespaces ?? allowed).filter((name) => allowed.includes(name))
          const criteria = tags === null ? { all: true as const } : { tags: [...tags] }
          const asked = { criteria, scan: false, ...(chosen !== undefined && { namespaces: [...chosen] }) }
          const held = await control.fleet.one(cache, 'plan', asked, { deadlineMs: 10_000 })
          const { entries, bytes, reads_per_second, namespaces: by_namespace, is_exact } = held
          return { cache_name: cache, id: id ?? null, entries, bytes, reads_per_second, by_namespace, is_exact }
        }),
      )
      return json(200, { data, has_more: false })
    },
  }),
  defineRoute({
    method: 'POST',
    path: 'warming/warm_registered/',
    summary:
      'Warm what an application registered: a model, a view, an endpoint, the critical paths, an organisation, a cache type',
    scope: 'warm',
    body: registeredDocument,
    answers: {
      200: { description: 'The result', schema: operation },
      202: { description: 'It runs', schema: accepted },
    },
    handle: ({ control, principal, caller, body, request, base }) =>
      orLater(request, base, (began) => runRegistered(control, principal, caller, body, began)),
  }),
]
