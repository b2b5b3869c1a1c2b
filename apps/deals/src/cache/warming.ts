// Warming: the answers of an organisation that its users open first, by priority, one at a time and with rests.
import type { Database } from '../db/database.ts'
import { PERIODS } from '../queries/window.ts'
import { KINDS, KIND_NAMES, type KindName } from './kinds.ts'
import type { Responses } from './responses.ts'
import type { StrategicCache } from './strategic.ts'

export interface Warmed {
  readonly organizations: number
  readonly warmed: number
  readonly failed: number
  readonly ms: number
}

export interface Warming {
  warmOrganizationCache(id: number, kinds?: readonly KindName[]): Promise<Warmed>
  /** Every organisation, kind by kind in the order of priority. */
  warmAllOrganizations(kinds?: readonly KindName[]): Promise<Warmed>
  /** Stops what is running after the answer at hand. */
  stop(): void
}

export interface WarmingOptions {
  readonly db: Database
  readonly strategic: StrategicCache
  /** Bodies are warmed too when given. */
  readonly responses: Responses
}

type Task = () => Promise<unknown>

/** Warming may use this share of the time; requests get the rest. */
const SHARE = 0.5
const PRIORITIES = ['high', 'medium', 'low'] as const

export function createWarming({ db, strategic, responses }: WarmingOptions): Warming {
  let isStopped = false

  const tasksOf = async (id: number, kind: KindName): Promise<Task[]> => {
    switch (kind) {
      case 'organization':
        return [() => responses.organization(id)]
      case 'roles':
        return [() => responses.roles(id)]
      case 'permissions':
        return (await members(db, id)).map((userId) => () => strategic.getUserPermissions(userId, id))
      case 'deal_statistics':
        return PERIODS.map((days) => () => responses.statistics(id, days))
      case 'dashboard':
        return (await members(db, id)).map((userId) => () => responses.dashboard(userId, id))
      case 'overview':
        return [() => responses.overview(id)]
      case 'analytics':
        return [() => responses.analytics(id, 30, 'overview')]
      case 'performance':
        return [() => responses.performance(id)]
      case 'search':
        return [() => responses.search(id, { text: '', stage: null, page: 1 })]
    }
  }

  const run = async (organizations: readonly number[], kinds: readonly KindName[]): Promise<Warmed> => {
    const from = performance.now()
    let warmed = 0
    let failed = 0
    for (const kind of kinds) {
      for (const id of organizations) {
        for (const task of await tasksOf(id, kind)) {
          if (isStopped) return { organizations: organizations.length, warmed, failed, ms: performance.now() - from }
          const isWarm = await rested(task)
          if (isWarm) warmed++
          else failed++
        }
      }
    }
    return { organizations: organizations.length, warmed, failed, ms: performance.now() - from }
  }

  return {
    warmOrganizationCache: (id, kinds = KIND_NAMES) => run([id], byPriority(kinds)),
    warmAllOrganizations: async (kinds = KIND_NAMES) => {
      const rows = await db.kysely.selectFrom('organizations').select('id').orderBy('id').execute()
      return run(
        rows.map((row) => row.id),
        byPriority(kinds),
      )
    },
    stop: () => {
      isStopped = true
    },
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
  const rows = await db.kysely.selectFrom('memberships').select('user_id').where('organization_id', '=', organizationId).orderBy('user_id').execute()
  return rows.map((row) => row.user_id)
}
