// Conversion between a BullMQ job and our own.
import type { Job, JobState } from '../../core/jobs.ts'
import type { BullJob, BullState } from './package-types.ts'

/** Our fields among a job's options, which BullMQ preserves. Strings: its scripts round large numbers. */
export interface Mark {
  readonly dueAt: string
  readonly createdAt: string
  /** Identifies the call that added it: BullMQ does not say whether a job existed already. */
  readonly addedBy: string
}

/** `undefined`: another program has added it, by BullMQ itself. */
export function markOf({ opts }: BullJob): Mark | undefined {
  const { dueAt, createdAt, addedBy }: { dueAt?: unknown; createdAt?: unknown; addedBy?: unknown } = Object(
    opts.millpond,
  )
  return typeof dueAt === 'string' && typeof createdAt === 'string' && typeof addedBy === 'string'
    ? { dueAt, createdAt, addedBy }
    : undefined
}

export function dueAtOf(job: BullJob): number {
  const mark = markOf(job)
  return mark === undefined ? job.timestamp + (job.opts.delay ?? 0) : Number(mark.dueAt)
}

const STATES: Readonly<Partial<Record<BullState, JobState>>> = {
  waiting: 'waiting',
  wait: 'waiting',
  paused: 'waiting',
  prioritized: 'waiting',
  delayed: 'waiting',
  'waiting-children': 'waiting',
  active: 'running',
  completed: 'done',
  failed: 'failed',
}

export const stateOf = (state: BullState): JobState | undefined => STATES[state]

/** The listed states of BullMQ, by ours. */
export const LISTED_AS: Readonly<Record<Exclude<JobState, 'done'>, readonly BullState[]>> = {
  waiting: ['wait', 'paused', 'prioritized', 'delayed', 'waiting-children'],
  running: ['active'],
  failed: ['failed'],
}

export function jobOf(id: string, kind: string, job: BullJob, state: JobState, readyAt: number): Job {
  const mark = markOf(job)
  const error = job.failedReason
  return {
    id,
    kind,
    payload: JSON.stringify(job.data),
    state,
    dueAt: dueAtOf(job),
    createdAt: mark === undefined ? job.timestamp : Number(mark.createdAt),
    // A permanently failed job starts counting again, for a manual retry.
    attempts: state === 'failed' ? job.attemptsMade : job.attemptsStarted,
    readyAt,
    ...(typeof error === 'string' && error !== '' && { error }),
  }
}
