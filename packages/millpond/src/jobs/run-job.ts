// One attempt of one job: the handler, the renewal of its lease meanwhile, and its result.
import type { Clock } from '../core/contracts.ts'
import { MillpondError, show } from '../core/errors.ts'
import type { Job, JobDue, JobStore } from '../core/jobs.ts'
import { errorText } from './checks.ts'

export interface JobContext {
  /** The job's id. */
  readonly id: string
  /**
   * When it was first due, epoch milliseconds of the table's clock: together with the id it identifies one run of a
   * repeated job.
   */
  readonly dueAt: number
  /** From 1. Above 1 an earlier attempt failed, or its process died. */
  readonly attempt: number
  /**
   * Aborted when the lease is lost, the time is over, or the process stops: another process may run the job from then
   * on.
   */
  readonly signal: AbortSignal
}

/** Resolves when the job is done; a rejection is retried. `payload` is what was added, through JSON. */
export type JobHandler = (payload: unknown, context: JobContext) => Promise<unknown> | unknown

export interface RunJobOptions {
  readonly handler: JobHandler
  readonly store: JobStore
  readonly clock: Clock
  readonly lease: string
  readonly leaseMs: number
  /** Monotonic time when the lease was requested. */
  readonly leasedAt: number
  readonly timeoutMs: number
  readonly controller: AbortController
  /** When to retry after a failure; `undefined`: never. */
  readonly retryInMs: number | undefined
  /** Why it is not attempted: it counts as failed. */
  readonly refusal: MillpondError | undefined
  /**
   * When a repeated job is due next, and its payload then; `undefined`: it is not repeated, or no longer. Called when
   * the run is over.
   */
  readonly again: (failure: Failure | undefined) => { readonly due: JobDue; readonly payload: string } | undefined
  readonly report: (error: unknown) => void
}

export interface Failure {
  readonly error: unknown
}

/** The result of an attempt. `lost`: another process runs the job, and decides. */
export interface Ended {
  readonly state: 'done' | 'retried' | 'failed' | 'lost'
  readonly error?: unknown
}

/** Never rejects. */
export async function runJob(job: Job, options: RunJobOptions): Promise<Ended> {
  const { controller, clock, report } = options
  const stopRenewing = renewing(job, options)
  const stopTimeout = clock.after(options.timeoutMs, () => {
    controller.abort(new MillpondError('ABORTED', `the job ${show(job.id)} took longer than ${options.timeoutMs} ms`))
  })
  let failure: Failure | undefined
  try {
    await untilAborted(attempt(job, options), controller.signal)
  } catch (error) {
    failure = { error }
    report(error)
  }
  stopTimeout()
  stopRenewing()
  try {
    const isOurs = await settle(job, options, failure)
    const { retryInMs } = options
    if (isOurs && failure === undefined) return { state: 'done' }
    if (failure === undefined) report(lost(job))
    return { state: !isOurs ? 'lost' : retryInMs === undefined ? 'failed' : 'retried', ...failure }
  } catch (error) {
    // The lease expires, and the job is run again.
    report(error)
    return { state: 'lost', error }
  }
}

async function attempt(job: Job, { handler, refusal, controller }: RunJobOptions): Promise<void> {
  if (refusal !== undefined) throw refusal
  await handler(JSON.parse(job.payload), {
    id: job.id,
    dueAt: job.dueAt,
    attempt: job.attempts,
    signal: controller.signal,
  })
}

/** A handler that ignores its signal must not occupy its slot. */
function untilAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

/** Whether the result was recorded. `false`: the lease is another's. */
function settle(
  job: Job,
  { store, lease, retryInMs, again }: RunJobOptions,
  failure: Failure | undefined,
): Promise<boolean> {
  const { id } = job
  if (failure !== undefined && retryInMs !== undefined)
    return store.fail(id, lease, errorText(failure.error), retryInMs)
  const next = again(failure)
  if (next !== undefined) return store.again(id, lease, next.due, next.payload)
  return failure === undefined ? store.complete(id, lease) : store.fail(id, lease, errorText(failure.error), undefined)
}

/** Renews the lease at each third of it. If the store is silent until the lease is over, it is lost. */
function renewing(job: Job, { store, clock, lease, leaseMs, leasedAt, controller, report }: RunJobOptions): () => void {
  let isOver = false
  const lose = (): void => {
    if (!isOver) controller.abort(lost(job))
  }
  const expiry = (from: number): (() => void) => clock.after(Math.max(0, from + leaseMs - clock.monotonic()), lose)
  const renew = async (): Promise<void> => {
    const askedAt = clock.monotonic()
    try {
      if (!(await store.renew(job.id, lease, leaseMs))) return lose()
      cancelExpiry()
      if (!isOver) cancelExpiry = expiry(askedAt)
    } catch (error) {
      if (!isOver) report(error)
    }
    if (!isOver) cancelRenewal = clock.after(leaseMs / 3, () => void renew())
  }
  let cancelRenewal = clock.after(leaseMs / 3, () => void renew())
  let cancelExpiry = expiry(leasedAt)
  return () => {
    isOver = true
    cancelRenewal()
    cancelExpiry()
  }
}

const lost = (job: Job): MillpondError =>
  new MillpondError(
    'ABORTED',
    `the lease of the job ${show(job.id)} was lost while it ran: another process may run it again; give it a longer lease`,
  )
