// The strategic cache: expensive results, kept as data. Responses are made from it.
import type { AnalyticsType, Answers } from '../queries/answers.ts'
import type { SearchQuestion } from '../queries/search.ts'
import type { Period } from '../queries/window.ts'
import { type Layer, type Question, question } from './layer.ts'

/** The keys, as `v1:org:data:123` or `v1:deal_stats:123:30`. */
export const asked = {
  organization: (id: number) => question('organization', ['org', 'data'], id, id),
  roles: (id: number) => question('roles', ['org', 'roles'], id, id),
  permissions: (userId: number, id: number) => question('permissions', ['user_perms'], id, userId, id),
  dashboard: (userId: number, id: number) => question('dashboard', ['dashboard'], id, userId, id),
  statistics: (id: number, days: Period) => question('deal_statistics', ['deal_stats'], id, id, days),
  analytics: (id: number | null, days: Period, type: AnalyticsType) =>
    question('analytics', ['deal_analytics'], id, id ?? 'all', days, type),
  performance: (id: number) => question('performance', ['performance'], id, id),
  overview: (id: number) => question('overview', ['overview'], id, id),
  search: (id: number, { text, stage, page }: SearchQuestion) =>
    question('search', ['search'], id, id, text, stage ?? '', page),
}

/** The same questions as `Answers`, answered from the cache if possible. */
export function createStrategicCache({ method }: Layer, answers: Answers) {
  const getDealAnalytics = method('analytics', asked.analytics, answers.analytics)
  return {
    getOrganizationData: method('organization', asked.organization, answers.organization),
    getOrganizationRoles: method('roles', asked.roles, answers.roles),
    getUserPermissions: method('permissions', asked.permissions, answers.permissions),
    getUserDashboard: method('dashboard', asked.dashboard, answers.dashboard),
    getDealStatistics: method('deal_statistics', asked.statistics, answers.statistics),
    getDealAnalytics,
    getPerformanceMetrics: method('performance', asked.performance, answers.performance),
    getOverview: method('overview', asked.overview, answers.overview),
    searchDeals: method('search', asked.search, answers.search),
    /** Recomputes the analytics of dashboards, so that users do not wait for them. */
    collectAnalytics: (id: number) => getDealAnalytics.renew(id, 30, 'overview'),
  }
}

export type StrategicCache = ReturnType<typeof createStrategicCache>

/** The response's own key for the same question: `v1:api_response:deal_stats:123:30`. */
export function asResponse(strategic: Question): Question {
  return { ...strategic, key: strategic.key.replace(/^v1:/, 'v1:api_response:') }
}
