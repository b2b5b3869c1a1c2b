// Retention, cleaning up now, and evaluating alerts now.
import { z } from 'zod'
import { mayTouch } from '../access/roles.ts'
import { defineRoute, json, type Route } from '../http/route.ts'
import { cleanUp, putRetention, removed, retention, retentionOf } from '../maintenance/retention.ts'

export const maintenanceRoutes: readonly Route[] = [
  defineRoute({
    method: 'GET',
    path: 'maintenance/retention/',
    summary: 'Show how long finished records are kept',
    scope: 'config:read',
    answers: { 200: { description: 'The current state', schema: retention } },
    handle: async ({ control }) => json(200, await retentionOf(control.store)),
  }),
  defineRoute({
    method: 'PUT',
    path: 'maintenance/retention/',
    summary: 'Set how long finished records are kept, and whether they are removed automatically',
    scope: 'users:write',
    body: retention,
    answers: { 200: { description: 'The new state', schema: retention } },
    async handle({ control, body, caller }) {
      await putRetention(control.store, body, caller)
      return json(200, body)
    },
  }),
  defineRoute({
    method: 'POST',
    path: 'maintenance/cleanup/',
    summary:
      'Remove figures and finished records older than a number of days; the audit, configurations and their versions are kept',
    scope: 'users:write',
    body: z.strictObject({
      days: z
        .number()
        .min(1)
        .max(3650)
        .optional()
        .describe('default: the setting in maintenance/retention/, otherwise 30'),
      metrics_only: z.boolean().default(false).describe('remove only figures'),
      dry_run: z.boolean().default(false),
    }),
    answers: {
      200: {
        description: 'How many were removed, or with dry_run would be removed',
        schema: z.object({ days: z.number(), dry_run: z.boolean(), removed }),
      },
    },
    async handle({ control, body, caller }) {
      const days = body.days ?? (await retentionOf(control.store)).days
      const counts = await cleanUp(control.store, caller, {
        days,
        isMetricsOnly: body.metrics_only,
        isDry: body.dry_run,
      })
      return json(200, { days, dry_run: body.dry_run, removed: counts })
    },
  }),
  defineRoute({
    method: 'POST',
    path: 'alerts/evaluate/',
    summary: 'Evaluate every rule now and raise alerts at once, without waiting for a second evaluation',
    scope: 'alerts:resolve',
    body: z.strictObject({}),
    answers: {
      200: {
        description: 'The firing alerts',
        schema: z.object({ data: z.array(z.looseObject({ id: z.string() })), has_more: z.literal(false) }),
      },
    },
    async handle({ control, principal }) {
      await control.judge()
      const firing = await control.alerts.list({ state: 'firing', limit: 200 })
      return json(200, {
        data: firing.map(({ view }) => view).filter(({ cache_name }) => mayTouch(principal, cache_name)),
        has_more: false,
      })
    },
  }),
]
