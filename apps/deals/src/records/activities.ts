// Activities, written behind: acknowledged when they are in the journal, stored in batches within a second, even after
// a crash of the process.
import { randomUUID } from 'node:crypto'
import { MillpondError } from 'millpond'
import type { Written } from '../cache/invalidation.ts'
import { type Activity, addActivity } from '../writes/deals.ts'
import { Refused } from '../writes/refused.ts'
import type { RecordParts } from './deals.ts'

/** Acknowledged; in the database soon. */
export interface Queued {
  readonly requestId: string
}

export interface Activities {
  /** @param waitMs how long the caller will wait until it is stored @throws Refused */
  add(activity: Omit<Activity, 'request_id'>, waitMs: number): Promise<Written<{ id: number }> | Queued>
  flush(): Promise<void>
}

export interface QueueParts extends RecordParts {
  /** The folder of the journals: for one set of data only. */
  readonly journals: string
}

type Outcome = Written<{ id: number }> | Refused

export function openActivities({ records, invalidation, journals }: QueueParts): Activities {
  /** Those whose callers wait. */
  const awaited = new Map<string, Outcome | undefined>()
  const storeAll = async (activities: readonly Activity[]): Promise<readonly Outcome[]> =>
    invalidation.writeAll(activities.map((activity) => (tx) => addActivity(tx, activity)))
  const direct = async (activity: Activity): Promise<Written<{ id: number }>> => {
    const [outcome] = await storeAll([activity])
    if (outcome === undefined || outcome instanceof Refused) throw outcome ?? new Error('nothing was written')
    return outcome
  }
  const queue = records?.collection<string, Activity>('activity', {
    // It is never read by its name: the lists read it from the database.
    ttl: '1m',
    storeMany: async (writes) => {
      const outcomes = await storeAll(writes.map(({ value }) => value))
      writes.forEach(({ id }, at) => awaited.has(id) && awaited.set(id, outcomes[at]))
      return outcomes.map((outcome) =>
        outcome instanceof Refused ? Object.assign(outcome, { permanent: true }) : undefined,
      )
    },
    write: 'write-behind',
    writeBehind: { journal: `${journals}/activities`, maxDelay: '1s' },
  })
  return {
    add: async (given, waitMs) => {
      const activity: Activity = { ...given, request_id: randomUUID() }
      const { request_id: requestId } = activity
      if (queue === undefined) return direct(activity)
      if (waitMs > 0) awaited.set(requestId, undefined)
      try {
        await queue.set(requestId, activity)
        if (waitMs > 0) await within(queue.flush(), waitMs)
        const outcome = awaited.get(requestId)
        if (outcome instanceof Refused) throw outcome
        return outcome ?? { requestId }
      } catch (error) {
        // The shared tier does not answer: no reason to refuse it. It may be queued all the same; it is stored once.
        if (error instanceof MillpondError && error.code === 'LEDGER_UNREACHABLE') return direct(activity)
        throw error
      } finally {
        awaited.delete(requestId)
      }
    },
    flush: async () => queue?.flush(),
  }
}

/** Whichever comes first. */
export async function within(work: Promise<void>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([work, late]).finally(() => clearTimeout(timer))
}
