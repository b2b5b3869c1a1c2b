// How a request names a key, and the namespace that it means.
import { z } from 'zod'
import { placesOf } from '../fleet/places.ts'
import { namespacesFor } from '../fleet/reach.ts'
import type { Call } from '../http/route.ts'
import { number } from './schemas.ts'

/** A cache, and a namespace of it. */
export const at = { cache_name: z.string().max(128).optional(), namespace: z.string().max(128).optional() }
/** Of one key. */
export const place = { ...at, namespace: at.namespace.describe('default: where the key exists or is remembered') }
export const MOST_KEY = 16_384
export const keyText = z.string().min(1).max(MOST_KEY)
export const atKey = z.strictObject({
  ...place,
  key: keyText
    .optional()
    .describe('instead of the key in the path: a path cannot hold "." and "..", and some proxies alter others'),
})
export const keyOf = ({ params, query }: Pick<Call<unknown, z.output<typeof atKey>>, 'params' | 'query'>): string =>
  query.key ?? params.key ?? ''

export const hits_limit = number.describe(
  'where hit counters stop: a counter at this value may stand for more; null: not known',
)

/** Where a key or a group of keys is looked for. */
export interface At {
  readonly cache_name?: string | undefined
  readonly namespace?: string | undefined
}

/** The named one, else the first that knows the key, else the cache's own. */
export async function namespaceOf(
  { control, principal, query }: Pick<Call<unknown, At>, 'control' | 'principal' | 'query'>,
  cache: string,
  key: string,
): Promise<string> {
  const allowed = namespacesFor(principal, cache, query.namespace)
  const [only, ...others] = allowed ?? []
  if (only !== undefined && others.length === 0) return only
  const places = await placesOf(control, cache, allowed, [key])
  return places.get(key)?.[0] ?? only ?? 'default'
}
