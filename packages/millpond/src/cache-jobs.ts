// The jobs of a cache: what it repeats and what its program hands in, over the table that was given or in this process. Scheduled invalidations are run apart
// (`scheduled-invalidations.ts`), so that long jobs never keep them waiting.
import type { SpaceParts } from './engine/open-space.ts'
import { createJobs, type JobFigures, type JobStore, type Jobs } from './jobs/index.ts'

/** Whether this process, of all that share the ledger, does what is named; nobody else does for so long. */
export type Claim = (name: string, ms: number) => Promise<boolean>

/** A process whose timer comes a little early must not be refused by the claim of its own last run. */
const CLAIM_SHARE = 0.9

export class CacheJobs {
  readonly #parts: Pick<SpaceParts, 'cacheName' | 'services'>
  readonly #store: JobStore
  readonly #claim: Claim | undefined
  #jobs: Jobs | undefined
  #isStopped = false

  /** Starts nothing. `claim`: where the table is this process's own. */
  constructor(parts: Pick<SpaceParts, 'cacheName' | 'services'>, store: JobStore, claim: Claim | undefined) {
    this.#parts = parts
    this.#store = store
    this.#claim = claim
  }

  /** Started with the first call. */
  jobs(): Jobs {
    this.#jobs ??= this.#start()
    return this.#jobs
  }

  get figures(): readonly JobFigures[] {
    return this.#jobs?.figures ?? []
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#jobs?.stop()
  }

  #start(): Jobs {
    const { cacheName, services } = this.#parts
    const { clock, events, random } = services
    const claim = this.#claim
    const jobs = createJobs({
      store: this.#store,
      clock,
      random,
      scope: `${cacheName}.`,
      handlers: {},
      onRun: (run) => events.emit('job', run),
      onError: (error, job) =>
        events.emit('warning', { message: job === undefined ? 'the job table does not answer' : `the job ${job.kind} failed`, error }),
      ...(claim !== undefined && { mayRepeat: (name, everyMs) => claim(`job ${name}`, Math.floor(everyMs * CLAIM_SHARE)) }),
    })
    if (!this.#isStopped) jobs.start()
    return jobs
  }
}
