// Settings of alerts: rules, webhooks, silences.
import { z } from 'zod'
import { newId } from '../access/tokens.ts'
import { SEVERITIES } from '../alerts/alerts.ts'
import { rulesDocument } from '../alerts/rules.ts'
import { putRules, putWebhooks, rulesOf, webhook, webhooksOf, withoutSecrets } from '../alerts/settings.ts'
import { refusedUrl } from '../alerts/webhooks.ts'
import { appendAudit } from '../audit/audit.ts'
import { invalid, notFound } from '../http/problem.ts'
import { defineRoute, json, type Route } from '../http/route.ts'
import { all, instant } from './schemas.ts'

const rules = z.record(z.string(), z.object({ enabled: z.boolean(), levels: z.record(z.string(), z.number()) }))
const shownWebhook = z.object({
  url: z.string().describe('only its host: the rest may be secret'),
  severities: z.array(z.enum(SEVERITIES)),
})
const silence = z.object({
  id: z.string(),
  rule: z.string().nullable(),
  cache_name: z.string().nullable(),
  until: instant,
  actor: z.string(),
  reason: z.string().nullable(),
  created_at: instant,
})
const timeOf = (ms: number): string => new Date(Number(ms)).toISOString()

export const alertSettingRoutes: readonly Route[] = [
  defineRoute({
    method: 'GET',
    path: 'alert_rules/',
    summary: 'List what raises alerts, and at which thresholds',
    scope: 'alerts:read',
    answers: { 200: { description: 'Every rule', schema: rules } },
    handle: async ({ control }) => json(200, await rulesOf(control.store)),
  }),
  defineRoute({
    method: 'PUT',
    path: 'alert_rules/',
    summary: 'Set rules; a rule left out goes back to its default',
    scope: 'config:write',
    body: rulesDocument,
    answers: { 200: { description: 'Every rule, as it is now', schema: rules } },
    async handle({ control, body, caller }) {
      await putRules(control.store, body, caller)
      return json(200, await rulesOf(control.store))
    },
  }),
  defineRoute({
    method: 'GET',
    path: 'webhooks/',
    summary: 'List the webhooks that are notified of alerts',
    scope: 'users:write',
    answers: { 200: { description: 'All of them, without secrets', schema: all(shownWebhook) } },
    async handle({ control }) {
      const data = (await webhooksOf(control.store)).map(({ url, severities }) => ({
        url: withoutSecrets(url),
        severities,
      }))
      return json(200, { data, has_more: false })
    },
  }),
  defineRoute({
    method: 'PUT',
    path: 'webhooks/',
    summary: 'Set the webhooks that are notified of alerts: all of them at once',
    scope: 'users:write',
    body: z.strictObject({ webhooks: z.array(webhook).max(20) }),
    answers: { 200: { description: 'As they are now', schema: all(shownWebhook) } },
    async handle({ control, body, caller }) {
      const faults = body.webhooks.flatMap(({ url }, at) => {
        const detail = refusedUrl(url, control.allowPrivateWebhooks)
        return detail === undefined ? [] : [{ pointer: `/webhooks/${at}/url`, code: 'address_refused', detail }]
      })
      if (faults.length > 0) throw invalid(faults)
      await putWebhooks(control.store, body.webhooks, caller)
      return json(200, {
        data: body.webhooks.map(({ url, severities }) => ({ url: withoutSecrets(url), severities })),
        has_more: false,
      })
    },
  }),
  defineRoute({
    method: 'GET',
    path: 'silences/',
    summary: 'List silences: what webhooks are not notified of, and until when',
    scope: 'alerts:read',
    answers: { 200: { description: 'Those in force', schema: all(silence) } },
    async handle({ control }) {
      const rows = await control.store.read
        .selectFrom('silences')
        .selectAll()
        .where('until', '>', await control.store.now())
        .orderBy('created_at')
        .execute()
      const data = rows.map(({ cache, until, created_at, ...row }) => ({
        ...row,
        cache_name: cache,
        until: timeOf(until),
        created_at: timeOf(created_at),
      }))
      return json(200, { data, has_more: false })
    },
  }),
  defineRoute({
    method: 'POST',
    path: 'silences/',
    summary: 'Stop notifying webhooks about a rule or a cache for a while; alerts are still raised and listed',
    scope: 'alerts:resolve',
    body: z.strictObject({
      rule: z.string().max(64).optional().describe('default: every rule'),
      cache_name: z.string().max(128).optional().describe('default: every cache'),
      duration_seconds: z
        .number()
        .positive()
        .max(7 * 86_400)
        .default(3600),
      reason: z.string().max(1000).optional(),
    }),
    answers: { 201: { description: 'It holds', schema: silence } },
    async handle({ control, body, caller }) {
      const row = await control.store.write(async (tx) => {
        const now = await control.store.now(tx)
        const made = {
          id: newId('sil'),
          rule: body.rule ?? null,
          cache: body.cache_name ?? null,
          until: now + Math.ceil(body.duration_seconds * 1000),
          actor: caller.actor,
          reason: body.reason ?? null,
          created_at: now,
        }
        await tx.insertInto('silences').values(made).execute()
        await appendAudit(control.store, tx, {
          ...caller,
          kind: 'change',
          action: 'silence.create',
          target: made.rule ?? 'every rule',
          detail: { ...body, id: made.id },
        })
        return made
      })
      const { cache, until, created_at, ...rest } = row
      return json(201, { ...rest, cache_name: cache, until: timeOf(until), created_at: timeOf(created_at) })
    },
  }),
  defineRoute({
    method: 'DELETE',
    path: 'silences/{id}/',
    summary: 'End a silence',
    scope: 'alerts:resolve',
    answers: { 204: { description: 'Ended' } },
    async handle({ control, params, caller }) {
      const id = params.id ?? ''
      await control.store.write(async (tx) => {
        // Its row is kept for a while: alerts that began during it are announced now.
        const until = await control.store.now(tx)
        const { numUpdatedRows } = await tx
          .updateTable('silences')
          .set({ until })
          .where('id', '=', id)
          .where('until', '>', until)
          .executeTakeFirst()
        if (numUpdatedRows === 0n) throw notFound(`silence ${id}`)
        await appendAudit(control.store, tx, { ...caller, kind: 'change', action: 'silence.delete', target: id })
      })
      return { status: 204 }
    },
  }),
]
