// What a simulation is told to do: lanes of operations, and what happens to the world meanwhile.
import type { Clock, Tier } from '../core/contracts.ts'
import type { FakeClock } from './clock.ts'
import type { SimulatedServer } from './simulator-server.ts'
import type { Choose } from './simulator-steps.ts'

/** What a simulation needs of a cache. `createCache` answers one. */
export interface SimulatedCache {
  peek(key: string): unknown
  get(key: string): Promise<unknown>
  getOrSet(key: string, loader: () => Promise<unknown>, options: { tags: string[]; ttl: number; consistency?: 'strong' }): Promise<unknown>
  set(key: string, value: unknown, options: { tags: string[]; ttl: number }): Promise<unknown>
  delete(key: string): Promise<object>
  invalidateTags(tags: readonly string[]): Promise<object>
  clear(): Promise<object>
  close(): Promise<void>
}

export type LaneStep =
  | { readonly do: 'get' | 'getOrSet' | 'peek' | 'strong'; readonly key: string }
  /** The truth commits, then the cache is told in this way until it acks. */
  | { readonly do: 'write'; readonly key: string; readonly tell: 'delete' | 'set' | 'tag' | 'clear' }
  /** An invalidation without a write. */
  | { readonly do: 'forget'; readonly key: string }

export type WorldStep =
  | { readonly world: 'pass'; readonly ms: number }
  | { readonly world: 'save' }
  | { readonly world: 'restart'; readonly how: 'empty' | 'saved' }
  | { readonly world: 'lose-record' }
  /** `held`: what travels waits for the heal. `reset`: it fails. */
  | { readonly world: 'cut'; readonly process: number; readonly how: 'held' | 'reset' }
  | { readonly world: 'heal'; readonly process: number }
  /** Time passes for all but this process, which is stopped. */
  | { readonly world: 'freeze'; readonly process: number; readonly ms: number }
  /** SIGKILL, and a new life. */
  | { readonly world: 'kill'; readonly process: number }

export interface Simulation {
  /** Lanes by process: what each does, one after the other. */
  readonly lanes: readonly { readonly process: number; readonly steps: readonly LaneStep[] }[]
  readonly world: readonly WorldStep[]
  readonly processes: number
  /** The ledger's memory: small numbers make it forget soon. Default 100,000. */
  readonly targets?: number
}

export interface SimulationParts {
  readonly open: (parts: { readonly tier: Tier; readonly clock: Clock }) => SimulatedCache
  /** Stands between a process and the shared tier: for planted defects. */
  readonly wrapTier?: (tier: ReturnType<SimulatedServer['connect']>, clock: FakeClock) => Tier
  readonly wrapClock?: (clock: FakeClock) => Clock
  readonly choose?: Choose
}

export function describeStep(step: WorldStep): string {
  return Object.values(step).join(' ')
}
