// Named configurations: list, create, read, replace, delete, versions, roll back.
import { z } from 'zod'
import { mayTouch, type Principal } from '../access/roles.ts'
import { appendAudit } from '../audit/audit.ts'
import { etagOf } from '../configurations/configurations.ts'
import {
  type ConfigurationDocument,
  configurationDocument,
  configurationPut,
  configurationView,
  diff,
} from '../configurations/document.ts'
import { listQuery, page, pageOf, readCursor } from '../http/lists.ts'
import { notFound, Problem } from '../http/problem.ts'
import { type Call, defineRoute, json, type Reply, type Route } from '../http/route.ts'
import { number } from './schemas.ts'

const LIST = 'configurations'
const dryRun = z.object({
  dry_run: z.stringbool().default(false).describe('return the plan without changing anything'),
})
const version = z.object({
  version: z.number().int(),
  document: configurationDocument,
  actor: z.string(),
  reason: z.string().nullable(),
  created_at: z.iso.datetime(),
})
const plan = z.object({
  plan: z.object({
    dry_run: z.literal(true),
    changes: z.record(z.string(), z.object({ from: z.unknown(), to: z.unknown() })),
    effects: z
      .array(
        z.object({
          node: z.string(),
          status: z.string(),
          changes: z.array(z.object({ setting: z.string(), from: z.unknown(), to: z.unknown() })),
          drops: z.array(z.object({ tier: z.string(), bytes: z.number(), why: z.string() })),
          loads_per_second: number.describe('the minimum increase over now; negative: a decrease; null: not known'),
        }),
      )
      .describe(
        'what would change in each process that runs this cache, what memory would drop, and what that costs the source',
      ),
  }),
})

export const configurationRoutes: readonly Route[] = [
  defineRoute({
    method: 'GET',
    path: 'configurations/',
    summary: 'List configurations, oldest first',
    scope: 'config:read',
    query: listQuery,
    answers: { 200: { description: 'A page', schema: page(configurationView) } },
    async handle({ control, query, principal }) {
      const rows = await control.configurations.list(readCursor(query.cursor, LIST) ?? 0, query.limit + 1)
      const { data, ...rest } = pageOf(
        rows,
        query.limit,
        LIST,
        ({ seq }) => seq,
        ({ view }) => view,
      )
      return json(200, { data: data.filter(({ name }) => mayTouch(principal, name)), ...rest })
    },
  }),
  defineRoute({
    method: 'POST',
    path: 'configurations/',
    summary: 'Create a configuration',
    scope: 'config:write',
    body: configurationDocument,
    query: dryRun,
    answers: {
      201: { description: 'Created', schema: configurationView },
      200: { description: 'With dry_run: the plan', schema: plan },
    },
    async handle(call) {
      const { control, body, caller } = call
      refuseForeign(call, body.name)
      if (call.query.dry_run) return planned(call, undefined, body)
      const made = await control.configurations.create(body, caller)
      return json(201, made, { ETag: etagOf(made.version), Location: `${made.id}/` })
    },
  }),
  defineRoute({
    method: 'GET',
    path: 'configurations/{id}/',
    summary: 'Read a configuration',
    scope: 'config:read',
    answers: { 200: { description: 'The version in force', schema: configurationView } },
    async handle(call) {
      const view = await heldConfiguration(call)
      return json(200, view, { ETag: etagOf(view.version) })
    },
  }),
  defineRoute({
    method: 'PUT',
    path: 'configurations/{id}/',
    summary: 'Replace a configuration; If-Match prevents it from overwriting another change',
    scope: 'config:write',
    body: configurationPut,
    query: dryRun,
    answers: {
      200: { description: 'The new version, or with dry_run the plan', schema: z.union([configurationView, plan]) },
    },
    async handle(call) {
      const { control, body, caller } = call
      const before = await heldConfiguration(call)
      refuseForeign(call, body.name)
      if (call.query.dry_run) return planned(call, before, body)
      const view = await control.configurations.replace(before.id, body, caller, wantedVersions(call.request))
      return json(200, view, { ETag: etagOf(view.version) })
    },
  }),
  defineRoute({
    method: 'DELETE',
    path: 'configurations/{id}/',
    summary: 'Delete a configuration; its versions and audit rows are kept',
    scope: 'config:write',
    answers: { 204: { description: 'Deleted' } },
    async handle(call) {
      const { id } = await heldConfiguration(call)
      await call.control.configurations.remove(id, call.caller, wantedVersions(call.request))
      return { status: 204 }
    },
  }),
  defineRoute({
    method: 'GET',
    path: 'configurations/{id}/versions/',
    summary: 'List every version, newest first',
    scope: 'config:read',
    answers: {
      200: { description: 'All of them', schema: z.object({ data: z.array(version), has_more: z.literal(false) }) },
    },
    async handle(call) {
      const { id } = await heldConfiguration(call)
      return json(200, { data: await call.control.configurations.versions(id), has_more: false })
    },
  }),
  defineRoute({
    method: 'POST',
    path: 'configurations/{id}/rollback/',
    summary: 'Restore an earlier version',
    scope: 'config:write',
    body: z.strictObject({ version: z.number().int().min(1) }),
    answers: { 200: { description: 'The new version', schema: configurationView } },
    async handle(call) {
      const { id } = await heldConfiguration(call)
      const view = await call.control.configurations.rollback(id, call.body.version, call.caller)
      return json(200, view, { ETag: etagOf(view.version) })
    },
  }),
]

