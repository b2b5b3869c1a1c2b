// What a collection asks of the cache that it belongs to, beside the cache's own verbs.
import type { Clock } from '../core/contracts.ts'
import type { Events } from '../core/events.ts'
import type { Key } from '../core/key.ts'
import type { EntryOptions, LoadOptions } from '../core/options.ts'
import type { SourceLoad, SourceOptions } from '../core/source.ts'
import type { Cache } from '../engine/cache.ts'
import type { CollectionOptions, Strategy } from '../engine/collection.ts'
import type { Eraser } from '../engine/erasure.ts'
import type { Receipt } from '../engine/receipt.ts'
import type { Fit } from '../engine/shapes.ts'
import type { SourceWrite } from '../engine/source-write.ts'
import type { QueueStats } from '../observe/index.ts'
import type { Guard } from './guard/source-guard.ts'

/** A value with its encoded key, and how it is stored. */
export interface Written {
  readonly key: string
  readonly value: unknown
  readonly options: LoadOptions | EntryOptions
}

export interface Seam {
  readonly cache: Cache
  readonly clock: Clock
  readonly events: Events
  readonly random: () => number
  /** Every process has a memory of its own, and nothing else is cached: nobody has to be told of writes. */
  readonly isAlone: boolean
  /** Times to live are chosen where nobody says them. */
  readonly choosesTtl: boolean
  /** Of the whole cache, for collections that name none. */
  readonly strategies: readonly Strategy[]
  /** Keys are hidden from all that is not this process. */
  readonly hidesKeys: boolean
  /** Says which collection a journal belongs to. */
  readonly owner: string
  /** A copy that nobody else can change. */
  keep(value: unknown): unknown
  /** What a reader is given of a kept value. */
  show(value: unknown): unknown
  /** See `engine/source-write.ts`. */
  begin(keys: readonly string[], holdMs?: number): Promise<SourceWrite>
  end(write: SourceWrite, items: readonly Written[]): Promise<void>
  forgetWrite(write: SourceWrite): Promise<readonly Receipt[]>
  forget(keys: readonly string[]): Promise<Receipt>
  encode(key: string, value: unknown): Uint8Array | Promise<Uint8Array>
  /** Undefined for bytes that cannot be read. */
  decode(
    key: string,
    bytes: Uint8Array,
  ): { readonly value: unknown } | undefined | Promise<{ readonly value: unknown } | undefined>
  /** Told what is erased, and to tell what it has dropped for it; returns how to take it back. */
  onErase(eraser: Eraser): () => void
  /** Says what readers of keys that begin so take of stored values; returns how to take it back. */
  shape(prefix: Key, fit: Fit): () => void
  /** Registers a loader that stands behind its guard already. */
  source(prefix: Key, load: SourceLoad, options: SourceOptions, guard: Guard | undefined): () => void
  /** The guard that a collection was told of, and how to let go of it; `undefined`: none. */
  guard(
    given: CollectionOptions<never, never>['guard'],
  ): { readonly guard: Guard; readonly release: () => void } | undefined
  /** Shows a queue's figures in the cache's; returns how to take them back. */
  showQueue(name: string, stats: () => QueueStats): () => void
}
