// The leases and commits of loads, behind queues: each load takes one of each, and thousands of loads in one turn must not overrun a store that is well.
//
// Commits of one namespace go together, as many as a step holds. Leases go one by one, so many at a time; a load that would have to wait longer for its lease
// than for an answer goes without. What fails for a single item concerns that item alone.
import type { Clock, CommitItem, LeaseAnswer, LedgerStore } from '../core/contracts.ts'
import { Deadlines } from './deadlines.ts'
import { Queue } from './queue.ts'
import { sendApart } from './send-apart.ts'

export interface GuardedLedger {
  /** Stores a loaded entry where nothing has moved. Rejects where the store cannot say. */
  commit(namespace: string, item: CommitItem): Promise<boolean>
  lease(namespace: string, key: string, id: string, ms: number): Promise<LeaseAnswer>
  release(namespace: string, key: string, id: string): Promise<void>
}

/** Items of one commit: a store does nothing else meanwhile. */
const COMMIT_ITEMS = 200
const COMMIT_BYTES = 2 ** 21
const COMMIT_CALLS = 2
/** Leases under way: so many in each of so many groups. */
const LEASE_ITEMS = 16
const LEASE_CALLS = 4

interface Commit {
  readonly namespace: string
  readonly item: CommitItem
}

interface Lease {
  readonly namespace: string
  readonly key: string
  readonly id: string
  /** For how long; undefined gives it back. */
  readonly ms: number | undefined
}

/** What became of one item of a group. */
type Outcome<T> = { readonly value: T } | { readonly error: unknown }

/** @param silentMs how long the store may be silent, and a load may wait for its lease. */
export function guardLedger(store: LedgerStore, name: string, clock: Clock, silentMs: () => number): GuardedLedger {
  const leaving = new Deadlines(clock)
  const commits = new Queue<Commit, Outcome<boolean>>({
    what: `${name}: commit`,
    clock,
    limits: { calls: COMMIT_CALLS, items: COMMIT_ITEMS, weight: COMMIT_BYTES },
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
  const leases = new Queue<Lease, Outcome<LeaseAnswer>>({
    what: `${name}: lease`,
    clock,
    limits: { calls: LEASE_CALLS, items: LEASE_ITEMS, weight: Number.POSITIVE_INFINITY },
    get silentMs() {
      return silentMs()
    },
    send: (items) => Promise.all(items.map(askOne)),
  })
  /** By lease: what the store is being asked for it. A renewal that came after the release would take the key once more. */
  const asking = new Map<string, Promise<unknown>>()
  const askOne = async (lease: Lease): Promise<Outcome<LeaseAnswer>> => {
    const { id } = lease
    const before = asking.get(id)
    const answer = lease.ms === undefined ? giveBack(lease, before) : take(lease, lease.ms)
    const all = before === undefined ? answer : Promise.allSettled([before, answer])
    asking.set(id, all)
    // Not before all have been answered: of two renewals the later one may be the first.
    const end = (): void => {
      if (asking.get(id) === all) asking.delete(id)
    }
    all.then(end, end)
    try {
      return { value: (await answer) ?? { granted: true } }
    } catch (error) {
      return { error }
    }
  }
  const take = async ({ namespace, key, id }: Lease, ms: number): Promise<LeaseAnswer> => store.lease(namespace, key, id, ms)
  const giveBack = async ({ namespace, key, id }: Lease, before: Promise<unknown> | undefined): Promise<undefined> => {
    await before?.catch(() => {}) // told to who asked
    await store.release(namespace, key, id)
  }
  return {
    commit: async (namespace, item) => answerOf(await commits.ask([{ namespace, item }]).answers),
    async lease(namespace, key, id, ms) {
      const asked = leases.ask([{ namespace, key, id, ms }])
      try {
        return answerOf(await leaving.hold(asked.answers, silentMs(), () => `${name}: lease`))
      } catch (error) {
        asked.leave()
        throw error
      }
    },
    release: async (namespace, key, id) => void answerOf(await leases.ask([{ namespace, key, id, ms: undefined }]).answers),
  }
}

function answerOf<T>([outcome]: readonly Outcome<T>[]): T {
  if (outcome === undefined) throw new Error('the queue answered nothing')
  if ('error' in outcome) throw outcome.error
  return outcome.value
}
