// What an application tells of itself: the names that people use (an organisation, a cache type, its critical paths),
// and what they stand for in its caches. Names are sent to the control plane, functions stay in the process.
import type { Cache, WarmPlan } from 'millpond'
import { type Check, fn, options, recordOf, required, type Shape, texts } from 'millpond/options'
import type { Answered } from './answers.ts'
import type { Asked } from './requests.ts'
import { namespacesOf, spaceOf } from './spaces.ts'
import type { UrlEntry } from './urls.ts'

/** What the names of a request resolve to: the ids of the named scopes, the cache type. */
export interface NamedAt {
  /** By the scope's name: `{ organization: '7' }`. */
  readonly scopes: Readonly<Record<string, string>>
  /** The name of the cache type; undefined: none was named. */
  readonly cacheType: string | undefined
}

/**
 * How to warm: a plan of `cache.warm` with the namespace to run it in (default: the cache's own), or a function that
 * does it itself. Figures that it resolves with (`{ warmed, fresh, failed }`, as in a report of `cache.warm`) are
 * reported; otherwise it counts as one load.
 */
export type NamedPlan =
  | { readonly namespace?: string; readonly plan: WarmPlan }
  | { readonly name: string; readonly run: (context: { readonly signal: AbortSignal }) => Promise<unknown> }

/** A named part of a cache: `strategic`, `permissions`. */
export interface CacheType {
  /** Its namespaces. Default: all namespaces of the cache. */
  readonly namespaces?: readonly string[] | undefined
  /** The tags of its entries. Absent: everything in its namespaces. */
  readonly tags?: ((at: NamedAt) => readonly string[]) | undefined
  /** How to warm it. */
  readonly plans?: ((at: NamedAt) => readonly NamedPlan[] | Promise<readonly NamedPlan[]>) | undefined
}

/** Owners of data: organisations, tenants, shops. */
export interface Scope {
  /** The id of a name or an id; undefined: there is none. */
  readonly find: (nameOrId: string) => string | undefined | Promise<string | undefined>
  /** The ids, the most important first: reports show the coverage of the first 200. Default: reports list none. */
  readonly list?: (() => readonly string[] | Promise<readonly string[]>) | undefined
  /** The tags of everything that belongs to it. */
  readonly tags: (id: string) => readonly string[]
  /** How to warm it; the cache type may narrow it. */
  readonly plans?: ((id: string, at: NamedAt) => readonly NamedPlan[] | Promise<readonly NamedPlan[]>) | undefined
}

/**
 * What an application registers. Models, views and endpoints are registered with the cache itself:
 * `cache.warming.register('view', 'dashboard', warmer)`.
 * @example attach(cache, { application: { scopes: { organization: { find: (id) => db.organization(id), tags: (id) =>
 * [`org:${id}`] } } } })
 */
export interface Application {
  /** By the names that people use. Default: none. */
  readonly cacheTypes?: Readonly<Record<string, CacheType>> | undefined
  /** By name: `organization`. Default: none. */
  readonly scopes?: Readonly<Record<string, Scope>> | undefined
  /** The entries that answer a URL, for `millpond explain URL`. Those of an HTTP cache are found without it. */
  readonly urls?: ((url: URL) => readonly UrlEntry[] | Promise<readonly UrlEntry[]>) | undefined
  /** What must not be cold: warmed by `millpond warm --critical`, and measured by `millpond test`. */
  readonly criticalPaths?: (() => readonly NamedPlan[] | Promise<readonly NamedPlan[]>) | undefined
}

const CACHE_TYPE: Shape<CacheType> = {
  namespaces: texts('a list of namespaces'),
  tags: fn('a function that returns tags'),
  plans: fn('a function that returns plans'),
}
const SCOPE: Shape<Scope> = {
  find: required(fn('a function from a name to an id')),
  list: fn('a function that returns ids'),
  tags: required(fn('a function from an id to tags')),
  plans: fn('a function that returns plans'),
}

/** The validation of what an application registers. */
export const application: Check<Application> = options<Application>({
  cacheTypes: recordOf(options(CACHE_TYPE), 'an object from names to cache types'),
  scopes: recordOf(options(SCOPE), 'an object from names to scopes'),
  urls: fn('a function from a URL to entries'),
  criticalPaths: fn('a function that returns plans'),
})

const own = <T>(record: Readonly<Record<string, T>> | undefined, name: string): T | undefined =>
  record !== undefined && Object.hasOwn(record, name) ? record[name] : undefined

