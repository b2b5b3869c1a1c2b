// Validates a plan, and expands it into the things to warm, one after the other and as needed: a plan of ten million
// keys is never held as a list.
import {
  checkedElsewhere,
  checkOptions,
  duration,
  fn,
  oneOf,
  recordOf,
  required,
  type Shape,
  text,
  texts,
  whole,
} from '../core/checks.ts'
import { MillpondError, show } from '../core/errors.ts'
import { type JobWindow, jobWindows } from '../core/jobs.ts'
import { decodeKey, type Key } from '../core/key.ts'
import { DEFAULT_POLICY, keptOptions, LOAD_OPTIONS, type LoadOptions, resolvePolicy } from '../core/options.ts'
import { onceJudged } from '../core/strategies.ts'
import type {
  WarmApi,
  WarmCollection,
  Warmer,
  WarmHot,
  WarmKeys,
  WarmList,
  WarmModel,
  WarmPlan,
  WarmPlanOptions,
  WarmPriority,
  WarmRequest,
  WarmStore,
  WarmUrls,
  WarmValues,
  WarmViews,
} from '../core/warm.ts'
import { HotList } from './hot-list.ts'
import { urlFetcher } from './urls.ts'
import type { WarmedCache, Warmth } from './warmed-cache.ts'

type Items = AsyncIterable<WarmItem> | Iterable<WarmItem>
type Some<T> = AsyncIterable<T> | Iterable<T>

/** One thing to warm, or a warmer that lists them. */
export type WarmItem =
  /** `what`: its name in errors. */
  | { readonly do: 'load'; readonly what: unknown; readonly load: (isForced: boolean) => Promise<Warmth> }
  /** A warmer's time and failures count like a load's. */
  | { readonly do: 'ask'; readonly what: unknown; readonly ask: (signal: AbortSignal) => Promise<Items> }

export interface CheckedPlan {
  readonly name: string
  readonly priority: WarmPriority
  /** Of the plan itself. */
  readonly interval: WarmPlan['interval']
  readonly cron: string | undefined
  readonly timezone: string | undefined
  readonly windows: readonly JobWindow[] | undefined
  readonly kind: keyof typeof KINDS
  items(): Items
  /** The number, if the list that was read last tells. */
  total(): number | undefined
}

type FindWarmer = (kind: string, name: string) => Warmer | undefined

export const PRIORITIES = ['critical', 'high', 'medium', 'low'] as const satisfies readonly WarmPriority[]
const STORE: Shape<WarmStore> = {
  ttl: LOAD_OPTIONS.ttl,
  staleFor: LOAD_OPTIONS.staleFor,
  staleIfError: LOAD_OPTIONS.staleIfError,
  jitter: LOAD_OPTIONS.jitter,
  tags: LOAD_OPTIONS.tags,
  timeout: LOAD_OPTIONS.timeout,
}
const PLAN: Shape<WarmPlanOptions> = {
  name: text,
  priority: oneOf(...PRIORITIES),
  interval: duration,
  cron: text,
  timezone: text,
  windows: jobWindows,
}
const name = required(text)
const HOT = 500
const MOST_HOT = 100_000
/** Lists are validated when they are expanded: a function is called with each run. */
const KINDS: {
  readonly keys: Shape<WarmKeys>
  readonly values: Shape<WarmValues>
  readonly collection: Shape<WarmCollection>
  readonly model: Shape<WarmModel>
  readonly view: Shape<WarmViews>
  readonly api: Shape<WarmApi>
  readonly url: Shape<WarmUrls>
  readonly hot: Shape<WarmHot>
} = {
  keys: {
    ...PLAN,
    ...STORE,
    keys: required<WarmKeys['keys']>(checkedElsewhere),
    load: fn('a function that loads a key'),
  },
  values: { ...PLAN, ...STORE, values: required<WarmValues['values']>(checkedElsewhere) },
  collection: { ...PLAN, collection: name, ids: required<WarmCollection['ids']>(checkedElsewhere) },
  model: {
    ...PLAN,
    ...STORE,
    kind: required(oneOf('model')),
    model: name,
    filters: checkedElsewhere,
    include: (value) => value,
  },
  view: { ...PLAN, ...STORE, kind: required(oneOf('view')), views: required<WarmViews['views']>(checkedElsewhere) },
  api: { ...PLAN, ...STORE, kind: required(oneOf('api')), endpoints: required<WarmApi['endpoints']>(checkedElsewhere) },
  url: {
    ...PLAN,
    kind: required(oneOf('url')),
    urls: required<WarmUrls['urls']>(checkedElsewhere),
    base: text,
    allow: texts('a list of hosts'),
    headers: recordOf(text, 'headers by name'),
    timeout: duration,
  },
  hot: { ...PLAN, kind: required(oneOf('hot')), top: whole(1, MOST_HOT) },
}

