// Reading jobs from BullMQ's queues: one by its id, many by their due time.
import type { Job, JobRetention, JobState, ListedState } from '../../core/jobs.ts'
import type { RedisJobsClient } from '../redis.ts'
import { dueAtOf, jobOf, LISTED_AS, stateOf } from './bull-job.ts'
import type { BullJob, BullState } from './package-types.ts'
import type { Queues } from './queues.ts'

export interface Found {
  readonly kind: string
  readonly bullId: string
  readonly bull: BullJob
  readonly state: JobState
  readonly bullState: BullState
}

export interface Reads {
  find(id: string): Promise<Found | undefined>
  /** In the runner's form. */
  show(found: Found): Promise<Job>
  list(states: readonly ListedState[], kind: string | undefined, offset: number, limit: number): Promise<Job[]>
}

const PAGE = 200
/** BullMQ adds a counter of up to 4,096 jobs per millisecond to a score. */
const SCORES_A_MS = 0x1000

export function openReads(queues: Queues, client: RedisJobsClient, { keepDoneMs, keepFailedMs }: JobRetention): Reads {
  /** BullMQ deletes expired jobs during its next operation. */
  const isForgotten = ({ bull, state }: Found): boolean => {
    const keptMs = state === 'done' ? keepDoneMs : state === 'failed' ? keepFailedMs : undefined
    return keptMs !== undefined && bull.finishedOn !== undefined && bull.finishedOn + keptMs <= Date.now()
  }
  const read = async (kind: string, id: string): Promise<Found | undefined> => {
    const queue = queues.of(kind)
    const [bull, bullState] = await Promise.all([queue.getJob(id), queue.getBackend().getState(id)])
    const state = stateOf(bullState)
    return bull === undefined || state === undefined ? undefined : { kind, bullId: id, bull, state, bullState }
  }
  const readyAt = async ({ kind, bullId: id, bull, bullState }: Found): Promise<number> => {
    const key = (type: string): string => queues.of(kind).getBackend().toKey(type)
    if (bullState === 'active') return Date.now() + Math.max(0, Number(await client.call('PTTL', [key(`${id}:lock`)])))
    const score = bullState === 'delayed' ? await client.call('ZSCORE', [key('delayed'), id]) : null
    return score === null ? dueAtOf(bull) : Math.floor(Number(score) / SCORES_A_MS)
  }
  const show = async (found: Found): Promise<Job> =>
    jobOf(queues.ids.fromBull(found.bullId), found.kind, found.bull, found.state, await readyAt(found))

  /** A job that moves meanwhile may be returned twice, or not at all. */
  async function* all(kind: string, state: ListedState): AsyncGenerator<Found> {
    for (const bullState of LISTED_AS[state])
      for (let at = 0; ; at += PAGE) {
        const page = await queues.of(kind).getJobs([bullState], at, at + PAGE - 1, true)
        for (const bull of page) if (bull?.id !== undefined) yield { kind, bullId: bull.id, bull, state, bullState }
        if (page.length < PAGE) break
      }
  }

  return {
    async find(id) {
      const kinds = await queues.kinds()
      // By our name for it, or else by one that BullMQ assigned.
      for (const name of new Set([queues.ids.toBull(id), id])) {
        const found = (await Promise.all(kinds.map((kind) => read(kind, name)))).find((one) => one !== undefined)
        if (found !== undefined) return isForgotten(found) ? undefined : found
      }
      return undefined
    },
    show,
    async list(states, kind, offset, limit) {
      const kinds = kind === undefined ? await queues.kinds() : [kind]
      let first = new Map<string, Found>()
      for (const one of kinds)
        for (const state of states)
          for await (const found of all(one, state)) {
            if (!isForgotten(found)) first.set(`${one}:${found.bullId}`, found)
            // No more of a long queue is kept than was requested.
            if (first.size > 2 * (offset + limit)) first = new Map([...first].sort(byDue).slice(0, offset + limit))
          }
      return Promise.all(
        [...first]
          .sort(byDue)
          .slice(offset, offset + limit)
          .map(([, found]) => show(found)),
      )
    },
  }
}

const byDue = ([a, one]: [string, Found], [b, other]: [string, Found]): number =>
  dueAtOf(one.bull) - dueAtOf(other.bull) || (a < b ? -1 : 1)
