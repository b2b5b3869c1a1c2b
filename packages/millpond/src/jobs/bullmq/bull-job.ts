// A job as BullMQ holds it and as we see it.
import type { Job, JobState } from '../../core/jobs.ts'
import type { BullJob, BullState } from './package-types.ts'

/** What we keep among a job's options, and BullMQ takes along. Texts: its scripts round large numbers. */
export interface Mark {
  readonly dueAt: string
  readonly createdAt: string
  /** Of the call that has added it: BullMQ does not say whether a job was there already. */
  readonly addedBy: string
}

/** `undefined`: some other program has added it, by BullMQ itself. */
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

/** The states of BullMQ that lists show, by ours. */
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
    // A job that has failed for good begins to count anew, for whoever tries it again by hand.
    attempts: state === 'failed' ? job.attemptsMade : job.attemptsStarted,
    readyAt,
    ...(typeof error === 'string' && error !== '' && { error }),
  }
}