/**
 * @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`, `TAG_INVALID`: any error in a plan is reported before
 * anything is warmed.
 */
export function checkPlan(plan: WarmPlan, cache: WarmedCache, find: FindWarmer): CheckedPlan {
  const kind = kindOf(plan)
  checkOptions<WarmPlanOptions>(plan, KINDS[kind], 'plan')
  const { name = nameOf(plan), priority = 'medium', interval, cron, timezone, windows } = plan
  const count: Count = { total: undefined }
  const items = itemsOf(plan, storeOf(plan), cache, find, count)
  return { name, priority, interval, cron, timezone, windows, kind, items, total: () => count.total }
}

function kindOf(plan: WarmPlan): keyof typeof KINDS {
  if (typeof plan !== 'object' || plan === null)
    throw wrong(plan, 'plan', 'is not a plan: give { keys, load }, { values }, or { kind }')
  if ('kind' in plan) {
    if (
      plan.kind === 'model' ||
      plan.kind === 'view' ||
      plan.kind === 'api' ||
      plan.kind === 'url' ||
      plan.kind === 'hot'
    )
      return plan.kind
    throw wrong(Reflect.get(plan, 'kind'), 'kind', "is not known: use 'model', 'view', 'api', 'url' or 'hot'")
  }
  if ('keys' in plan) return 'keys'
  if ('values' in plan) return 'values'
  if ('collection' in plan) return 'collection'
  throw wrong(plan, 'plan', 'names nothing to warm: give keys, values, a collection with ids, or a kind')
}

function nameOf(plan: WarmPlan): string {
  if ('collection' in plan) return `collection ${plan.collection}`
  if (!('kind' in plan)) return 'keys' in plan ? 'keys' : 'values'
  return plan.kind === 'model' ? `model ${plan.model}` : plan.kind
}

function storeOf(plan: WarmPlan): LoadOptions {
  const given: WarmStore = 'collection' in plan || 'urls' in plan || isHot(plan) ? {} : plan
  const store: LoadOptions = Object.fromEntries(
    Object.entries(given).filter(([name, value]) => name in STORE && value !== undefined),
  )
  const kept = keptOptions(store)
  // Whether the cache has a TTL and tags is asked with the first load.
  resolvePolicy(onceJudged(kept), DEFAULT_POLICY)
  return kept
}

function itemsOf(
  plan: WarmPlan,
  store: LoadOptions,
  cache: WarmedCache,
  find: FindWarmer,
  count: Count,
): CheckedPlan['items'] {
  if ('keys' in plan) {
    const { load } = plan
    const all = listed(plan.keys, 'keys', count)
    return () =>
      mapEach(all(), (key) => ({ do: 'load', what: key, load: (isForced) => cache.load(key, load, store, isForced) }))
  }
  if ('values' in plan) {
    const all = listed(plan.values, 'values', count)
    return () => stored(all(), store, cache)
  }
  if ('collection' in plan) {
    const load = cache.collection(plan.collection)
    const all = listed(plan.ids, 'ids', count)
    return () => mapEach(all(), (id) => ({ do: 'load', what: id, load: (isForced) => load(id, isForced) }))
  }
  if (plan.kind === 'url') {
    const fetchOne = urlFetcher(plan, cache.clock)
    if (Array.isArray(plan.urls)) for (const url of plan.urls) fetchOne.check(url)
    const all = listed(plan.urls, 'urls', count)
    return () => mapEach(all(), (url) => ({ do: 'load', what: url, load: () => fetchOne.load(url) }))
  }
  if (isHot(plan)) {
    const hot = new HotList(cache, plan.top ?? HOT)
    const all = listed(() => hot.list(), 'hot', count)
    return () => mapEach(all(), (key) => loadKnown(key, cache))
  }
  const asks = requestsOf(plan).map(({ request, name }) => askOf(request, name, store, cache, find))
  return () => asks
}

