// Response schemas that several routes share.
import { z } from 'zod'

export const number = z.number().nullable()
export const instant = z.iso.datetime()
export const counts = z.record(z.string(), z.number())

export const figures = z.object({
  hits: z.number(),
  misses: z.number(),
  hit_ratio: number,
  stale: z.number(),
  loads: z.number(),
  load_errors: z.number(),
  load_joins: z.number(),
  sets: z.number(),
  deletes: z.number(),
  invalidations: z.number(),
  evictions: z.number(),
  ops_per_second: number,
  loads_per_second: number,
  error_rate: number,
  avg_ms: number,
  p50_ms: number,
  p95_ms: number,
  p99_ms: number,
  load_avg_ms: number,
})

const tierFigures = z.object({
  hits: z.number(),
  misses: z.number(),
  hit_ratio: number,
  share: number,
  sets: z.number(),
  errors: z.number(),
  read_bytes: number.describe('of entries read from its store; null for memory'),
  written_bytes: number.describe('of entries written there; null for memory'),
  encrypted_ratio: number.describe('share of the data written there that is encrypted; null if nothing was written'),
  calls: z.number(),
  avg_ms: number,
  p50_ms: number,
  p95_ms: number,
  p99_ms: number,
})

export const health = z.object({
  score: z.object({ from: z.number(), to: z.number() }),
  status: z.enum(['healthy', 'degraded', 'unhealthy', 'unknown']),
  parts: z.array(
    z.object({
      name: z.string(),
      weight: z.number(),
      state: z.enum(['known', 'unknown']),
      deduction: z.number(),
      value: number,
      target: number,
      detail: z.string().nullable(),
    }),
  ),
})

export const namespaceRow = figures.extend({
  name: z.string(),
  entries: z.number(),
  bytes: z.number(),
  miss_causes: counts,
})

export const summary = z.object({
  cache_name: z.string(),
  health_score: z.number(),
  health,
  as_of: instant,
  nodes: z.object({ total: z.number(), late: z.array(z.string()), unseen: z.string().nullable() }),
  regions: z.array(z.string()).describe('those of its processes, if it has any'),
  total: figures,
  last_minute: figures.extend({ seconds: z.number() }).nullable(),
  memory: z.object({ entries: z.number(), bytes: z.number(), max_bytes: number, used_ratio: number }),
  process: z.object({ bytes: z.number(), heap_bytes: z.number(), cpu_seconds: z.number() }),
  tiers: z.array(
    tierFigures.extend({
      name: z.string(),
      scope: z.string(),
      enabled: z.boolean(),
      breaker: z.string(),
      encrypted: z.boolean().nullable().describe('whether data written there is encrypted; null for memory'),
      key_since: number.describe(
        'since when the current encryption key is in use, epoch milliseconds; null if unknown',
      ),
      last_minute: tierFigures
        .extend({ ops_per_second: number, read_bytes_per_second: number, written_bytes_per_second: number })
        .nullable(),
    }),
  ),
  miss_causes: counts,
  last_minute_miss_causes: counts.nullable(),
  namespaces: z.array(namespaceRow),
})

export const columns = z.object({
  cache_name: z.string(),
  step_seconds: z.number(),
  t: z.array(z.number()).describe('ends of the steps, epoch seconds'),
  series: z.array(z.object({ name: z.string(), labels: z.record(z.string(), z.string()), v: z.array(number) })),
  partial_last: z.boolean().describe('the last step is not complete'),
  sampled: z.boolean(),
})

export const operation = z.object({
  id: z.string(),
  kind: z.string(),
  state: z.enum(['running', 'cancelling', 'completed', 'partial', 'failed', 'cancelled', 'interrupted']),
  caches: z.array(z.string()),
  actor: z.string(),
  reason: z.string().nullable(),
  request: z.unknown(),
  plan: z.unknown(),
  result: z.unknown(),
  created_at: instant,
  updated_at: instant,
  ended_at: instant.nullable(),
})
export const accepted = z.object({ id: z.string(), state: z.literal('running') })

export const all = <T extends z.ZodType>(row: T) => z.object({ data: z.array(row), has_more: z.literal(false) })
