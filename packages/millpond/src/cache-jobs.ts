// The jobs of a cache: its own repeated ones and its program's, over the given table or in this process. Warming plans,
// which wait for each other, run separately, and so do scheduled invalidations (`scheduled-invalidations.ts`): long
// jobs never delay others. They are shown as one.
import type { CacheJobs as JobsOfCache } from './engine/cache-invalidations.ts'
import type { SpaceParts } from './engine/open-space.ts'
import { createJobs, type JobFigures, type JobStore, type Jobs, type JobsOptions } from './jobs/index.ts'

/** Whether this process, of all that share the ledger, runs the named job; no other one does for so long. */
export type Claim = (name: string, ms: number) => Promise<boolean>

/** A process whose timer fires slightly early must not be refused by the claim of its own last run. */
const CLAIM_SHARE = 0.9
/** Unbounded: each namespace warms one plan at a time. The due times are known, so the table is polled seldom. */
const WARMING = { concurrency: 1000, poll: '5s' } as const

export class CacheJobs {
  readonly #parts: Pick<SpaceParts, 'cacheName' | 'services'>
  readonly #store: JobStore
  readonly #claim: Claim | undefined
  #jobs: Jobs | undefined
  #warming: Jobs | undefined
  #shown: JobsOfCache | undefined
  #isStopped = false

  /** Does not start. `claim`: if the table is this process's own. */
  constructor(parts: Pick<SpaceParts, 'cacheName' | 'services'>, store: JobStore, claim: Claim | undefined) {
    this.#parts = parts
    this.#store = store
    this.#claim = claim
  }

  /** Started by the first call. */
  jobs(): JobsOfCache {
    this.#jobs ??= this.#start({})
    this.#shown ??= this.#show(this.#jobs)
    return this.#shown
  }

  /** For warming plans. Started by the first call. */
  warming(): Jobs {
    this.#warming ??= this.#start(WARMING)
    return this.#warming
  }

  get figures(): readonly JobFigures[] {
    return this.#all.flatMap((jobs) => jobs.figures)
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await Promise.all(this.#all.map((jobs) => jobs.stop()))
  }

  get #all(): Jobs[] {
    return [this.#jobs, this.#warming].filter((jobs) => jobs !== undefined)
  }

  #show(jobs: Jobs): JobsOfCache {
    const all = (): Jobs[] => this.#all
    const figures = (): readonly JobFigures[] => this.figures
    return {
      add: (...given) => jobs.add(...given),
      handle: (...given) => jobs.handle(...given),
      repeat: (...given) => jobs.repeat(...given),
      list: (...given) => jobs.list(...given),
      get: (id) => jobs.get(id),
      cancel: (id) => jobs.cancel(id),
      repeating: async () => (await Promise.all(all().map((one) => one.repeating()))).flat(),
      trigger: async (name) => (await Promise.all(all().map((one) => one.trigger(name)))).includes(true),
      get figures() {
        return figures()
      },
    }
  }

  #start(more: Pick<JobsOptions, 'concurrency' | 'poll'>): Jobs {
    const { cacheName, services } = this.#parts
    const { clock, events, random } = services
    const claim = this.#claim
    const jobs = createJobs({
      store: this.#store,
      clock,
      random,
      scope: `${cacheName}.`,
      handlers: {},
      ...more,
      onRun: (run) => events.emit('job', run),
      onError: (error, job) =>
        events.emit('warning', {
          message: job === undefined ? 'the job table does not answer' : `the job ${job.kind} failed`,
          error,
        }),
      ...(claim !== undefined && {
        mayRepeat: (name, everyMs) => claim(`job ${name}`, Math.floor(everyMs * CLAIM_SHARE)),
      }),
    })
    if (!this.#isStopped) jobs.start()
    return jobs
  }
}
