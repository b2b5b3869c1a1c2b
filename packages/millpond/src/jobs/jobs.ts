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
  text,
  whole,
  withMethods,
} from '../core/checks.ts'
import type { Clock } from '../core/contracts.ts'
import { type Duration, parseDuration } from '../core/duration.ts'
import { MillpondError, show } from '../core/errors.ts'
import type { Job, JobDue, JobStore, ListOptions } from '../core/jobs.ts'
import { checkJobWord, errorText } from './checks.ts'
import {
  describeRepeat,
  payloadAfter,
  type Repeat,
  type RepeatedJob,
  type RepeatHandler,
  type RepeatOptions,
  readRepeat,
  repeatOf,
  repeatText,
} from './repeat.ts'
import { type JobHandler, runJob } from './run-job.ts'
import { type JobEvent, type JobFigures, JobTally } from './tally.ts'

export interface JobsOptions {
  readonly store: JobStore
  readonly clock: Clock
  /** By kind. This process takes jobs of these kinds only. */
  readonly handlers: Readonly<Record<string, JobHandler>>
  /** How many jobs this process runs at once. Default 4. */
  readonly concurrency?: number | undefined
  /** How long a dead process keeps its job from others. Default `'30s'`. */
  readonly lease?: Duration | undefined
  /** How late a job may start that another process added. Default `'500ms'`. */
  readonly poll?: Duration | undefined
  /** When a handler is given up: its signal fires and the try counts as failed. Default `'5m'`. */
  readonly timeout?: Duration | undefined
  /** Tries in all, and the pauses between them: `base`, doubled each time, at most `max`, up to a quarter less at random. Default 8, `'1s'`, `'5m'`. */
  readonly retry?:
    | { readonly attempts?: number | undefined; readonly base?: Duration | undefined; readonly max?: Duration | undefined }
    | undefined
  /** How long after its time a run may begin before it is told as late. Default `'1m'`. */
  readonly lateAfter?: Duration | undefined
  /** Names of repeated jobs begin with it, where several programs share a table. Default: none. */
  readonly scope?: string | undefined
  /**
   * Asked before each run of a repeated job, `everyMs` before the next; `false` passes it by. For a table that is this process's own, where processes agree
   * elsewhere who runs what. Default: every run.
   */
  readonly mayRepeat?: ((name: string, everyMs: number) => Promise<boolean> | boolean) | undefined
  /** Told of each run. */
  readonly onRun?: ((event: JobEvent) => void) | undefined
  /** Told of failed tries and of a store that does not answer. */
  readonly onError?: ((error: unknown, job: Job | undefined) => void) | undefined
  /** For tests: numbers from 0 to 1. */
  readonly random?: (() => number) | undefined
}

export interface WhenOptions {
  /** After this time. */
  readonly in?: Duration | undefined
  /** At this instant, epoch milliseconds or a Date. One that has passed runs at once. */
  readonly at?: number | Date | undefined
  /** Names the job, so that adding it twice runs it once. Default: random. */
  readonly id?: string | undefined
}

