// Waits for jobs to end: here, or in another process that shares the table.

/** The part of `cache.jobs`, or of `createJobs(…)`, that is used. */
export interface ImageJobs {
  /** Adds a job; resolves with its id. */
  add(kind: string, payload: unknown): Promise<string>
  /** Runs jobs of a kind in this process; returns a function that stops it. */
  handle(
    kind: string,
    handler: (payload: unknown, context: { readonly id: string; readonly signal: AbortSignal }) => Promise<unknown>,
  ): () => void
  /** The state of a job, with its error if it failed; undefined if it is unknown. */
  get(id: string): Promise<{ readonly state: string; readonly error?: string } | undefined>
  /** Cancels a job that has not ended; `false` if there is none. */
  cancel(id: string): Promise<boolean>
}

const POLL_MS = 50

/** Jobs that this process waits for. */
export class Waiting {
  readonly #jobs: ImageJobs

  constructor(jobs: ImageJobs) {
    this.#jobs = jobs
  }

  /** Resolves when the job has ended, with its error if it failed, or once the signal aborts. */
  async for(id: string, signal?: AbortSignal): Promise<string | undefined> {
    for (;;) {
      const job = await this.#jobs.get(id)
      if (job === undefined || job.state === 'done' || signal?.aborted === true) return undefined
      if (job.state === 'failed') return job.error ?? 'it failed'
      await this.#pause(signal)
    }
  }

  #pause(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const over = (): void => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', over)
        resolve()
      }
      const timer = setTimeout(over, POLL_MS)
      signal?.addEventListener('abort', over)
    })
  }
}
