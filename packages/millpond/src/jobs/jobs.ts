// The runner: adds jobs to a table, takes those that are due, and runs each in one process at a time.
//
// At least once: a job runs once while its process lives, since its lease is renewed as long as it runs. If the process
// dies or freezes, the lease expires and another process runs the job again, with the same id. A handler whose effect
// must not happen twice makes it idempotent by that id.
import { randomUUID } from 'node:crypto'
import { type Duration, parseDuration } from '../core/duration.ts'
import { MillpondError, show } from '../core/errors.ts'
import type { Job, ListOptions } from '../core/jobs.ts'
import { checkJobWord } from './checks.ts'
import { dueOf, payloadText, type WhenOptions } from './new-job.ts'
import { type JobLimits, type JobsOptions, limitsOf } from './options.ts'
import {
  isOpen,
  nextRun,
  type Repeat,
  type RepeatedJob,
  type RepeatHandler,
  type RepeatOptions,
  repeatOf,
} from './repeat.ts'
import { Repeats } from './repeats.ts'
import { type JobHandler, runJob } from './run-job.ts'
import { type JobEvent, type JobFigures, JobTally } from './tally.ts'

const IDLE_MS = 3_600_000

/** Runs the jobs of a table: over all processes that share it, each one at a time. */
export class Jobs {
  readonly #options: JobsOptions
  readonly #handlers: Map<string, JobHandler>
  readonly #repeats: Repeats
  readonly #tally: JobTally
  readonly #limits: JobLimits
  readonly #running = new Map<Promise<void>, { readonly id: string; abort(): void }>()
  #cancelTimer: (() => void) | undefined
  #claiming: Promise<void> | undefined
  #isStarted = false
  /** A job may have become due during a claim. */
  #isNudged = false