const RETRY: Shape<NonNullable<JobsOptions['retry']>> = { attempts: whole(1), base: duration, max: duration }
const OPTIONS: Shape<JobsOptions> = {
  store: required(
    withMethods<JobStore>('a job store, such as memoryJobs()', 'add', 'get', 'list', 'cancel', 'claim', 'complete', 'fail', 'again'),
  ),
  clock: required(clock),
  handlers: required(record('functions by kind, such as { mail: async (job) => … }', (handler) => typeof handler === 'function')),
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
const WHEN: Shape<WhenOptions> = { in: duration, at: checkedElsewhere, id: (value) => checkJobWord(value, 'id') }

/** The longest payload, in characters of JSON. */
export const MAX_PAYLOAD = 65_536
const IDLE_MS = 3_600_000
/** How often repeated jobs are looked for in the table: somebody may have cancelled them, or the table was lost. */
const LOOK_MS = 30_000

/** Runs the jobs of a table: in all processes that share it, one at a time has each. */
export class Jobs {
  readonly #options: JobsOptions
  readonly #handlers: Map<string, JobHandler>
  /** By kind. */
  readonly #repeats = new Map<string, Repeat>()
  readonly #tally: JobTally
  readonly #lateAfterMs: number
  readonly #concurrency: number
  readonly #pollMs: number
  readonly #leaseMs: number
  readonly #timeoutMs: number
  readonly #retry: { readonly attempts: number; readonly baseMs: number; readonly maxMs: number }
  readonly #running = new Map<Promise<void>, { readonly id: string; abort(): void }>()
  #cancelTimer: (() => void) | undefined
  #cancelLook: (() => void) | undefined
  #claiming: Promise<void> | undefined
  #isStarted = false
  /** Something may have become due while a claim was under way. */
  #isNudged = false

  /** Starts nothing. @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`. */
  constructor(options: JobsOptions) {
    checkOptions<JobsOptions>(options, OPTIONS, 'createJobs')
    this.#options = options
    this.#handlers = new Map(Object.entries(options.handlers).map(([kind, handler]) => [checkJobWord(kind, 'kind'), handler]))
    this.#tally = new JobTally(options.onRun)
    this.#lateAfterMs = parseDuration(options.lateAfter ?? '1m', 'lateAfter')
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

  /**
   * From now on this process runs jobs of this kind; returns how to end that.
   * @throws MillpondError `OPTION_INVALID` where it has a handler of that kind.
   */
  handle(kind: string, handler: JobHandler): () => void {
    checkJobWord(kind, 'kind')
    if (typeof handler !== 'function')
      throw new MillpondError('OPTION_INVALID', `${show(handler)} is not a handler of jobs: give a function`)
    if (this.#handlers.has(kind) || this.#repeats.has(kind))
      throw new MillpondError('OPTION_INVALID', `there is a handler of jobs of the kind ${show(kind)} already: take it back first`)
    this.#handlers.set(kind, handler)
    this.#nudge()
    return () => {
      if (this.#handlers.get(kind) === handler) this.#handlers.delete(kind)
    }
  }

  /**
   * Runs a job again and again, in one of all processes that share the table and name it: one run at a time, none for each that was missed but one. Returns
   * how to end that in this process; the job stays in the table for the others (`cancel` takes it out). Where the table has it at another time, it is moved.
   * @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`: for a name that is taken, and for a timetable by which nothing ever runs.
   * @example
   * const end = jobs.repeat('report', { cron: '0 3 * * *', timezone: 'Europe/Berlin' }, ({ signal }) => writeReport(signal))
   */
  repeat(name: string, options: RepeatOptions, handler: RepeatHandler): () => void {
    const repeat = repeatOf(this.#options.scope ?? '', name, options, handler, this.#options.clock.now())
    if (this.#repeats.has(repeat.kind))
      throw new MillpondError('OPTION_INVALID', `a job ${show(name)} is repeated already: end that first, or give another name`)
    this.#repeats.set(repeat.kind, repeat)
    void this.#place(repeat).then(() => this.#nudge())
    this.#lookSoon()
    return () => {
      if (this.#repeats.get(repeat.kind) === repeat) this.#repeats.delete(repeat.kind)
    }
  }

  /** The jobs that this process repeats, as the table has them: of runs in all processes. */
  async repeating(): Promise<RepeatedJob[]> {
    const { store } = this.#options
    return Promise.all([...this.#repeats.values()].map(async (repeat) => describeRepeat(repeat, await store.get(repeat.id))))
  }

  /** Runs a repeated job now, out of turn; its next time is counted from now. `false`: it is not repeated here, or it runs. */
  async trigger(name: string): Promise<boolean> {
    const { scope = '', store } = this.#options
    const repeat = [...this.#repeats.values()].find((one) => one.kind === `millpond.repeat.${scope}${name}`)
    if (repeat === undefined) return false
    const job = await store.get(repeat.id)
    if (job?.state === 'running') return false
    if (!(await this.#put(repeat, job, { inMs: 0 }))) return false
    this.#nudge()
    return true
  }

  /** What this process has run, by kind and by name of repeated jobs. */
  get figures(): readonly JobFigures[] {
    return this.#tally.figures
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
    this.#lookSoon()
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
    this.#cancelLook?.()
    this.#cancelLook = undefined
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

  /** Sees to it that the table has the job, at its time. */
  async #place(repeat: Repeat): Promise<void> {
    const { store, clock, onError } = this.#options
    try {
      const job = await store.get(repeat.id)
      // Whoever runs it now says when it comes next; this is looked at again.
      if (job?.state === 'running') return
      if (job?.state === 'waiting' && readRepeat(job.payload).when === repeat.when.text) return
      const due = repeat.first(clock.now())
      if (due !== undefined) await this.#put(repeat, job, due)
    } catch (error) {
      onError?.(error, undefined)
    }
  }

  /** In the place of what the table has, with its history. `false`: somebody was faster. */
  async #put({ id, kind, when }: Repeat, job: Job | undefined, due: JobDue): Promise<boolean> {
    const { store } = this.#options
    const runs = job === undefined ? [] : readRepeat(job.payload).runs
    if (job !== undefined && !(await store.cancel(id))) return false
    return store.add({ id, kind, payload: repeatText({ when: when.text, runs }), due })
  }

  #lookSoon(): void {
    if (!this.#isStarted || this.#repeats.size === 0 || this.#cancelLook !== undefined) return
    this.#cancelLook = this.#options.clock.after(LOOK_MS, () => {
      this.#cancelLook = undefined
      for (const repeat of this.#repeats.values()) void this.#place(repeat)
      this.#lookSoon()
    })
  }

  get #kinds(): string[] {
    return [...this.#handlers.keys(), ...this.#repeats.keys()]
  }

  #nudge(): void {
    if (!this.#isStarted || this.#handlers.size + this.#repeats.size === 0) return
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
    const running = this.#try(job, lease, leasedAt, controller).finally(() => {
      this.#running.delete(running)
      this.#nudge()
    })
    const abort = (): void => controller.abort(new MillpondError('ABORTED', `the job ${show(job.id)} was stopped with its process`))
    this.#running.set(running, { id: job.id, abort })
  }

  /** Never rejects. */
  async #try(job: Job, lease: string, leasedAt: number, controller: AbortController): Promise<void> {
    const { clock, store, onError, random = Math.random } = this.#options
    const repeat = this.#repeats.get(job.kind)
    // The lease was counted from the table's now, so that this process's own clock does not matter.
    const claimedAt = job.readyAt - Math.ceil(this.#leaseMs)
    const tableNow = (): number => claimedAt + clock.monotonic() - leasedAt
    const report = (error: unknown): void => onError?.(error, job)
    if (repeat !== undefined && job.attempts === 1 && !(await this.#mayRun(repeat, job, lease, tableNow(), report))) return
    const name = repeat?.name ?? job.kind
    const lateMs = Math.max(0, claimedAt - job.dueAt)
    const about = { id: job.id, job: name, attempt: job.attempts }
    if (job.attempts === 1 && lateMs > this.#lateAfterMs) this.#tally.tell({ ...about, state: 'late', lateMs })
    this.#tally.tell({ ...about, state: 'began', lateMs })
    const attempts = repeat?.attempts ?? this.#retry.attempts
    const began = clock.monotonic()
    const retryInMs = job.attempts < attempts ? this.#pause(job.attempts, random()) : undefined
    const ended = await runJob(job, {
      handler: repeat === undefined ? this.#handlers.get(job.kind) : (_, context) => repeat.handler(context),
      store,
      clock,
      lease,
      leaseMs: this.#leaseMs,
      leasedAt,
      timeoutMs: repeat?.timeoutMs ?? this.#timeoutMs,
      controller,
      retryInMs,
      isSpent: job.attempts > attempts,
      again: (failure) => repeat && nextRun(repeat, job, tableNow(), { lateMs, ms: clock.monotonic() - began, ...failure }),
      report,
    })
    const retry = ended.state === 'retried' && retryInMs !== undefined ? { retryMs: retryInMs } : {}
    this.#tally.tell({ ...about, ...ended, ...retry, ms: clock.monotonic() - began })
  }

  /** `false`: not now, and it waits for its next time. */
  async #mayRun(repeat: Repeat, job: Job, lease: string, now: number, report: (error: unknown) => void): Promise<boolean> {
    const { mayRepeat, store } = this.#options
    try {
      const next = repeat.when.next(now, job.dueAt)
      // A run that comes so late that its hours are over must not fall into those that were to be spared.
      const isOpen = repeat.when.opensAt(now) <= now
      if (isOpen && (mayRepeat === undefined || (await mayRepeat(repeat.name, (next ?? now + this.#leaseMs) - now)))) return true
      if (next === undefined) await store.complete(job.id, lease)
      else await store.again(job.id, lease, { at: next }, job.payload)
    } catch (error) {
      // The lease runs out, and it is asked again.
      report(error)
    }
    return false
  }

  #pause(attempts: number, random: number): number {
    return Math.min(this.#retry.maxMs, this.#retry.baseMs * 2 ** Math.min(attempts - 1, 30)) * (1 - random / 4)
  }
}

/** `new Jobs(options)`. */
export function createJobs(options: JobsOptions): Jobs {
  return new Jobs(options)
}

function nextRun(
  repeat: Repeat,
  job: Job,
  now: number,
  run: { readonly lateMs: number; readonly ms: number; readonly error?: unknown },
): { readonly due: JobDue; readonly payload: string } | undefined {
  const at = repeat.when.next(now, job.dueAt)
  return at === undefined ? undefined : { due: { at }, payload: payloadAfter(repeat, job, run) }
}

function dueOf({ in: after, at }: WhenOptions): JobDue {
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
