// The questions of the service, each answered in one snapshot together with the versions of everything that it shows.
import type { Database } from '../db/database.ts'
import { isoDay } from '../db/days.ts'
import { type Reading, readAt, scope } from '../db/versions.ts'
import { dealTotals, payments, pipeline, sources, trend } from './deals.ts'
import { memberStatistics, organizationInfo, organizationRoles, readOrganization } from './organizations.ts'
import { performanceMetrics } from './performance.ts'
import { type SearchQuestion, searchDeals } from './search.ts'
import { topDeals } from './top-deals.ts'
import { openMilestones, recentActivity, userDashboard, userPermissions } from './users.ts'
import { type Period, windowOf } from './window.ts'

export const ANALYTICS_TYPES = ['overview', 'trends', 'sources', 'payments', 'pipeline'] as const
export type AnalyticsType = (typeof ANALYTICS_TYPES)[number]

/** Every question of the service. `today` is "now" for statistics. */
export function createAnswers(db: Database, today: number) {
  return {
    organization: (id: number) => readOrganization(db, id),
    roles: (id: number) => readAt(db, [scope.roles(id)], (tx) => organizationRoles(tx, id)),
    permissions: (userId: number, organizationId: number) =>
      readAt(db, [scope.user(userId), scope.roles(organizationId)], (tx) =>
        userPermissions(tx, userId, organizationId),
      ),
    dashboard: (userId: number, organizationId: number) =>
      readAt(
        db,
        [
          scope.user(userId),
          scope.owner(organizationId, userId),
          scope.members(organizationId),
          scope.roles(organizationId),
        ],
        (tx) => userDashboard(tx, userId, organizationId, today),
      ),
    statistics: (id: number, days: Period) => statistics(db, id, days, today),
    analytics: (id: number | null, days: Period, type: AnalyticsType) => analytics(db, id, days, type, today),
    performance: (id: number) =>
      readAt(db, [scope.deals(id), scope.activity(id), scope.members(id)], (tx) => performanceMetrics(tx, id, today)),
    search: (id: number, question: SearchQuestion) =>
      readAt(db, [scope.deals(id), scope.members(id)], (tx) => searchDeals(tx, id, question)),
    overview: (id: number) => overview(db, id, today),
  }
}

export type Answers = ReturnType<typeof createAnswers>

function statistics(db: Database, id: number, days: Period, today: number) {
  const window = windowOf(days, today)
  return readAt(db, [scope.deals(id), scope.members(id), scope.roles(id)], async (tx) => ({
    organization_id: id,
    days,
    from: isoDay(window.from),
    to: isoDay(window.to),
    users: await memberStatistics(tx, id, window.from),
    deals: await dealTotals(tx, id, window),
    deals_before: await dealTotals(tx, id, window.before),
    pipeline: await pipeline(tx, id),
    trend: await trend(tx, id, window),
    sources: await sources(tx, id, window),
    payments: await payments(tx, id, window),
  }))
}

function analytics(db: Database, id: number | null, days: Period, type: AnalyticsType, today: number) {
  const window = windowOf(days, today)
  const head = { organization_id: id, type, days, from: isoDay(window.from), to: isoDay(window.to) }
  return readAt(
    db,
    [id === null ? scope.allDeals() : scope.deals(id)],
    async (tx): Promise<Record<string, unknown>> => {
      if (type === 'trends') return { ...head, trend: await trend(tx, id, window) }
      if (type === 'sources')
        return { ...head, sources: await sources(tx, id, window), sources_before: await sources(tx, id, window.before) }
      if (type === 'payments')
        return {
          ...head,
          payments: await payments(tx, id, window),
          payments_before: await payments(tx, id, window.before),
        }
      if (type === 'pipeline') return { ...head, pipeline: await pipeline(tx, id) }
      return {
        ...head,
        totals: await dealTotals(tx, id, window),
        totals_before: await dealTotals(tx, id, window.before),
        all_time: await pipeline(tx, id),
        sources: await sources(tx, id, window),
        payments: await payments(tx, id, window),
      }
    },
  )
}

function overview(db: Database, id: number, today: number): Promise<Reading<Record<string, unknown>>> {
  const window = windowOf(30, today)
  const scopes = [scope.organization(id), scope.deals(id), scope.activity(id), scope.members(id), scope.roles(id)]
  return readAt(db, scopes, async (tx) => {
    const info = await organizationInfo(tx, id)
    return {
      organization: { id, name: info?.name ?? null, sector: info?.sector ?? null, location: info?.location ?? null },
      today: isoDay(today),
      users: await memberStatistics(tx, id, window.from),
      deals: await dealTotals(tx, id, window),
      deals_before: await dealTotals(tx, id, window.before),
      pipeline: await pipeline(tx, id),
      top_open_deals: await topDeals(tx, id),
      milestones: await openMilestones(tx, id, null, today),
      recent_activity: await recentActivity(tx, id, null),
      payments: await payments(tx, id, window),
    }
  })
}
