// The BullMQ queues of a job table, one per kind, on one connection; and their periodic maintenance.
import type { RedisJobsClient } from '../redis.ts'
import { bullQueueName, type Ids, openIds } from './names.ts'
import { type BullBackend, type BullModule, type BullQueue, loadBullmq } from './package-types.ts'

export interface QueuesOptions {
  readonly client: RedisJobsClient
  readonly prefix: string
  readonly queue: string
  readonly keepDoneMs: number
  readonly keepFailedMs: number
}

export interface Queues {
  readonly Job: BullModule['Job']
  readonly ids: Ids
  of(kind: string): BullQueue
  /** Those that were ever used. */
  kinds(): Promise<string[]>
  /** Before a kind is used: announces it to all processes, now and then. */
  know(kinds: readonly string[]): Promise<void>
  /** Frees jobs whose process is gone, and deletes expired ones. Both now and then. */
  tend(kinds: readonly string[]): Promise<void>
  /** Reacquires a lock that has expired without being taken by another. */
  relock(kind: string, bullId: string, lease: string): Promise<boolean>
  close(): Promise<void>
}

/** How long BullMQ locks what it hands out; our lease is requested afterwards. */
export const LOCK_MS = 30_000
/** A job is free if two checks in a row, at least this far apart, have found it without a lock. */
const STALLED_MS = 250
const SWEEP_MS = 60_000
const SWEPT = 1000
const RELOCK_MS = 1000
/** For a running job without a lock, last taken under this lease. */
const RELOCK = `
if redis.call('HGET', KEYS[1], 'pb') ~= ARGV[1] or not redis.call('LPOS', KEYS[3], ARGV[2]) then return 0 end
return redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[3], 'NX') and 1 or 0`

export function openQueues({ client, prefix, queue, keepDoneMs, keepFailedMs }: QueuesOptions): Queues {
  const { Queue, Job } = loadBullmq()
  const options = {
    connection: client,
    prefix,
    lockDuration: LOCK_MS,
    stalledInterval: STALLED_MS,
    // The runner limits how often a job may be started, not BullMQ.
    maxStalledCount: Number.MAX_SAFE_INTEGER,
    skipMetasUpdate: true,
  }
  const root = new Queue(queue, options)
  // Every step reports its own failure. Without a listener BullMQ writes to the console.
  root.on('error', () => undefined)
  const registry = root.getBackend().toKey('millpond:kinds')
  const queues = new Map<string, BullQueue>()
  const known = new Map<string, number>()
  let stalledAt = Number.NEGATIVE_INFINITY
  let sweptAt = performance.now()

  const of = (kind: string): BullQueue => {
    const open = queues.get(kind)
    if (open !== undefined) return open
    const name = bullQueueName(queue, kind)
    const opened = new Queue(name, options, () => root.getBackend().forQueue(name))
    opened.on('error', () => undefined)
    queues.set(kind, opened)
    return opened
  }
  const each = (kinds: readonly string[], act: (backend: BullBackend) => Promise<unknown>): Promise<unknown> =>
    Promise.all(kinds.map((kind) => act(of(kind).getBackend())))

  return {
    Job,
    ids: openIds(Object.keys(root.keys)),
    of,
    async kinds() {
      const found = await client.call('SMEMBERS', [registry])
      // A server that lost its data knows none.
      return [...new Set([...(Array.isArray(found) ? found.map(String) : []), ...known.keys()])]
    },
    async know(kinds) {
      const now = performance.now()
      const news = kinds.filter((kind) => now - (known.get(kind) ?? Number.NEGATIVE_INFINITY) > SWEEP_MS)
      if (news.length === 0) return
      await client.call('SADD', [registry, ...news])
      for (const kind of news) known.set(kind, now)
    },
    async tend(kinds) {
      const now = performance.now()
      if (now - stalledAt >= STALLED_MS / 2) {
        stalledAt = now
        await each(kinds, (backend) => backend.moveStalledJobsToWait())
      }
      if (now - sweptAt < SWEEP_MS) return
      sweptAt = now
      await each(kinds, (backend) => backend.cleanJobsByState('completed', Date.now() - keepDoneMs, SWEPT))
      await each(kinds, (backend) => backend.cleanJobsByState('failed', Date.now() - keepFailedMs, SWEPT))
    },
    async relock(kind, bullId, lease) {
      const key = (part: string): string => of(kind).getBackend().toKey(part)
      return (
        (await client.call('EVAL', [
          RELOCK,
          3,
          key(bullId),
          key(`${bullId}:lock`),
          key('active'),
          lease,
          bullId,
          RELOCK_MS,
        ])) === 1
      )
    },
    close: () => root.close(),
  }
}
