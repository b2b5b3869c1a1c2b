// The job table of one process: for tests, and for jobs that need not survive it.
import { checkOptions, clock as clockCheck, type Shape } from '../core/checks.ts'
import { systemClock } from '../core/clock.ts'
import type { Clock } from '../core/contracts.ts'
import { MillpondError } from '../core/errors.ts'
import type { Claimed, Job, JobDue, JobStore, ListOptions, NewJob } from '../core/jobs.ts'
import { RETENTION, type RetentionOptions, resolveList, resolveRetention } from './checks.ts'

export interface MemoryJobsOptions extends RetentionOptions {
  /** Default: the machine's. */
  readonly clock?: Clock | undefined
}

interface Row {
  job: Job
  lease: string
  /** When a done or failed job is deleted. */
  expiresAt: number
}

const OPTIONS: Shape<MemoryJobsOptions> = { ...RETENTION, clock: clockCheck }

/** A job table in this process, lost with it. */
export function memoryJobs(options: MemoryJobsOptions = {}): JobStore {
  checkOptions<MemoryJobsOptions>(options, OPTIONS, 'memoryJobs')
  const clock = options.clock ?? systemClock()
  const { keepDoneMs, keepFailedMs } = resolveRetention(options)
  const rows = new Map<string, Row>()
  let isClosed = false

  const open = (): void => {
    if (isClosed) throw new MillpondError('CLOSED', '[memory] jobs: the store is closed')
  }
  const live = (id: string): Row | undefined => {
    const row = rows.get(id)
    if (row === undefined || row.expiresAt > clock.now()) return row
    rows.delete(id)
    return undefined
  }
  const leased = (id: string, lease: string): Row | undefined => {
    open()
    const row = live(id)
    return row?.job.state === 'running' && row.lease === lease ? row : undefined
  }
  const put = (row: Row, change: Partial<Job>, expiresAt = Number.POSITIVE_INFINITY, lease = row.lease): true => {
    row.job = { ...row.job, ...change }
    row.expiresAt = expiresAt
    row.lease = lease
    return true
  }
  const dueAtOf = (due: JobDue, now: number): number => ('at' in due ? due.at : now + due.inMs)
  const prune = (): void => {
    for (const id of [...rows.keys()]) live(id)
  }

  return {
    name: 'memory',
    async add({ id, kind, payload, due }: NewJob) {
      open()
      if (live(id) !== undefined) return false
      const now = clock.now()
      const dueAt = dueAtOf(due, now)
      const job: Job = { id, kind, payload, state: 'waiting', dueAt, createdAt: now, attempts: 0, readyAt: dueAt }
      rows.set(id, { job, lease: '', expiresAt: Number.POSITIVE_INFINITY })
      return true
    },
    async get(id) {
      open()
      return live(id)?.job
    },
    async list(given?: ListOptions) {
      open()
      const { states, kind, limit, offset } = resolveList(given)
      prune()
      return [...rows.values()]
        .map((row) => row.job)
        .filter((job) => states.some((state) => state === job.state) && (kind === undefined || job.kind === kind))
        .sort((a, b) => a.dueAt - b.dueAt || (a.id < b.id ? -1 : 1))
        .slice(offset, offset + limit)
    },
    async cancel(id) {
      open()
      const state = live(id)?.job.state
      return (state === 'waiting' || state === 'failed') && rows.delete(id)
    },
    async claim(kinds, limit, lease, leaseMs): Promise<Claimed> {
      open()
      const now = clock.now()
      const ready: Row[] = []
      let nextAt = Number.POSITIVE_INFINITY
      for (const [id, row] of rows) {
        const { job } = row
        if (row.expiresAt <= now) rows.delete(id)
        else if (!kinds.includes(job.kind) || job.state === 'done' || job.state === 'failed') continue
        else if (job.readyAt <= now) ready.push(row)
        else nextAt = Math.min(nextAt, job.readyAt)
      }
      ready.sort((a, b) => a.job.readyAt - b.job.readyAt || (a.job.id < b.job.id ? -1 : 1))
      const taken = ready.slice(0, limit)
      for (const row of taken)
        put(
          row,
          { state: 'running', attempts: row.job.attempts + 1, readyAt: now + leaseMs },
          Number.POSITIVE_INFINITY,
          lease,
        )
      const nextInMs =
        ready.length > taken.length ? 0 : Math.min(nextAt - now, taken.length > 0 ? leaseMs : Number.POSITIVE_INFINITY)
      return {
        jobs: taken.map((row) => row.job),
        nextInMs: nextInMs === Number.POSITIVE_INFINITY ? undefined : nextInMs,
      }
    },
    async renew(id, lease, leaseMs) {
      const row = leased(id, lease)
      return row !== undefined && put(row, { readyAt: clock.now() + leaseMs })
    },
    async complete(id, lease) {
      const row = leased(id, lease)
      return row !== undefined && put(row, { state: 'done' }, clock.now() + keepDoneMs)
    },
    async fail(id, lease, error, retryInMs) {
      const row = leased(id, lease)
      if (row === undefined) return false
      const now = clock.now()
      return retryInMs === undefined
        ? put(row, { state: 'failed', error }, now + keepFailedMs)
        : put(row, { state: 'waiting', error, readyAt: now + retryInMs })
    },
    async again(id, lease, due, payload) {
      const row = leased(id, lease)
      if (row === undefined) return false
      const { error: _, ...job } = row.job
      const dueAt = dueAtOf(due, clock.now())
      row.job = { ...job, payload, state: 'waiting', dueAt, attempts: 0, readyAt: dueAt }
      return true
    },
    async close() {
      isClosed = true
      rows.clear()
    },
  }
}
