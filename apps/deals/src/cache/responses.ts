// The response cache: finished bodies with their validators, over the strategic cache.
import { createHash } from 'node:crypto'
import type { Reading, Versions } from '../db/versions.ts'
import type { AnalyticsType } from '../queries/answers.ts'
import type { SearchQuestion } from '../queries/search.ts'
import type { Period } from '../queries/window.ts'
import type { KindName } from './kinds.ts'
import { type Fetched, groupTags, type Held, type Layer, type Outcome, type Question } from './layer.ts'
import { asked, asResponse, type StrategicCache } from './strategic.ts'

/** A body ready to be sent. */
export interface Body {
  /** Null: not found. */
  readonly text: string | null
  readonly etag: string
  /** Epoch milliseconds. */
  readonly changedAt: number
  readonly storedAt: number
}

export interface Response {
  readonly kind: KindName
  /** In addition to the versions of its body. */
  readonly tags: readonly string[]
  readonly body: Body
  readonly ttlMs: number
  readonly outcome: Outcome
  /** The source in the layer below, if it was read. */
  readonly below: Outcome | undefined
}

interface Made {
  readonly body: Body & Held
  readonly below: Outcome
}

/** Bodies as they are made, without a cache of their own. */
function createMakers(strategic: StrategicCache) {
  const make = async <T>(read: Promise<Fetched<Reading<T>>>, shape: (data: T) => object | null): Promise<Made> => {
    const { value, outcome } = await read
    return { body: makeBody(value, shape), below: outcome }
  }
  const asItIs = <T extends object | null>(data: T) => data
  return {
    organization: (id: number) => make(strategic.getOrganizationData(id), asItIs),
    roles: (id: number) => make(strategic.getOrganizationRoles(id), (roles) => ({ organization_id: id, roles })),
    permissions: (userId: number, id: number) => make(strategic.getUserPermissions(userId, id), asItIs),
    dashboard: (userId: number, id: number) => make(strategic.getUserDashboard(userId, id), asItIs),
    statistics: (id: number, days: Period) => make(strategic.getDealStatistics(id, days), asItIs),
    analytics: (id: number | null, days: Period, type: AnalyticsType) =>
      make(strategic.getDealAnalytics(id, days, type), asItIs),
    performance: (id: number) =>
      make(strategic.getPerformanceMetrics(id), (data) => ({ organization_id: id, ...data })),
    overview: (id: number) => make(strategic.getOverview(id), asItIs),
    search: (id: number, search: SearchQuestion) => make(strategic.searchDeals(id, search), asItIs),
  }
}

/** Only bodies: for registered loaders. */
export function createBodies(strategic: StrategicCache) {
  const make = createMakers(strategic)
  return {
    organization: async (id: number) => (await make.organization(id)).body,
    roles: async (id: number) => (await make.roles(id)).body,
    permissions: async (userId: number, id: number) => (await make.permissions(userId, id)).body,
    dashboard: async (userId: number, id: number) => (await make.dashboard(userId, id)).body,
    statistics: async (id: number, days: Period) => (await make.statistics(id, days)).body,
    analytics: async (id: number | null, days: Period, type: AnalyticsType) =>
      (await make.analytics(id, days, type)).body,
    performance: async (id: number) => (await make.performance(id)).body,
    overview: async (id: number) => (await make.overview(id)).body,
    search: async (id: number, search: SearchQuestion) => (await make.search(id, search)).body,
  }
}

export type Bodies = ReturnType<typeof createBodies>

export function createResponses({ method }: Layer, strategic: StrategicCache) {
  const make = createMakers(strategic)
  /** The source in the layer below, for bodies that were just made. */
  const belows = new WeakMap<Body, Outcome>()
  const respond = <A extends readonly unknown[]>(
    kind: KindName,
    ask: (...args: A) => Question,
    made: (...args: A) => Promise<Made>,
  ) => {
    const load = async (...args: A): Promise<Body & Held> => {
      const { body, below } = await made(...args)
      belows.set(body, below)
      return body
    }
    const get = method<A, Body>(kind, (...args) => asResponse(ask(...args)), load)
    return async (...args: A): Promise<Response> => {
      const { value, outcome, ttlMs } = await get(...args)
      const below = outcome.result === 'hit' ? undefined : belows.get(value)
      return { kind, tags: groupTags(ask(...args)), body: value, ttlMs, outcome, below }
    }
  }
  return {
    organization: respond('organization', asked.organization, make.organization),
    roles: respond('roles', asked.roles, make.roles),
    permissions: respond('permissions', asked.permissions, make.permissions),
    dashboard: respond('dashboard', asked.dashboard, make.dashboard),
    statistics: respond('deal_statistics', asked.statistics, make.statistics),
    analytics: respond('analytics', asked.analytics, make.analytics),
    performance: respond('performance', asked.performance, make.performance),
    overview: respond('overview', asked.overview, make.overview),
    search: respond('search', asked.search, make.search),
  }
}

export type Responses = ReturnType<typeof createResponses>

/** Including the versions, which become its tags. They are in the text, and need not be stored separately. */
function makeBody<T>({ data, versions, changedAt }: Reading<T>, shape: (data: T) => object | null): Body & Held {
  const shaped = shape(data)
  const text = shaped === null ? null : JSON.stringify({ ...shaped, version: versions })
  const etag = `"${createHash('sha256')
    .update(text ?? '')
    .digest('base64url')
    .slice(0, 22)}"`
  return { text, etag, versions, changedAt, storedAt: Date.now() }
}

const VERSION = '"version":'

/** The versions that a text shows, as its last member. */
export function versionsIn(text: string): Versions {
  return JSON.parse(text.slice(text.lastIndexOf(VERSION) + VERSION.length, -1))
}
