// The options of a guard, validated and resolved.
import {
  check,
  checkOptions,
  duration,
  fn,
  oneOf,
  options as optionsOf,
  orOff,
  required,
  type Shape,
  share,
  whole,
} from '../../core/checks.ts'
import { type Duration, parseDuration } from '../../core/duration.ts'
import { MillpondError, show } from '../../core/errors.ts'
import type {
  GuardBreaker,
  GuardBulkhead,
  GuardErrorThreshold,
  GuardHedge,
  GuardOptions,
  GuardRetry,
} from '../../core/guard.ts'

const rate = check(
  (value): value is number => typeof value === 'number' && value > 0 && value <= 1,
  'a number above 0 and up to 1',
)
const BREAKER: Shape<GuardBreaker> = {
  errorRate: rate,
  slowRate: rate,
  slowAfter: duration,
  window: duration,
  least: whole(1),
  openFor: duration,
  probes: whole(0, 1000),
}
const RETRY: Shape<GuardRetry> = { attempts: whole(1, 20), base: duration, max: duration, budget: share }
const BULKHEAD: Shape<GuardBulkhead> = { concurrency: whole(1, 100_000), queue: whole(0, 1_000_000) }
const HEDGE: Shape<GuardHedge> = { after: required(duration), budget: share, replicaTtl: duration }
const THRESHOLD: Shape<GuardErrorThreshold> = {
  failures: required(whole(1)),
  action: required(oneOf('hold', 'invalidate')),
}

/** The names and checks of a guard's options. */
export const GUARD: Shape<GuardOptions> = {
  breaker: orOff(optionsOf(BREAKER)),
  retry: orOff(optionsOf(RETRY)),
  bulkhead: orOff(optionsOf(BULKHEAD)),
  hedge: orOff(optionsOf(HEDGE)),
  errorThreshold: orOff(optionsOf(THRESHOLD)),
  timeout: duration,
  isFailure: fn('a function that says whether an error is the source’s fault'),
}

export interface BreakerPolicy {
  readonly errorRate: number
  readonly slowRate: number
  readonly slowMs: number
  readonly windowMs: number
  readonly least: number
  readonly openMs: number
  readonly probes: number
}

export interface RetryPolicy {
  readonly attempts: number
  readonly baseMs: number
  readonly maxMs: number
  readonly budget: number
}

export interface GuardPolicy {
  readonly breaker: BreakerPolicy | undefined
  readonly retry: RetryPolicy | undefined
  readonly bulkhead: { readonly concurrency: number; readonly queue: number } | undefined
  readonly hedge: { readonly afterMs: number; readonly budget: number; readonly ttlMs: number } | undefined
  readonly errorThreshold: GuardErrorThreshold | undefined
  readonly timeoutMs: number | undefined
  readonly isFailure: (error: unknown) => boolean
}

/** @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`. */
export function guardPolicy(options: GuardOptions, name: string): GuardPolicy {
  checkOptions<GuardOptions>(options, GUARD, name)
  const {
    breaker = {},
    retry = false,
    bulkhead = false,
    hedge = false,
    errorThreshold = false,
    timeout,
    isFailure = () => true,
  } = options
  if (breaker === false && errorThreshold !== false && errorThreshold.action === 'hold')
    throw new MillpondError(
      'OPTION_INVALID',
      `${name}.errorThreshold: 'hold' needs the breaker, which is off: switch it on, or use 'invalidate'`,
    )
  return {
    breaker: breaker === false ? undefined : breakerPolicy(breaker, name),
    retry: retry === false ? undefined : retryPolicy(retry, name),
    bulkhead:
      bulkhead === false ? undefined : { concurrency: bulkhead.concurrency ?? 32, queue: bulkhead.queue ?? 100 },
    hedge:
      hedge === false
        ? undefined
        : {
            afterMs: parseDuration(hedge.after, `${name}.hedge.after`),
            budget: hedge.budget ?? 0.1,
            ttlMs: parseDuration(hedge.replicaTtl ?? 0, `${name}.hedge.replicaTtl`),
          },
    errorThreshold: errorThreshold === false ? undefined : errorThreshold,
    timeoutMs: timeout === undefined ? undefined : positive(timeout, `${name}.timeout`),
    isFailure,
  }
}

/** Options that are left out, or `undefined`, stay as they were, within each group too. */
export function mergedOptions(known: GuardOptions, changes: GuardOptions): GuardOptions {
  const parts = said(changes).map(([name, value]) => {
    const before: unknown = Reflect.get(known, name)
    return [
      name,
      isOptions(before) && isOptions(value) ? { ...before, ...Object.fromEntries(said(value)) } : value,
    ] as const
  })
  return { ...known, ...Object.fromEntries(parts) }
}

const said = (options: object): [string, unknown][] =>
  Object.entries(options).filter(([, value]) => value !== undefined)

export const isOptions = (value: unknown): value is object => typeof value === 'object' && value !== null

function breakerPolicy(
  { errorRate = 0.5, slowRate = 1, slowAfter, window = '30s', least = 20, openFor = '5s', probes = 3 }: GuardBreaker,
  name: string,
): BreakerPolicy {
  return {
    errorRate,
    slowRate,
    slowMs: slowAfter === undefined ? Number.POSITIVE_INFINITY : positive(slowAfter, `${name}.breaker.slowAfter`),
    windowMs: positive(window, `${name}.breaker.window`),
    least,
    openMs: positive(openFor, `${name}.breaker.openFor`),
    probes,
  }
}

function retryPolicy({ attempts = 3, base = '50ms', max = '1s', budget = 0.1 }: GuardRetry, name: string): RetryPolicy {
  return {
    attempts,
    baseMs: parseDuration(base, `${name}.retry.base`),
    maxMs: positive(max, `${name}.retry.max`),
    budget,
  }
}

function positive(value: Duration, at: string): number {
  const ms = parseDuration(value, at)
  if (ms >= 1 && ms <= 3_600_000) return ms
  throw new MillpondError('OPTION_INVALID', `${at}: ${show(value)} is not allowed: give a time from 1 ms to 1 h`)
}
