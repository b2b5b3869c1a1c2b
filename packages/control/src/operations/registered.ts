// An application's registered names, as operations use them: which cache and process knows a name, what it resolves to,
// and warming by it.

import { z } from 'zod'
import { mayTouch, type Principal } from '../access/roles.ts'
import type { Answered, Registered } from '../agent/answers.ts'
import type { Asked } from '../agent/requests.ts'
import type { Caller } from '../audit/audit.ts'
import type { Control } from '../control.ts'
import { cachesFor } from '../fleet/reach.ts'
import { Problem } from '../http/problem.ts'
import type { EndState, OperationView, Step } from './operations.ts'

/** The length of one request to a node; in between, the operation reports progress and can be cancelled. */
const SLICE_MS = 1000
const RESOLVE_MS = 5000
const ORGANIZATION = 'organization'

/** A cache, and the first process that has registered anything for it. */
export interface Holder {
  readonly cache: string
  readonly node: string
  readonly registered: Registered
}

export async function holders(
  control: Control,
  principal: Principal,
  asked: string | undefined,
): Promise<readonly Holder[]> {
  const names = asked === undefined && control.fleet.names.length === 0 ? [] : cachesFor(control, principal, asked)
  const found = await Promise.all(
    names.map(async (cache): Promise<readonly Holder[]> => {
      const replies = await control.fleet.ask(cache, 'application', null)
      const first = replies.find(({ body }) => body !== undefined && hasAnything(body))
      return first?.body === undefined ? [] : [{ cache, node: first.id, registered: first.body }]
    }),
  )
  return found.flat()
}

const hasAnything = ({ cache_types, scopes, models, views, endpoints, has_critical_paths }: Registered): boolean =>
  has_critical_paths || [cache_types, scopes, models, views, endpoints].some((names) => names.length > 0)

/** Names as people enter them. */
export interface Named {
  readonly organization?: string | undefined
  readonly cache_type?: string | undefined
}

export interface Target {
  readonly namespaces?: readonly string[]
  readonly tags: readonly string[] | null
  readonly id: string | undefined
}

const scopesOf = ({ organization }: Named): Record<string, string> =>
  organization === undefined ? {} : { [ORGANIZATION]: organization }
/** `all` is not a type of its own, except for warming. */
const typeOf = ({ cache_type }: Named) => (cache_type === undefined || cache_type === 'all' ? {} : { cache_type })

/** The caches that know the names, each with what they resolve to there. @throws Problem 422 if none does */
export async function targets(
  control: Control,
  principal: Principal,
  cache: string | undefined,
  named: Named,
): Promise<ReadonlyMap<string, Target>> {
  const all = await holders(control, principal, cache)
  if (all.length === 0) throw nothingRegistered()
  const errors: string[] = []
  const found = new Map<string, Target>()
  for (const holder of all) {
    const asked = { scopes: scopesOf(named), ...typeOf(named) }
    const [reply] = await control.fleet.ask(holder.cache, 'target', asked, {
      to: [holder.node],
      deadlineMs: RESOLVE_MS,
    })
    if (reply?.body === undefined) errors.push(reply?.error ?? `${holder.node} does not answer`)
    else {
      const { namespaces, tags, scopes } = reply.body
      found.set(holder.cache, { tags, id: scopes[ORGANIZATION], ...(namespaces !== undefined && { namespaces }) })
    }
  }
  if (found.size === 0) throw new Problem(422, 'unknown_name', [...new Set(errors)].join('; '))
  return found
}

const nothingRegistered = (): Problem =>
  new Problem(
    422,
    'nothing_registered',
    'no application has registered its organisations, cache types, views or endpoints: use attach(cache, { application }) or cache.warming.register',
  )

/** The body of `warming/warm_registered/`. */
export const registeredDocument = z.strictObject({
  cache_name: z.string().max(128).optional().describe('optional if only one cache knows the names'),
  model: z.string().min(1).max(200).optional(),
  view: z.string().min(1).max(200).optional(),
  api: z.string().min(1).max(200).optional(),
  critical: z.literal(true).optional().describe('the critical paths'),
  organization: z.string().min(1).max(200).optional(),
  cache_type: z.string().min(1).max(128).optional(),
  concurrency: z.number().int().min(1).max(64).default(4),
  rate_per_second: z.number().positive().max(100_000).optional(),
  force: z.boolean().default(false).describe('also reload entries that are fresh'),
  reason: z.string().max(1000).optional(),
})
export type RegisteredDocument = z.output<typeof registeredDocument>

