// A space is one namespace at work: who it is, what it works by, what it calls on, and its parts that hold state.
import type { AdaptiveTtl } from '../core/adaptive-ttl.ts'
import type { Clock, Codec, Isolated, MemorySpace } from '../core/contracts.ts'
import { MillpondError, reasonOf } from '../core/errors.ts'
import type { Events } from '../core/events.ts'
import type { Coalesce } from '../invalidate/coalesce.ts'
import type { Delays } from '../invalidate/delay.ts'
import type { Histogram, QueueStats } from '../observe/index.ts'
import type { GuardedTier } from '../wrap/guard.ts'
import type { Eraser } from './erasure.ts'
import type { ForeignNamespaces } from './foreign-namespaces.ts'
import type { InFlightLoads } from './in-flight-loads.ts'
import type { Ledger } from './ledger.ts'
import type { Outlets } from './outlets.ts'
import type { ReadFence } from './read-fence.ts'
import type { DryRun, Receipt } from './receipt.ts'
import type { Retention, Settings } from './settings.ts'
import type { Shapes } from './shapes.ts'
import type { Sourced } from './sources.ts'
import type { Stamps } from './stamps.ts'
import type { TimeoutQueue } from './timeout-queue.ts'
import type { Watch } from './watch.ts'
import type { WriteOrder } from './write-order.ts'

/** A far tier with what the engine must know to use it. */
export interface FarTier {
  readonly guarded: GuardedTier
  /** The tier's own; undefined: the cache's. */
  readonly codec: Codec | undefined
  retention: Retention
  /** Copy an entry up after this many reads found here. */
  promoteAfter: number
  /** The ledger lives here: writes and drops ride on its steps. */
  readonly holdsLedger: boolean
  /** No step of the ledger drops what lies here for certain. */
  readonly isApart: boolean
  readonly latency: Histogram
  enabled: boolean
  errors: number
  /** The last of them: for `explain`. */
  lastError: { readonly error: unknown; readonly at: number } | undefined
}

/** Who a namespace is. */
export interface SpaceId {
  readonly cache: string
  readonly name: string
  /** What storage keys begin with. */
  readonly prefix: string
}

/** What all namespaces of a cache call on. */
export interface Services {
  /** The loader that is registered for a key of a namespace. */
  readonly sourceOf: (namespace: string, key: string) => Sourced | undefined
  readonly clock: Clock
  readonly events: Events
  /** A number from 0 to 1. */
  readonly random: () => number
  /** A copy that nobody else can change. Throws `VALUE_UNSUPPORTED` or `VALUE_TOO_LARGE`, naming the key. */
  readonly isolate: (value: unknown, key: string, maxBytes?: number) => Isolated
  /** The same without a copy, for a value that nobody else holds; `isNarrow` as the codec said. */
  readonly own: (value: unknown, isNarrow?: boolean) => Isolated
  /** The value with its live parts copied. */
  readonly copy: (value: unknown) => unknown
  readonly codec: Codec
  /** Chooses the lifetime of loaded values for which none is given. */
  readonly adaptiveTtl: AdaptiveTtl | undefined
}

export interface Space {
  readonly id: SpaceId
  readonly settings: Settings
  readonly services: Services
  /** Undefined without a memory tier, and while it is switched off. */
  memory: MemorySpace | undefined
  readonly far: readonly FarTier[]
  readonly ledger: Ledger
  /** No ledger but its own, in this process, has a say in what memory holds. */
  readonly isAlone: boolean
  /** Where loaders' reads are tracked: the same for all namespaces of a cache. */
  readonly foreign: ForeignNamespaces | undefined
  readonly loads: InFlightLoads
  /** Hard timeouts of its loads. */
  readonly timeouts: TimeoutQueue
  readonly fence: ReadFence
  readonly watch: Watch
  readonly writes: WriteOrder
  readonly stamps: Stamps
  /**
   * How its entries are written in tiers that have no codec of their own. Said once, at the latest when code names the
   * namespace.
   */
  codec: Codec
  /** What readers take of stored values of some families of keys. */
  readonly shapes: Shapes
  /** What is kept of a value; undefined: all of it. */
  select: ((value: unknown) => unknown) | undefined
  /** What else hears of invalidations; undefined where nothing does. */
  readonly outlets: Outlets | undefined
  /** How often each key was found in a tier that promotes late. */
  readonly promotions: Map<string, number>
  /** Invalidations that were put off. */
  readonly delays: Delays
  /** Windows of "at most every", by their length. */
  readonly coalescing: Map<string, Coalesce<() => Promise<Receipt | DryRun>, Receipt | DryRun>>
  /** Work that was acknowledged before it ended (sweeps, refreshes): `flush` waits for it. */
  readonly background: Set<Promise<unknown>>
  /** What forgets queued writes of what is erased. */
  readonly erasers: Set<Eraser>
  /** Figures of its write queues, by the collection's name. */
  readonly queues: Map<string, () => QueueStats>
  /** Of the whole cache, over all its namespaces. */
  readonly warmth: RestartState
  closed: boolean
}

