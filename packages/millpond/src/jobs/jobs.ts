// The runner: puts jobs into a table, takes those whose time has come, and runs each in one process at a time.
//
// At least once: a job runs once while its process lives, since its lease is renewed as long as it runs. When the process dies or freezes, the lease
// ends and another process runs the job again, with the same id. A handler that must not happen twice makes its effect idempotent by that id.
import { randomUUID } from 'node:crypto'
import {
  checkedElsewhere,
  checkOptions,
  clock,
  duration,
  fn,
  options,
  record,
  required,
  type Shape,
  whole,
  withMethods,
} from '../core/checks.ts'
import type { Clock } from '../core/contracts.ts'
import { type Duration, parseDuration } from '../core/duration.ts'
import { MillpondError, show } from '../core/errors.ts'
import type { Job, JobStore, ListOptions } from '../core/jobs.ts'
import { checkJobWord, errorText } from './checks.ts'
import { type JobHandler, runJob } from './run-job.ts'

export interface JobsOptions {
  readonly store: JobStore
  readonly clock: Clock
  /** By kind. This process takes jobs of these kinds only. */
  readonly handlers: Readonly<Record<string, JobHandler>>
  /** How many jobs this process runs at once. Default 4. */
  readonly concurrency?: number
  /** How long a dead process keeps its job from others. Default `'30s'`. */
  readonly lease?: Duration
  /** How late a job may start that another process added. Default `'500ms'`. */
  readonly poll?: Duration
  /** When a handler is given up: its signal fires and the try counts as failed. Default `'5m'`. */
  readonly timeout?: Duration
  /** Tries in all, and the pauses between them: `base`, doubled each time, at most `max`, up to a quarter less at random. Default 8, `'1s'`, `'5m'`. */
  readonly retry?: { readonly attempts?: number; readonly base?: Duration; readonly max?: Duration }
  /** Told of failed tries and of a store that does not answer. */
  readonly onError?: (error: unknown, job: Job | undefined) => void
  /** For tests: numbers from 0 to 1. */
  readonly random?: () => number
}

export interface WhenOptions {
  /** After this time. */
  readonly in?: Duration
  /** At this instant, epoch milliseconds or a Date. One that has passed runs at once. */
  readonly at?: number | Date
  /** Names the job, so that adding it twice runs it once. Default: random. */
  readonly id?: string
}

const RETRY: Shape<NonNullable<JobsOptions['retry']>> = { attempts: whole(1), base: duration, max: duration }
const OPTIONS: Shape<JobsOptions> = {
  store: required(withMethods<JobStore>('a job store, such as memoryJobs()', 'add', 'get', 'list', 'cancel', 'claim', 'complete', 'fail')),
  clock: required(clock),
  handlers: required(record('functions by kind, such as { mail: async (job) => … }', (handler) => typeof handler === 'function')),
  concurrency: whole(1),
  lease: duration,
  poll: duration,
  timeout: duration,
  retry: options(RETRY),
  onError: fn(),
  random: fn('a function that returns numbers from 0 to 1'),
}
const WHEN: Shape<WhenOptions> = { in: duration, at: checkedElsewhere, id: (value) => checkJobWord(value, 'id') }

/** The longest payload, in characters of JSON. */
export const MAX_PAYLOAD = 65_536
const IDLE_MS = 3_600_000

/** Runs the jobs of a table: in all processes that share it, one at a time has each. */
export class Jobs {
  readonly #options: JobsOptions
  readonly #kinds: readonly string[]
  readonly #concurrency: number
  readonly #pollMs: number
  readonly #leaseMs: number
  readonly #timeoutMs: number
  readonly #retry: { readonly attempts: number; readonly baseMs: number; readonly maxMs: number }
  readonly #running = new Map<Promise<void>, { readonly id: string; abort(): void }>()
  #cancelTimer: (() => void) | undefined
  #claiming: Promise<void> | undefined
  #isStarted = false
  /** Something may have become due while a claim was under way. */
  #isNudged = false

