// The fleet: caches and their nodes; roles; markers of events around them.
import { z } from 'zod'
import { ROLE_SCOPES, ROLES, SCOPES } from '../access/roles.ts'
import { newId } from '../access/tokens.ts'
import { appendAudit } from '../audit/audit.ts'
import { cachesFor } from '../fleet/reach.ts'
import { listQuery, page, pageOf, readCursor } from '../http/lists.ts'
import { defineRoute, json, type Route } from '../http/route.ts'
import { isError } from '../is-error.ts'
import { all, instant } from './schemas.ts'

const tier = z.object({
  name: z.string(),
  scope: z.string(),
  enabled: z.boolean(),
  breaker: z.string(),
  encrypted: z.boolean().nullable(),
  key_since: z.number().nullable(),
})
const node = z.object({
  id: z.string(),
  boot: z.string(),
  cache_name: z.string(),
  region: z.string().nullable().describe('if its cache has regions'),
  is_late: z.boolean().describe('silent: frozen, cut off, or crashed'),
  is_here: z.boolean().describe('the process that answers this request'),
  age_seconds: z.number(),
  uptime_seconds: z.number().nullable(),
  health: z.string().nullable(),
  ledger_is_up: z.boolean().nullable(),
  settings: z.object({ revision: z.string(), error: z.string().optional() }).nullable(),
  tiers: z.array(tier),
})
const marker = z.object({ id: z.string(), at: instant, kind: z.string(), message: z.string(), actor: z.string() })
const LIST = 'markers'

export const fleetRoutes: readonly Route[] = [
  defineRoute({
    method: 'GET',
    path: 'caches/',
    summary: 'List every attached cache and its setup',
    scope: 'config:read',
    answers: {
      200: {
        description: 'All of them',
        schema: all(z.object({ cache_name: z.string(), setup: z.unknown(), error: z.string().nullable() })),
      },
    },
    async handle({ control, principal }) {
      const names = control.fleet.names.length === 0 ? [] : cachesFor(control, principal, undefined)
      const data = await Promise.all(
        names.map(async (cache_name) => {
          try {
            return { cache_name, setup: await control.fleet.one(cache_name, 'describe', null), error: null }
          } catch (error) {
            return { cache_name, setup: null, error: isError(error) ? error.message : String(error) }
          }
        }),
      )
      return json(200, { data, has_more: false })
    },
  }),
  defineRoute({
    method: 'GET',
    path: 'nodes/',
    summary: 'List every process of every cache, including late ones',
    scope: 'metrics:read',
    query: z.strictObject({ cache_name: z.string().max(128).optional() }),
    answers: {
      200: {
        description: 'All of them',
        schema: all(node).extend({
          unseen: z.record(z.string(), z.string()).describe('why other processes of a cache are not visible'),
        }),
      },
    },
    async handle({ control, principal, query }) {
      const names =
        query.cache_name === undefined && control.fleet.names.length === 0
          ? []
          : cachesFor(control, principal, query.cache_name)
      const seen = await Promise.all(names.map(async (cache) => [cache, await control.fleet.see(cache)] as const))
      const data = seen.flatMap(([, { nodes }]) =>
        nodes.map(({ id, boot, cache, isLate, isLocal, ageMs, report, settings }) => ({
          id,
          boot,
          cache_name: cache,
          region: report?.region ?? null,
          is_late: isLate,
          is_here: isLocal,
          age_seconds: ageMs / 1000,
          uptime_seconds: report?.uptime_seconds ?? null,
          health: report?.health ?? null,
          ledger_is_up: report?.ledger.is_up ?? null,
          settings: settings ?? null,
          tiers: report?.tiers ?? [],
        })),
      )
      const unseen = Object.fromEntries(
        seen.flatMap(([cache, { unseen: why }]) => (why === undefined ? [] : [[cache, why]])),
      )
      return json(200, { data, has_more: false, unseen })
    },
  }),
  defineRoute({
    method: 'GET',
    path: 'roles/',
    summary: 'List roles and their permissions',
    scope: 'any',
    answers: {
      200: {
        description: 'All of them',
        schema: all(z.object({ name: z.enum(ROLES), scopes: z.array(z.enum(SCOPES)) })),
      },
    },
    handle: () => json(200, { data: ROLES.map((name) => ({ name, scopes: ROLE_SCOPES[name] })), has_more: false }),
  }),
  defineRoute({
    method: 'GET',
    path: 'events/markers/',
    summary: 'List deploys and other markers shown on charts, newest first',
    scope: 'metrics:read',
    query: listQuery,
    answers: { 200: { description: 'A page', schema: page(marker) } },
    async handle({ control, query: { cursor, limit } }) {
      let rows = control.store.read
        .selectFrom('markers')
        .selectAll()
        .orderBy('seq', 'desc')
        .limit(limit + 1)
      const before = readCursor(cursor, LIST)
      if (before !== undefined) rows = rows.where('seq', '<', before)
      return json(
        200,
        pageOf(
          await rows.execute(),
          limit,
          LIST,
          ({ seq }) => Number(seq),
          ({ id, at, kind, message, actor }) => ({ id, at: new Date(Number(at)).toISOString(), kind, message, actor }),
        ),
      )
    },
  }),
  defineRoute({
    method: 'POST',
    path: 'events/markers/',
    summary: 'Mark a deploy or anything else that may explain a change',
    scope: 'invalidate',
    body: z.strictObject({ kind: z.string().min(1).max(40).default('deploy'), message: z.string().min(1).max(500) }),
    answers: { 201: { description: 'Marked', schema: marker } },
    async handle({ control, body, caller }) {
      const made = await control.store.write(async (tx) => {
        const row = {
          id: newId('mrk'),
          at: await control.store.now(tx),
          kind: body.kind,
          message: body.message,
          actor: caller.actor,
        }
        await tx.insertInto('markers').values(row).execute()
        await appendAudit(control.store, tx, {
          ...caller,
          kind: 'change',
          action: 'marker.create',
          target: body.kind,
          detail: { id: row.id, message: body.message },
        })
        return row
      })
      return json(201, { ...made, at: new Date(made.at).toISOString() })
    },
  }),
]
