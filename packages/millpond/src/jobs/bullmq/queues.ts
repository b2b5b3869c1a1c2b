// The queues of BullMQ that a job table consists of, one for each kind, all on one connection; and what has to be done
// for them again and again.
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
  /** That anybody has used. */
  kinds(): Promise<string[]>
  /** Before a kind is used: makes it known to all, now and then. */
  know(kinds: readonly string[]): Promise<void>
  /** Frees jobs whose process is gone, and removes what nobody has to remember. Both now and then. */
  tend(kinds: readonly string[]): Promise<void>
  /** Takes back a lock that has ended and that nobody has taken since. */
  relock(kind: string, bullId: string, lease: string): Promise<boolean>
  close(): Promise<void>
}

/** For how long BullMQ locks what it hands out; another lease is asked for then. */
export const LOCK_MS = 30_000
/** A job is free when two looks in a row, at least so long apart, have found it without a lock. */
const STALLED_MS = 250
const SWEEP_MS = 60_000
const SWEPT = 1000
const RELOCK_MS = 1000
/** Of a job that is running, was last taken under this lease, and bears no lock. */
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
    // How often a job may be begun is for the runner to say, not for BullMQ.
    maxStalledCount: Number.MAX_SAFE_INTEGER,
    skipMetasUpdate: true,
  }
  const root = new Queue(queue, options)
  // Every step tells of its own failure. Without a listener BullMQ writes to the console.
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
      // A server that has come back empty knows of none.
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
