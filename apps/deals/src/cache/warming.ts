// Warming: the answers of an organisation that its users open first, by priority, one at a time and with rests.
import type { Database } from '../db/database.ts'
import { PERIODS } from '../queries/window.ts'
import { KIND_NAMES, KINDS, type KindName } from './kinds.ts'
import type { Responses } from './responses.ts'
import type { StrategicCache } from './strategic.ts'

export interface Warmed {
  readonly organizations: number
  readonly warmed: number
  readonly failed: number
  readonly ms: number
}

export interface WarmOptions {
  /** Default: all. */
  readonly kinds?: readonly KindName[]
  /** `response` (the default) warms the strategic cache too, because responses are made from it. */
  readonly layer?: 'strategic' | 'response'
}

export interface Warming {
  warmOrganizationCache(id: number, options?: WarmOptions): Promise<Warmed>
  /** Every organisation, kind by kind in the order of priority. */
  warmAllOrganizations(options?: WarmOptions): Promise<Warmed>
  /** What is going on now, and what it has cost since the start. */
  progress(): Progress
  /** Stops what is running after the answer at hand. */
  stop(): void
}

export interface Progress {
  readonly isRunning: boolean
  /** Answers made since the start. */
  readonly warmed: number
  readonly queries: number
}

export interface WarmingParts {
  /** Counted apart. */
  readonly db: Database
  readonly strategic: StrategicCache
  readonly responses: Responses
}

type Task = () => Promise<unknown>

/** Warming may use this share of the time; requests get the rest. */
const SHARE = 0.5
const PRIORITIES = ['high', 'medium', 'low'] as const

export function createWarming({ db, strategic, responses }: WarmingParts): Warming {
  let isStopped = false
  let running = 0
  let total = 0

  const run = async (organizations: readonly number[], options: WarmOptions): Promise<Warmed> => {
    running++
    try {
      return await walk(organizations, options)
    } finally {
      running--
    }
  }
  const walk = async (organizations: readonly number[], { kinds = KIND_NAMES, layer = 'response' }: WarmOptions): Promise<Warmed> => {
    const from = performance.now()
    const doors = layer === 'response' ? responses : strategicDoors(strategic)
    let warmed = 0
    let failed = 0
    for (const kind of byPriority(kinds)) {
      for (const id of organizations) {
        for (const task of await tasksOf(db, doors, id, kind)) {
          if (isStopped) return { organizations: organizations.length, warmed, failed, ms: performance.now() - from }
          if (await rested(task)) {
            warmed++
            total++
          } else failed++
        }
      }
    }
    return { organizations: organizations.length, warmed, failed, ms: performance.now() - from }
  }

  return {
    warmOrganizationCache: (id, options = {}) => run([id], options),
    warmAllOrganizations: async (options = {}) => {
      const rows = await db.kysely.selectFrom('organizations').select('id').orderBy('id').execute()
      return run(
        rows.map((row) => row.id),
        options,
      )
    },
    progress: () => ({ isRunning: running > 0, warmed: total, queries: db.queries() }),
    stop: () => {
      isStopped = true
    },
  }
}

/** The same questions at either layer. */
type Doors = { readonly [K in keyof Responses]: (...asked: Parameters<Responses[K]>) => Promise<unknown> }

function strategicDoors(strategic: StrategicCache): Doors {
  return {
    organization: strategic.getOrganizationData,
    roles: strategic.getOrganizationRoles,
    permissions: strategic.getUserPermissions,
    dashboard: strategic.getUserDashboard,
    statistics: strategic.getDealStatistics,
    analytics: strategic.getDealAnalytics,
    performance: strategic.getPerformanceMetrics,
    overview: strategic.getOverview,
    search: strategic.searchDeals,
  }
}

async function tasksOf(db: Database, doors: Doors, id: number, kind: KindName): Promise<Task[]> {
  switch (kind) {
    case 'permissions':
      return (await members(db, id)).map((userId) => () => doors.permissions(userId, id))
    case 'dashboard':
      return (await members(db, id)).map((userId) => () => doors.dashboard(userId, id))
    case 'deal_statistics':
      return PERIODS.map((days) => () => doors.statistics(id, days))
    case 'analytics':
      return PERIODS.map((days) => () => doors.analytics(id, days, 'overview'))
    case 'search':
      return [() => doors.search(id, { text: '', stage: null, page: 1 })]
    case 'organization':
    case 'roles':
    case 'overview':
    case 'performance':
      return [() => doors[kind](id)]
  }
}

/** Runs a task, then rests in proportion. A failing task does not stop the others. */
async function rested(task: Task): Promise<boolean> {
  const from = performance.now()
  const isWarm = await task().then(
    () => true,
    () => false,
  )
  const restMs = ((performance.now() - from) * (1 - SHARE)) / SHARE
  await new Promise((resolve) => (restMs < 1 ? setImmediate(resolve) : setTimeout(resolve, restMs)))
  return isWarm
}

function byPriority(kinds: readonly KindName[]): KindName[] {
  return PRIORITIES.flatMap((priority) => kinds.filter((kind) => KINDS[kind].priority === priority))
}

async function members(db: Database, organizationId: number): Promise<number[]> {
  const rows = await db.kysely
    .selectFrom('memberships')
    .select('user_id')
    .where('organization_id', '=', organizationId)
    .orderBy('user_id')
    .execute()
  return rows.map((row) => row.user_id)
}
