// Which invalidations were repeated, by their targets.
import { z } from 'zod'
import type { Store } from '../store/store.ts'

export const patterns = z.array(
  z.object({
    by: z.enum(['tag', 'pattern', 'model', 'key', 'all']),
    name: z.string(),
    times: z.number(),
    removed: z.number(),
  }),
)
type Pattern = z.output<typeof patterns>[number]

const MOST_READ = 5000
const SHOWN = 20
const request = z.object({
  criteria: z.object({
    keys: z.array(z.string()).optional(),
    tags: z.array(z.string()).optional(),
    patterns: z.array(z.string()).optional(),
    model: z.string().optional(),
    all: z.boolean().optional(),
  }),
})
const result = z.object({ caches: z.record(z.string(), z.looseObject({ removed: z.number() })) })

/** From the newest 5,000 of that time. */
export async function invalidationsIn(
  store: Store,
  cache: string,
  from: number,
  to: number,
): Promise<{ operations: number; patterns: Pattern[] }> {
  const rows = await store.read
    .selectFrom('operations')
    .select(['cache', 'request', 'result'])
    .where('kind', '=', 'invalidate')
    .where('created_at', '>', from)
    .where('created_at', '<=', to)
    .orderBy('seq', 'desc')
    .limit(MOST_READ)
    .execute()
  const own = rows.filter((row) => row.cache.split(',').includes(cache))
  const found = new Map<string, Pattern>()
  for (const row of own) {
    const removed = result.safeParse(JSON.parse(row.result ?? 'null')).data?.caches[cache]?.removed ?? 0
    for (const { by, name } of namedIn(JSON.parse(row.request))) {
      const id = `${by} ${name}`
      const known = found.get(id) ?? { by, name, times: 0, removed: 0 }
      found.set(id, { ...known, times: known.times + 1, removed: known.removed + removed })
    }
  }
  return { operations: own.length, patterns: [...found.values()].sort((a, b) => b.times - a.times).slice(0, SHOWN) }
}

/** Keys are many and all different: they are reported by their number. */
function namedIn(value: unknown): readonly Pick<Pattern, 'by' | 'name'>[] {
  const criteria = request.safeParse(value).data?.criteria
  if (criteria === undefined) return []
  return [
    ...(criteria.tags ?? []).map((name) => ({ by: 'tag' as const, name })),
    ...(criteria.patterns ?? []).map((name) => ({ by: 'pattern' as const, name })),
    ...(criteria.model === undefined ? [] : [{ by: 'model' as const, name: criteria.model }]),
    ...(criteria.keys === undefined
      ? []
      : [{ by: 'key' as const, name: criteria.keys.length === 1 ? 'one key' : 'several keys' }]),
    ...(criteria.all === true ? [{ by: 'all' as const, name: 'all' }] : []),
  ]
}
