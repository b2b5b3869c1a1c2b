// What a runner of jobs takes, checked once, and its limits in milliseconds.
import {
  checkOptions,
  clock,
  duration,
  fn,
  options,
  record,
  required,
  type Shape,
  text,
  whole,
  withMethods,
} from '../core/checks.ts'
import type { Clock } from '../core/contracts.ts'
import { type Duration, parseDuration } from '../core/duration.ts'
import { MillpondError, show } from '../core/errors.ts'
import type { Job, JobStore } from '../core/jobs.ts'
import type { JobHandler } from './run-job.ts'
import type { JobEvent } from './tally.ts'

export interface JobsOptions {
  /** Where jobs and their results are stored. */
  readonly store: JobStore
  /** The clock for due times. */
  readonly clock: Clock
  /** By kind. This process only takes jobs of these kinds. */
  readonly handlers: Readonly<Record<string, JobHandler>>
  /** Concurrent jobs of this process. Default 4. */
  readonly concurrency?: number | undefined
  /** How long a dead process's job stays locked. Default `'30s'`. */
  readonly lease?: Duration | undefined
  /** The maximum delay of a job that another process added. Default `'500ms'`. */
  readonly poll?: Duration | undefined
  /** When a handler is given up: its signal is aborted and the attempt counts as failed. Default `'5m'`. */
  readonly timeout?: Duration | undefined
  /**
   * Attempts in total, and the pauses between them: `base`, doubled each time, at most `max`, reduced by up to a
   * quarter at random. Default 8, `'1s'`, `'5m'`.
   */
  readonly retry?:
    | {
        readonly attempts?: number | undefined
        readonly base?: Duration | undefined
        readonly max?: Duration | undefined
      }
    | undefined
  /** How long after its time a run may begin before it is reported as late. Default `'1m'`. */
  readonly lateAfter?: Duration | undefined
  /** A prefix of the names of repeated jobs, if several programs share a table. Default: none. */
  readonly scope?: string | undefined
  /**
   * Called before each run of a repeated job, `everyMs` before the next; `false` skips it. For a process's own table,
   * if processes agree elsewhere on who runs what. Default: every run.
   */
  readonly mayRepeat?: ((name: string, everyMs: number) => Promise<boolean> | boolean) | undefined
  /** Called for each run. */
  readonly onRun?: ((event: JobEvent) => void) | undefined
  /** Called with failed attempts and errors of the store. */
  readonly onError?: ((error: unknown, job: Job | undefined) => void) | undefined
  /** For tests: numbers from 0 to 1. */
  readonly random?: (() => number) | undefined
}

const RETRY: Shape<NonNullable<JobsOptions['retry']>> = { attempts: whole(1), base: duration, max: duration }
const OPTIONS: Shape<JobsOptions> = {
  store: required(
    withMethods<JobStore>(
      'a job store, such as memoryJobs()',
      'add',
      'get',
      'list',
      'cancel',
      'claim',
      'complete',
      'fail',
      'again',
    ),
  ),
  clock: required(clock),
  handlers: required(
    record('functions by kind, such as { mail: async (job) => … }', (handler) => typeof handler === 'function'),
  ),
  concurrency: whole(1),
  lease: duration,
  poll: duration,
  timeout: duration,
  retry: options(RETRY),
  lateAfter: duration,
  scope: text,
  mayRepeat: fn(),
  onRun: fn(),
  onError: fn(),
  random: fn('a function that returns numbers from 0 to 1'),
}
/** The limits of a runner. */
export interface JobLimits {
  readonly concurrency: number
  readonly leaseMs: number
  readonly pollMs: number
  readonly timeoutMs: number
  readonly lateAfterMs: number
  readonly retry: { readonly attempts: number; readonly baseMs: number; readonly maxMs: number }
}

/** @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`. */
export function limitsOf(given: JobsOptions): JobLimits {
  checkOptions<JobsOptions>(given, OPTIONS, 'createJobs')
  const { attempts = 8, base = '1s', max = '5m' } = given.retry ?? {}
  return {
    lateAfterMs: parseDuration(given.lateAfter ?? '1m', 'lateAfter'),
    concurrency: count(given.concurrency ?? 4, 'concurrency'),
    pollMs: positive(given.poll ?? '500ms', 'poll'),
    leaseMs: positive(given.lease ?? '30s', 'lease'),
    timeoutMs: positive(given.timeout ?? '5m', 'timeout'),
    retry: {
      attempts: count(attempts, 'retry.attempts'),
      baseMs: parseDuration(base, 'retry.base'),
      maxMs: positive(max, 'retry.max'),
    },
  }
}

function count(value: unknown, name: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 1) return value
  throw new MillpondError('OPTION_INVALID', `${name}: ${show(value)} is not allowed: give a whole number from 1`)
}

function positive(value: Duration, name: string): number {
  const ms = parseDuration(value, name)
  if (ms >= 1 && Number.isFinite(ms)) return ms
  throw new MillpondError('OPTION_INVALID', `${name}: ${show(value)} is not allowed: give a time from 1 ms`)
}