/** A configuration that the caller may not see does not exist for them. */
export async function heldConfiguration({
  control,
  params,
  principal,
}: Pick<Call, 'control' | 'params' | 'principal'>) {
  const view = await control.configurations.get(params.id ?? '')
  if (!mayTouch(principal, view.name)) throw notFound(`configuration ${view.id}`)
  return view
}

function refuseForeign({ principal }: { readonly principal: Principal }, name: string): void {
  if (!mayTouch(principal, name))
    throw new Problem(
      403,
      'forbidden',
      `${principal.name} is limited to ${principal.namespaces?.join(', ')}: ${JSON.stringify(name)} is none of them`,
    )
}

async function planned(
  call: Pick<Call, 'control' | 'caller'>,
  before: ConfigurationDocument | undefined,
  after: ConfigurationDocument,
): Promise<Reply> {
  const { control, caller } = call
  const changes = diff(before, after)
  await control.store.write((tx) =>
    appendAudit(control.store, tx, {
      ...caller,
      kind: 'plan',
      action: before === undefined ? 'configuration.create' : 'configuration.update',
      target: after.name,
      detail: { changes },
    }),
  )
  return json(200, { plan: { dry_run: true, changes, effects: await effectsOf(control, after) } })
}

async function effectsOf(
  { fleet }: Call['control'],
  { name, ttl_seconds, max_size_mb, is_active, priority }: ConfigurationDocument,
) {
  if (!fleet.has(name)) return []
  const replies = await fleet.ask(name, 'preview', { document: { ttl_seconds, max_size_mb, is_active, priority } })
  return replies.map(({ id, status, body }) => ({
    node: id,
    status,
    changes: body?.changes ?? [],
    drops: body?.drops ?? [],
    loads_per_second: body?.loads_per_second ?? null,
  }))
}

/** RFC 9110 13.1.1: a list, one of which must match; a weak tag never does. */
function wantedVersions(request: Request): readonly number[] | undefined {
  const given = request.headers.get('if-match')
  if (given === null || given === '*') return undefined
  const versions = given.split(',').flatMap((tag) => /^"v(\d{1,9})"$/.exec(tag.trim())?.[1] ?? [])
  if (versions.length > 0) return versions.map(Number)
  const why = /^W\/"v\d/.test(given)
    ? 'is a weak ETag, which compressing proxies produce: send it without W/'
    : 'is not an ETag of a configuration: send the one returned by GET'
  throw new Problem(412, 'version_mismatch', `If-Match ${given} ${why}`)
}
