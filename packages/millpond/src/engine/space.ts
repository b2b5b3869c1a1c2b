// A space is one open namespace: its identity, settings and services, and its stateful parts.
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

/** A far tier with the engine's state for it. */
export interface FarTier {
  readonly guarded: GuardedTier
  /** The tier's own; undefined: the cache's. */
  readonly codec: Codec | undefined
  retention: Retention
  /** Copy an entry up after this many reads found here. */
  promoteAfter: number
  /** The ledger is here: writes and drops are part of its steps. */
  readonly holdsLedger: boolean
  /** Steps of the ledger do not reliably drop entries here. */
  readonly isApart: boolean
  readonly latency: Histogram
  enabled: boolean
  errors: number
  /** The last of them: for `explain`. */
  lastError: { readonly error: unknown; readonly at: number } | undefined
}

/** The identity of a namespace. */
export interface SpaceId {
  readonly cache: string
  readonly name: string
  /** The prefix of storage keys. */
  readonly prefix: string
}

/** Services shared by all namespaces of a cache. */
export interface Services {
  /** The loader that is registered for a key of a namespace. */
  readonly sourceOf: (namespace: string, key: string) => Sourced | undefined
  readonly clock: Clock
  readonly events: Events
  /** A number from 0 to 1. */
  readonly random: () => number
  /**
   * An isolated copy, which no other code can change. Throws `VALUE_UNSUPPORTED` or `VALUE_TOO_LARGE`, naming the key.
   */
  readonly isolate: (value: unknown, key: string, maxBytes?: number) => Isolated
  /** Like `isolate` without a copy, for a value without other references; `isNarrow` as the codec reported. */
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
   * The codec of its entries in tiers that have none of their own. Set once, at the latest when code names the
   * namespace.
   */
  codec: Codec
  /** What readers take of stored values of some families of keys. */
  readonly shapes: Shapes
  /** The part of a value that is stored; undefined: all of it. */
  select: ((value: unknown) => unknown) | undefined
  /** Its outlets for invalidations; undefined if there are none. */
  readonly outlets: Outlets | undefined
  /** How often each key was found in a tier that promotes late. */
  readonly promotions: Map<string, number>
  /** Delayed invalidations. */
  readonly delays: Delays
  /** Windows of "at most every", by their length. */
  readonly coalescing: Map<string, Coalesce<() => Promise<Receipt | DryRun>, Receipt | DryRun>>
  /** Work that was acknowledged before it ended (sweeps, refreshes): `flush` waits for it. */
  readonly background: Set<Promise<unknown>>
  /** Callbacks that remove queued writes of erased data. */
  readonly erasers: Set<Eraser>
  /** Statistics of its write queues, by the collection's name. */
  readonly queues: Map<string, () => QueueStats>
  /** Shared by all namespaces of the cache. */
  readonly warmth: RestartState
  closed: boolean
}

/** The progress of a warm restart. */
export interface RestartState {
  /**
   * Settles when the file has been restored; undefined from then on. With memory alone, invalidations of keys need no
   * numbers: an entry is held, or it is not. While it could come back from the file, deletes and writes of keys take
   * numbers, and lookups wait.
   */
  restoring: Promise<unknown> | undefined
  /**
   * Rewrites the restart file from the current contents of memory; undefined if there is none. Rejects if it could not
   * be written.
   */
  rewrite: (() => Promise<void>) | undefined
}

/** @throws MillpondError `CLOSED`. */
export function checkOpen({ closed }: Pick<Space, 'closed'>): void {
  if (closed) throw new MillpondError('CLOSED', 'the cache is closed: create another one, or close later')
}

/** An isolated copy of the part of the value that is stored. Throws as `isolate` does, and what `select` throws. */
export function isolateFor({ select, services }: Space, value: unknown, key: string, room?: number): Isolated {
  return services.isolate(select === undefined ? value : select(value), key, room)
}

/** The maximum size of a value that all of its tiers accept. Memory alone has its own limits. */
export function roomOf({ far, codec }: Space): number {
  let room = Number.POSITIVE_INFINITY
  for (const tier of far) if (tier.enabled) room = Math.min(room, (tier.codec ?? codec).maxBytes ?? room)
  return room
}

/** The far tier that holds the ledger, even while it is disabled for entries. */
export function ledgerTier({ far }: Pick<Space, 'far'>): FarTier | undefined {
  return far.find(({ holdsLedger }) => holdsLedger)
}

/**
 * Time limit of all far tiers together before the loader is called, in milliseconds; more if one of them is given more.
 */
const READ_BUDGET_MS = 300
/** Time limit of a ledger step or query; more if its tier is given more. */
const LEDGER_MS = 250

export const readBudget = (far: readonly FarTier[]): number =>
  far.reduce(
    (longest, { enabled, guarded }) => (enabled ? Math.max(longest, guarded.settings.timeoutMs) : longest),
    READ_BUDGET_MS,
  )

export const ledgerPatience = (far: readonly FarTier[]): number =>
  Math.max(LEDGER_MS, ledgerTier({ far })?.guarded.settings.timeoutMs ?? 0)

/** The value for a reader: a fresh copy each time if freezing cannot protect it. */
export function handOut(space: Space, { value, live }: Isolated): unknown {
  return live ? space.services.copy(value) : value
}

/** When the tier may evict an entry as expired. */
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