export function described(
  cache: Cache,
  { cacheTypes = {}, scopes = {}, criticalPaths }: Application,
): Answered['application'] {
  const warmers = namespacesOf(cache).flatMap((name) => spaceOf(cache, name).warming.registered)
  const of = (kind: string): string[] => [
    ...new Set(warmers.filter((one) => one.kind === kind).map(({ name }) => name)),
  ]
  return {
    cache_types: Object.keys(cacheTypes),
    scopes: Object.keys(scopes),
    models: of('model'),
    views: of('view'),
    endpoints: of('api'),
    has_critical_paths: criticalPaths !== undefined,
  }
}

/** @throws Error for a scope that is not registered, or a name that does not resolve */
export async function resolved(
  application: Application,
  { scopes, cache_type: cacheType }: Asked<'target'>,
): Promise<NamedAt> {
  const ids: Record<string, string> = {}
  for (const [name, value] of Object.entries(scopes)) {
    const scope = own(application.scopes, name)
    if (scope === undefined) throw new Error(`no ${name} is registered`)
    const id = await scope.find(value)
    if (id === undefined) throw new Error(`there is no ${name} ${JSON.stringify(value)}`)
    ids[name] = id
  }
  if (cacheType !== undefined && own(application.cacheTypes, cacheType) === undefined)
    throw new Error(
      `there is no cache type ${JSON.stringify(cacheType)}: there ${listed(Object.keys(application.cacheTypes ?? {}))}`,
    )
  return { scopes: ids, cacheType }
}

const listed = (names: readonly string[]): string => (names.length === 0 ? 'is none' : `are ${names.join(', ')}`)

/** What an invalidation of these names covers. */
export async function target(application: Application, asked: Asked<'target'>): Promise<Answered['target']> {
  const at = await resolved(application, asked)
  const type = at.cacheType === undefined ? undefined : own(application.cacheTypes, at.cacheType)
  const namespaces = type?.namespaces === undefined ? {} : { namespaces: [...type.namespaces] }
  // A cache type with its own tags narrows them to the scope itself.
  if (type?.tags !== undefined) return { ...namespaces, scopes: at.scopes, tags: [...type.tags(at)] }
  const tags = Object.entries(at.scopes).flatMap(([name, id]) => own(application.scopes, name)?.tags(id) ?? [])
  return { ...namespaces, scopes: at.scopes, tags: Object.keys(at.scopes).length > 0 ? [...tags] : null }
}

/** @throws Error for a name that is not registered */
export async function plansOf(
  cache: Cache,
  application: Application,
  asked: Asked<'warm_named'>,
): Promise<readonly NamedPlan[]> {
  const { kind, name = '' } = asked
  if (kind === 'critical') {
    if (application.criticalPaths === undefined) throw new Error('no critical path is registered')
    return application.criticalPaths()
  }
  if (kind === 'model' || kind === 'view' || kind === 'api') return byWarmer(cache, kind, name)
  const at = await resolved(application, asked)
  const type = at.cacheType === undefined ? undefined : own(application.cacheTypes, at.cacheType)
  const scoped: NamedPlan[] = []
  for (const [scope, id] of Object.entries(at.scopes))
    scoped.push(...((await own(application.scopes, scope)?.plans?.(id, at)) ?? []))
  const plans = scoped.length > 0 ? scoped : await type?.plans?.(at)
  if (plans === undefined || plans.length === 0)
    throw new Error(`no warming is registered for ${JSON.stringify(asked.cache_type ?? asked.scopes)}`)
  return plans
}

/** In every namespace that knows the name. */
function byWarmer(cache: Cache, kind: 'model' | 'view' | 'api', name: string): readonly NamedPlan[] {
  const known = namespacesOf(cache).filter((namespace) =>
    spaceOf(cache, namespace).warming.registered.some((one) => one.kind === kind && one.name === name),
  )
  if (known.length === 0) throw new Error(`no warming is registered for the ${kind} ${JSON.stringify(name)}`)
  const plan: WarmPlan =
    kind === 'model'
      ? { kind, model: name }
      : kind === 'view'
        ? { kind, views: [{ view_name: name }] }
        : { kind, endpoints: [{ endpoint: name }] }
  return known.map((namespace) => ({ namespace, plan: { ...plan, name: `${kind} ${name}` } }))
}
