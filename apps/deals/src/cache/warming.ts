// Warming: plans of the answers that an organisation's users open first, by priority, through the loaders registered
// for their keys.
import type { Cache, CacheEvents, WarmPlan, WarmReport } from 'millpond'
import type { Database } from '../db/database.ts'
import { ANALYTICS_TYPES } from '../queries/answers.ts'
import { PERIODS } from '../queries/window.ts'
import { KIND_NAMES, KINDS, type KindName } from './kinds.ts'
import type { Question } from './layer.ts'
import { asked, asResponse } from './strategic.ts'

export interface Warmed {
  readonly organizations: number
  readonly warmed: number
  /** Already fresh. */
  readonly fresh: number
  readonly failed: number
  readonly ms: number
}

export interface WarmOptions {
  /** Default: all. */
  readonly kinds?: readonly KindName[]
  /** `response` (the default) also warms the strategic cache, because responses are made from it. */
  readonly layer?: 'strategic' | 'response'
  readonly signal?: AbortSignal
}

export interface Warming {
  warmOrganizationCache(id: number, options?: WarmOptions): Promise<Warmed>
  /** Every organisation, kind by kind in the order of priority. */
  warmAllOrganizations(options?: WarmOptions): Promise<Warmed>
  /** Those with the most activity, the busiest first. */
  warmBusiestOrganizations(limit: number, options?: WarmOptions): Promise<Warmed>
  /** What most visits begin with. Dashboards and profiles are reloaded, so that none expires before the next run. */
  warmCriticalPaths(organizations: readonly number[], signal: AbortSignal): Promise<Warmed>
  /** The present activity, and its cost since the start. */
  progress(): Progress
}

export interface PlanProgress {
  readonly plan: string
  readonly layer: string
  readonly done: number
  readonly total: number | null
  readonly failed: number
}

export interface Progress {
  readonly isRunning: boolean
  readonly plans: readonly PlanProgress[]
  /** Answers made since the start, including those of running plans. */
  readonly warmed: number
  readonly failed: number
  readonly queries: number
}

export interface WarmingParts {
  /** Counted separately. */
  readonly db: Database
  /** Undefined if the cache is off: then nothing is warmed. */
  readonly cache: Cache | undefined
}

/** Warming may use this share of the time; requests get the rest. */
const SHARE = 0.5
const NOTHING: Warmed = { organizations: 0, warmed: 0, fresh: 0, failed: 0, ms: 0 }
/** Dashboard statistics, user profiles, recent activity, common endpoints. */
const CRITICAL: readonly KindName[] = ['organization', 'roles', 'deal_statistics']
const CRITICAL_ANEW: readonly KindName[] = ['permissions', 'dashboard', 'overview']

export function createWarming({ db, cache }: WarmingParts): Warming {
  const running = new Map<string, CacheEvents['warm']>()
  let total = 0
  let failed = 0
  cache?.on('warm', (event) => {
    const id = `${event.namespace} ${event.plan}`
    if (event.state === 'ended') {
      running.delete(id)
      total += event.warmed
      failed += event.failed
    } else running.set(id, event)
  })

  const run = async (
    organizations: readonly number[],
    { kinds = KIND_NAMES, layer = 'response', signal }: WarmOptions,
    force = false,
  ): Promise<Warmed> => {
    if (cache === undefined) return NOTHING
    const plans = kinds.map((kind) => planOf(db, kind, organizations, layer))
    const report = await cache
      .namespace(layer)
      .warm(plans, { concurrency: 1, share: SHARE, force, ...(signal !== undefined && { signal }) })
    return warmedOf(organizations.length, report)
  }
  const all = async (): Promise<number[]> => {
    const rows = await db.kysely.selectFrom('organizations').select('id').orderBy('id').execute()
    return rows.map((row) => row.id)
  }
  return {
    warmOrganizationCache: (id, options = {}) => run([id], options),
    warmAllOrganizations: async (options = {}) => run(await all(), options),
    warmBusiestOrganizations: async (limit, options = {}) => run(await busiest(db, limit), options),
    warmCriticalPaths: async (organizations, signal) => {
      const held = await run(organizations, { kinds: CRITICAL, signal })
      const anew = await run(organizations, { kinds: CRITICAL_ANEW, signal }, true)
      return {
        organizations: organizations.length,
        warmed: held.warmed + anew.warmed,
        fresh: held.fresh,
        failed: held.failed + anew.failed,
        ms: held.ms + anew.ms,
      }
    },
    progress: () => {
      const under = [...running.values()]
      return {
        isRunning: under.length > 0,
        plans: under.map(progressOf),
        warmed: under.reduce((sum, event) => sum + event.warmed, total),
        failed: under.reduce((sum, event) => sum + event.failed, failed),
        queries: db.queries(),
      }
    },
  }
}

function progressOf({ plan, namespace, warmed, fresh, empty, failed, total }: CacheEvents['warm']): PlanProgress {
  return { plan, layer: namespace, done: warmed + fresh + empty, total: total ?? null, failed }
}

function warmedOf(organizations: number, { warmed, fresh, empty, failed, ms }: WarmReport): Warmed {
  return { organizations, warmed: warmed + empty, fresh, failed, ms }
}

function planOf(
  db: Database,
  kind: KindName,
  organizations: readonly number[],
  layer: 'strategic' | 'response',
): WarmPlan {
  return {
    name: kind,
    priority: KINDS[kind].priority,
    keys: async () => {
      const questions = await questionsOf(db, kind, organizations)
      return questions.map((question) => (layer === 'response' ? asResponse(question).key : question.key))
    },
  }
}

async function questionsOf(
  db: Database,
  kind: KindName,
  organizations: readonly number[],
): Promise<readonly Question[]> {
  switch (kind) {
    case 'permissions':
    case 'dashboard': {
      const members = await activeMembers(db, organizations)
      return members.map(({ user_id: user, organization_id: id }) => asked[kind](user, id))
    }
    case 'deal_statistics':
      return organizations.flatMap((id) => PERIODS.map((days) => asked.statistics(id, days)))
    case 'analytics':
      return organizations.flatMap((id) =>
        ANALYTICS_TYPES.flatMap((type) => PERIODS.map((days) => asked.analytics(id, days, type))),
      )
    case 'search':
      return organizations.map((id) => asked.search(id, { text: '', stage: null, page: 1 }))
    case 'organization':
    case 'roles':
    case 'overview':
    case 'performance':
      return organizations.map((id) => asked[kind](id))
  }
}

/** Inactive users do not sign in. In the order of the organisations. */
async function activeMembers(db: Database, organizations: readonly number[]) {
  const members = []
  for (const id of organizations)
    members.push(
      ...(await db.kysely
        .selectFrom('memberships')
        .innerJoin('users', 'users.id', 'memberships.user_id')
        .select(['memberships.user_id', 'memberships.organization_id'])
        .where('memberships.organization_id', '=', id)
        .where('users.is_active', '=', 1)
        .orderBy('memberships.user_id')
        .execute()),
    )
  return members
}

/** By the activities of their deals. */
export async function busiest(db: Database, limit: number): Promise<number[]> {
  const rows = await db.kysely
    .selectFrom('organizations')
    .leftJoin('deals', 'deals.organization_id', 'organizations.id')
    .leftJoin('activities', 'activities.deal_id', 'deals.id')
    .groupBy('organizations.id')
    .select((eb) => ['organizations.id', eb.fn.count<number>('activities.id').as('activities')])
    .orderBy('activities', 'desc')
    .orderBy('organizations.id')
    .limit(limit)
    .execute()
  return rows.map((row) => row.id)
}