  /** Does not start. @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`. */
  constructor(options: JobsOptions) {
    this.#limits = limitsOf(options)
    this.#options = options
    this.#handlers = new Map(
      Object.entries(options.handlers).map(([kind, handler]) => [checkJobWord(kind, 'kind'), handler]),
    )
    this.#tally = new JobTally((event) => this.#report(event))
    const { store, clock, mayRepeat, onError } = options
    this.#repeats = new Repeats({
      store,
      clock,
      leaseMs: this.#limits.leaseMs,
      mayRepeat,
      onError: (error) => onError?.(error, undefined),
    })
  }

  /** Adds a job to the table, whether or not this process runs such jobs. Resolves with its id once it is stored. */
  async add(kind: string, payload: unknown, when: WhenOptions = {}): Promise<string> {
    checkJobWord(kind, 'kind')
    const due = dueOf(when)
    const { id = randomUUID() } = when
    await this.#options.store.add({ id, kind, payload: payloadText(kind, payload), due })
    const inMs = 'inMs' in due ? due.inMs : due.at - this.#options.clock.now()
    // A later job is found by the next poll of the table.
    if (inMs < this.#limits.pollMs) this.#nudge()
    return id
  }

  /**
   * From now on this process runs jobs of this kind; returns a function that ends it.
   * @throws MillpondError `OPTION_INVALID` if it has a handler of that kind.
   */
  handle(kind: string, handler: JobHandler): () => void {
    checkJobWord(kind, 'kind')
    if (typeof handler !== 'function')
      throw new MillpondError('OPTION_INVALID', `${show(handler)} is not a job handler: give a function`)
    if (this.#handlers.has(kind) || this.#repeats.get(kind) !== undefined)
      throw new MillpondError(
        'OPTION_INVALID',
        `there is already a handler for jobs of the kind ${show(kind)}: remove it first`,
      )
    this.#handlers.set(kind, handler)
    this.#nudge()
    return () => {
      if (this.#handlers.get(kind) === handler) this.#handlers.delete(kind)
    }
  }

  /**
   * Runs a job repeatedly, in one of all processes that share the table and name it: one run at a time, and a single
   * run for all missed ones. Returns a function that ends it in this process; the job stays in the table for the others
   * (`cancel` removes it). If the table has it at another time, it is moved.
   * @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`: for a name that is taken, and for a timetable by which
   * nothing ever runs.
   * @example const end = jobs.repeat('report', { cron: '0 3 * * *', timezone: 'Europe/Berlin' }, ({ signal }) =>
   * writeReport(signal))
   */
  repeat(name: string, options: RepeatOptions, handler: RepeatHandler): () => void {
    const repeat = repeatOf(this.#options.scope ?? '', name, options, handler, this.#options.clock.now())
    const { placed, end } = this.#repeats.add(repeat)
    this.#tally.know(repeat.name)
    void placed.then(() => this.#nudge())
    return end
  }

  /** The jobs that this process repeats, as in the table: with runs in all processes. */
  repeating(): Promise<RepeatedJob[]> {
    return this.#repeats.describe()
  }

  /**
   * Runs a repeated job now, out of schedule, even outside of its windows; its next time is counted from now. `false`:
   * it is not repeated here, or it is running.
   */
  async trigger(name: string): Promise<boolean> {
    const isDue = await this.#repeats.trigger(name)
    if (isDue) this.#nudge()
    return isDue
  }

  /** What this process has run, by kind and by name of repeated jobs; including repeated ones that have not run yet. */
  get figures(): readonly JobFigures[] {
    return this.#tally.figures
  }

  /** By due time. Done jobs are not listed. */
  list(options?: ListOptions): Promise<Job[]> {
    return this.#options.store.list(options)
  }

  /** The job of this id. */
  get(id: string): Promise<Job | undefined> {
    return this.#options.store.get(id)
  }

  /** `false`: there is no such job, or it is running, or it is done. */
  cancel(id: string): Promise<boolean> {
    return this.#options.store.cancel(id)
  }

  /** From now on this process runs jobs. The timers do not keep it alive. */
  start(): void {
    if (this.#isStarted) return
    this.#isStarted = true
    this.#repeats.start()
    this.#nudge()
  }

  /**
   * Takes no more jobs and waits for running ones; after `timeout` (default `'10s'`) their signals are aborted.
   * Resolves with the ids that had not ended even then: their leases expire, and other processes run them. The store
   * stays open.
   */
  async stop(options: { readonly timeout?: Duration } = {}): Promise<readonly string[]> {
    const timeoutMs = parseDuration(options.timeout ?? '10s', 'timeout')
    this.#isStarted = false
    this.#cancelTimer?.()
    this.#repeats.stop()
    await this.#claiming
    if (!(await this.#settled(timeoutMs))) {
      for (const { abort } of this.#running.values()) abort()
      await this.#settled(Math.min(timeoutMs, 1000))
    }
    return [...this.#running.values()].map(({ id }) => id)
  }

  /** Whether all running ones ended in time. */
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

  get #kinds(): string[] {
    return [...this.#handlers.keys(), ...this.#repeats.kinds]
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

  /** Claims as many due jobs as there is room for; resolves with how long to wait. */
  async #claim(): Promise<number> {
    this.#isNudged = false
    const room = this.#limits.concurrency - this.#running.size
    // An ending job triggers the next poll.
    if (room === 0) return IDLE_MS
    const { clock, store, onError } = this.#options
    const lease = randomUUID()
    const askedAt = clock.monotonic()
    try {
      const { jobs, nextInMs } = await store.claim(this.#kinds, room, lease, this.#limits.leaseMs)
      for (const job of jobs) this.#run(job, lease, askedAt)
      // Due jobs that could not be claimed are locked by another process for a moment.
      return Math.min(this.#limits.pollMs, Math.max(nextInMs ?? this.#limits.pollMs, jobs.length === 0 ? 5 : 0))
    } catch (error) {
      onError?.(error, undefined)
      return this.#limits.pollMs
    }
  }

  #run(job: Job, lease: string, leasedAt: number): void {
    const controller = new AbortController()
    const running = this.#try(job, lease, leasedAt, controller).finally(() => {
      this.#running.delete(running)
      this.#nudge()
    })
    const abort = (): void =>
      controller.abort(new MillpondError('ABORTED', `the job ${show(job.id)} was stopped with its process`))
    this.#running.set(running, { id: job.id, abort })
  }

  /** Never rejects. */
  async #try(job: Job, lease: string, leasedAt: number, controller: AbortController): Promise<void> {
    const { clock, store, onError, random = Math.random } = this.#options
    const repeat = this.#repeats.get(job.kind)
    const handler: JobHandler | undefined =
      repeat === undefined ? this.#handlers.get(job.kind) : (_, context) => repeat.handler(context)
    const report = (error: unknown): void => onError?.(error, job)
    // The handler was removed during the poll: another one may be in place.
    if (handler === undefined)
      return void (await store.again(job.id, lease, { at: job.dueAt }, job.payload).catch(report))
    // The lease was counted from the table's time, so this process's own clock does not matter.
    const claimedAt = job.readyAt - Math.ceil(this.#limits.leaseMs)
    const tableNow = (): number => claimedAt + clock.monotonic() - leasedAt
    if (repeat !== undefined && job.attempts === 1 && !(await this.#repeats.mayBegin(repeat, job, lease, tableNow())))
      return
    const name = repeat?.name ?? job.kind
    const lateMs = Math.max(0, claimedAt - job.dueAt)
    const about = { id: job.id, job: name, attempt: job.attempts }
    if (job.attempts === 1 && lateMs > this.#limits.lateAfterMs) this.#tally.tell({ ...about, state: 'late', lateMs })
    this.#tally.tell({ ...about, state: 'began', lateMs })
    const attempts = repeat?.attempts ?? this.#limits.retry.attempts
    const began = clock.monotonic()
    const refusal = refusalOf(job, attempts, repeat, tableNow())
    const retryInMs = refusal === undefined && job.attempts < attempts ? this.#pause(job.attempts, random()) : undefined
    const ended = await runJob(job, {
      handler,
      store,
      clock,
      lease,
      leaseMs: this.#limits.leaseMs,
      leasedAt,
      timeoutMs: repeat?.timeoutMs ?? this.#limits.timeoutMs,
      controller,
      retryInMs,
      refusal,
      again: (failure) =>
        repeat && nextRun(repeat, job, tableNow(), { lateMs, ms: clock.monotonic() - began, ...failure }),
      report,
    })
    const retry = ended.state === 'retried' && retryInMs !== undefined ? { retryMs: retryInMs } : {}
    this.#tally.tell({ ...about, ...ended, ...retry, ms: clock.monotonic() - began })
  }

  /** A listener that throws must not end the run. */
  #report(event: JobEvent): void {
    try {
      this.#options.onRun?.(event)
    } catch (error) {
      this.#options.onError?.(error, undefined)
    }
  }

  #pause(attempts: number, random: number): number {
    const { baseMs, maxMs } = this.#limits.retry
    return Math.min(maxMs, baseMs * 2 ** Math.min(attempts - 1, 30)) * (1 - random / 4)
  }
}

/** The class: `new Jobs(options)`. */
export function createJobs(options: JobsOptions): Jobs {
  return new Jobs(options)
}

function refusalOf(job: Job, attempts: number, repeat: Repeat | undefined, now: number): MillpondError | undefined {
  const begun = `the job ${show(job.id)} was started ${job.attempts === 2 ? 'once' : `${job.attempts - 1} times`} and never finished`
  if (job.attempts > attempts) return new MillpondError('ABORTED', `${begun}: its process died, or lost its lease`)
  if (repeat === undefined || isOpen(repeat, job, now)) return undefined
  return new MillpondError('ABORTED', `${begun}, and is now outside its windows: it waits for its next time`)
}
