// Whether an answer may be stored (RFC 9111 3). Each branch names the reason against it, for Cache-Status and for
// finding out why nothing hits.

import { fieldValue, firstLine, listMembers, type RawFields } from './fields.ts'
import { type FreshnessOptions, HEURISTIC, isExplicit, lifetimeMs } from './freshness.ts'
import { contentRange } from './range.ts'
import type { RequestFacts } from './request.ts'
import { policyOf } from './targeted.ts'
import { MAX_VARY } from './vary.ts'

export interface StoreOptions extends FreshnessOptions {
  readonly targets: readonly string[]
  /** RFC 9111 7.3 leaves it to the cache; a cookie of one user must not reach another. */
  readonly storeSetCookie: boolean
  /**
   * Request fields that make an answer private unless it is explicitly public. `authorization` always does (RFC 9111
   * 3.5).
   */
  readonly credentials: readonly string[]
}

export type Refusal =
  | 'method'
  | 'status'
  | 'no-store'
  | 'request-no-store'
  | 'private'
  | 'authorization'
  | 'credentials'
  | 'set-cookie'
  | 'vary'
  | 'not-cacheable'
  | 'range'
  | 'no-use'

/** RFC 9110 15: final statuses whose caching semantics are implemented here. */
const UNDERSTOOD: ReadonlySet<number> = new Set([
  200, 203, 204, 206, 300, 301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 406, 410, 414, 421, 451, 500, 501, 502,
  503, 504,
])

/** `undefined`: it may be stored. */
export function refusalOf(
  request: RequestFacts,
  status: number,
  fields: RawFields,
  responseAt: number,
  options: StoreOptions,
): Refusal | undefined {
  // RFC 9111 3: the method is understood; only final answers; 304 and 416 are about another answer.
  if (status < 200 || status === 304 || status === 416) return 'status'
  const { directives, isTargeted } = policyOf(fields, options.targets)
  const explicit = isExplicit(fields, { directives, isTargeted }, options.isShared)
  const methodRefusal = refusedMethod(request, status, explicit)
  if (methodRefusal !== undefined) return methodRefusal
  if (request.directives.noStore) return 'request-no-store'
  // RFC 9111 5.2.2.3: must-understand overrides no-store if the status is understood, and forbids storing if it is not.
  if (directives.mustUnderstand ? !UNDERSTOOD.has(status) : directives.noStore) return 'no-store'
  if (options.isShared && directives.isPrivate) return 'private'
  const isPublic = directives.isPublic || directives.sMaxAge !== undefined
  const varies = listMembers(fieldValue(fields, 'vary')).map((name) => name.toLowerCase())
  // RFC 9111 3.5.
  if (options.isShared && request.get('authorization') !== undefined && !isPublic && !directives.mustRevalidate)
    return 'authorization'
  const isMeantForAll = isPublic || isTargeted
  const isPersonal = (name: string): boolean => request.get(name) !== undefined && !varies.includes(name)
  if (options.isShared && !isMeantForAll && options.credentials.some(isPersonal)) return 'credentials'
  if (!options.storeSetCookie && fieldValue(fields, 'set-cookie') !== undefined) return 'set-cookie'
  // RFC 9111 4.1: `*` never matches.
  if (varies.includes('*') || varies.length > MAX_VARY) return 'vary'
  return useOf(status, fields, responseAt, options, explicit)
}

function refusedMethod(request: RequestFacts, status: number, explicit: boolean): Refusal | undefined {
  if (request.method === 'GET' || request.method === 'QUERY') return undefined
  // RFC 9110 9.3.3: POST only with explicit freshness, for later GETs of what Content-Location names (the caller
  // compares it).
  if (request.method === 'POST') return explicit && status === 200 ? undefined : 'method'
  return 'method'
}

/**
 * RFC 9111 3: something has to make it cacheable. An answer that is neither fresh nor can be validated would never be
 * used.
 */
function useOf(
  status: number,
  fields: RawFields,
  responseAt: number,
  options: StoreOptions,
  explicit: boolean,
): Refusal | undefined {
  const policy = policyOf(fields, options.targets)
  // RFC 9111 3.3: a part is stored if it says which part it is.
  if (status === 206 && contentRange(firstLine(fields, 'content-range')) === undefined) return 'range'
  const { isPublic, noCache } = policy.directives
  const lifetime = lifetimeMs(status, fields, policy, responseAt, options)
  if (!explicit && lifetime === 0 && !isPublic && !noCache && !HEURISTIC.has(status)) return 'not-cacheable'
  const canValidate = firstLine(fields, 'etag') !== undefined || firstLine(fields, 'last-modified') !== undefined
  return canValidate || (lifetime > 0 && !noCache) ? undefined : 'no-use'
}
