// The jobs that this process runs, and the steps that only the holder of a job's lease may take.
import { isError } from '../../core/errors.ts'
import type { BullJob } from './package-types.ts'

export interface Held {
  readonly kind: string
  readonly bullId: string
  readonly bull: BullJob
}

export interface Holds {
  readonly size: number
  /** So that it need not be looked up when it ends. */
  begin(id: string, lease: string, job: Held): void
  /** A step of the lease's holder. `false`: it is another's by now, or the job is gone. */
  act(id: string, lease: string, step: (job: Held) => Promise<unknown>): Promise<boolean>
  /** The same for the last step of a run: whatever the result, the job no longer runs here. */
  end(id: string, lease: string, step: (job: Held) => Promise<unknown>): Promise<boolean>
}

/**
 * BullMQ's answers to a step without the lease: the job is gone, its lock is gone, it is not running, its lock is
 * another's.
 */
const [GONE, LOCK_GONE, NOT_RUNNING, LOCKED] = [-1, -2, -3, -6]

/** As BullMQ reports it. */
export class LockGone extends Error {
  readonly code = LOCK_GONE
}

/**
 * `find` finds a job of another process, `relock` reacquires a lock that has expired without being taken by another.
 */
export function openHolds(
  find: (id: string) => Promise<Held | undefined>,
  relock: (kind: string, bullId: string, lease: string) => Promise<boolean>,
): Holds {
  const running = new Map<string, { readonly lease: string; readonly job: Held }>()

  const act: Holds['act'] = async (id, lease, step) => {
    const own = running.get(id)
    const job = own?.lease === lease ? own.job : await find(id)
    if (job === undefined) return false
    try {
      await step(job)
      return true
    } catch (error) {
      const code = codeOf(error)
      if (code === LOCK_GONE && (await relock(job.kind, job.bullId, lease))) {
        await step(job)
        return true
      }
      if (code === GONE || code === LOCK_GONE || code === NOT_RUNNING || code === LOCKED) return false
      throw error
    }
  }

  return {
    get size() {
      return running.size
    },
    begin(id, lease, job) {
      running.set(id, { lease, job })
    },
    act,
    async end(id, lease, step) {
      try {
        return await act(id, lease, step)
      } finally {
        if (running.get(id)?.lease === lease) running.delete(id)
      }
    },
  }
}

const codeOf = (error: unknown): number | undefined =>
  isError(error) && 'code' in error && typeof error.code === 'number' ? error.code : undefined
