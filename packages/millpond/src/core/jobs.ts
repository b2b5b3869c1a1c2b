// The contract between the runner and a job table: leases, so that only one process runs a job at a time.
import { type Check, check, listOf, oneOf, options as optionsOf, refused, required, type Shape } from './checks.ts'

/** `waiting` for its time or its next attempt; `running` under a lease; `done`; `failed` permanently. */
export type JobState = 'waiting' | 'running' | 'done' | 'failed'

/** A job as stored in the table. Times are epoch milliseconds of the store's clock (the server's, if there is one). */
export interface Job {
  /** Given when it was added, or random. */
  readonly id: string
  /** The kind that selects its handler. */
  readonly kind: string
  /** JSON. */
  readonly payload: string
  /** Where it is in its life. */
  readonly state: JobState
  /** When it was first due. */
  readonly dueAt: number
  /** When it was added. */
  readonly createdAt: number
  /** How often it was claimed. */
  readonly attempts: number
  /** When it may be claimed: its time, its next attempt, or the end of its current lease. */
  readonly readyAt: number
  /** The error of the last attempt. */
  readonly error?: string
}

/** Counted by the store's clock, so that a wrong clock of a process does not matter. */
export type JobDue = { readonly inMs: number } | { readonly at: number }

export interface NewJob {
  /** Adding the same id again changes nothing. */
  readonly id: string
  /** The kind that selects its handler. */
  readonly kind: string
  /** JSON. */
  readonly payload: string
  /** When it is to run. */
  readonly due: JobDue
}

export interface Claimed {
  /** The claimed jobs, the longest due first. */
  readonly jobs: readonly Job[]
  /**
   * Milliseconds until the next job of these kinds may be claimed, 0 if there are more now; `undefined`: none is
   * waiting.
   */
  readonly nextInMs: number | undefined
}

/** The states that can be listed; a done job is found by its id alone. */
export type ListedState = Exclude<JobState, 'done'>

export interface ListOptions {
  /** Default: all three. */
  readonly states?: readonly ListedState[] | undefined
  /** Only jobs of this kind. */
  readonly kind?: string | undefined
  /** Default 100, at most 1000. */
  readonly limit?: number | undefined
  /** How many to skip. */
  readonly offset?: number | undefined
}

/**
 * Every step is atomic over all processes that share the store. Ids and kinds are 1 to 200 visible ASCII characters,
 * checked by the caller. Rejects with `JOB_STORE_FAILED` if the store does not answer, `CLOSED` after `close`.
 */
export interface JobStore {
  /** As shown to operators: `memory`, `redis`. */
  readonly name: string
  /** `false`: there already is a job of this id, in any state; it stays as it is. */
  add(job: NewJob): Promise<boolean>
  /** Done jobs are kept for the store's `keepDoneMs`, failed ones for `keepFailedMs`. */
  get(id: string): Promise<Job | undefined>
  /** By `dueAt`, then by id. */
  list(options?: ListOptions): Promise<Job[]>
  /** Removes a waiting or failed job. `false`: there is none, it is running, or it is done. */
  cancel(id: string): Promise<boolean>
  /** Takes up to `limit` due jobs, the longest due first, under a lease of this name; counts an attempt of each. */
  claim(kinds: readonly string[], limit: number, lease: string, leaseMs: number): Promise<Claimed>
  /** Extends the lease from now. `false`: it is another's by now, or the job is gone. */
  renew(id: string, lease: string, leaseMs: number): Promise<boolean>
  /** `false` as for `renew`. */
  complete(id: string, lease: string): Promise<boolean>
  /** The attempt failed: retried in `retryInMs`, or never without it. `false` as for `renew`. */
  fail(id: string, lease: string, error: string, retryInMs: number | undefined): Promise<boolean>
  /**
   * The run is over and the job waits for its next time, as if it had been added with this payload: no attempts, no
   * error. `false` as for `renew`.
   */
  again(id: string, lease: string, due: JobDue, payload: string): Promise<boolean>
  /** Ends the use of the store; a client that was passed in stays open. */
  close(): Promise<void>
}

export interface JobRetention {
  /** How long a done job's id is kept, so that adding it again does not run it again. Default one hour. */
  readonly keepDoneMs: number
  /** How long a failed job is kept. Default seven days. */
  readonly keepFailedMs: number
}

export const DEFAULT_RETENTION: JobRetention = Object.freeze({ keepDoneMs: 3_600_000, keepFailedMs: 604_800_000 })
export const MAX_LISTED = 1000
export const LISTED: readonly ListedState[] = Object.freeze(['waiting', 'running', 'failed'])

export const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const

/** A day of the week. */
export type JobDay = (typeof DAYS)[number]

/**
 * Hours of the day: `{ from: '22:00', to: '06:00' }`. `to` is exclusive; if it is not after `from`, they end on the
 * next day.
 */
export interface JobWindow {
  /** The time of day at which it begins: `'22:00'`. */
  readonly from: string
  /** The time of day at which it ends, exclusive. */
  readonly to: string
  /** The days on which it begins. Default: every day. */
  readonly days?: readonly JobDay[] | undefined
}

const TIME = /^([01]\d|2[0-3]):([0-5]\d)$/
const time = check(
  (value): value is string => typeof value === 'string' && TIME.test(value),
  "a time of day, such as '22:00'",
)
const WINDOW: Shape<JobWindow> = {
  from: required(time),
  to: required(time),
  days: (value, at) => notNone(days(value, at), at, "a day, such as ['sat'], or leave it out"),
}
const days = listOf(oneOf(...DAYS), `a list of days: ${DAYS.join(', ')}`)
const windows = listOf(optionsOf(WINDOW), "a list of windows, such as [{ from: '22:00', to: '06:00' }]")

/** Validates windows: at least one. */
export const jobWindows: Check<readonly JobWindow[]> = (value, at) =>
  notNone(windows(value, at), at, "a list of windows, such as [{ from: '22:00', to: '06:00' }]")

function notNone<T>(list: readonly T[], at: string, wanted: string): readonly T[] {
  if (list.length > 0) return list
  throw refused(list, at, wanted)
}
