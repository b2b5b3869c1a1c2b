// Scheduled invalidation: criteria that are stored with a job and applied when it is due, in one of all processes.
//
// Criteria are validated when they are scheduled and resolved when they are applied: relations and `olderThan` are
// evaluated then.
import {
  check,
  checkedElsewhere,
  checkOptions,
  duration,
  oneOf,
  required,
  type Shape,
  text,
  withMethods,
} from '../core/checks.ts'
import type { Duration } from '../core/duration.ts'
import { MillpondError, show } from '../core/errors.ts'
import { checkName, decodeKey, encodeKey } from '../core/key.ts'
import { type InvalidationReason, invalidationReason } from '../core/reason.ts'
import { type Criteria, parseInstant, resolveCriteria } from './criteria.ts'
import { patternSource } from './pattern.ts'
import type { Relations } from './relations.ts'

/** The part of the jobs' runner that is used. */
export interface JobQueue {
  /** Adds a job, and resolves with its id. */
  add(
    kind: string,
    payload: unknown,
    when: {
      readonly in?: Duration | undefined
      readonly at?: number | Date | undefined
      readonly id?: string | undefined
    },
  ): Promise<string>
}

export interface ScheduleOptions {
  /** Where the job is stored. */
  readonly jobs: JobQueue
  /** The namespace. Part of the job, since one queue serves all namespaces. */
  readonly namespace: string
  /** What will be invalidated. */
  readonly criteria: Criteria
  /** `delete`, or `expire`: a stale answer may be served while it is reloaded. */
  readonly mode?: 'delete' | 'expire' | undefined
  /** Why. */
  readonly reason?: InvalidationReason | undefined
  /** The declared relations, for criteria that name models. */
  readonly relations?: Relations | undefined
  /** Epoch milliseconds. */
  readonly now: number
  /** The kind of the job, if several caches share a table. Default `INVALIDATION_JOB`. */
  readonly kind?: string | undefined
}

/** Exactly one of them. A past time means at once. */
export interface ScheduleTime {
  /** How long from now. */
  readonly in?: Duration | undefined
  /** The time: epoch milliseconds or a Date. */
  readonly at?: number | Date | undefined
  /** Scheduling the same id again changes nothing. Default: random. */
  readonly id?: string | undefined
}

export const TIME: Shape<ScheduleTime> = {
  in: duration,
  at: check((value): value is number | Date => isInstant(value), 'epoch milliseconds, or a Date'),
  id: text,
}
const OPTIONS: Shape<ScheduleOptions> = {
  jobs: required(withMethods<JobQueue>('a runner of jobs, such as createJobs(...)', 'add')),
  namespace: required((value, at) => checkName(value, at)),
  criteria: required<Criteria>(checkedElsewhere),
  mode: oneOf('delete', 'expire'),
  reason: invalidationReason,
  relations: withMethods<Relations>('relations: new Relations(rules)', 'plan'),
  now: required(
    check((value): value is number => typeof value === 'number' && Number.isFinite(value), 'epoch milliseconds'),
  ),
  kind: text,
}

/** The kind of the jobs, for `handlers`. */
export const INVALIDATION_JOB = 'millpond.invalidate'

/**
 * Resolves with the job's id once it is stored.
 * @throws MillpondError as `resolveCriteria` does, before anything is stored; `VALUE_TOO_LARGE` for criteria over 64
 * KB.
 */
export async function scheduleInvalidation(options: ScheduleOptions, when: ScheduleTime): Promise<string> {
  checkOptions<ScheduleOptions>(options, OPTIONS, 'schedule')
  const { jobs, namespace, criteria, mode, reason, relations, now, kind = INVALIDATION_JOB } = options
  checkTime(when)
  resolveCriteria(criteria, { now, ...(relations === undefined ? {} : { relations }) })
  return jobs.add(kind, plainInvalidation({ namespace, criteria, mode, reason }), when)
}

function isInstant(value: unknown): boolean {
  const at = value instanceof Date ? value.getTime() : value
  return typeof at === 'number' && Number.isFinite(at)
}

/** A time is required: nothing may mean "at once" by mistake. */
function checkTime(when: unknown): void {
  checkOptions<ScheduleTime>(when, TIME, 'time')
  const { in: delay, at } = when
  if ((delay === undefined) === (at === undefined))
    throw new MillpondError(
      'OPTION_INVALID',
      `schedule: ${show(when)} has ${at === undefined ? 'no time' : 'two times'}: give { in: '5m' } or { at: new Date(...) }`,
    )
}

/** The criteria of a due job. */
export interface DueInvalidation {
  /** The namespace to invalidate in. */
  readonly namespace: string
  /** As scheduled. */
  readonly criteria: Criteria
  /** `expire`: entries become stale instead of invalid. */
  readonly mode: 'delete' | 'expire'
  /** As it was given. */
  readonly reason?: InvalidationReason
  /** The job's id: the same for each attempt. */
  readonly id: string
}

/**
 * The handler to register: `handlers: { [INVALIDATION_JOB]: invalidationHandler((due) =>
 * cache.namespace(due.namespace).invalidate(due.criteria)) }`. An invalidation that happens twice is harmless.
 */
export function invalidationHandler(
  invalidate: (due: DueInvalidation) => Promise<unknown>,
): (payload: unknown, context: { readonly id: string }) => Promise<void> {
  return async (payload, { id }) => {
    await invalidate({ ...readPayload(payload), id })
  }
}

/** In JSON form. */
export const plainInvalidation = ({
  namespace,
  criteria,
  mode,
  reason,
}: Pick<ScheduleOptions, 'namespace' | 'criteria' | 'mode' | 'reason'>): object => ({
  namespace,
  criteria: toPlain(criteria),
  ...(mode === undefined ? {} : { mode }),
  ...(reason === undefined ? {} : { reason }),
})

interface Plain extends Omit<Criteria, 'key' | 'keys' | 'pattern' | 'patterns'> {
  /** Encoded: tuples contain bigints, which JSON does not support. */
  readonly keys?: readonly string[]
  readonly patterns?: readonly string[]
}

function toPlain({ key, keys, pattern, patterns, id, createdBefore, ...rest }: Criteria): Plain {
  const allKeys = [...(key === undefined ? [] : [key]), ...(keys ?? [])].map(encodeKey)
  const allPatterns = [...(pattern === undefined ? [] : [pattern]), ...(patterns ?? [])].map((one) =>
    patternSource(one),
  )
  return {
    ...rest,
    ...(key === undefined && keys === undefined ? {} : { keys: allKeys }),
    ...(pattern === undefined && patterns === undefined ? {} : { patterns: allPatterns }),
    ...(id === undefined ? {} : { id: typeof id === 'bigint' ? String(id) : id }),
    ...(createdBefore === undefined ? {} : { createdBefore: parseInstant(createdBefore, 'createdBefore') }),
  }
}

/** @throws MillpondError if it is invalid. */
export function readPayload(payload: unknown): Omit<DueInvalidation, 'id'> {
  const { namespace, criteria, mode, reason } = fieldsOf(payload)
  const { keys, ...rest } = fieldsOf(criteria)
  return {
    namespace: checkName(namespace, 'namespace'),
    // The stored criteria are validated again when they are applied.
    criteria: { ...rest, ...(Array.isArray(keys) ? { keys: keys.map((key) => decodeKey(String(key))) } : {}) },
    mode: mode === 'expire' ? 'expire' : 'delete',
    ...(reason === undefined ? {} : { reason: invalidationReason(reason, 'reason') }),
  }
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}
