// The used part of BullMQ 6's public classes; its types must not reach users who have not installed it.
import { MillpondError } from '../../core/errors.ts'
import { isNotInstalled, loadPackage } from '../../core/packages.ts'

/** BullMQ's names of job states. */
export type BullState =
  | 'waiting'
  | 'wait'
  | 'paused'
  | 'prioritized'
  | 'delayed'
  | 'active'
  | 'completed'
  | 'failed'
  | 'waiting-children'
  | 'unknown'

/** A job as stored. */
export type BullJson = Readonly<Record<string, unknown>>

export interface BullJobOptions {
  jobId?: string
  delay?: number
  timestamp?: number
  removeOnComplete?: unknown
  removeOnFail?: unknown
  /** BullMQ preserves unknown options. */
  millpond?: unknown
  /** Of a job scheduler's job. */
  repeat?: unknown
}

export interface BullJob {
  readonly id?: string
  readonly name: string
  readonly data: unknown
  readonly opts: BullJobOptions
  readonly timestamp: number
  readonly attemptsStarted: number
  readonly attemptsMade: number
  readonly failedReason?: string | null
  readonly processedBy?: string
  readonly processedOn?: number
  readonly finishedOn?: number
  /** The job scheduler that created it. */
  readonly repeatJobKey?: string
}

/** BullMQ's interface of a queue's store (`IQueueBackend`). Fields are those of its hashes in Redis. */
export interface BullBackend {
  moveToActive(token: string, name: string): Promise<readonly unknown[]>
  moveToCompleted(job: BullJob, value: unknown, keep: unknown, token: string, fetchNext: false): Promise<unknown>
  moveToFailed(
    job: BullJob,
    reason: string,
    keep: unknown,
    token: string,
    fetchNext: false,
    fields: BullFields,
  ): Promise<unknown>
  moveToDelayed(id: string, now: number, delay: number, token: string, options: BullDelay): Promise<unknown>
  extendLock(id: string, token: string, ms: number): Promise<number>
  moveStalledJobsToWait(): Promise<unknown>
  cleanJobsByState(state: 'completed' | 'failed', before: number, limit: number): Promise<unknown>
  getState(id: string): Promise<BullState>
  /** 0: it is locked. */
  remove(id: string, withChildren: boolean): Promise<number>
  forQueue(name: string): BullBackend
  toKey(type: string): string
}

type BullFields = Readonly<Record<string, string>>

interface BullDelay {
  /** Not a failure: it does not count as one. */
  readonly skipAttempt: boolean
  readonly fieldsToUpdate: BullFields
}

interface BullScheduler {
  upsertJobScheduler(
    key: string,
    repeat: unknown,
    name: string,
    data: unknown,
    options: BullJobOptions,
    how: { readonly override: false; readonly producerId: string },
  ): Promise<unknown>
}

export interface BullQueue {
  add(name: string, data: unknown, options: BullJobOptions): Promise<BullJob>
  getJob(id: string): Promise<BullJob | undefined>
  getJobs(states: BullState[], start: number, end: number, ascending: boolean): Promise<(BullJob | undefined)[]>
  getBackend(): BullBackend
  on(event: 'error', listener: (error: unknown) => void): unknown
  /** Keys of the parts of a queue, by their names. */
  readonly keys: Readonly<Record<string, string>>
  readonly jobScheduler: Promise<BullScheduler>
  close(): Promise<void>
}

export interface BullModule {
  readonly Queue: new (name: string, options: object, backend?: () => BullBackend) => BullQueue
  readonly Job: { fromJSON(queue: BullQueue, json: BullJson, id: string): BullJob }
}

/** @throws MillpondError `OPTION_INVALID` if it is not installed. */
export function loadBullmq(): BullModule {
  try {
    // Its types are trusted: it is the package named here.
    return loadPackage('bullmq') as BullModule
  } catch (cause) {
    if (!isNotInstalled(cause)) throw cause
    throw new MillpondError('OPTION_INVALID', 'bullmqJobs needs the package bullmq: npm install bullmq', { cause })
  }
}
