// What a collection needs of its cache, besides the cache's own verbs.
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

export interface CollectionHost {
  readonly cache: Cache
  readonly clock: Clock
  readonly events: Events
  readonly random: () => number
  /** There is only process memory: no other caches have to be told of writes. */
  readonly isAlone: boolean
  /** TTLs are adaptive unless set. */
  readonly choosesTtl: boolean
  /** Of the whole cache, for collections that name none. */
  readonly strategies: readonly Strategy[]
  /** Keys are hidden outside this process. */
  readonly hidesKeys: boolean
  /** Identifies the collection of a journal. */
  readonly owner: string
  /** A copy that cannot be changed by others. */
  keep(value: unknown): unknown
  /** What a reader gets of a stored value. */
  show(value: unknown): unknown
  /** See `engine/source-write.ts`. */
  begin(keys: readonly string[], holdMs?: number): Promise<SourceWrite>
  end(write: SourceWrite, items: readonly Written[]): Promise<void>
  forgetWrite(write: SourceWrite): Promise<readonly Receipt[]>
  forget(keys: readonly string[]): Promise<Receipt>
  encode(key: string, value: unknown): Uint8Array | Promise<Uint8Array>
  /** Undefined for unreadable bytes. */
  decode(
    key: string,
    bytes: Uint8Array,
  ): { readonly value: unknown } | undefined | Promise<{ readonly value: unknown } | undefined>
  /** Called with erasures, to report what was dropped; returns a function that unsubscribes. */
  onErase(eraser: Eraser): () => void
  /** Sets what readers of keys with this prefix accept of stored values; returns a function that removes it. */
  shape(prefix: Key, fit: Fit): () => void
  /** Registers a loader that is guarded already. */
  source(prefix: Key, load: SourceLoad, options: SourceOptions, guard: Guard | undefined): () => void
  /** The guard in a collection's options, and how to release it; `undefined`: none. */
  guard(
    given: CollectionOptions<never, never>['guard'],
  ): { readonly guard: Guard; readonly release: () => void } | undefined
  /** Adds a queue's figures to the cache's; returns a function that removes them. */
  showQueue(name: string, stats: () => QueueStats): () => void
}
