// Which caches and namespaces a principal may see and change.
import type { Principal } from '../access/roles.ts'
import type { Control } from '../control.ts'
import { Problem } from '../http/problem.ts'

/** The namespaces of a cache that the principal may touch; undefined: all. */
export function namespacesFor(
  { namespaces, name }: Principal,
  cache: string,
  asked: string | undefined,
): readonly string[] | undefined {
  const isWhole = namespaces === undefined || namespaces.includes(cache)
  if (asked === undefined) return isWhole ? undefined : namespaces
  if (isWhole || namespaces.includes(asked)) return [asked]
  throw new Problem(
    403,
    'forbidden',
    `${name} is limited to ${namespaces.join(', ')}: ${JSON.stringify(asked)} is not one of them`,
  )
}

/** One by its name, or all that a process runs. @throws Problem 404 if there is no such cache, or none at all */
export function cachesFor(
  { fleet }: Pick<Control, 'fleet'>,
  principal: Principal,
  asked: string | undefined,
): readonly string[] {
  if (asked !== undefined) {
    if (fleet.has(asked)) return [asked]
    throw unknownCache(asked, fleet.names)
  }
  // A principal that is limited to a cache cannot act on others by omitting the name.
  const named = fleet.names.filter((name) => principal.namespaces?.includes(name) === true)
  const names = named.length > 0 ? named : fleet.names
  const run = names.filter((name) => !fleet.isDeserted(name))
  // If none is running, the operation itself reports it.
  if (names.length > 0) return run.length > 0 ? run : names
  throw new Problem(
    404,
    'no_cache',
    'no cache is attached: give createControl({ caches: [cache] }), or attach(cache) in its process',
  )
}

const unknownCache = (asked: string, names: readonly string[]): Problem =>
  new Problem(
    404,
    'cache_unknown',
    `there is no cache ${JSON.stringify(asked)}: there ${names.length === 0 ? 'is none' : `are ${names.join(', ')}`}`,
  )

/**
 * The cache that is meant, if only one can be.
 * @throws Problem 404, 422 if there are several and none was named
 */
export function oneCache(control: Pick<Control, 'fleet'>, principal: Principal, asked: string | undefined): string {
  const [first, ...more] = cachesFor(control, principal, asked)
  if (first !== undefined && more.length === 0) return first
  throw new Problem(
    422,
    'cache_name_missing',
    `there are several caches: set cache_name to one of ${[first, ...more].join(', ')}`,
    {
      errors: [{ pointer: '/cache_name', code: 'missing', detail: 'name the cache' }],
    },
  )
}

/**
 * The same, for a change of its memory, which all of its namespaces share.
 * @throws Problem as `oneCache`, 403 for a principal that is limited to a part of it
 */
export function oneWholeCache(
  control: Pick<Control, 'fleet'>,
  principal: Principal,
  asked: string | undefined,
): string {
  const cache = oneCache(control, principal, asked)
  if (namespacesFor(principal, cache, undefined) === undefined) return cache
  throw new Problem(403, 'forbidden', `memory belongs to all of ${cache}: ${principal.name} is limited to a part of it`)
}
