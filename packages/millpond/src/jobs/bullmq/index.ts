// The job table in BullMQ: the jobs of a kind are one of its queues, each in its native states, visible in its
// dashboards and also processed by its workers.
//
// Times are those of the processes, as in BullMQ, not the server's.
import { randomUUID } from 'node:crypto'
import { checkOptions, required, type Shape, withMethods } from '../../core/checks.ts'
import { MillpondError, show as shown } from '../../core/errors.ts'
import type { Job, JobDue, JobStore, ListOptions, NewJob } from '../../core/jobs.ts'
import {
  inTime,
  queueName,
  resolveList,
  resolveRetention,
  SERVER,
  type ServerOptions,
  stepMs,
  storeFailed,
} from '../checks.ts'
import type { RedisJobsClient } from '../redis.ts'
import { jobOf, type Mark, markOf } from './bull-job.ts'
import { type Held, LockGone, openHolds } from './holds.ts'
import { bullQueueName } from './names.ts'
import type { BullJob } from './package-types.ts'
import { LOCK_MS, openQueues } from './queues.ts'
import { openReads } from './reads.ts'

/** The used part of an ioredis client (Redis or Cluster); BullMQ uses the rest. */
export interface BullmqJobsClient extends RedisJobsClient {
  /** Another client with the same options: BullMQ needs a connection of its own for blocking commands. */
  duplicate(...options: never[]): unknown
}

export interface BullmqJobsOptions extends ServerOptions {
  /** It stays open after `close`. */
  readonly client: BullmqJobsClient
  /** BullMQ's key prefix. Default `bull`; for a cluster one in braces, such as `{bull}`. */
  readonly prefix?: string | undefined
}

/** A job table that BullMQ's tools can show. */
export interface BullmqJobs extends JobStore {
  /** BullMQ's queues that were ever used: jobs of the kind `mail` are in the queue `jobs.mail`. */
  queueNames(): Promise<string[]>
}

interface Taken {
  readonly job: Job
  readonly held: Held
}

interface ClaimedHere {
  readonly taken: readonly Taken[]
  readonly nextInMs: number | undefined
}

const PREFIX = /^[\w.{}-]{1,128}$/
const OPTIONS: Shape<BullmqJobsOptions> = {
  ...SERVER,
  client: required(checkClient),
  prefix: (value, at) => checkPrefix(value, at),
}
/**
 * A job table in BullMQ (6.7 or newer, over Redis or Valkey), for users of its dashboards or workers. Needs the package
 * `bullmq`.
 * @throws MillpondError `OPTION_INVALID`, also where that is not installed.
 * @example createCache({ jobs: bullmqJobs({ client: new Redis(url) }) })
 */
