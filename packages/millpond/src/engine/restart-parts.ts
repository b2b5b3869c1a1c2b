// Types shared by the parts of a warm restart.
import type { MemoryStore } from '../core/contracts.ts'
import type { SpaceParts } from './open-space.ts'

export interface RestartOptions {
  readonly path: string
  /**
   * How often the file is written while the cache runs; `Infinity` for on close only. With a ledger of this process
   * alone it is written on close only.
   */
  readonly everyMs: number
  /** Maximum entries written, hottest first. */
  readonly maxEntries: number
}

/** The parts of the cache that a restart needs. */
export interface RestartParts extends Pick<SpaceParts, 'cacheName' | 'ledgerStore' | 'services' | 'warmth'> {
  /** Undefined without memory, or while it is switched off. */
  readonly memoryStore: MemoryStore | undefined
}

/** The result of a restore. */
export interface Restored {
  /** Entries that memory held at the end of it. */
  readonly restored: number
  /**
   * Not accepted any more (invalidated, expired, of another epoch, unreadable, written meanwhile), or colder than what
   * there was room for.
   */
  readonly refused: number
}
