// A tier behind its breaker and deadline. Reads of a tier that is down answer as if it were empty; the failure becomes an event, never an error.
import type { Clock, Stored, Tier, TierItem } from '../core/contracts.ts'
import { Breaker, type BreakerOptions, type BreakerState } from './breaker.ts'
import { Deadlines } from './deadlines.ts'

export interface GuardOptions {
  readonly breaker?: BreakerOptions
  /** The longest a single command may take, in milliseconds. Default 250. */
  readonly timeoutMs?: number
}

export interface GuardEvents {
  onError(tier: string, verb: Verb, error: unknown): void
  onState(tier: string, state: BreakerState): void
  onTimed(tier: string, verb: Verb, ms: number): void
}

export type Verb = 'read' | 'write' | 'drop' | 'clear'

/** What a guarded call came to: `ok: false` means that the tier was skipped or failed, and has been reported. */
export type Attempt<T> = { readonly ok: true; readonly value: T } | { readonly ok: false }

export interface GuardedTier {
  readonly tier: Tier
  readonly name: string
  readonly state: BreakerState
  read(keys: readonly string[], budgetMs?: number): Promise<Attempt<(Stored | undefined)[]>>
  write(items: readonly TierItem[]): Promise<Attempt<void>>
  drop(keys: readonly string[]): Promise<Attempt<number>>
  clear(prefix: string): Promise<Attempt<number>>
}

const SKIPPED = { ok: false } as const
/** A clear walks the whole tier: it may take its time. */
const CLEAR_FACTOR = 120

export function guardTier(tier: Tier, options: GuardOptions, clock: Clock, events: GuardEvents): GuardedTier {
  const timeoutMs = options.timeoutMs ?? 250
  const deadlines = new Deadlines(clock)
  const breaker = new Breaker(options.breaker ?? {}, clock, (state) => events.onState(tier.name, state))

  async function attempt<T>(verb: Verb, ms: number, call: () => Promise<T>): Promise<Attempt<T>> {
    if (ms <= 0 || !breaker.allows()) return SKIPPED
    const started = clock.monotonic()
    try {
      const value = await deadlines.hold(call(), ms, () => `${tier.name}: ${verb}`)
      breaker.succeeded()
      events.onTimed(tier.name, verb, clock.monotonic() - started)
      return { ok: true, value }
    } catch (error) {
      breaker.failed()
      events.onError(tier.name, verb, error)
      return SKIPPED
    }
  }

  return {
    tier,
    name: tier.name,
    get state() {
      return breaker.state
    },
    read: (keys, budgetMs = timeoutMs) => attempt('read', Math.min(budgetMs, timeoutMs), () => tier.read(keys)),
    write: (items) => attempt('write', timeoutMs, () => tier.write(items)),
    drop: (keys) => attempt('drop', timeoutMs, () => tier.drop(keys)),
    clear: (prefix) => attempt('clear', timeoutMs * CLEAR_FACTOR, () => tier.clear(prefix)),
  }
}