export function bullmqJobs(options: BullmqJobsOptions): BullmqJobs {
  checkOptions<BullmqJobsOptions>(options, OPTIONS, 'bullmqJobs')
  const { client, prefix = 'bull' } = options
  const retention = resolveRetention(options)
  const keep = { done: keepFor(retention.keepDoneMs), failed: keepFor(retention.keepFailedMs) }
  const queue = queueName(options)
  const timeoutMs = stepMs(options)
  const queues = openQueues({ client, prefix: checkPrefix(prefix, 'prefix'), queue, ...retention })
  const reads = openReads(queues, client, retention)
  const holds = openHolds(reads.find, queues.relock)
  let turn = 0
  let isClosed = false

  const step = async <T>(what: string, act: () => Promise<T>): Promise<T> => {
    if (isClosed) throw new MillpondError('CLOSED', '[bullmq] jobs: the store is closed')
    try {
      return await inTime('bullmq', what, timeoutMs, act())
    } catch (error) {
      throw storeFailed('bullmq', what, error)
    }
  }
  const backendOf = (kind: string) => queues.of(kind).getBackend()

  const add = async ({ id, kind, payload, due }: NewJob): Promise<boolean> => {
    await queues.know([kind])
    const now = Date.now()
    const dueAt = dueTime(due, now)
    const mark: Mark = { dueAt: String(dueAt), createdAt: String(now), addedBy: randomUUID() }
    const jobId = queues.ids.toBull(id)
    const added = {
      jobId,
      ...delayUntil(dueAt, now),
      removeOnComplete: keep.done,
      removeOnFail: keep.failed,
      millpond: mark,
    }
    await queues.of(kind).add(kind, JSON.parse(payload), added)
    const found = await queues.of(kind).getJob(jobId)
    // It may have been run and removed already.
    return found === undefined || markOf(found)?.addedBy === mark.addedBy
  }

  /**
   * Starting a job of BullMQ's job schedulers includes adding the next one. If that fails, the lease expires, and the
   * next holder tries again.
   */
  const scheduleNext = async (kind: string, id: string, { opts, name, data }: BullJob, key: string): Promise<void> => {
    const scheduler = await queues.of(kind).jobScheduler
    await scheduler.upsertJobScheduler(key, opts.repeat, name, data, opts, { override: false, producerId: id })
  }

  /** The job; or when the next one of the kind is available. */
  const takeOne = async (kind: string, lease: string, leaseMs: number): Promise<Taken | number | undefined> => {
    const [json, id, limitedMs, nextAt] = await backendOf(kind).moveToActive(lease, lease)
    if (typeof id !== 'string' || typeof json !== 'object' || json === null) {
      if (Number(limitedMs) > 0) return Date.now() + Number(limitedMs)
      return Number(nextAt) > 0 ? Number(nextAt) : undefined
    }
    if (leaseMs !== LOCK_MS) await backendOf(kind).extendLock(id, lease, Math.ceil(leaseMs))
    const bull = queues.Job.fromJSON(queues.of(kind), { ...json }, id)
    if (bull.repeatJobKey !== undefined) await scheduleNext(kind, id, bull, bull.repeatJobKey)
    return {
      job: jobOf(queues.ids.fromBull(id), kind, bull, 'running', (bull.processedOn ?? Date.now()) + leaseMs),
      held: { kind, bullId: id, bull },
    }
  }

  const claim = async (
    kinds: readonly string[],
    limit: number,
    lease: string,
    leaseMs: number,
  ): Promise<ClaimedHere> => {
    await queues.know(kinds)
    await queues.tend(kinds)
    // Each time another kind is first, so that none starves behind a busy one.
    const asked = kinds.map((_, i) => kinds[(turn + i) % kinds.length]).filter((kind) => kind !== undefined)
    turn++
    const taken: Taken[] = []
    let nextAt = Number.POSITIVE_INFINITY
    let failure: unknown
    while (asked.length > 0 && taken.length < limit) {
      const some = asked.splice(0, limit - taken.length)
      const answers = await Promise.allSettled(some.map((kind) => takeOne(kind, lease, leaseMs)))
      for (const answer of answers)
        if (answer.status === 'rejected') failure ??= answer.reason
        else if (typeof answer.value === 'object') {
          taken.push(answer.value)
          asked.push(answer.value.job.kind)
        } else nextAt = Math.min(nextAt, answer.value ?? Number.POSITIVE_INFINITY)
    }
    // A claimed job must be run, whatever happened to the others.
    if (failure !== undefined && taken.length === 0) throw failure
    const nextInMs = asked.length > 0 ? 0 : Math.max(0, nextAt - Date.now())
    return { taken, nextInMs: Number.isFinite(nextInMs) ? nextInMs : undefined }
  }

  const end = (what: string, id: string, lease: string, act: (job: Held) => Promise<unknown>): Promise<boolean> =>
    step(what, () => holds.end(id, lease, act))

  return {
    name: 'bullmq',
    add: (job) =>
      step('add', async () => {
        if (await add(job)) return true
        // BullMQ's record of a job that is to be forgotten would block a new one.
        const backend = backendOf(job.kind)
        const isInTheWay =
          (await reads.find(job.id)) === undefined && (await backend.remove(queues.ids.toBull(job.id), true)) === 1
        return isInTheWay && add(job)
      }),
    get: (id) =>
      step('get', async () => {
        const found = await reads.find(id)
        return found && reads.show(found)
      }),
    async list(given?: ListOptions) {
      const { states, kind, limit, offset } = resolveList(given)
      return step('list', () => reads.list(states, kind, offset, limit))
    },
    cancel: (id) =>
      step('cancel', async () => {
        const found = await reads.find(id)
        if (found?.state !== 'waiting' && found?.state !== 'failed') return false
        return (await backendOf(found.kind).remove(found.bullId, true)) === 1
      }),
    async claim(kinds, limit, lease, leaseMs) {
      if (kinds.length === 0) return { jobs: [], nextInMs: undefined }
      const { taken, nextInMs } = await step('claim', () => claim(kinds, limit, lease, leaseMs))
      // A late answer is not used: its lease expires.
      for (const { job, held } of taken) holds.begin(job.id, lease, held)
      return { jobs: taken.map(({ job }) => job), nextInMs }
    },
    renew: (id, lease, leaseMs) =>
      step('renew', () =>
        holds.act(id, lease, async ({ kind, bullId }) => {
          if ((await backendOf(kind).extendLock(bullId, lease, Math.ceil(leaseMs))) !== 1) throw new LockGone()
        }),
      ),
    complete: (id, lease) =>
      end('complete', id, lease, ({ kind, bull }) =>
        backendOf(kind).moveToCompleted(bull, null, bull.opts.removeOnComplete ?? keep.done, lease, false),
      ),
    fail: (id, lease, error, retryInMs) =>
      end('fail', id, lease, ({ kind, bullId, bull }) => {
        const fields = { failedReason: error, stacktrace: JSON.stringify([error]) }
        if (retryInMs === undefined)
          // A manual retry, from a dashboard, gets all attempts again.
          return backendOf(kind).moveToFailed(bull, error, bull.opts.removeOnFail ?? keep.failed, lease, false, {
            ...fields,
            ats: '0',
          })
        const options = { skipAttempt: false, fieldsToUpdate: fields }
        return backendOf(kind).moveToDelayed(bullId, Date.now(), Math.ceil(retryInMs), lease, options)
      }),
    again: (id, lease, due, payload) =>
      end('again', id, lease, ({ kind, bullId, bull }) => {
        const now = Date.now()
        const dueAt = dueTime(due, now)
        const mark = markOf(bull)
        // For a job that BullMQ's own call has added, only the time is ours to change.
        const opts = mark && { opts: JSON.stringify({ ...bull.opts, millpond: { ...mark, dueAt: String(dueAt) } }) }
        const fieldsToUpdate = { data: payload, failedReason: '', ats: '0', atm: '0', stc: '0', ...opts }
        return backendOf(kind).moveToDelayed(bullId, now, Math.max(0, dueAt - now), lease, {
          skipAttempt: true,
          fieldsToUpdate,
        })
      }),
    queueNames: () =>
      step('queueNames', async () => (await queues.kinds()).map((kind) => bullQueueName(queue, kind)).sort()),
    async close() {
      isClosed = true
      await queues.close()
    },
  }
}

