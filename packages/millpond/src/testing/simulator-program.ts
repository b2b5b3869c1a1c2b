// The program of a simulation: lanes of operations, and what happens to the world meanwhile.
import type { Clock, Tier } from '../core/contracts.ts'
import type { FakeClock } from './clock.ts'
import type { SimulatedServer } from './simulator-server.ts'
import type { Choose } from './simulator-steps.ts'

interface SimulatedLease {
  readonly key: string
  readonly until: number
  release(): void
}

/** The part of a cache that a simulation uses. `createCache` returns one. */
export interface SimulatedCache {
  /** As of `Cache`: a fresh value in memory, or undefined. */
  peek(key: string): unknown
  /** As of `Cache`. */
  get(key: string): Promise<unknown>
  /** As of `Cache`; `ttl` in milliseconds. */
  getOrSet(
    key: string,
    loader: () => Promise<unknown>,
    options: { tags: string[]; ttl: number; consistency?: 'strong' },
  ): Promise<unknown>
  /** As of `Cache`: a miss comes with a lease, under which the value may be set. */
  getEntry(
    key: string,
    options: { lease: true },
  ): Promise<
    | { readonly kind: 'hit' | 'stale'; readonly value: unknown }
    | { readonly kind: 'miss'; readonly lease: SimulatedLease }
  >
  /** As of `Cache`; under a lease it stores nothing if the key was invalidated meanwhile. */
  set(key: string, value: unknown, options: { tags: string[]; ttl: number }): Promise<unknown>
  set(key: string, value: unknown, options: { tags: string[]; ttl: number; lease: SimulatedLease }): Promise<unknown>
  /** As of `Cache`: resolves with a receipt. */
  delete(key: string): Promise<object>
  /** As of `Cache`: resolves with a receipt. */
  invalidateTags(tags: readonly string[]): Promise<object>
  /** As of `Cache`: resolves with a receipt. */
  clear(): Promise<object>
  /** As of `Cache`; `hold` in milliseconds. */
  transaction(
    options: { keys: readonly string[]; hold: number },
    work: (transaction: {
      set(key: string, value: unknown, options: { tags: string[]; ttl: number }): void
    }) => Promise<void>,
  ): Promise<void>
  /** Leaves the shared tier, as a process that ends. */
  close(): Promise<void>
}

export type LaneStep =
  | { readonly do: 'get' | 'peek' | 'strong'; readonly key: string }
  /** If its loader runs, it waits `slowMs` milliseconds between reading the truth and returning. Default 0. */
  | { readonly do: 'getOrSet'; readonly key: string; readonly slowMs?: number }
  /** The same by hand: if the key is missing, the truth is read under a lease, and set. */
  | { readonly do: 'lease'; readonly key: string; readonly slowMs?: number }
  /**
   * The truth commits, then the cache is told in this way until it acks. `through`: it is told before, too, and the key
   * is held meanwhile.
   */
  | { readonly do: 'write'; readonly key: string; readonly tell: 'delete' | 'set' | 'tag' | 'clear' }
  /**
   * The cache is told before the truth commits, too, and the key is held meanwhile. The source takes `slowMs`
   * milliseconds to commit. Default 0.
   */
  | { readonly do: 'write'; readonly key: string; readonly tell: 'through'; readonly slowMs?: number }
  /** An invalidation without a write. */
  | { readonly do: 'forget'; readonly key: string }
  /** Waits for a timer of the process; what follows runs in the timer's own turn. */
  | { readonly do: 'wait'; readonly ms: number }

export type WorldStep =
  /** Time jumps ahead of everything in progress. */
  | { readonly world: 'pass'; readonly ms: number }
  /** Waits until this much time has passed by itself: time passes when nothing else can happen. */
  | { readonly world: 'wait'; readonly ms: number }
  | { readonly world: 'save' }
  | { readonly world: 'restart'; readonly how: 'empty' | 'saved' }
  | { readonly world: 'lose-record' }
  /** `held`: messages wait for the heal. `reset`: they fail. */
  | { readonly world: 'cut'; readonly process: number; readonly how: 'held' | 'reset' }
  | { readonly world: 'heal'; readonly process: number }
  /** Time passes for all but this process, which is stopped. */
  | { readonly world: 'freeze'; readonly process: number; readonly ms: number }
  /** SIGKILL, then a new start. */
  | { readonly world: 'kill'; readonly process: number }

export interface Simulation {
  /** Lanes by process: what each does, one after the other. */
  readonly lanes: readonly { readonly process: number; readonly steps: readonly LaneStep[] }[]
  /** What happens to the server and the processes, and when time passes; one step after the other. */
  readonly world: readonly WorldStep[]
  /** How many processes there are; each has a cache of its own. */
  readonly processes: number
  /** The ledger's memory: small numbers make it forget soon. Default 100,000. */
  readonly targets?: number
  /** `record` plants a defect: an epoch that comes back with old data. */
  readonly epochOf?: 'server' | 'record'
}

export interface SimulationParts {
  /** Makes the cache of one process over the shared tier, with no clock but the given one. */
  readonly open: (parts: { readonly tier: Tier; readonly clock: Clock }) => SimulatedCache
  /** Stands between a process and the shared tier: for planted defects. */
  readonly wrapTier?: (tier: ReturnType<SimulatedServer['connect']>, clock: FakeClock) => Tier
  /** Stands between a process and time: for clocks that are wrong. */
  readonly wrapClock?: (clock: FakeClock) => Clock
  /** Which of the waiting steps happens next. Default: the first of them. */
  readonly choose?: Choose
}

export function describeStep(step: WorldStep): string {
  return Object.values(step).join(' ')
}
