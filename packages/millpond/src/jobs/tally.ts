// The events and counts of a runner.

/**
 * A run: `late` if it begins later than it may, `began`, then `done`, `retried` (it failed and is run again after
 * `retryMs`), `failed` permanently (a repeated job still waits for its next time), or `lost`: its lease expired, and
 * another process runs it.
 */
export interface JobEvent {
  /** The job's id. */
  readonly id: string
  /** The kind, or the name of a repeated job. */
  readonly job: string
  /** What has happened. */
  readonly state: 'late' | 'began' | 'done' | 'retried' | 'failed' | 'lost'
  /** The number of the attempt, from 1. */
  readonly attempt: number
  /** How long after its due time it begins: for `late` and `began`. */
  readonly lateMs?: number
  /** How long the attempt took, in milliseconds. */
  readonly ms?: number
  /** How long until the next attempt, in milliseconds. */
  readonly retryMs?: number
  /** Why the attempt failed. */
  readonly error?: unknown
}

/** Of one kind, or one repeated job, in this process since it started. */
export interface JobFigures {
  /** The kind, or the name of a repeated job. */
  readonly job: string
  /** Runs under way. */
  readonly running: number
  /** Runs that have succeeded. */
  readonly done: number
  /** Attempts that failed and were followed by another. */
  readonly retried: number
  /** Runs whose last attempt failed. */
  readonly failed: number
  /** Runs that began later than they may. */
  readonly late: number
  /** Runs whose lease expired. */
  readonly lost: number
}

type Counted = Exclude<JobEvent['state'], 'began'>

export class JobTally {
  readonly #counts = new Map<string, Record<Counted | 'running', number>>()
  readonly #listener: (event: JobEvent) => void

  constructor(listener: (event: JobEvent) => void) {
    this.#listener = listener
  }

  /** Counted from 0, so that a job that never ran is visible. */
  know(job: string): Record<Counted | 'running', number> {
    const counts = this.#counts.get(job) ?? { running: 0, done: 0, retried: 0, failed: 0, late: 0, lost: 0 }
    this.#counts.set(job, counts)
    return counts
  }

  tell(event: JobEvent): void {
    const counts = this.know(event.job)
    if (event.state === 'began') counts.running++
    else {
      counts[event.state]++
      if (event.state !== 'late') counts.running--
    }
    this.#listener(event)
  }

  get figures(): readonly JobFigures[] {
    return [...this.#counts].map(([job, counts]) => ({ job, ...counts }))
  }
}
