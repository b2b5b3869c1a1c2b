// What may be done with a stored answer now (RFC 9111 4): comparisons of numbers, without parsing.
import { type AnswerMeta, ageMs } from './answer.ts'
import type { RequestDirectives } from './cache-control.ts'
import { ASKS, type RequestFacts } from './request.ts'

export type Decision =
  /** Use it as it is. */
  | 'serve'
  /** Use it, and validate in the background (RFC 5861 3). */
  | 'serve-and-validate'
  /** Validate first; on failure see `mayServeOnError`. */
  | 'validate'

export interface ReuseOptions {
  /** Whether the client's Cache-Control is honoured (RFC 9111 5.2.1 leaves it open to caches that serve an origin). */
  readonly honourClient: boolean
}

/** RFC 9111 4.2.4, 5.2.1, 5.2.2. */
export function decide(request: RequestFacts, answer: AnswerMeta, now: number, options: ReuseOptions): Decision {
  const age = ageMs(answer, now)
  const fresh = answer.lifetimeMs - age
  if (answer.noCache) return 'validate'
  if (!options.honourClient || !request.has(ASKS.directives)) {
    if (fresh > 0) return 'serve'
    return isRevalidatable(answer, fresh) ? 'serve-and-validate' : 'validate'
  }
  return decideFor(request.directives, answer, age, fresh)
}

function decideFor(asked: RequestDirectives, answer: AnswerMeta, age: number, fresh: number): Decision {
  // RFC 9111 5.2.1.4, and 5.2.1.5: what must not be stored is not looked up either.
  if (asked.noCache || asked.noStore) return 'validate'
  const isReload = asked.maxAge !== undefined && age > asked.maxAge * 1000
  // RFC 8246 2: within its lifetime an immutable answer is not validated, even on reload.
  if (isReload && !(answer.immutable && fresh > 0)) return 'validate'
  // RFC 9111 5.2.1.3.
  if (asked.minFresh !== undefined && fresh < asked.minFresh * 1000) return 'validate'
  if (fresh > 0) return 'serve'
  // RFC 9111 5.2.1.2.
  if (asked.maxStale !== undefined && !answer.neverStale && -fresh <= asked.maxStale * 1000) return 'serve'
  return isRevalidatable(answer, fresh) ? 'serve-and-validate' : 'validate'
}

const isRevalidatable = (answer: AnswerMeta, fresh: number): boolean =>
  !answer.neverStale && answer.staleWhileRevalidateMs > 0 && -fresh <= answer.staleWhileRevalidateMs

export interface ErrorOptions {
  /**
   * How long it is used stale if the origin is unreachable and the answer does not say, in milliseconds (RFC 9111 4.2.4
   * permits it when disconnected).
   */
  readonly staleIfUnreachableMs: number
}

/** RFC 5861 4 and RFC 9111 4.2.4. `status`: of the origin's answer; `undefined`: it was unreachable. */
export function mayServeOnError(
  answer: AnswerMeta,
  now: number,
  status: number | undefined,
  options: ErrorOptions,
): boolean {
  const staleness = ageMs(answer, now) - answer.lifetimeMs
  if (answer.neverStale) return false
  if (answer.staleIfErrorMs >= 0) return staleness <= answer.staleIfErrorMs
  // An answer of the origin is forwarded unless stale-if-error says otherwise (RFC 9111 4.3.3 leaves the choice).
  return status === undefined && staleness <= options.staleIfUnreachableMs
}

/** RFC 5861 4: the statuses that count as an error. */
export const isServerError = (status: number): boolean => status === 500 || (status >= 502 && status <= 504)
