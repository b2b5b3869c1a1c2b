// A tier behind its queues, breaker and deadline. Reads of an unreachable tier return nothing; the failure becomes an
// event, never an error.
//
// The breaker counts failed commands. A refusal (an item too large, a key too long) is not a failure: the tier is
// healthy, and the other items of the same command are stored. Nor is a read that leaves the queue at its budget.
//
// The budget of a read of more keys than a command holds begins again with each of its commands that is answered: it
// tells a server that is silent, not a batch that is large. If some fail, the answers of the others are kept.
import type { Resolved } from '../core/checks.ts'
import type { Clock, Refusal, Stored, Tier, TierItem } from '../core/contracts.ts'
import type { Attempt } from './attempt.ts'
import { Breaker, type BreakerOptions, type BreakerState } from './breaker.ts'
import type { Command } from './command.ts'
import { Deadlines } from './deadlines.ts'
import { type GuardedLedger, guardLedger } from './guard-ledger.ts'
import { fitKey, type Limits, resolveLimits } from './limits.ts'
import { inPieces, type PieceOrItem } from './pieces.ts'
import { Queue, type QueueOptions } from './queue.ts'
import type { Call, QueueItem } from './queue-call.ts'
import { sendApart } from './send-apart.ts'

export interface GuardOptions {
  /** The tier's display name among others of its name. Default: its name. */
  readonly id?: string
  /** `false`: no breaker, however often the tier fails. */
  readonly breaker?: BreakerOptions | false
  /** The timeout of a single command, in milliseconds, from when it is sent. Default 250. */
  readonly timeoutMs?: number
}

export interface GuardEvents {
  onError(tier: string, verb: Verb, error: unknown): void
  onState(tier: string, state: BreakerState): void
  onTimed(tier: string, verb: Verb, ms: number): void
  /** The tier is healthy, but did not store an item. */
  onRefused?(tier: string, key: string, why: Refusal): void
}

export type Verb = 'read' | 'write' | 'drop' | 'clear'

/** Bytes of entries written to a tier's store, and read from it: bodies, without protocol overhead. */
export interface Traffic {
  read: number
  written: number
}

export interface GuardedTier {
  readonly tier: Tier
  /** Its unique name, even among tiers of the same name. */
  readonly name: string
  readonly limits: Limits
  readonly state: BreakerState
  readonly breaker: Breaker
  /** Writes that are part of a ledger step are added by the step. */
  readonly traffic: Traffic
  /** Skipped once `budgetMs` have passed, wherever it is by then. */
  readonly settings: { readonly timeoutMs: number; readonly breaker: Resolved<BreakerOptions> }
  /** For later commands; what is left out stays as it is. */
  configure(changes: Pick<GuardOptions, 'timeoutMs' | 'breaker'>): void
  read(keys: readonly string[], budgetMs?: number): Promise<Attempt<readonly (Stored | undefined)[]>>
  /** For each item why it was not stored, `undefined` if it was. */
  write(items: readonly TierItem[]): Promise<Attempt<readonly (Refusal | undefined)[]>>
  drop(keys: readonly string[]): Promise<Attempt<number>>
  clear(prefix: string): Promise<Attempt<number>>
  /** Leases and commits of loads, if the tier can hold the ledger. */
  readonly ledger: GuardedLedger | undefined
}

/** A large read that has ended, or was given up. */
interface PartlyRead {
  readonly call: Call<string, Stored | undefined>
  readonly cause: unknown
}

const SKIPPED = { ok: false } as const
const NEVER: BreakerOptions = { threshold: Number.POSITIVE_INFINITY }
/** A clear scans the whole tier: it may take a while. */
const CLEAR_FACTOR = 120