/** BullMQ's scripts build key names, to which ioredis would not add its prefix. */
function checkClient(value: unknown, at: string): BullmqJobsClient {
  const client = withMethods<BullmqJobsClient>('a client of ioredis', 'call', 'duplicate')(value, at)
  const { keyPrefix }: { keyPrefix?: unknown } = Object('options' in client ? client.options : undefined)
  if (keyPrefix === undefined || keyPrefix === '') return client
  throw new MillpondError(
    'OPTION_INVALID',
    `${at}: a client with keyPrefix (${shown(keyPrefix)}) is not allowed, since BullMQ names its keys itself: give a client without it, and use bullmqJobs({ prefix })`,
  )
}

function checkPrefix(value: unknown, at: string): string {
  if (typeof value === 'string' && PREFIX.test(value)) return value
  throw new MillpondError(
    'OPTION_INVALID',
    `${at}: ${shown(value)} is not a prefix: use 1 to 128 letters, digits, '_', '.', '-' or braces`,
  )
}

const dueTime = (due: JobDue, now: number): number => ('at' in due ? Math.floor(due.at) : now + Math.ceil(due.inMs))

/** Overdue jobs also go through BullMQ's delayed jobs, which are taken by their time. It starts counting at 1. */
const delayUntil = (dueAt: number, now: number): { readonly timestamp: number; readonly delay: number } =>
  dueAt < now ? { timestamp: Math.max(1, dueAt - 1), delay: 1 } : { timestamp: now, delay: dueAt - now }

/** BullMQ counts in seconds, and does not remove earlier. */
const keepFor = (ms: number): { readonly age: number } => ({ age: Math.ceil(ms / 1000) })
