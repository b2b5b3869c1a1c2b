// What an unsafe request invalidates (RFC 9111 4.4), and cache groups (RFC 9875).
import { fieldValue, firstLine, type RawFields } from './fields.ts'
import { isSafe } from './request.ts'
import { parseStrings } from './structured.ts'

/** RFC 9875 2.1 and 5.1: the minimum that a cache should support; more are ignored. */
const MAX_GROUPS = 32
const MAX_GROUP_LENGTH = 128

export interface Invalidation {
  /** Absolute URLs of the same origin. */
  readonly urls: readonly string[]
  readonly groups: readonly string[]
}

/** `undefined`: nothing is invalidated. `url`: the request's own, absolute. */
export function invalidationOf(
  method: string,
  url: string,
  status: number,
  fields: RawFields,
): Invalidation | undefined {
  // RFC 9111 4.4: a non-error answer (2xx, 3xx) to an unsafe method.
  if (isSafe(method) || status < 200 || status >= 400) return undefined
  const urls = new Set([url])
  for (const name of ['location', 'content-location']) {
    const target = sameOrigin(firstLine(fields, name), url)
    if (target !== undefined) urls.add(target)
  }
  return { urls: [...urls], groups: groupsOf(fields, 'cache-group-invalidation') }
}

/** RFC 9111 4.4: never another origin's, or any site could empty another's cache. */
export function sameOrigin(reference: string | undefined, base: string): string | undefined {
  if (reference === undefined || !URL.canParse(reference, base)) return undefined
  const target = new URL(reference, base)
  if (target.origin !== new URL(base).origin) return undefined
  target.hash = ''
  return target.href
}

/** RFC 9875 2, 3: opaque strings, compared as they are. */
export function groupsOf(fields: RawFields, name: 'cache-groups' | 'cache-group-invalidation'): readonly string[] {
  return parseStrings(fieldValue(fields, name))
    .filter((group) => group !== '' && group.length <= MAX_GROUP_LENGTH)
    .slice(0, MAX_GROUPS)
}
