// The body of a request to invalidate, and the criteria that it means.
import { z } from 'zod'
import type { AskedCriteria } from '../agent/requests.ts'
import { invalid } from '../http/problem.ts'
import type { ByUrl } from './by-url.ts'
import type { Target } from './registered.ts'

/** Each is looked up in every process, and in its tiers. */
const MOST_URLS = 100
const text = z.string().min(1).max(1024)
const keyText = z.string().min(1).max(16_384)
const keys = z
  .array(z.union([keyText, z.array(z.union([z.string(), z.number(), z.boolean(), z.null()])).min(1)]))
  .max(10_000)

/** The body of `invalidate_keys/` and `plan/`. */
export const invalidationBody = z.strictObject({
  cache_name: z.string().max(128).optional().describe('default: every cache that the caller may change'),
  namespace: z.string().max(128).optional().describe('default: all of the cache'),
  keys: keys.optional().describe('as written in code; a tuple as an array or as its string form'),
  tags: z.array(text).max(1000).optional(),
  pattern: z
    .union([text, z.array(text).min(1).max(16)])
    .optional()
    .describe('a glob such as user:*, a regular expression that begins with ^, or a list of them'),
  model: z.string().min(1).max(200).optional(),
  id: z
    .union([z.string().max(200), z.number()])
    .optional()
    .describe('a row of the model'),
  urls: z
    .array(z.url({ protocol: /^https?$/ }).max(16_384))
    .min(1)
    .max(MOST_URLS)
    .optional()
    .describe(
      'absolute, as clients request them: matches the entries that answer them, according to the HTTP cache or as registered by the application',
    ),
  organization: z.string().min(1).max(200).optional().describe('by name or id, as registered by the application'),
  cache_type: z
    .string()
    .min(1)
    .max(128)
    .optional()
    .describe('as registered by the application: strategic, response, ...; or all'),
  all: z.literal(true).optional().describe('everything in the namespaces; needs purge:all'),
  mode: z.enum(['soft', 'hard']).default('hard').describe('soft: stale values may be served while they are reloaded'),
  tiers: z
    .array(z.string().min(1).max(64))
    .min(1)
    .optional()
    .describe('all tiers of the cache, or none: a tier left out would bring old values back'),
  pace_per_s: z
    .number()
    .int()
    .min(1)
    .max(100_000)
    .optional()
    .describe('keys per second, if keys or urls are named; default: all at once'),
  propagate_cdn: z
    .boolean()
    .default(false)
    .describe(
      'also purge urls, tags or everything at the connected CDN; a cache with an outlet to the CDN does so by itself',
    ),
  reason: z.string().max(1000).optional(),
  dry_run: z.boolean().default(false),
  scan: z.boolean().default(false).describe('count in every tier by listing it: exact but expensive'),
  max_keys: z.number().int().min(0).optional().describe('reject a plan with more keys'),
  plan_id: z.string().max(64).optional().describe('of an earlier plan: only the criteria of that plan are used'),
  confirm: text.optional().describe('the text requested by the plan'),
})
export type InvalidationBody = z.output<typeof invalidationBody>

/**
 * The tags of all caches together: those that a cache does not have, have no effect there.
 * @throws Problem 422 beside other targets
 */
export function criteriaByName(body: InvalidationBody, found: readonly Target[]): AskedCriteria {
  const beside = (['keys', 'tags', 'pattern', 'model', 'id', 'all', 'urls', 'plan_id'] as const).filter(
    (name) => body[name] !== undefined,
  )
  if (beside.length > 0)
    throw invalid(
      beside.map((name) => ({
        pointer: `/${name}`,
        code: 'with_name',
        detail: 'an organisation or cache type already determines it: leave it out',
      })),
    )
  if (found.some(({ tags }) => tags === null)) return { all: true }
  return { tags: [...new Set(found.flatMap(({ tags }) => tags ?? []))] }
}

export function criteriaOf(body: InvalidationBody, byUrl: ReadonlyMap<string, ByUrl> | undefined): AskedCriteria {
  const { keys: named, tags, pattern, model, id, all, plan_id } = body
  const found = byUrl === undefined ? [] : [...byUrl.values()].flatMap(({ plan }) => plan.hottest.map(({ key }) => key))
  const criteria = {
    ...((named ?? byUrl) !== undefined && {
      keys: [
        ...new Set([...(named ?? []).map((key) => (typeof key === 'string' ? key : JSON.stringify(key))), ...found]),
      ],
    }),
    ...(tags !== undefined && { tags }),
    ...(pattern !== undefined && { patterns: typeof pattern === 'string' ? [pattern] : pattern }),
    ...(model !== undefined && { model }),
    ...(id !== undefined && { id }),
    ...(all !== undefined && { all }),
  }
  if (plan_id === undefined && Object.keys(criteria).every((name) => name === 'id'))
    throw invalid([{ pointer: '', code: 'no_target', detail: 'name keys, tags, a pattern, a model or urls' }])
  // A list that came out empty in a script would be answered as a success, and what is outdated would stay. Addresses
  // name something even if they answer to no entry.
  const empty = (['keys', 'tags'] as const).filter((name) => body[name]?.length === 0)
  const isEmpty = Object.entries(criteria).every(
    ([name, list]) => name === 'id' || (Array.isArray(list) && list.length === 0),
  )
  if (empty.length > 0 && isEmpty && byUrl === undefined)
    throw invalid(
      empty.map((name) => ({ pointer: `/${name}`, code: 'no_target', detail: 'the list is empty: name at least one' })),
    )
  return criteria
}
