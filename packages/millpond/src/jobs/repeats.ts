// The repeated jobs of a runner: ensures that the table has a row for each, at its time, and decides whether a run may
// begin.
import type { Clock } from '../core/contracts.ts'
import { MillpondError, show } from '../core/errors.ts'
import type { Job, JobDue, JobStore } from '../core/jobs.ts'
import { describeRepeat, isOpen, type Repeat, type RepeatedJob, readRepeat, repeatText } from './repeat.ts'

/** How often repeated jobs are looked up in the table: they may have been cancelled, or the table lost. */
const LOOK_MS = 30_000

export interface RepeatsOptions {
  readonly store: JobStore
  readonly clock: Clock
  /** How long to wait before a failed `mayRepeat` is called again, in milliseconds. */
  readonly leaseMs: number
  readonly mayRepeat: ((name: string, everyMs: number) => Promise<boolean> | boolean) | undefined
  readonly onError: (error: unknown) => void
}

export class Repeats {
  readonly #options: RepeatsOptions
  /** By kind. */
  readonly #all = new Map<string, Repeat>()
  /** When the last run was due after which this process moved the row to its own time. */
  readonly #moved = new WeakMap<Repeat, number>()
  #isStarted = false
  #cancelLook: (() => void) | undefined

  /** Does not start. */
  constructor(options: RepeatsOptions) {
    this.#options = options
  }

  get kinds(): Iterable<string> {
    return this.#all.keys()
  }

  get(kind: string): Repeat | undefined {
    return this.#all.get(kind)
  }

  /**
   * Resolves when it is in the table, or the table is unreachable. `end`: in this process.
   * @throws MillpondError `OPTION_INVALID` if it has one of that name.
   */
  add(repeat: Repeat): { readonly placed: Promise<void>; readonly end: () => void } {
    const { kind, name } = repeat
    if (this.#all.has(kind))
      throw new MillpondError(
        'OPTION_INVALID',
        `there is already a repeated job ${show(name)}: end that one first, or choose another name`,
      )
    this.#all.set(kind, repeat)
    this.#lookSoon()
    const end = (): void => {
      if (this.#all.get(kind) === repeat) this.#all.delete(kind)
    }
    return { placed: this.#place(repeat), end }
  }

  /** The timer does not keep the process alive. */
  start(): void {
    this.#isStarted = true
    this.#lookSoon()
  }

  stop(): void {
    this.#isStarted = false
    this.#cancelLook?.()
    this.#cancelLook = undefined
  }

  describe(): Promise<RepeatedJob[]> {
    const { store } = this.#options
    return Promise.all(
      [...this.#all.values()].map(async (repeat) => describeRepeat(repeat, await store.get(repeat.id))),
    )
  }

  /** Makes it due now. `false`: it is not repeated here, or it is running. */
  async trigger(name: string): Promise<boolean> {
    const repeat = [...this.#all.values()].find((one) => one.name === name)
    if (repeat === undefined) return false
    const job = await this.#options.store.get(repeat.id)
    return job?.state !== 'running' && this.#put(repeat, job, { inMs: 0 }, true)
  }

  /** The first attempt of a run. `false`: not now, and it waits for its next time. `now`: by the table's clock. */
  async mayBegin(repeat: Repeat, job: Job, lease: string, now: number): Promise<boolean> {
    const { mayRepeat, store, leaseMs, onError } = this.#options
    if (readRepeat(job.payload).isTriggered) return true
    const next = repeat.when.next(now, job.dueAt)
    let due: JobDue | undefined = next === undefined ? undefined : { at: next }
    try {
      // A run that is so late that its window has closed must not run outside of it.
      if (
        isOpen(repeat, job, now) &&
        (mayRepeat === undefined || (await mayRepeat(repeat.name, (next ?? now + leaseMs) - now)))
      )
        return true
    } catch (error) {
      onError(error)
      due = { inMs: leaseMs }
    }
    try {
      if (due === undefined) await store.complete(job.id, lease)
      else await store.again(job.id, lease, due, job.payload)
    } catch (error) {
      onError(error)
    }
    return false
  }

  /** Ensures that the job is in the table, at its time. */
  async #place(repeat: Repeat): Promise<void> {
    const { store, clock, onError } = this.#options
    try {
      const job = await store.get(repeat.id)
      // The process that runs it now sets its next time; it is checked again later.
      if (job?.state === 'running') return
      const due = job?.state === 'waiting' ? this.#moveOf(repeat, job) : repeat.first(clock.now())
      if (due !== undefined) await this.#put(repeat, job, due)
    } catch (error) {
      onError(error)
    }
  }

  /**
   * When it is due by this process's timetable, if the row's differs. Counted from its last run, and once between two
   * runs: otherwise two versions of a program would postpone it for ever, in turn.
   */
  #moveOf(repeat: Repeat, job: Job): JobDue | undefined {
    const { when, runs, isTriggered } = readRepeat(job.payload)
    const last = runs[0]?.dueAt ?? 0
    if (when === repeat.when.text || isTriggered || this.#moved.get(repeat) === last) return undefined
    this.#moved.set(repeat, last)
    const now = this.#options.clock.now()
    if (runs.length === 0) return repeat.first(now)
    const at = repeat.when.next(now, last)
    return at === undefined ? undefined : { at }
  }

  /** Replaces the table's row, with its history. `false`: another process was faster. */
  async #put({ id, kind, when }: Repeat, job: Job | undefined, due: JobDue, isTriggered = false): Promise<boolean> {
    const { store } = this.#options
    const runs = job === undefined ? [] : readRepeat(job.payload).runs
    if (job !== undefined && !(await store.cancel(id))) return false
    return store.add({ id, kind, payload: repeatText({ when: when.text, runs, isTriggered }), due })
  }

  #lookSoon(): void {
    if (!this.#isStarted || this.#all.size === 0 || this.#cancelLook !== undefined) return
    this.#cancelLook = this.#options.clock.after(LOOK_MS, () => {
      this.#cancelLook = undefined
      for (const repeat of this.#all.values()) void this.#place(repeat)
      this.#lookSoon()
    })
  }
}
