// An experiment as stored and as shown.
import type { Difference, Judgement, Phase } from 'millpond/insight'
import { z } from 'zod'
import { experimentPlan } from '../agent/requests.ts'
import type { ExperimentTable } from '../store/schema.ts'

const difference = z.object({
  control: z.number(),
  arm: z.number(),
  value: z.number(),
  low: z.number(),
  high: z.number(),
})
const range = z.object({ value: z.number(), low: z.number(), high: z.number() })
const instant = z.iso.datetime()
const VERDICTS = ['not_enough_data', 'undecided', 'better', 'worse', 'no_difference', 'harm', 'uneven'] as const
const count = z.number().nullable()
const change = z.record(z.string(), z.union([z.string(), z.number(), z.null()]))

export const judgement = z.object({
  verdict: z.enum(VERDICTS),
  winner: z.string().nullable(),
  text: z.string(),
  control: z.object({ name: z.string(), reads: z.number(), keys: count }),
  arms: z.array(
    z.object({
      name: z.string(),
      reads: z.number(),
      keys: count,
      verdict: z.enum(VERDICTS),
      why: z.string().nullable(),
      gain: difference
        .nullable()
        .describe('the difference of the metric per read from the first arm: above 0 is better'),
      hit_ratio: difference.nullable(),
      loads: difference.nullable(),
      slow: difference.nullable(),
      errors: difference.nullable(),
      stale: difference.nullable(),
    }),
  ),
  covered: z
    .number()
    .nullable()
    .default(null)
    .describe('the share of reads that were of keys which it covers; null: it covers all, or nothing was read yet'),
})

/** What is stored besides the counts. */
export const experimentDocument = z.object({
  plan: experimentPlan,
  kind: z.enum(['keys', 'shadow']),
  phase: z.enum(['before', 'settling', 'measuring', 'ended']),
  ended: z.enum(['stopped', 'harm', 'uneven', 'over', 'failed']).nullable(),
  measured_since: instant.nullable(),
  ended_at: instant.nullable(),
  judgement,
  decided: z
    .object({ at: instant, verdict: z.enum(VERDICTS), winner: z.string().nullable(), text: z.string() })
    .nullable()
    .describe('the first significant verdict'),
  course: z
    .array(z.object({ at: instant, arms: z.array(range.nullable()) }))
    .describe('how the intervals have narrowed'),
  nodes: z.array(z.object({ node: z.string(), error: z.string().nullable() })),
  applied: z
    .object({ arm: z.string(), at: instant, change, undo: change, is_undone: z.boolean() })
    .nullable()
    .describe('what was applied to all keys, until the processes end'),
})
export type ExperimentDocument = z.output<typeof experimentDocument>

export const experimentView = experimentDocument.extend({
  id: z.string(),
  cache_name: z.string(),
  state: z.enum(['running', 'ended']),
  actor: z.string(),
  reason: z.string().nullable(),
  created_at: instant,
  updated_at: instant,
})
export type ExperimentView = z.output<typeof experimentView>

export const timeOf = (ms: number): string => new Date(Number(ms)).toISOString()

export function viewOf(row: Omit<ExperimentTable, 'seq' | 'counts'>): ExperimentView {
  return {
    id: row.id,
    cache_name: row.cache,
    state: row.state === 'running' ? 'running' : 'ended',
    actor: row.actor,
    reason: row.reason,
    created_at: timeOf(row.created_at),
    updated_at: timeOf(row.updated_at),
    ...experimentDocument.parse(JSON.parse(row.document)),
  }
}

export function judgementToJson({
  verdict,
  winner,
  text,
  control,
  arms,
  covered,
}: Judgement): ExperimentDocument['judgement'] {
  return {
    verdict,
    winner: winner ?? null,
    text,
    control: { ...control, keys: control.keys ?? null },
    covered: covered ?? null,
    arms: arms.map(({ name, reads, keys, verdict: own, why, gain, differences }) => ({
      name,
      reads,
      keys: keys ?? null,
      verdict: own,
      why: why ?? null,
      gain: finite(gain),
      hit_ratio: finite(differences.hitRate),
      loads: finite(differences.loads),
      slow: finite(differences.slow),
      errors: finite(differences.errors),
      stale: finite(differences.stale),
    })),
  }
}

/** JSON has no infinite number: an interval without an end is not shown yet. */
const finite = (one: Difference | undefined): Difference | null =>
  one !== undefined && Object.values(one).every(Number.isFinite) ? one : null

const MOST_POINTS = 240

/** The last point, and a limited number of earlier ones: if there are more, every second one is dropped. */
export function courseWith(
  course: ExperimentDocument['course'],
  at: string,
  { arms }: ExperimentDocument['judgement'],
): ExperimentDocument['course'] {
  const point = {
    at,
    arms: arms.map(({ gain }) => (gain === null ? null : { value: gain.value, low: gain.low, high: gain.high })),
  }
  const before = course.length < MOST_POINTS ? course : course.filter((_, index) => index % 2 === 0)
  return [...before, point]
}

/** @param passedMs since the start */
export function phaseDue(
  plan: { readonly kind: string; readonly beforeMs: number; readonly settleMs: number },
  passedMs: number,
): Phase {
  if (plan.kind === 'shadow' || passedMs >= plan.beforeMs + plan.settleMs) return 'measuring'
  return passedMs < plan.beforeMs ? 'before' : 'settling'
}
