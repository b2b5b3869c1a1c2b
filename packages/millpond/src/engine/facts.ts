// An entry's metadata. Unknown values are absent, and so are infinite ones.
import type { MemorySpace } from '../core/contracts.ts'
import { ownTags, type Priority, priorityOf } from '../core/dependency.ts'
import type { Position } from '../core/ledger.ts'
import type { Found } from './found.ts'

/** Times are epoch milliseconds, durations milliseconds. */
export interface EntryFacts {
  /** `memory`, or a far tier's name. */
  readonly tier: string
  /** When it was made. */
  readonly createdAt: number
  /** Since it was made. */
  readonly ageMs: number
  /** When it stops being fresh; absent: never. */
  readonly expiresAt?: number
  /** Time left until then; 0 when stale. Absent: for ever. */
  readonly ttlMs?: number
  /** When it was last read here, to the second: with `memory({ lastAccess: true })`. */
  readonly lastReadAt?: number
  /**
   * Reads in memory since it was stored, at least approximately; the count saturates, with some eviction policies soon.
   */
  readonly hits?: number
  /** What it weighs in memory, estimated (key, value and bookkeeping), or the bytes that a tier below stores. */
  readonly bytes?: number
  /** Its tags. */
  readonly tags: readonly string[]
  /** What it was stored with; absent: `medium`. */
  readonly priority?: Priority
  /** The ledger's position at which it was last known to be valid. */
  readonly version: Position
  /** Whether its bytes are compressed; absent in memory. */
  readonly isCompressed?: boolean
  /** Whether its bytes are encrypted; absent in memory. */
  readonly isEncrypted?: boolean
}

type Known = Pick<
  Found,
  'tier' | 'createdAt' | 'freshUntil' | 'tags' | 'asOf' | 'bytes' | 'isCompressed' | 'isEncrypted'
> & {
  readonly hits?: number
  readonly lastReadAt?: number | undefined
}

export const NO_FACTS: { readonly hits?: number; readonly lastReadAt?: number | undefined } = Object.freeze({})

export function factsOf(known: Known, now: number): EntryFacts {
  const { tier, createdAt, freshUntil, tags, asOf, lastReadAt, hits, bytes, isCompressed, isEncrypted } = known
  const priority = priorityOf(tags)
  return {
    tier,
    createdAt,
    ageMs: Math.max(0, now - createdAt),
    ...(freshUntil === Number.POSITIVE_INFINITY ? {} : { expiresAt: freshUntil, ttlMs: Math.max(0, freshUntil - now) }),
    ...(lastReadAt === undefined ? {} : { lastReadAt }),
    ...(hits === undefined ? {} : { hits }),
    ...(bytes === undefined ? {} : { bytes }),
    tags: ownTags(tags),
    ...(priority === 'medium' ? {} : { priority }),
    version: asOf,
    ...(isCompressed === undefined ? {} : { isCompressed }),
    ...(isEncrypted === undefined ? {} : { isEncrypted }),
  }
}

/** What memory knows of the entry in a slot. */
export function heldFacts(memory: MemorySpace, epoch: string, slot: number): Known {
  return {
    tier: 'memory',
    createdAt: memory.createdAt(slot),
    freshUntil: memory.freshUntil(slot),
    tags: memory.tags(slot),
    asOf: { epoch, seq: memory.asOf(slot) },
    lastReadAt: memory.readAt(slot),
    hits: memory.hits(slot),
    bytes: memory.weight(slot),
    isCompressed: false,
    isEncrypted: false,
  }
}