/** How far a warm restart is. */
export interface RestartState {
  /**
   * Settles when the file has been restored; undefined from then on. Memory alone has no need of numbers for what is
   * done to a key: it is held, or it is not. While it could come back from the file, deletes and writes of keys take
   * numbers, and who looks for entries waits.
   */
  restoring: Promise<unknown> | undefined
  /**
   * Writes the restart file anew, from what memory holds now; undefined where there is none. Rejects where it could not
   * be written.
   */
  rewrite: (() => Promise<void>) | undefined
}

/** @throws MillpondError `CLOSED`. */
export function checkOpen({ closed }: Pick<Space, 'closed'>): void {
  if (closed) throw new MillpondError('CLOSED', 'the cache is closed: create another one, or close later')
}

/**
 * A copy that nobody else can change of what is kept of the value. Throws as `isolate` does, and what `select` throws.
 */
export function isolateFor({ select, services }: Space, value: unknown, key: string, room?: number): Isolated {
  return services.isolate(select === undefined ? value : select(value), key, room)
}

/**
 * The longest text, and the most bytes, that a value may hold which all of its tiers are to take. Memory alone has
 * bounds of its own.
 */
export function roomOf({ far, codec }: Space): number {
  let room = Number.POSITIVE_INFINITY
  for (const tier of far) if (tier.enabled) room = Math.min(room, (tier.codec ?? codec).maxBytes ?? room)
  return room
}

/** The far tier in which the ledger lives: also while it is switched off for entries. */
export function ledgerTier({ far }: Pick<Space, 'far'>): FarTier | undefined {
  return far.find(({ holdsLedger }) => holdsLedger)
}

/**
 * The longest that the far tiers may take together before the loader is called, in milliseconds; more where one of them
 * is given more by itself.
 */
const READ_BUDGET_MS = 300
/** The longest that a step of the ledger may take, or a question to it; more where its tier is given more. */
const LEDGER_MS = 250

export const readBudget = (far: readonly FarTier[]): number =>
  far.reduce(
    (longest, { enabled, guarded }) => (enabled ? Math.max(longest, guarded.settings.timeoutMs) : longest),
    READ_BUDGET_MS,
  )

export const ledgerPatience = (far: readonly FarTier[]): number =>
  Math.max(LEDGER_MS, ledgerTier({ far })?.guarded.settings.timeoutMs ?? 0)

/** What a reader gets of a value that was isolated once: a fresh copy each time where freezing cannot protect. */
export function handOut(space: Space, { value, live }: Isolated): unknown {
  return live ? space.services.copy(value) : value
}

/** When the tier may forget an entry. */
export function retainUntil(
  retention: Retention,
  times: { freshUntil: number; staleUntil: number },
  now: number,
): number {
  const left = times.freshUntil - now
  const byFactor = retention.factor === 1 ? times.staleUntil : now + Math.max(left, 0) * retention.factor
  return Math.min(Math.max(byFactor, retention.factor > 1 ? times.staleUntil : 0), now + retention.ttlMs)
}

/** Runs work that is not awaited; its failure is an event: `what` failed, and why. */
export function inBackground(space: Space, what: string, work: Promise<unknown>): void {
  const tracked: Promise<unknown> = work
    .catch((error: unknown) =>
      space.services.events.emit('warning', { message: `${what} failed: ${reasonOf(error)}`, error }),
    )
    .finally(() => space.background.delete(tracked))
  space.background.add(tracked)
}
