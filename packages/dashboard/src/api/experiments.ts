// Experiments between settings of a cache: their results, and the actions on them.
import { useQuery } from '@tanstack/react-query'
import { useAccess, useDashboard } from '../context.tsx'
import { useLive } from '../shell/live.tsx'
import type { Range } from './insight.ts'
import type { Known, Page } from './types.ts'

export interface Difference extends Range {
  readonly control: number
  readonly arm: number
}

export interface ArmPlan {
  readonly name: string
  readonly share?: number
  readonly ttl_seconds?: number
  readonly refresh_ahead?: number
  readonly memory?: { readonly policy?: string; readonly factor?: number }
}

/** Which keys an experiment covers; patterns are one or several. */
export interface Select {
  readonly keys?: string | readonly string[]
  readonly except?: string | readonly string[]
  readonly tenants?: readonly string[]
  readonly tenant_share?: number
  readonly share?: number
}

export interface ExperimentPlan {
  readonly name: string
  readonly arms: readonly ArmPlan[]
  readonly metric?: string
  readonly namespace?: string
  readonly select?: Select
  readonly effect?: number
  readonly before_seconds?: number
  readonly settle_seconds?: number
  readonly min_run_seconds?: number
  readonly max_run_seconds?: number
}

export interface ArmSays {
  readonly name: string
  readonly reads: number
  readonly keys: Known
  readonly verdict: string
  readonly why: string | null
  readonly gain: Difference | null
  readonly hit_ratio: Difference | null
  readonly loads: Difference | null
  readonly slow: Difference | null
  readonly errors: Difference | null
  readonly stale: Difference | null
}

export interface Experiment {
  readonly id: string
  readonly cache_name: string
  readonly state: string
  readonly kind: string
  readonly phase: string
  readonly ended: string | null
  readonly plan: ExperimentPlan
  readonly judgement: {
    readonly verdict: string
    readonly winner: string | null
    readonly text: string
    readonly control: { readonly name: string; readonly reads: number; readonly keys: Known }
    readonly arms: readonly ArmSays[]
    /** The share of the reads that it covers; null: all, or not known yet. */
    readonly covered?: Known
  }
  readonly decided: {
    readonly at: string
    readonly verdict: string
    readonly winner: string | null
    readonly text: string
  } | null
  readonly course: readonly { readonly at: string; readonly arms: readonly (Range | null)[] }[]
  readonly nodes: readonly { readonly node: string; readonly error: string | null }[]
  readonly applied: { readonly arm: string; readonly at: string; readonly is_undone: boolean } | null
  readonly measured_since: string | null
  readonly ended_at: string | null
  readonly actor: string
  readonly reason: string | null
  readonly created_at: string
}

const EVERY_MS = 5000

/** Those of a cache, newest first. */
export function useExperiments(cache: string | undefined) {
  const { client } = useDashboard()
  const { offers, may } = useAccess()
  const live = useLive()
  return useQuery({
    queryKey: ['experiments', cache],
    queryFn: async ({ signal }) =>
      (await client.get<Page<Experiment>>('experiments/', { cache_name: cache, limit: 20 }, signal)).data,
    refetchInterval: live.every(EVERY_MS),
    enabled: cache !== undefined && offers('GET', 'experiments/') && may('metrics:read'),
  })
}
