// What an act would do now, as far as its route can say without doing it: the plan of an invalidation, a dry run, or
// what it would replace.
import { z } from 'zod'
import type { Route } from '../http/route.ts'
import { type Act, isRecord, proposable } from './act.ts'

export interface SendOptions {
  readonly query?: Readonly<Record<string, string>>
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}
/** A request of the caller's own. */
export type Send = (
  method: string,
  path: string,
  options?: SendOptions,
) => Promise<{ readonly status: number; readonly text: string }>

export interface Preview {
  readonly kind: 'plan' | 'dry_run' | 'before' | 'none'
  readonly status: number | null
  readonly answer: unknown
  readonly plan_id: string | null
  readonly confirm: string | null
  /** What must be as it is when the act is approved; null: nothing. */
  readonly before: unknown
  /** Of what would be replaced, where that has versions. */
  readonly version?: number
}

const INVALIDATE = 'invalidations/invalidate_keys/'
export const isInvalidation = ({ method, path }: Act): boolean => method === 'POST' && path === INVALIDATE

const NONE = { kind: 'none', status: null, answer: null, plan_id: null, confirm: null, before: null } as const

export async function previewOf(routes: readonly Route[], act: Act, send: Send): Promise<Preview> {
  const { method, path, query, body } = act
  const { route } = proposable(routes, act)
  if (isInvalidation(act)) {
    const asked = await said(send('POST', 'invalidations/plan/', { body: body ?? {} }))
    const plan = isRecord(asked.answer) && isRecord(asked.answer.plan) ? asked.answer.plan : {}
    const guard = isRecord(plan.guard) ? plan.guard : {}
    return {
      ...NONE,
      kind: 'plan',
      ...asked,
      plan_id: typeof plan.id === 'string' ? plan.id : null,
      confirm: guard.needs_confirmation === true && typeof guard.confirm === 'string' ? guard.confirm : null,
    }
  }
  const replaced = await replacedBy(routes, route, act, send)
  if (takes(route.query, 'dry_run')) {
    const tried = await said(
      send(method, path, { query: { ...query, dry_run: 'true' }, ...(body !== null && { body }) }),
    )
    return { ...NONE, kind: 'dry_run', ...tried, ...(replaced !== undefined && held(method, replaced.answer)) }
  }
  if (replaced !== undefined) return { ...NONE, kind: 'before', ...replaced, ...held(method, replaced.answer) }
  if (!takes(route.body, 'dry_run')) return NONE
  const tried = await said(send(method, path, { query, body: { ...(isRecord(body) ? body : {}), dry_run: true } }))
  return { ...NONE, kind: 'dry_run', ...tried }
}

/** What stands at the place that the act replaces or removes; undefined: nothing that could be read there. */
async function replacedBy(routes: readonly Route[], route: Route, { method, path, query, body }: Act, send: Send) {
  if (method === 'POST') return undefined
  const reader = routes.find((one) => one.method === 'GET' && one.path === route.path && one.base === undefined)
  if (reader === undefined) return undefined
  // A cache that the body names is the one whose settings are read.
  const given = Object.entries({ ...(isRecord(body) ? body : {}), ...query })
  const known = Object.fromEntries(
    given.filter((one): one is [string, string] => takes(reader.query, one[0]) && typeof one[1] === 'string'),
  )
  return said(send('GET', path, { query: known }))
}

/** A replacement must meet what was seen; a removal its version, where it has one. */
function held(method: string, answer: unknown): Pick<Preview, 'before' | 'version'> {
  const version = isRecord(answer) && typeof answer.version === 'number' ? answer.version : undefined
  if (version !== undefined) return { before: version, version }
  if (method === 'DELETE') return { before: null }
  // Beside the settings stands what has come of them.
  return { before: isRecord(answer) && 'settings' in answer ? answer.settings : answer }
}

const takes = (schema: z.ZodType | undefined, name: string): boolean =>
  schema instanceof z.ZodObject && name in schema.shape

async function said(asked: ReturnType<Send>): Promise<{ readonly status: number; readonly answer: unknown }> {
  const { status, text } = await asked
  try {
    return { status, answer: JSON.parse(text) }
  } catch {
    return { status, answer: null }
  }
}
