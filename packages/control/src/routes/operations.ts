// Operations, running and past; waiting for them and cancelling them.
import { z } from 'zod'
import { may, mayTouch, type Principal } from '../access/roles.ts'
import { listQuery, page, pageOf, readCursor } from '../http/lists.ts'
import { notFound } from '../http/problem.ts'
import { defineRoute, json, type Route } from '../http/route.ts'
import type { OperationView } from '../operations/operations.ts'
import { operation } from './schemas.ts'

/** Their own, and those of a cache that they may see. An erasure's subject is only for those who may erase. */
export const mayLookAt = (principal: Principal, { kind, caches, actor }: OperationView): boolean =>
  actor === principal.name ||
  (caches.every((cache) => mayTouch(principal, cache)) && (kind !== 'erase' || may(principal, 'audit:read')))

export const operationRoutes: readonly Route[] = [
  defineRoute({
    method: 'GET',
    path: 'operations/',
    summary: 'List operations, newest first',
    scope: 'metrics:read',
    query: listQuery.extend({
      kind: z
        .enum([
          'invalidate',
          'warm',
          'benchmark',
          'erase',
          'optimize',
          'load_ahead',
          'purge_cdn',
          'upload_assets',
          'optimize_images',
        ])
        .optional(),
      cache_name: z.string().max(128).optional().describe('those that concern it'),
    }),
    answers: { 200: { description: 'A page', schema: page(operation) } },
    async handle({ control, principal, query: { kind, cache_name: cache, limit, cursor } }) {
      const list = `operations ${kind ?? ''} ${cache ?? ''}`
      const { data, ...rest } = pageOf(
        await control.operations.list({ kind, cache, before: readCursor(cursor, list), limit: limit + 1 }),
        limit,
        list,
        ({ seq }) => seq,
        ({ view }) => view,
      )
      return json(200, { data: data.filter((view) => mayLookAt(principal, view)), ...rest })
    },
  }),
  defineRoute({
    method: 'GET',
    path: 'operations/{id}/',
    summary: 'Show an operation and its progress',
    scope: 'metrics:read',
    answers: { 200: { description: 'Its current state', schema: operation } },
    async handle({ control, params, principal }) {
      const view = await control.operations.get(params.id ?? '')
      if (!mayLookAt(principal, view)) throw notFound(`operation ${view.id}`)
      return json(200, view)
    },
  }),
  defineRoute({
    method: 'DELETE',
    path: 'operations/{id}/',
    summary: 'Cancel a running operation: it stops at its next step',
    scope: 'invalidate',
    answers: { 200: { description: 'Cancellation is in progress', schema: operation } },
    async handle({ control, params, principal, caller }) {
      const view = await control.operations.get(params.id ?? '')
      if (!mayLookAt(principal, view)) throw notFound(`operation ${view.id}`)
      return json(200, await control.operations.cancel(view.id, caller))
    },
  }),
]
