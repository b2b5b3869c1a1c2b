// What the parts of a warm restart tell each other.
import type { MemoryStore } from '../core/contracts.ts'
import type { SpaceParts } from './open-space.ts'

export interface RestartOptions {
  readonly path: string
  /**
   * How often the file is written while the cache runs; `Infinity` for on close only. With a ledger of this process
   * alone it is written on close only.
   */
  readonly everyMs: number
  /** The most entries written, the hottest first. */
  readonly maxEntries: number
}

/** What a restart needs of the cache. */
export interface RestartParts extends Pick<SpaceParts, 'cacheName' | 'ledgerStore' | 'services' | 'warmth'> {
  /** Undefined without memory, or while it is switched off. */
  readonly memoryStore: MemoryStore | undefined
}

/** What a restore came to. */
export interface Restored {
  /** What memory held at the end of it. */
  readonly restored: number
  /**
   * Not accepted any more (invalidated, expired, of another epoch, unreadable, written meanwhile), or colder than what
   * there was room for.
   */
  readonly refused: number
}
