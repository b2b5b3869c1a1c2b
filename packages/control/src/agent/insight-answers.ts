// What nodes answer about insight, prediction and experiments, by topic (requests: `requests.ts`).
import type { SettingChange } from 'millpond'
import type { Column } from 'millpond/insight'

/** Parts of insight's answers, in wire form. */
export interface Shown {
  readonly range: { readonly value: number; readonly low: number; readonly high: number }
  /** `null`: without limit. */
  readonly ttl: { readonly factor: number | null; readonly change: Shown['range'] }
  readonly change: { readonly max_entries?: number; readonly max_bytes?: number; readonly policy?: string }
  readonly evidence: {
    readonly from: string
    readonly to: string
    readonly reads: number
    readonly looked: number
    readonly keys: number
    readonly key_share: number
    readonly lost: number
    readonly is_enough: boolean
    readonly why: string | null
  }
  readonly sizing: {
    readonly evidence: Shown['evidence']
    readonly capacity: { readonly unit: 'entries' | 'bytes'; readonly amount: number } | null
    readonly policy: string | null
    readonly used: number | null
    readonly is_full: boolean | null
    readonly hit_ratio: number
    readonly sizes: readonly { readonly factor: number; readonly size: number; readonly hit_ratio: Shown['range'] }[]
    readonly policies: readonly { readonly policy: string; readonly factor: number; readonly change: Shown['range'] }[]
    readonly ttls: readonly Shown['ttl'][]
  }
  readonly recommendation: {
    readonly id: string
    readonly kind: 'size' | 'policy' | 'ttl'
    readonly text: string
    /** `null`: it can only be done in code. */
    readonly change: Shown['change'] | null
    readonly undo: Shown['change'] | null
    readonly hit_ratio_change: Shown['range']
    readonly cost: { readonly unit: 'entries' | 'bytes'; readonly amount: number } | null
    readonly risk: string
    readonly impact: number
  }
}

/** The counts of an experiment, by buckets of keys. */
export type BucketSums = Readonly<Record<Column, readonly number[]>>

interface Money {
  readonly seen: number
  readonly month: number
}

export interface InsightAnswered {
  /** `null`: this cache is not watched here. */
  sizing: Shown['sizing'] | null
  analyze:
    | (Shown['sizing'] & {
        readonly bottlenecks: readonly {
          readonly kind: string
          readonly share: number
          readonly of_reads: number
          readonly text: string
        }[]
        readonly recommendations: readonly Shown['recommendation'][]
        readonly patterns: readonly {
          readonly namespace: string
          readonly pattern: string
          readonly reads: number
          readonly share: number | null
          readonly keys: number
          readonly loads: number
          readonly reloads: number
          readonly changed: number
          readonly ttl: readonly Shown['ttl'][]
        }[]
        readonly hot_keys: readonly {
          readonly tier: string
          readonly keys: readonly { readonly key: string; readonly count: number; readonly error: number }[]
        }[]
      })
    | null
  cost: {
    readonly evidence: Shown['evidence']
    readonly load: number | null
    readonly stored: Money
    readonly asked: Money
    readonly avoided: Money
    readonly net: Money
    readonly tiers: readonly {
      readonly tier: string
      readonly requests: number
      readonly hits: number
      readonly bytes: number | null
      readonly stored: Money
      readonly asked: Money
      readonly avoided: Money
    }[]
    readonly patterns: readonly {
      readonly namespace: string
      readonly pattern: string
      readonly from: string
      readonly requests: number
      readonly hits: number
      readonly loads: number
      readonly bytes: number
      readonly stored: Money
      readonly avoided: Money
      readonly net: Money
      readonly break_even_seconds: number | null
      readonly beyond: number
    }[]
    readonly actions: readonly { readonly id: string; readonly text: string; readonly month: Shown['range'] }[]
  } | null
  /** `null`: prediction is not set up here. */
  prediction: {
    readonly state: 'open' | 'closed' | 'watching' | 'off'
    readonly accuracy: number | null
    readonly benefit: number | null
    readonly spared: number
    readonly threshold: number
    readonly proposed: number
    readonly used: number
    readonly wasted: number
    readonly outstanding: number
    /** Absent from processes of an earlier release, as `is_keeping`. */
    readonly kept?: number
    readonly is_keeping?: boolean
    readonly loads: {
      readonly loaded: number
      readonly present: number
      readonly empty: number
      readonly failed: number
      readonly skipped: number
    }
    readonly closings: number
    readonly drifts: number
    readonly lost: number
    readonly model_fault: string | null
    readonly patterns: readonly {
      readonly namespace: string
      readonly pattern: string
      readonly candidates: number
      readonly read_ratio: number
      readonly loss: number | null
      readonly base_loss: number | null
      readonly is_off: boolean
    }[]
  } | null
  /** `null`: reads are not checked against their source here. */
  freshness: {
    readonly objective: number
    readonly checked: number
    readonly stale: number
    /** Of reads. `null`: none was checked yet. */
    readonly stale_ratio: Shown['range'] | null
    readonly state: 'met' | 'missed' | 'unknown'
    readonly counts: {
      readonly fresh: number
      readonly stale: number
      readonly failed: number
      readonly unsettled: number
      readonly volatile: number
    }
  } | null
  /** `was_on`: before. `null`: prediction is not set up here. */
  load_ahead: { readonly was_on: boolean } | null
  tune: { readonly changes: readonly SettingChange[] }
  /** `null`: there is none. */
  experiment: {
    /** The id of these counts, which only grow. */
    readonly run: string
    readonly keys: {
      readonly before: BucketSums
      readonly measured: BucketSums
      readonly keys: readonly number[]
      /** Absent from processes of an earlier release, which cover all keys. */
      readonly outside?: number
    } | null
    readonly shadow: {
      readonly reads: number
      readonly missed: number
      readonly looked: number
      readonly sampled: readonly number[]
      readonly sampled_missed: readonly number[]
      readonly misses: readonly number[]
      readonly is_full: boolean
    } | null
  } | null
  settle: { readonly changes: readonly SettingChange[] }
}
