// The job table in Redis or Valkey. Its contents are as durable as the server: enable persistence.
import { createHash } from 'node:crypto'
import { checkOptions, required, type Shape, withMethods } from '../core/checks.ts'
import { isError, MillpondError } from '../core/errors.ts'
import type { Claimed, Job, JobDue, JobStore, ListOptions, NewJob } from '../core/jobs.ts'
import { checkName } from '../core/key.ts'
import {
  inTime,
  queueName,
  resolveList,
  resolveRetention,
  SERVER,
  type ServerOptions,
  stepMs,
  storeFailed,
} from './checks.ts'
import { SCRIPTS } from './redis-scripts.ts'
import { stateOf } from './sql-row.ts'

/** The used part of an ioredis client (Redis or Cluster): arbitrary commands. */
export interface RedisJobsClient {
  /** Sends a command. */
  call(command: string, args: (string | number)[]): Promise<unknown>
}

export interface RedisJobsOptions extends ServerOptions {
  /** It stays open after `close`. */
  readonly client: RedisJobsClient
  /** The key prefix. Default `millpond`. */
  readonly prefix?: string | undefined
}

type Script = keyof typeof SCRIPTS
const PAGE = 200

const OPTIONS: Shape<RedisJobsOptions> = {
  ...SERVER,
  client: required(withMethods<RedisJobsClient>('a client of ioredis', 'call')),
  prefix: (value, at) => checkName(value, at),
}

/** Keys: `{<prefix>:jobs:<queue>}:*`, all in one slot. Commands: EVALSHA, EVAL and those in the scripts. */
export function redisJobs(options: RedisJobsOptions): JobStore {
  checkOptions<RedisJobsOptions>(options, OPTIONS, 'redisJobs')
  const { client } = options
  const base = `{${checkName(options.prefix ?? 'millpond', 'prefix')}:jobs:${queueName(options)}}`
  const { keepDoneMs, keepFailedMs } = resolveRetention(options)
  const timeoutMs = stepMs(options)
  let isClosed = false

  const step = async (name: Script, ...args: (string | number)[]): Promise<unknown> => {
    if (isClosed) throw new MillpondError('CLOSED', '[redis] jobs: the store is closed')
    try {
      return await inTime('redis', name, timeoutMs, run(client, SCRIPTS[name], base, args))
    } catch (error) {
      throw storeFailed('redis', name, error)
    }
  }
  const changed = async (name: Script, ...args: (string | number)[]): Promise<boolean> =>
    (await step(name, ...args)) === 1

  return {
    name: 'redis',
    add: ({ id, kind, payload, due }: NewJob) => changed('add', id, kind, payload, ...dueOf(due)),
    async get(id) {
      return jobOf(await step('get', id))
    },
    async list(given?: ListOptions) {
      const { states, kind, limit, offset } = resolveList(given)
      const found: Job[] = []
      for (let at = 0; found.length < offset + limit; ) {
        const page = listOf(await step('page', at, at + PAGE - 1))
        const jobs = page.map(jobOf)
        found.push(
          ...jobs
            .filter((job) => job !== undefined)
            .filter((job) => states.some((state) => state === job.state) && (kind === undefined || job.kind === kind)),
        )
        at += jobs.filter((job) => job !== undefined).length
        if (page.length < PAGE) break
      }
      return found.slice(offset, offset + limit)
    },
    cancel: (id) => changed('cancel', id),
    async claim(kinds, limit, lease, leaseMs): Promise<Claimed> {
      if (kinds.length === 0) return { jobs: [], nextInMs: undefined }
      const [left, jobs] = listOf(await step('claim', limit, lease, Math.ceil(leaseMs), ...kinds))
      return {
        jobs: listOf(jobs)
          .map(jobOf)
          .filter((job) => job !== undefined),
        nextInMs: left === '' || left === undefined ? undefined : Number(left),
      }
    },
    renew: (id, lease, leaseMs) => changed('renew', id, lease, Math.ceil(leaseMs)),
    complete: (id, lease) => changed('complete', id, lease, keepDoneMs),
    fail: (id, lease, error, retryInMs) =>
      changed('fail', id, lease, error, retryInMs === undefined ? '' : Math.ceil(retryInMs), keepFailedMs),
    again: (id, lease, due, payload) => changed('again', id, lease, payload, ...dueOf(due)),
    async close() {
      isClosed = true
    },
  }
}

const dueOf = (due: JobDue): (string | number)[] =>
  'at' in due ? ['at', Math.floor(due.at)] : ['in', Math.ceil(due.inMs)]

const hashes = new Map<string, string>()

async function run(client: RedisJobsClient, script: string, base: string, args: (string | number)[]): Promise<unknown> {
  const hash = hashes.get(script) ?? createHash('sha1').update(script).digest('hex')
  hashes.set(script, hash)
  try {
    return await client.call('EVALSHA', [hash, 1, base, ...args])
  } catch (error) {
    // A restarted server, or the first use.
    if (!(isError(error) && error.message.startsWith('NOSCRIPT'))) throw error
    return client.call('EVAL', [script, 1, base, ...args])
  }
}

const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : [])

function jobOf(value: unknown): Job | undefined {
  if (!Array.isArray(value)) return undefined
  const [id, kind, payload, state, due, created, attempts, ready, error] = value.map(String)
  if (id === undefined || kind === undefined || payload === undefined) return undefined
  return {
    id,
    kind,
    payload,
    state: stateOf(state),
    dueAt: Number(due),
    createdAt: Number(created),
    attempts: Number(attempts),
    readyAt: Number(ready),
    ...(error === undefined || error === '' ? {} : { error }),
  }
}
