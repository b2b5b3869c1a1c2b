// The leases and commits of loads, behind queues: each load takes one of each, and thousands of loads in one turn must
// not overload a healthy store.
//
// Commits of one namespace go together, as many as a step holds. The refusal of a single item affects only that item.
import type { Clock, CommitItem, LedgerStore } from '../core/contracts.ts'
import { MillpondError } from '../core/errors.ts'
import { type GuardedLeases, guardLeases } from './guard-leases.ts'
import { answerOf, type Outcome } from './outcome.ts'
import { Queue } from './queue.ts'
import { sendApart } from './send-apart.ts'

export interface GuardedLedger extends GuardedLeases {
  /**
   * Stores a loaded entry if nothing has moved. It is not awaited, and is idempotent: if the store is silent it is
   * retried once, after as long a pause. Rejects if the store cannot tell.
   */
  commit(namespace: string, item: CommitItem): Promise<boolean>
}

/** Items of one commit: the store does nothing else meanwhile. */
const COMMIT_ITEMS = 200
const COMMIT_BYTES = 2 ** 21
/** Concurrent steps of either kind, if the tier takes as many. */
const CALLS = 2

interface Commit {
  readonly namespace: string
  readonly item: CommitItem
}

/**
 * @param silentMs how long the store may be silent, and a load may wait for its lease.
 * @param tierCalls how many concurrent commands the tier takes: next to as many reads, the steps of either kind get
 * half of that.
 */
export function guardLedger(
  store: LedgerStore,
  name: string,
  clock: Clock,
  silentMs: () => number,
  tierCalls: number,
): GuardedLedger {
  const calls = Math.max(1, Math.min(CALLS, tierCalls >> 1))
  const commits = new Queue<Commit, Outcome<boolean>>({
    what: `${name}: commit`,
    clock,
    limits: { calls, items: COMMIT_ITEMS, weight: COMMIT_BYTES },
    get silentMs() {
      return silentMs()
    },
    weigh: ({ item }) => item.body.length,
    together: () => {
      let first: string | undefined
      return ({ namespace }) => {
        first ??= namespace
        return namespace === first
      }
    },
    send: (items) => sendApart(items, commitAll, (_, __, error) => ({ error })),
  })
  const commitAll = async (items: readonly Commit[]): Promise<Outcome<boolean>[]> => {
    const [first] = items
    const verdicts =
      first === undefined
        ? []
        : await store.commit(
            first.namespace,
            items.map(({ item }) => item),
          )
    return items.map((_, at) => ({ value: verdicts[at] === true }))
  }
  const commit = async (namespace: string, item: CommitItem): Promise<boolean> =>
    answerOf(await commits.ask([{ namespace, item }]))
  return {
    ...guardLeases(store, name, clock, silentMs, calls),
    async commit(namespace, item) {
      try {
        return await commit(namespace, item)
      } catch (error) {
        if (!isSilence(error)) throw error
        await new Promise<void>((resolve) => clock.after(silentMs(), resolve, true))
        return commit(namespace, item)
      }
    },
  }
}

const isSilence = (error: unknown): boolean =>
  error instanceof MillpondError && (error.code === 'LEDGER_UNREACHABLE' || error.code === 'TIER_FAILED')