  /** Starts nothing. @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`. */
  constructor(options: JobsOptions) {
    checkOptions<JobsOptions>(options, OPTIONS, 'createJobs')
    this.#options = options
    this.#kinds = Object.keys(options.handlers).map((kind) => checkJobWord(kind, 'kind'))
    this.#concurrency = count(options.concurrency ?? 4, 'concurrency')
    this.#pollMs = positive(options.poll ?? '500ms', 'poll')
    this.#leaseMs = positive(options.lease ?? '30s', 'lease')
    this.#timeoutMs = positive(options.timeout ?? '5m', 'timeout')
    const { attempts = 8, base = '1s', max = '5m' } = options.retry ?? {}
    this.#retry = {
      attempts: count(attempts, 'retry.attempts'),
      baseMs: parseDuration(base, 'retry.base'),
      maxMs: positive(max, 'retry.max'),
    }
  }

  /** Puts a job into the table, whether or not this process runs such jobs. Resolves with its id once it is stored. */
  async add(kind: string, payload: unknown, when: WhenOptions = {}): Promise<string> {
    checkJobWord(kind, 'kind')
    checkOptions<WhenOptions>(when, WHEN, 'when')
    const id = when.id === undefined ? randomUUID() : checkJobWord(when.id, 'id')
    const due = dueOf(when)
    await this.#options.store.add({ id, kind, payload: payloadText(kind, payload), due })
    const inMs = 'inMs' in due ? due.inMs : due.at - this.#options.clock.now()
    // What is due later is seen by the next look at the table.
    if (inMs < this.#pollMs) this.#nudge()
    return id
  }

  /** By due time. Done jobs are not listed. */
  list(options?: ListOptions): Promise<Job[]> {
    return this.#options.store.list(options)
  }

  get(id: string): Promise<Job | undefined> {
    return this.#options.store.get(id)
  }

  /** `false`: there is no such job, or it runs, or it is done. */
  cancel(id: string): Promise<boolean> {
    return this.#options.store.cancel(id)
  }

  /** From now on this process runs jobs. The timers do not keep it alive. */
  start(): void {
    if (this.#isStarted) return
    this.#isStarted = true
    this.#nudge()
  }

  /**
   * Takes no more jobs and waits for those that run; after `timeout` (default `'10s'`) their signals fire. Resolves with the ids that had not
   * ended even so: their leases run out, and other processes run them. The store stays open.
   */
  async stop(options: { readonly timeout?: Duration } = {}): Promise<readonly string[]> {
    const timeoutMs = parseDuration(options.timeout ?? '10s', 'timeout')
    this.#isStarted = false
    this.#cancelTimer?.()
    await this.#claiming
    if (!(await this.#settled(timeoutMs))) {
      for (const { abort } of this.#running.values()) abort()
      await this.#settled(Math.min(timeoutMs, 1000))
    }
    return [...this.#running.values()].map(({ id }) => id)
  }

  /** Did all that runs end in time? */
  async #settled(ms: number): Promise<boolean> {
    if (this.#running.size === 0) return true
    let cancel: () => void = () => undefined
    const late = new Promise<void>((resolve) => {
      cancel = this.#options.clock.after(ms, resolve, true)
    })
    await Promise.race([Promise.all(this.#running.keys()), late])
    cancel()
    return this.#running.size === 0
  }

  #nudge(): void {
    if (!this.#isStarted || this.#kinds.length === 0) return
    if (this.#claiming !== undefined) {
      this.#isNudged = true
      return
    }
    this.#cancelTimer?.()
    this.#claiming = this.#claim().then((waitMs) => {
      this.#claiming = undefined
      if (!this.#isStarted) return
      if (this.#isNudged) this.#nudge()
      else this.#cancelTimer = this.#options.clock.after(waitMs, () => this.#nudge())
    })
  }

  /** Takes what is due and there is room for; resolves with how long to wait. */
  async #claim(): Promise<number> {
    this.#isNudged = false
    const room = this.#concurrency - this.#running.size
    // An ending job nudges.
    if (room === 0) return IDLE_MS
    const { clock, store, onError } = this.#options
    const lease = randomUUID()
    const askedAt = clock.monotonic()
    try {
      const { jobs, nextInMs } = await store.claim(this.#kinds, room, lease, this.#leaseMs)
      for (const job of jobs) this.#run(job, lease, askedAt)
      // What is due and could not be taken is held by somebody for a moment.
      return Math.min(this.#pollMs, Math.max(nextInMs ?? this.#pollMs, jobs.length === 0 ? 5 : 0))
    } catch (error) {
      onError?.(error, undefined)
      return this.#pollMs
    }
  }

  #run(job: Job, lease: string, leasedAt: number): void {
    const controller = new AbortController()
    const { clock, store, onError, random = Math.random } = this.#options
    const running = runJob(job, {
      handler: this.#options.handlers[job.kind],
      store,
      clock,
      lease,
      leaseMs: this.#leaseMs,
      leasedAt,
      timeoutMs: this.#timeoutMs,
      controller,
      retryInMs: job.attempts < this.#retry.attempts ? this.#pause(job.attempts, random()) : undefined,
      isSpent: job.attempts > this.#retry.attempts,
      report: (error) => onError?.(error, job),
    }).finally(() => {
      this.#running.delete(running)
      this.#nudge()
    })
    const abort = (): void => controller.abort(new MillpondError('ABORTED', `the job ${show(job.id)} was stopped with its process`))
    this.#running.set(running, { id: job.id, abort })
  }

  #pause(attempts: number, random: number): number {
    return Math.min(this.#retry.maxMs, this.#retry.baseMs * 2 ** Math.min(attempts - 1, 30)) * (1 - random / 4)
  }
}

/** `new Jobs(options)`. */
export function createJobs(options: JobsOptions): Jobs {
  return new Jobs(options)
}

function dueOf({ in: after, at }: WhenOptions): { inMs: number } | { at: number } {
  if (after !== undefined && at !== undefined)
    throw new MillpondError('OPTION_INVALID', 'a job runs "in" a time or "at" an instant: give one of them')
  if (at !== undefined) {
    const instant = at instanceof Date ? at.getTime() : at
    if (typeof instant === 'number' && Number.isFinite(instant) && Math.abs(instant) <= 8.64e15) return { at: instant }
    throw new MillpondError('OPTION_INVALID', `at: ${show(at)} is not an instant: give epoch milliseconds or a Date`)
  }
  const inMs = after === undefined ? 0 : parseDuration(after, 'in')
  if (Number.isFinite(inMs)) return { inMs }
  throw new MillpondError('OPTION_INVALID', 'in: Infinity never comes: give a finite time')
}

function payloadText(kind: string, payload: unknown): string {
  let text: string | undefined
  try {
    text = JSON.stringify(payload ?? null)
  } catch (cause) {
    throw new MillpondError('VALUE_UNSUPPORTED', `the payload of the job ${show(kind)} cannot be written as JSON: ${errorText(cause)}`, {
      cause,
    })
  }
  if (text === undefined)
    throw new MillpondError('VALUE_UNSUPPORTED', `the payload of the job ${show(kind)} cannot be written as JSON: give plain data`)
  if (text.length > MAX_PAYLOAD)
    throw new MillpondError(
      'VALUE_TOO_LARGE',
      `the payload of the job ${show(kind)} has ${text.length} characters, ${MAX_PAYLOAD} are allowed: store it elsewhere and pass its name`,
    )
  return text
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
