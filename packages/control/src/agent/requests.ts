// What a control plane asks of nodes, by topic; validated as untrusted input. Answers: `answers.ts`.
import { z } from 'zod'

const MOST_KEYS = 10_000
const namespaces = z.array(z.string().min(1).max(128)).max(1000).optional()
const key = z.string().min(1).max(16_384)
const scopeNames = z.record(z.string().max(128), z.string().max(200))
const region = z.string().min(1).max(63)
const names = z.array(z.string().min(1).max(1024)).max(1000).optional()

/** What to invalidate. Keys are encoded. */
export const criteria = z.strictObject({
  keys: z.array(key).max(MOST_KEYS).optional(),
  tags: names,
  patterns: z.array(z.string().min(1).max(1024)).max(16).optional(),
  model: z.string().min(1).max(200).optional(),
  id: z.union([z.string().max(200), z.number()]).optional(),
  all: z.literal(true).optional(),
})
/** What to invalidate, in wire form. */
export type AskedCriteria = z.output<typeof criteria>

/** Whose data is erased: one of the three. Keys are encoded. */
export const subject = z.strictObject({
  tenant: z.string().min(1).max(1024).optional(),
  tags: z.array(z.string().min(1).max(1024)).min(1).max(1000).optional(),
  keys: z.array(key).min(1).max(MOST_KEYS).optional(),
})
/** Whose data is erased, in wire form. */
export type AskedSubject = z.output<typeof subject>

/** What a stored configuration changes in a running cache; the rest of it applies when a cache is made. */
export const settingsDocument = z.object({
  ttl_seconds: z.number().positive(),
  max_size_mb: z.number().positive(),
  is_active: z.boolean(),
  /** Missing from control planes of earlier versions. */
  priority: z.number().int().optional(),
})

const price = z.number().positive()
/** What things cost, in any currency. */
export const prices = z
  .strictObject({
    memory_gb_month: price,
    memory_million_requests: price.optional(),
    million_loads: price.optional(),
    source_second: price.optional(),
    tiers: z
      .record(
        z.string().max(64),
        z.strictObject({ gb_month: price.optional(), million_requests: price.optional(), bytes: price.optional() }),
      )
      .optional()
      .describe('prices of tiers below memory; bytes: the size of such a tier'),
  })
  .refine(({ million_loads, source_second }) => million_loads !== undefined || source_second !== undefined)
const insightDays = z.number().int().min(1).max(30)

/** The memory settings that advice may change, and restore. */
export const memoryChange = z.strictObject({
  max_entries: z.number().int().min(1).max(134_217_727).optional(),
  max_bytes: z.number().int().min(1).max(Number.MAX_SAFE_INTEGER).optional(),
  policy: z.enum(['lru', 'sieve', 's3-fifo', 'w-tinylfu', 'adaptive']).optional(),
})

const share = z.number().gt(0).lt(1)
const bound = z.union([z.literal(false), z.number().positive().max(100)])
const span = z
  .number()
  .min(0)
  .max(90 * 86_400)

const keyPatterns = z.union([z.string().min(1).max(512), z.array(z.string().min(1).max(512)).min(1).max(16)])

/** An experiment as requested: what is left out has a default. */
export const experimentPlan = z.strictObject({
  name: z.string().min(1).max(100).describe('another name selects different keys'),
  arms: z
    .array(
      z.strictObject({
        name: z.string().min(1).max(60),
        share: share.optional().describe('share of the keys; default: an equal part of what the others leave'),
        ttl_seconds: z
          .number()
          .positive()
          .max(10 * 365 * 86_400)
          .optional(),
        refresh_ahead: z.number().min(0).max(1).optional(),
        memory: z
          .strictObject({
            policy: z.enum(['lru', 'sieve', 's3-fifo', 'w-tinylfu', 'adaptive']).optional(),
            factor: z
              .number()
              .min(1 / 16)
              .max(16)
              .optional()
              .describe('its size, as a multiple of the current size'),
          })
          .optional()
          .describe('tried in shadow caches, which change nothing; either in every arm or in none'),
      }),
    )
    .min(2)
    .max(6)
    .describe('the others are compared with the first'),
  metric: z.enum(['hit_ratio', 'loads']).optional(),
  effect: share.optional().describe('the smallest difference per read that matters; default 0.01'),
  alpha: share
    .optional()
    .describe('how often equal arms may be called different, however often you look; default 0.05'),
  guards: z
    .strictObject({
      hit_ratio: bound.optional().describe('hits per read that an arm may lose; default 0.01'),
      loads: bound.optional().describe('more loads, as a share; default 0.1'),
      slow: bound.optional().describe('more slow loads, as a share; default 0.1'),
      errors: bound.optional().describe('more failed loads per read; default 0.005'),
      stale: bound.optional().describe('stale reads per read in all; default 0.02'),
    })
    .optional()
    .describe('harm beyond which the experiment stops itself'),
  slow_after_seconds: span.optional(),
  before_seconds: span.optional().describe('how long to count before the arms differ; default 300'),
  settle_seconds: span
    .optional()
    .describe('how long the arms differ before counting begins; default: the longest TTL, at most an hour'),
  min_run_seconds: span.optional().describe('default 600'),
  max_run_seconds: span.optional().describe('default 604800'),
  namespace: z.string().min(1).max(128).optional(),
  select: z
    .strictObject({
      keys: keyPatterns.optional().describe('keys of at least one of these patterns: user:*, or ^user:[0-9]+$'),
      except: keyPatterns.optional().describe('but none of these'),
      tenants: z.array(z.string().min(1).max(1024)).min(1).max(1000).optional().describe('entries of these tenants'),
      tenant_share: share.optional().describe('entries of a share of the tenants'),
      share: share.optional().describe('a share of the keys that the others leave'),
    })
    .optional()
    .describe('the keys that it covers; the others keep their settings, and are not counted. Default: all'),
})
export type AskedPlan = z.output<typeof experimentPlan>

