// The response cache: finished bodies with their validators, over the strategic cache.
import { createHash } from 'node:crypto'
import type { Reading, Versions } from '../db/versions.ts'
import type { AnalyticsType } from '../queries/answers.ts'
import type { SearchQuestion } from '../queries/search.ts'
import type { Period } from '../queries/window.ts'
import type { KindName } from './kinds.ts'
import { type Fetched, groupTags, type Held, type Layer, type Outcome, type Question } from './layer.ts'
import { asked, asResponse, type StrategicCache } from './strategic.ts'

/** A body that is ready to be sent. */
export interface Body {
  /** Null: there is no such thing. */
  readonly text: string | null
  readonly etag: string
  /** Epoch milliseconds. */
  readonly changedAt: number
  readonly storedAt: number
}

export interface Response {
  readonly kind: KindName
  /** Beside the versions of its body. */
  readonly tags: readonly string[]
  readonly body: Body
  readonly ttlMs: number
  readonly outcome: Outcome
  /** What the layer below said, where it was asked. */
  readonly below: Outcome | undefined
}

export function createResponses(layer: Layer, strategic: StrategicCache) {
  const respond = async <T>(
    question: Question,
    read: () => Promise<Fetched<Reading<T>>>,
    shape: (data: T) => object | null,
  ): Promise<Response> => {
    let below: Outcome | undefined
    const { value, outcome, ttlMs } = await layer.fetch<Body>(asResponse(question), async () => {
      const fetched = await read()
      below = fetched.outcome
      return makeBody(fetched.value, shape)
    })
    return { kind: question.kind, tags: groupTags(question), body: value, ttlMs, outcome, below }
  }
  const asItIs = <T extends object | null>(data: T) => data
  return {
    organization: (id: number) => respond(asked.organization(id), () => strategic.getOrganizationData(id), asItIs),
    roles: (id: number) =>
      respond(
        asked.roles(id),
        () => strategic.getOrganizationRoles(id),
        (roles) => ({ organization_id: id, roles }),
      ),
    permissions: (userId: number, id: number) =>
      respond(asked.permissions(userId, id), () => strategic.getUserPermissions(userId, id), asItIs),
    dashboard: (userId: number, id: number) => respond(asked.dashboard(userId, id), () => strategic.getUserDashboard(userId, id), asItIs),
    statistics: (id: number, days: Period) => respond(asked.statistics(id, days), () => strategic.getDealStatistics(id, days), asItIs),
    analytics: (id: number | null, days: Period, type: AnalyticsType) =>
      respond(asked.analytics(id, days, type), () => strategic.getDealAnalytics(id, days, type), asItIs),
    performance: (id: number) =>
      respond(
        asked.performance(id),
        () => strategic.getPerformanceMetrics(id),
        (data) => ({ organization_id: id, ...data }),
      ),
    overview: (id: number) => respond(asked.overview(id), () => strategic.getOverview(id), asItIs),
    search: (id: number, search: SearchQuestion) => respond(asked.search(id, search), () => strategic.searchDeals(id, search), asItIs),
  }
}

export type Responses = ReturnType<typeof createResponses>

/** With the versions, which become its tags. They stand in the text, and need not be kept beside it. */
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
