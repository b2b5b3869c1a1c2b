// The loaders of both layers by key prefixes, so that callers with only a key (warming, an undo, an operator) can have
// it loaded.
import type { Cache, SourceLoad } from 'millpond'
import { ANALYTICS_TYPES, type AnalyticsType, type Answers } from '../queries/answers.ts'
import type { SearchQuestion } from '../queries/search.ts'
import { PERIODS, type Period } from '../queries/window.ts'
import { KINDS } from './kinds.ts'
import { groupTags, type Held, type Question } from './layer.ts'
import type { Bodies } from './responses.ts'
import { asked } from './strategic.ts'

/** The questions of the service, whatever answers them. */
type Doors<T> = {
  organization(id: number): Promise<T>
  roles(id: number): Promise<T>
  permissions(userId: number, id: number): Promise<T>
  dashboard(userId: number, id: number): Promise<T>
  statistics(id: number, days: Period): Promise<T>
  analytics(id: number | null, days: Period, type: AnalyticsType): Promise<T>
  performance(id: number): Promise<T>
  overview(id: number): Promise<T>
  search(id: number, search: SearchQuestion): Promise<T>
}

interface Call {
  readonly question: Question
  ask<T>(doors: Doors<T>): Promise<T>
}

const idOf = (text: string | undefined): number | undefined =>
  text !== undefined && /^[1-9]\d{0,9}$/.test(text) ? Number(text) : undefined

/** By the beginning of keys, after `v1:` or `v1:api_response:`; undefined for a key that is never requested. */
const FAMILIES: Readonly<Record<string, (parts: readonly string[]) => Call | undefined>> = {
  'org:data': ([id]) =>
    ofOne(idOf(id), (one) => ({ question: asked.organization(one), ask: (doors) => doors.organization(one) })),
  'org:roles': ([id]) => ofOne(idOf(id), (one) => ({ question: asked.roles(one), ask: (doors) => doors.roles(one) })),
  performance: ([id]) =>
    ofOne(idOf(id), (one) => ({ question: asked.performance(one), ask: (doors) => doors.performance(one) })),
  overview: ([id]) =>
    ofOne(idOf(id), (one) => ({ question: asked.overview(one), ask: (doors) => doors.overview(one) })),
  user_perms: ([user, id]) =>
    ofTwo(idOf(user), idOf(id), (a, b) => ({
      question: asked.permissions(a, b),
      ask: (doors) => doors.permissions(a, b),
    })),
  dashboard: ([user, id]) =>
    ofTwo(idOf(user), idOf(id), (a, b) => ({ question: asked.dashboard(a, b), ask: (doors) => doors.dashboard(a, b) })),
  deal_stats: ([id, days]) =>
    ofTwo(idOf(id), periodOf(days), (a, b) => ({
      question: asked.statistics(a, b),
      ask: (doors) => doors.statistics(a, b),
    })),
  deal_analytics: ([id, days, type]) =>
    ofTwo(
      periodOf(days),
      ANALYTICS_TYPES.find((one) => one === type),
      (period, kind) => {
        const organization = id === 'all' ? null : idOf(id)
        if (organization === undefined) return undefined
        return {
          question: asked.analytics(organization, period, kind),
          ask: (doors) => doors.analytics(organization, period, kind),
        }
      },
    ),
  // Only searches whose words appear literally in the key.
  search: ([id, text, stage, page]) =>
    ofTwo(idOf(id), idOf(page), (one, at) => {
      const search: SearchQuestion = {
        text: text ?? '',
        stage: stage === '' || stage === undefined ? null : stage,
        page: at,
      }
      return { question: asked.search(one, search), ask: (doors) => doors.search(one, search) }
    }),
}

const periodOf = (text: string | undefined): Period | undefined => PERIODS.find((period) => String(period) === text)

function ofOne<A>(a: A | undefined, call: (a: A) => Call | undefined): Call | undefined {
  return a === undefined ? undefined : call(a)
}

function ofTwo<A, B>(a: A | undefined, b: B | undefined, call: (a: A, b: B) => Call | undefined): Call | undefined {
  return a === undefined || b === undefined ? undefined : call(a, b)
}

export interface LoaderParts {
  readonly strategic: Cache
  readonly response: Cache
  readonly answers: Answers
  readonly bodies: Bodies
  readonly defaultTtlMs: number
  /** The cache chooses TTLs for data of kinds without their own. */
  readonly isChoosingTtl: boolean
}

/** Registered once, for as long as the caches are open. */
export function registerLoaders({
  strategic,
  response,
  answers,
  bodies,
  defaultTtlMs,
  isChoosingTtl,
}: LoaderParts): void {
  for (const [family, callOf] of Object.entries(FAMILIES)) {
    register(strategic, `v1:${family}:`, callOf, answers, isChoosingTtl ? undefined : defaultTtlMs)
    register(response, `v1:api_response:${family}:`, callOf, bodies, defaultTtlMs)
  }
}

function register(
  cache: Cache,
  prefix: string,
  callOf: (parts: readonly string[]) => Call | undefined,
  doors: Doors<Held>,
  defaultTtlMs: number | undefined,
): void {
  const load: SourceLoad = async (key, context) => {
    const call = callOf(String(key).slice(prefix.length).split(':'))
    // A parsed key must be rebuilt identically, or its answer would be stored under a name that is never requested.
    if (call === undefined || !String(key).endsWith(call.question.key.slice('v1:'.length))) return undefined
    const loaded = await call.ask(doors)
    context.addTags(...groupTags(call.question), ...Object.keys(loaded.versions))
    const ttlMs = KINDS[call.question.kind].ttlMs ?? defaultTtlMs
    if (ttlMs !== undefined) context.setTtl(ttlMs)
    return loaded
  }
  cache.source(prefix, load, { name: prefix.slice(0, -1) })
}
