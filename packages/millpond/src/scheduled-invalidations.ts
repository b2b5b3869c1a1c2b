// The scheduled invalidations of a cache: jobs of their own kind, in the given table or in this process.
import type { SpaceParts } from './engine/open-space.ts'
import { INVALIDATION_JOB, invalidationHandler } from './invalidate/schedule.ts'
import { createJobs, type JobStore, type Jobs } from './jobs/index.ts'

type Invalidate = Parameters<typeof invalidationHandler>[0]

export class ScheduledInvalidations {
  readonly #parts: Pick<SpaceParts, 'cacheName' | 'services'>
  readonly #store: JobStore
  readonly #isLasting: boolean
  readonly #invalidate: Invalidate
  #jobs: Jobs | undefined

  /** Does not start. */
  constructor(
    parts: Pick<SpaceParts, 'cacheName' | 'services'>,
    store: JobStore,
    isLasting: boolean,
    invalidate: Invalidate,
  ) {
    this.#parts = parts
    this.#store = store
    this.#isLasting = isLasting
    this.#invalidate = invalidate
  }

  /** Several caches may share a table. */
  get kind(): string {
    return `${INVALIDATION_JOB}.${this.#parts.cacheName}`
  }

  /** Started by the first call. */
  jobs(): Jobs {
    this.#jobs ??= this.#start()
    return this.#jobs
  }

  /** What is scheduled only in this process is lost with it. */
  async stop(): Promise<void> {
    if (this.#jobs === undefined) return
    if (!this.#isLasting) await this.#tellPending(this.#jobs)
    await this.#jobs.stop()
  }

  #start(): Jobs {
    const { clock, events } = this.#parts.services
    const handler = invalidationHandler(this.#invalidate)
    const onError = (error: unknown): void =>
      events.emit('warning', { message: 'a scheduled invalidation failed and will be retried', error })
    const jobs = createJobs({ store: this.#store, clock, handlers: { [this.kind]: handler }, onError })
    jobs.start()
    return jobs
  }

  async #tellPending(jobs: Jobs): Promise<void> {
    const waiting = await jobs.list({ states: ['waiting'], kind: this.kind })
    if (waiting.length === 0) return
    const count = waiting.length === 1 ? 'a scheduled invalidation' : `${waiting.length} scheduled invalidations`
    this.#parts.services.events.emit('warning', {
      message: `${count} of this process will not happen, because the cache is closed: give createCache a durable job store (jobs)`,
    })
  }
}