export const ASKED = {
  describe: z.null(),
  preview: z.strictObject({ document: settingsDocument.nullable() }),
  keys: z.strictObject({
    namespaces,
    contains: z.string().max(1024).optional(),
    tag: z.string().max(1024).optional(),
    limit: z.number().int().min(1).max(200),
    cursor: z.string().max(64).optional(),
  }),
  groups: z.strictObject({
    by: z.enum(['tag', 'pattern', 'hits', 'bytes']),
    namespaces,
    limit: z.number().int().min(1).max(200),
  }),
  explain: z.strictObject({ namespace: z.string().max(128), key }),
  url: z.strictObject({
    url: z.url({ protocol: /^https?$/ }).max(16_384),
    namespaces,
    every: z.boolean().optional().describe('every entry that can answer it, without checking each one'),
  }),
  value: z.strictObject({ namespace: z.string().max(128), key }),
  plan: z.strictObject({ namespaces, criteria, scan: z.boolean() }),
  invalidate: z.strictObject({ namespaces, criteria, mode: z.enum(['delete', 'expire']) }),
  acked: z.strictObject({
    positions: z.record(z.string(), z.strictObject({ epoch: z.string(), seq: z.number() })),
    wait_ms: z.number().min(0).max(30_000),
  }),
  probe: z.strictObject({
    keys: z.array(z.strictObject({ namespace: z.string().max(128), key, seq: z.number(), epoch: z.string() })).max(100),
  }),
  warm: z.strictObject({
    namespaces,
    keys: z.array(key).max(MOST_KEYS),
    concurrency: z.number().int().min(1).max(64),
    per_second: z.number().positive().max(100_000).optional(),
    wait_ms: z.number().min(0).max(60_000),
  }),
  application: z.null(),
  target: z.strictObject({ scopes: scopeNames, cache_type: z.string().max(128).optional() }),
  warm_named: z.strictObject({
    kind: z.enum(['model', 'view', 'api', 'critical', 'named']).describe('named: by scopes and cache type'),
    name: z.string().max(200).optional(),
    scopes: scopeNames,
    cache_type: z.string().max(128).optional(),
    concurrency: z.number().int().min(1).max(64),
    per_second: z.number().positive().max(100_000).optional(),
    force: z.boolean().optional(),
    wait_ms: z.number().min(0).max(60_000),
    run: z.string().max(64).optional().describe('from an earlier answer: asks for its progress'),
    cancel: z.boolean().optional(),
  }),
  coverage: z.null(),
  regions: z.null(),
  region_drain: z.strictObject({ region, timeout_ms: z.number().min(0).max(30_000), force: z.boolean().optional() }),
  region_fill: z.strictObject({
    from: region.optional(),
    per_second: z.number().int().min(1).max(1_000_000).optional(),
    force: z.boolean().optional(),
  }),
  region_serve: z.strictObject({ region }),
  jobs: z.null(),
  job_run: z.strictObject({ name: z.string().min(1).max(200) }),
  erase_plan: z.strictObject({ namespaces, subject }),
  erase_heard: z.strictObject({
    receipts: z.array(z.strictObject({ namespace: z.string().max(256), id: z.string().max(256) })).max(10_000),
    wait_ms: z.number().min(0).max(10_000),
  }),
  erase_begun: z.strictObject({ after: z.number().int().min(0) }),
  erase: z.strictObject({
    namespaces,
    subject,
    wait_ms: z.number().min(0).max(60_000),
    run: z.string().max(64).optional().describe('from an earlier answer: asks for its progress'),
  }),
  tail: z.strictObject({
    by: z.string().min(1).max(64).describe('who is asking: each client has its own sample'),
    limit: z.number().int().min(1).max(200),
  }),
  sizing: z.strictObject({ days: insightDays }),
  analyze: z.strictObject({ days: insightDays }),
  cost: prices,
  freshness: z.null(),
  prediction: z.null(),
  load_ahead: z.strictObject({ is_on: z.boolean() }),
  tune: memoryChange,
  experiment: z.strictObject({
    id: z.string().max(64).nullable().describe('null: none'),
    plan: experimentPlan.nullable(),
    phase: z.enum(['before', 'settling', 'measuring']),
  }),
  settle: z.strictObject({
    namespace: z.string().min(1).max(128).optional(),
    ttl_seconds: z.number().positive().nullable().optional().describe('null: as set in code'),
    refresh_ahead: z.number().min(0).max(1).nullable().optional(),
  }),
  test: z.null(),
  benchmark: z.strictObject({
    duration_ms: z.number().min(10).max(30_000),
    operations: z.number().int().min(1).optional().describe('at most so many'),
    skew: z.number().min(0).max(5).optional().describe("Zipf's exponent; 0: all keys equally often"),
    value_bytes: z.number().int().min(1).max(1_048_576),
    keys: z.number().int().min(1).max(100_000),
    share: z.number().gt(0).max(1).optional().describe('the share of the time that it works'),
  }),
} as const
export type Topic = keyof typeof ASKED
export type Asked<T extends Topic> = z.output<(typeof ASKED)[T]>