const isHot = (plan: WarmPlan): plan is WarmHot => 'kind' in plan && plan.kind === 'hot'

/** By the loader that is registered for the encoded key. */
export function loadKnown(encoded: string, cache: WarmedCache): WarmItem {
  const key = decodeKey(encoded)
  return { do: 'load', what: key, load: (isForced) => cache.load(key, undefined, {}, isForced) }
}

function requestsOf(
  plan: WarmModel | WarmViews | WarmApi,
): readonly { readonly request: WarmRequest; readonly name: string }[] {
  if (plan.kind === 'model') {
    const { kind, model, filters, include } = plan
    const request = {
      kind,
      model,
      ...(filters !== undefined && { filters }),
      ...(include !== undefined && { include }),
    }
    return [{ request, name: textOf(model, 'model') }]
  }
  if (plan.kind === 'view') {
    return [...listOf(plan.views, 'views')].map((view) => ({
      request: { kind: 'view', ...view },
      name: textOf(view?.view_name, 'view_name'),
    }))
  }
  return [...listOf(plan.endpoints, 'endpoints')].map((endpoint) => ({
    request: { kind: 'api', ...endpoint },
    name: textOf(endpoint?.data ?? endpoint?.endpoint, 'endpoint'),
  }))
}

/** An unregistered name is an error in the plan, and is found before the first load. */
function askOf(request: WarmRequest, name: string, store: LoadOptions, cache: WarmedCache, find: FindWarmer): WarmItem {
  const { kind } = request
  const warmer = find(kind, name)
  if (warmer === undefined)
    throw new MillpondError(
      'OPTION_INVALID',
      `warm: no warming is registered for the ${kind} ${show(name)}: cache.warming.register('${kind}', ${show(name)}, ...)`,
    )
  const ask = async (signal: AbortSignal): Promise<Items> => {
    const warmed = await warmer(request, { signal })
    return warmed === undefined || warmed === null
      ? []
      : stored(listOf(warmed, `what the ${kind} ${show(name)} warms`), store, cache)
  }
  return { do: 'ask', what: `${kind} ${name}`, ask }
}

function stored(
  values: Some<readonly [Key, unknown]> | Promise<Some<readonly [Key, unknown]>>,
  store: LoadOptions,
  cache: WarmedCache,
): Items {
  return mapEach(values, (pair) => {
    if (!Array.isArray(pair) || pair.length !== 2) throw wrong(pair, 'values', 'is not a pair of a key and its value')
    const [key, value] = pair
    return { do: 'load', what: key, load: () => cache.set(key, value, store).then(() => ({ value, isLoaded: true })) }
  })
}

async function* mapEach<A>(all: Some<A> | Promise<Some<A>>, each: (one: A) => WarmItem): AsyncIterable<WarmItem> {
  for await (const one of await all) yield each(one)
}

/** Validated now; a function is called when the plan runs. */
function listed<T>(given: WarmList<T>, name: string, count: Count): () => Some<T> | Promise<Some<T>> {
  if (typeof given !== 'function') {
    const list = listOf(given, name)
    return () => counted(list, count)
  }
  return async () => counted(listOf(await given(), `what ${name}() returned`), count)
}

interface Count {
  total: number | undefined
}

function counted<T>(list: Some<T>, count: Count): Some<T> {
  count.total = Array.isArray(list) ? list.length : list instanceof Set || list instanceof Map ? list.size : undefined
  return list
}

function listOf<I>(given: I, name: string): I {
  const isList =
    typeof given === 'object' && given !== null && (Symbol.iterator in given || Symbol.asyncIterator in given)
  if (!isList) throw wrong(given, name, 'is not a list or another iterable')
  return given
}

function textOf(given: unknown, name: string): string {
  if (typeof given === 'string' && given !== '') return given
  throw wrong(given, name, 'is not a name')
}

function wrong(given: unknown, name: string, why: string): MillpondError {
  return new MillpondError('OPTION_INVALID', `warm: ${name}: ${show(given)} ${why}`)
}
