// A space is one namespace at work: its part of memory, its far tiers, its ledger, its flights, its counters.
import type { Clock, Codec, Isolated, Near } from '../core/contracts.ts'
import type { Events } from '../core/events.ts'
import type { Dependencies, LoadPolicy } from '../core/options.ts'
import type { Coalesce } from '../invalidate/coalesce.ts'
import type { Delays } from '../invalidate/delay.ts'
import type { Relations } from '../invalidate/relations.ts'
import type { Histogram } from '../observe/index.ts'
import type { GuardedTier } from '../wrap/guard.ts'
import type { Counters } from './counters.ts'
import type { Flights } from './flights.ts'
import type { Ledger } from './ledger.ts'
import type { DryRun, Receipt } from './receipt.ts'
import type { LineHistory, Tombstones } from './tombstones.ts'
import type { Wary } from './wary.ts'

/** A far tier with what the engine must know to use it. */
export interface FarTier {
  readonly guarded: GuardedTier
  /** How long the tier keeps an entry, as a multiple of its fresh time, or absolutely. Never how long the entry is fresh. */
  readonly keep: Keep
  /** Copy an entry up after this many reads found here. */
  readonly promoteAfter: number
  /** The ledger lives here: writes and drops ride on its steps. */
  readonly holdsLedger: boolean
  readonly latency: Histogram
  enabled: boolean
  errors: number
}

export interface Keep {
  readonly factor: number
  readonly ttlMs: number
}

export interface Space {
  readonly cacheName: string
  readonly name: string
  /** What storage keys begin with. */
  readonly prefix: string
  readonly near: Near | undefined
  readonly nearKeep: Keep
  readonly far: readonly FarTier[]
  readonly ledger: Ledger
  readonly flights: Flights
  readonly wary: Wary
  readonly codec: Codec
  readonly clock: Clock
  readonly events: Events
  readonly counters: Counters
  readonly latency: Latency
  readonly policy: LoadPolicy
  readonly dependencies: Dependencies
  readonly relations: Relations
  /** All far tiers together may take this long before the loader is called, in milliseconds. */
  readonly readBudgetMs: number
  /** A copy that nobody else can change. Throws `VALUE_UNSUPPORTED` or `VALUE_TOO_LARGE`. */
  readonly isolate: (value: unknown) => Isolated
  /** The same without a copy, for a value that nobody else holds; `isNarrow` as the codec said. */
  readonly own: (value: unknown, isNarrow?: boolean) => Isolated
  /** The value with its live parts copied. */
  readonly copy: (value: unknown) => unknown
  readonly random: () => number
  readonly promotions: Map<string, number>
  /** What left memory, and the ledger's last lines: for `explain`. */
  readonly tombstones: Tombstones
  readonly history: LineHistory
  /** Invalidations that were put off. */
  readonly delays: Delays
  /** Windows of "at most every", by their length. */
  readonly coalescing: Map<string, Coalesce<() => Promise<Receipt | DryRun>, Receipt | DryRun>>
  /** Work that was acknowledged before it ended (sweeps, refreshes): `flush` waits for it. */
  readonly background: Set<Promise<unknown>>
  /** Of the whole cache, over all its namespaces. */
  readonly warmth: Warmth
  closed: boolean
}

/** How far a warm restart is. */
export interface Warmth {
  /**
   * Settles when the file has been restored; undefined from then on. Memory alone has no need of numbers for what is done to a key: it is held, or
   * it is not. While it could come back from the file, deletes and writes of keys take numbers, and who looks for entries waits.
   */
  restoring: Promise<unknown> | undefined
}

/** Where durations are recorded. */
export interface Latency {
  readonly get: Histogram
  readonly set: Histogram
  readonly load: Histogram
}

/** What a reader gets of a value that was isolated once: a fresh copy each time where freezing cannot protect. */
export function handOut(space: Space, { value, live }: Isolated): unknown {
  return live ? space.copy(value) : value
}

/** When the tier may forget an entry. */
export function keepUntil(keep: Keep, times: { freshUntil: number; staleUntil: number }, now: number): number {
  const left = times.freshUntil - now
  const byFactor = keep.factor === 1 ? times.staleUntil : now + Math.max(left, 0) * keep.factor
  return Math.min(Math.max(byFactor, keep.factor > 1 ? times.staleUntil : 0), now + keep.ttlMs)
}

/** Runs work that nobody awaits; its failure is an event. */
export function inBackground(space: Space, what: string, work: Promise<unknown>): void {
  const tracked: Promise<unknown> = work
    .catch((error: unknown) => space.events.emit('warning', { message: `${what} failed`, error }))
    .finally(() => space.background.delete(tracked))
  space.background.add(tracked)
}
