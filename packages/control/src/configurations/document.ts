// A named configuration of a cache, with the fields of SPEC T11 and their bounds.
import { z } from 'zod'

export const CACHE_TYPES = ['redis', 'memcached', 'database', 'file_system', 'memory', 'multi'] as const
export const STRATEGIES = ['write_through', 'write_back', 'write_around', 'cache_aside'] as const

const MAX_TTL_SECONDS = 100 * 365.25 * 86_400

/** The document as written by people. Every field except the name has a default, as existing clients expect. */
export const configurationDocument = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z][\w.-]{0,63}$/, 'give a letter, then up to 63 letters, digits, "_", "." or "-"')
    .describe('the name that code uses: caches.get(name)'),
  cache_type: z.enum(CACHE_TYPES).default('memory'),
  strategy: z
    .enum(STRATEGIES)
    .default('cache_aside')
    .describe(
      'how collections with a source write if code names no strategy of their own (those with a queue always write behind, and only those, so write_back is as in code); cache_aside: as in code; a change applies when a process makes the cache',
    ),
  ttl_seconds: z.number().positive().max(MAX_TTL_SECONDS).default(300),
  max_size_mb: z.number().positive().max(1_048_576).default(100).describe('of the memory tier'),
  compression_enabled: z.boolean().default(false),
  is_active: z.boolean().default(true).describe('false: not served until it is true again'),
  priority: z
    .number()
    .int()
    .min(0)
    .max(1000)
    .default(100)
    .describe(
      '0 is the most important: below 100 entries have high priority, above 100 low, unless code gives them another; 100: as in code',
    ),
})
export type ConfigurationDocument = z.output<typeof configurationDocument>

const MADE_HERE = { id: z.unknown(), version: z.unknown(), created_at: z.unknown(), updated_at: z.unknown() }

/** The priority of entries that code gives none; undefined: as in code. */
export const entryPriority = (priority: number): 'high' | 'low' | undefined =>
  priority === 100 ? undefined : priority < 100 ? 'high' : 'low'

/** The whole document again; the read-only fields of a GET are ignored. */
export const configurationPut = z
  .strictObject({ ...configurationDocument.shape, ...partial(MADE_HERE) })
  .transform(({ id: _id, version: _version, created_at: _created, updated_at: _updated, ...document }) => document)

export const configurationView = configurationDocument.extend({
  id: z.string(),
  version: z.number().int(),
  created_at: z.iso.datetime(),
  updated_at: z.iso.datetime(),
})
export type ConfigurationView = z.output<typeof configurationView>

function partial<T extends Record<string, z.ZodUnknown>>(shape: T) {
  return z.object(shape).partial().shape
}

/** The fields that differ, before and after. */
export function diff(
  before: ConfigurationDocument | undefined,
  after: ConfigurationDocument,
): Record<string, { from: unknown; to: unknown }> {
  const changes: Record<string, { from: unknown; to: unknown }> = {}
  for (const [field, to] of Object.entries(after)) {
    const from = before === undefined ? undefined : Object.entries(before).find(([name]) => name === field)?.[1]
    if (from !== to) changes[field] = { from: from ?? null, to }
  }
  return changes
}
