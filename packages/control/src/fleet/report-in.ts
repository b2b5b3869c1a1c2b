// A report that came over the channel, validated as untrusted input.
import { z } from 'zod'
import type { CacheReport } from '../agent/figures.ts'

const counts = z.record(z.string().max(200), z.number())
const report = z.object({
  cache: z.string().max(128),
  region: z.string().max(63).optional(),
  uptime_seconds: z.number(),
  health: z.string().max(40),
  counters: counts,
  gauges: counts,
  tiers: z
    .array(
      z.object({
        name: z.string().max(128),
        scope: z.string().max(40),
        enabled: z.boolean(),
        breaker: z.string().max(40),
        encrypted: z.boolean().nullable().default(null),
        key_since: z.number().nullable().default(null),
      }),
    )
    .max(64),
  ledger: z.object({ tier: z.string().max(128), is_up: z.boolean(), pending: z.number() }),
  ttl_seconds: z.number().nullable(),
  erasures: z.number().optional(),
  freshness: z
    .object({ objective: z.number().gt(0).lt(1), checked: z.number().min(0), stale: z.number().min(0) })
    .refine(({ checked, stale }) => stale <= checked)
    .optional(),
  namespaces: z.record(z.string().max(128), z.object({ counters: counts, gauges: counts })),
})

export function reportIn(value: unknown): CacheReport | undefined {
  return report.safeParse(value).data
}