export function guardTier(tier: Tier, options: GuardOptions, clock: Clock, events: GuardEvents): GuardedTier {
  const name = options.id ?? tier.name
  const title = (): string => name
  let timeoutMs = options.timeoutMs ?? 250
  const limits = resolveLimits(tier)
  const traffic: Traffic = { read: 0, written: 0 }
  const leaving = new Deadlines(clock)
  const breaker = new Breaker(options.breaker === false ? NEVER : options.breaker, clock, (state) =>
    events.onState(name, state),
  )

  const queueOf = <I extends QueueItem, A>(
    verb: Verb,
    send: (items: readonly I[], call: Command) => Promise<readonly A[]>,
    refused: (item: I, why: Refusal) => A,
    more: Pick<QueueOptions<I, A>, 'weigh' | 'isApart' | 'takesTurns'> = {},
  ): Queue<I, A> =>
    new Queue<I, A>({
      what: `${name}: ${verb}`,
      clock,
      limits: { calls: limits.calls, items: limits.items, weight: limits.batchBytes },
      get silentMs() {
        return timeoutMs
      },
      send: (items, call) => sendApart(items, (some) => send(some, call), refused),
      ...more,
      onEnd: (ms, error) => end(verb, ms, error),
    })

  const end = (verb: Verb, ms: number, error: unknown): void => {
    if (error === undefined) {
      breaker.succeeded()
      events.onTimed(name, verb, ms)
    } else {
      breaker.failed()
      events.onError(name, verb, error)
    }
  }

  const refuse = ({ key, isPiece = false }: PieceOrItem, why: Refusal): Refusal => {
    if (!isPiece) events.onRefused?.(name, key, why)
    return why
  }

  const reads = queueOf<string, Stored | undefined>(
    'read',
    (keys, call) => tier.read(keys, call),
    () => undefined,
    { takesTurns: true },
  )
  const writes = queueOf<PieceOrItem, Refusal | undefined>('write', writeAll, refuse, {
    weigh: (item) => item.body.length,
  })
  const drops = queueOf<string, number>(
    'drop',
    async (keys, call) => {
      const dropped = await tier.drop(keys, call)
      return keys.map((_, index) => (index === 0 ? dropped : 0))
    },
    () => 0,
    // One count for all keys: it cannot be split between two callers.
    { isApart: true },
  )

  async function writeAll(items: readonly PieceOrItem[], call: Command): Promise<readonly (Refusal | undefined)[]> {
    const fitting = items.filter((item) => item.body.length <= limits.itemBytes)
    const answers = fitting.length === 0 && items.length > 0 ? undefined : await tier.write(fitting, call)
    for (const { body } of fitting) traffic.written += body.length
    let at = 0
    return items.map((item) => {
      const why = item.body.length <= limits.itemBytes ? answers?.[at++] : 'too_large'
      return why === undefined ? undefined : refuse(item, why)
    })
  }

  /** Without an async function and a promise for each of its parts, which a read of one key would pay for. */
  const attempt = <I extends QueueItem, A>(
    queue: Queue<I, A>,
    items: readonly I[],
    budgetMs: number,
    seen?: (answers: readonly A[]) => Attempt<readonly A[]>,
  ): Promise<Attempt<readonly A[]>> => {
    if (budgetMs <= 0 || !breaker.allows()) return Promise.resolve(SKIPPED)
    return new Promise((resolve) => {
      const call = queue.put(items, {
        answered(value) {
          if (deadline !== undefined) leaving.end(deadline)
          resolve(seen === undefined ? { ok: true, value } : seen(value))
        },
        // Its command has been reported.
        failed(cause) {
          if (deadline !== undefined) leaving.end(deadline)
          resolve({ ok: false, cause })
        },
      })
      // Callers that have left are served elsewhere.
      const left = (cause: unknown): void => {
        call.isOver = true
        resolve({ ok: false, cause })
      }
      const deadline = budgetMs === Number.POSITIVE_INFINITY ? undefined : leaving.begin(budgetMs, title, left)
    })
  }

  const readAll = async (
    keys: readonly string[],
    budgetMs: number,
  ): Promise<Attempt<readonly (Stored | undefined)[]>> => {
    if (budgetMs <= 0 || !breaker.allows()) return SKIPPED
    const { call, cause } = await readParts(keys, budgetMs)
    const value = call.answers.slice()
    const counted = countRead(value)
    if (cause === undefined || !counted.ok) return counted
    const unanswered = new Set<number>()
    for (let at = 0; at < keys.length; at++) if (!(at in value)) unanswered.add(at)
    return unanswered.size === keys.length ? { ok: false, cause } : { ok: true, value, unanswered }
  }

  /** Until all of its commands have ended, or the server was silent; `cause`: the first failure. */
  const readParts = (keys: readonly string[], budgetMs: number): Promise<PartlyRead> =>
    new Promise((resolve) => {
      const end = (cause: unknown): void => {
        leaving.end(deadline)
        resolve({ call, cause })
      }
      const call: PartlyRead['call'] = reads.put(keys, {
        answered: () => end(call.failure),
        failed: end,
        onPart: () => leaving.renew(deadline, budgetMs),
      })
      const deadline = leaving.begin(
        budgetMs,
        () => `${name}: read`,
        (error) => {
          // Of a silence the queue has reported nothing yet.
          if (call.failure === undefined) events.onError(name, 'read', error)
          call.isOver = true
          resolve({ call, cause: error })
        },
      )
    })

  const countRead = (value: readonly (Stored | undefined)[]): Attempt<readonly (Stored | undefined)[]> => {
    try {
      for (const answer of value) if (answer !== undefined) traffic.read += answer.body.length
      return { ok: true, value }
    } catch (cause) {
      // Not an entry, from a tier of the caller's own.
      return { ok: false, cause }
    }
  }

  const fit = (keys: readonly string[]): readonly string[] =>
    limits.keyBytes === Number.POSITIVE_INFINITY ? keys : keys.map((key) => fitKey(key, limits.keyBytes))

  const carrier = {
    read: (keys: readonly string[], budgetMs: number) => {
      const fitted = fit(keys)
      return keys.length <= limits.items || budgetMs === Number.POSITIVE_INFINITY
        ? attempt(reads, fitted, budgetMs, countRead)
        : readAll(fitted, budgetMs)
    },
    write: (items: readonly PieceOrItem[]) => {
      const fitted =
        limits.keyBytes === Number.POSITIVE_INFINITY
          ? items
          : items.map((item) => ({ ...item, key: fitKey(item.key, limits.keyBytes) }))
      return attempt(writes, fitted, Number.POSITIVE_INFINITY)
    },
  }
  const { read, write } =
    limits.itemBytes === Number.POSITIVE_INFINITY ? carrier : inPieces(carrier, limits, clock, refuse)

  return {
    tier,
    name,
    ledger: tier.ledger && guardLedger(tier.ledger, name, clock, () => timeoutMs, limits.calls),
    limits,
    breaker,
    traffic,
    get state() {
      return breaker.state
    },
    get settings() {
      return { timeoutMs, breaker: breaker.options }
    },
    configure(changes) {
      timeoutMs = changes.timeoutMs ?? timeoutMs
      if (changes.breaker !== undefined) breaker.configure(changes.breaker === false ? NEVER : changes.breaker)
    },
    read: (keys, budgetMs = Number.POSITIVE_INFINITY) => read(keys, budgetMs),
    write,
    async drop(keys) {
      const attempted = await attempt(drops, fit(keys), Number.POSITIVE_INFINITY)
      return attempted.ok ? { ok: true, value: attempted.value.reduce((sum, count) => sum + count, 0) } : attempted
    },
    async clear(prefix) {
      if (!breaker.allows()) return SKIPPED
      const began = clock.monotonic()
      const error = await leaving
        .hold(tier.clear(prefix), timeoutMs * CLEAR_FACTOR, () => `${name}: clear`)
        .then(
          (removed) => ({ removed }),
          (cause: unknown) => ({ cause }),
        )
      end(
        'clear',
        clock.monotonic() - began,
        'cause' in error ? (error.cause ?? new Error('the clear failed')) : undefined,
      )
      return 'removed' in error ? { ok: true, value: error.removed } : { ok: false, cause: error.cause }
    },
  }
}