/** @throws Problem 422 for a name that is not registered; 403 for a principal that is limited to a part of the cache */
export async function runRegistered(
  control: Control,
  principal: Principal,
  caller: Caller,
  document: RegisteredDocument,
  began: (id: string) => void = () => undefined,
): Promise<OperationView> {
  const wanted = wantedOf(document)
  const { cache, node } = await holderOf(control, principal, document)
  if (!mayTouch(principal, cache))
    throw new Problem(
      403,
      'forbidden',
      `${principal.name} is limited to a part of ${cache}: what an application has registered may warm all of it`,
    )
  const { reason, ...request } = document
  const asked: Omit<Asked<'warm_named'>, 'wait_ms'> = {
    ...wanted,
    scopes: scopesOf(document),
    ...(document.cache_type !== undefined && { cache_type: document.cache_type }),
    concurrency: document.concurrency,
    ...(document.rate_per_second !== undefined && { per_second: document.rate_per_second }),
    ...(document.force && { force: true }),
  }
  // An unknown name is refused before an operation is recorded.
  const first = await askWarming(control, cache, node, { ...asked, wait_ms: 0 })
  return control.operations.run({ kind: 'warm', prefix: 'op', caches: [cache], request, reason }, caller, (step) => {
    began(step.id)
    return work(control, cache, node, asked, first, step)
  })
}

function wantedOf({ model, view, api, critical, organization, cache_type }: RegisteredDocument) {
  const given = [model, view, api, critical, organization ?? cache_type].filter((one) => one !== undefined)
  if (given.length !== 1)
    throw new Problem(
      422,
      'invalid',
      'name one of model, view, api, critical, or an organisation or cache type (these two may go together)',
    )
  if (critical === true) return { kind: 'critical' as const }
  if (model !== undefined) return { kind: 'model' as const, name: model }
  if (view !== undefined) return { kind: 'view' as const, name: view }
  if (api !== undefined) return { kind: 'api' as const, name: api }
  return { kind: 'named' as const }
}

/** The one cache that knows the names. */
async function holderOf(control: Control, principal: Principal, document: RegisteredDocument): Promise<Holder> {
  const all = await holders(control, principal, document.cache_name)
  if (all.length === 0) throw nothingRegistered()
  const knows = ({
    registered: { models, views, endpoints, cache_types, scopes, has_critical_paths },
  }: Holder): boolean =>
    (document.model === undefined || models.includes(document.model)) &&
    (document.view === undefined || views.includes(document.view)) &&
    (document.api === undefined || endpoints.includes(document.api)) &&
    (document.critical === undefined || has_critical_paths) &&
    (document.organization === undefined || scopes.includes(ORGANIZATION)) &&
    (document.cache_type === undefined || cache_types.includes(document.cache_type))
  const [one, ...more] = all.filter(knows)
  if (one === undefined) {
    const names = all.flatMap(({ registered: { models, views, endpoints, cache_types } }) => [
      ...models,
      ...views,
      ...endpoints,
      ...cache_types,
    ])
    throw new Problem(
      422,
      'unknown_name',
      `that is not registered: there ${names.length === 0 ? 'is none' : `are ${[...new Set(names)].join(', ')}`}`,
    )
  }
  if (more.length > 0)
    throw new Problem(
      422,
      'cache_name_missing',
      `several caches have that: set cache_name to one of ${[one, ...more].map(({ cache }) => cache).join(', ')}`,
    )
  return one
}

async function askWarming(
  control: Control,
  cache: string,
  node: string,
  asked: Asked<'warm_named'>,
): Promise<Answered['warm_named']> {
  const [reply] = await control.fleet.ask(cache, 'warm_named', asked, { to: [node], deadlineMs: SLICE_MS + RESOLVE_MS })
  if (reply?.body !== undefined) return reply.body
  const why = reply?.error ?? reply?.status ?? 'unknown'
  throw new Problem(
    reply?.status === 'failed' ? 422 : 502,
    reply?.status === 'failed' ? 'unknown_name' : 'node_failed',
    why,
  )
}

async function work(
  control: Control,
  cache: string,
  node: string,
  asked: Omit<Asked<'warm_named'>, 'wait_ms'>,
  first: Answered['warm_named'],
  step: Step,
): Promise<{ state: EndState; result: unknown }> {
  let so_far = first
  let isCancelled = false
  while (!so_far.is_done) {
    isCancelled ||= await step.isCancelled()
    so_far = await askWarming(control, cache, node, {
      ...asked,
      run: first.run,
      wait_ms: SLICE_MS,
      ...(isCancelled && { cancel: true }),
    })
    await step.progress(resultOf(so_far))
  }
  return { state: isCancelled ? 'cancelled' : so_far.failed > 0 ? 'partial' : 'completed', result: resultOf(so_far) }
}

/** The same form as warming by keys, with plans in the place of keys. */
const resultOf = ({ plans, plans_done, loaded, fresh, empty, failed, errors, paths }: Answered['warm_named']) => ({
  keys: plans,
  done: plans_done,
  loaded,
  fresh,
  empty,
  failed,
  without_source: 0,
  errors,
  paths,
})
