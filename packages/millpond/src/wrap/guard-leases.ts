// The leases of loads, behind a queue: those of one namespace are requested together, if the store takes many at a
// time.
//
// A load that would have to wait longer for its lease than for an answer goes without. A release waits for earlier
// renewals: a renewal that arrived after it would acquire the key again.
import type { Clock, LeaseAnswer, LeaseAsk, LedgerStore } from '../core/contracts.ts'
import { MillpondError } from '../core/errors.ts'
import { Deadlines } from './deadlines.ts'
import { answerOf, type Outcome } from './outcome.ts'
import { Queue } from './queue.ts'
import { sendApart } from './send-apart.ts'

export interface GuardedLeases {
  lease(namespace: string, key: string, id: string, ms: number): Promise<LeaseAnswer>
  release(namespace: string, key: string, id: string): Promise<void>
}

/** Leases of one step: the store does nothing else meanwhile. */
const ITEMS = 200
/** If each is a step of its own: so many in each of so many groups. */
const SINGLES = 16
const SINGLE_CALLS = 4

interface Lease extends LeaseAsk {
  readonly namespace: string
  /** For how long; undefined releases it. */
  readonly ms: number | undefined
}

type Outcomes = readonly Outcome<LeaseAnswer>[]

/** @param calls concurrent steps, if the store takes many leases in one */
export function guardLeases(
  store: LedgerStore,
  name: string,
  clock: Clock,
  silentMs: () => number,
  calls: number,
): GuardedLeases {
  const leaving = new Deadlines(clock)
  const isBulk = store.leaseAll !== undefined && store.releaseAll !== undefined
  const steps = isBulk ? inBulk(store) : oneByOne(store)
  /** By lease: its pending request to the store. */
  const asking = new Map<string, Promise<unknown>>()

  const ask = async (leases: readonly Lease[]): Promise<Outcomes> => {
    const before = new Set(leases.flatMap(({ id }) => asking.get(id) ?? []))
    const answers = send(leases, before)
    const all = before.size === 0 ? answers : Promise.allSettled([...before, answers])
    for (const { id } of leases) asking.set(id, all)
    // Not before all have been answered: of two renewals the later one may arrive first.
    const end = (): void => {
      for (const { id } of leases) if (asking.get(id) === all) asking.delete(id)
    }
    all.then(end, end)
    return answers
  }
  const send = async (leases: readonly Lease[], before: ReadonlySet<Promise<unknown>>): Promise<Outcomes> => {
    const [first] = leases
    if (first === undefined) return []
    if (first.ms !== undefined) return steps.take(first.namespace, leases, first.ms)
    await Promise.allSettled(before) // reported to the caller
    return steps.giveBack(first.namespace, leases)
  }
  const queue = new Queue<Lease, Outcome<LeaseAnswer>>({
    what: `${name}: lease`,
    clock,
    limits: isBulk
      ? { calls, items: ITEMS, weight: Number.POSITIVE_INFINITY }
      : { calls: SINGLE_CALLS, items: SINGLES, weight: Number.POSITIVE_INFINITY },
    get silentMs() {
      return silentMs()
    },
    together() {
      let first: Lease | undefined
      return (lease) => {
        first ??= lease
        return lease.namespace === first.namespace && lease.ms === first.ms
      }
    },
    send: (leases) => sendApart(leases, ask, (_, __, error) => ({ error })),
  })
  return {
    async lease(namespace, key, id, ms) {
      const answers = await new Promise<readonly Outcome<LeaseAnswer>[]>((resolve, reject) => {
        const call = queue.put([{ namespace, key, id, ms }], {
          answered(value) {
            leaving.end(deadline)
            resolve(value)
          },
          failed(error) {
            leaving.end(deadline)
            reject(error)
          },
        })
        const deadline = leaving.begin(
          silentMs(),
          () => `${name}: lease`,
          (error) => {
            call.isOver = true
            reject(error)
          },
        )
      })
      return answerOf(answers)
    },
    release: async (namespace, key, id) => void answerOf(await queue.ask([{ namespace, key, id, ms: undefined }])),
  }
}

interface Steps {
  take(namespace: string, leases: readonly Lease[], ms: number): Promise<Outcomes>
  giveBack(namespace: string, leases: readonly Lease[]): Promise<Outcomes>
}

const GIVEN_BACK: Outcome<LeaseAnswer> = { value: { granted: true } }

function inBulk(store: LedgerStore): Steps {
  return {
    async take(namespace, leases, ms) {
      const answers = (await store.leaseAll?.(namespace, leases.map(askOf), ms)) ?? []
      if (answers.length === leases.length) return answers.map((value) => ({ value }))
      throw new MillpondError('LEDGER_UNREACHABLE', `${leases.length} leases got ${answers.length} answers`)
    },
    async giveBack(namespace, leases) {
      await store.releaseAll?.(namespace, leases.map(askOf))
      return leases.map(() => GIVEN_BACK)
    },
  }
}

const askOf = ({ key, id }: Lease): LeaseAsk => ({ key, id })

/** The failure of one affects no other. */
function oneByOne(store: LedgerStore): Steps {
  return {
    take: (namespace, leases, ms) =>
      Promise.all(leases.map(({ key, id }) => outcomeOf(async () => store.lease(namespace, key, id, ms)))),
    giveBack: (namespace, leases) =>
      Promise.all(
        leases.map(({ key, id }) =>
          outcomeOf(async () => store.release(namespace, key, id).then((): LeaseAnswer => ({ granted: true }))),
        ),
      ),
  }
}

async function outcomeOf<T>(work: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return { value: await work() }
  } catch (error) {
    return { error }
  }
}
