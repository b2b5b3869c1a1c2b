// What a cache knows about where its values come from: loaders that were registered for families of keys.
import type { Duration } from './duration.ts'
import type { GuardOptions, SourceGuard } from './guard.ts'
import type { Key } from './key.ts'
import type { LoadOptions } from './options.ts'

/** What a registered loader is given beside the key. */
export interface SourceContext {
  /** The encoded key. */
  readonly key: string
  /** Fires when nobody waits any more, or the hard timeout has come. */
  readonly signal: AbortSignal
  addTags(...tags: string[]): void
  /** Another time to live for this value: see `LoadContext`. */
  setTtl(ttl: Duration): void
}

/** Loads the value of one key, written as its owner writes it. `undefined`: do not store. */
export type SourceLoad = (key: Key, context: SourceContext) => unknown

/** What a registered source is told beside its loader. */
export interface SourceOptions {
  /**
   * Loads several keys of the family at once; values in the order of the keys. Who warms or refreshes many asks it,
   * where it is there.
   */
  readonly loadMany?:
    | ((keys: readonly Key[], context: { readonly signal: AbortSignal }) => Promise<readonly unknown[]>)
    | undefined
  /** How entries of the family are stored: TTL, tags and the rest, where the caller does not say. */
  readonly defaults?: LoadOptions | undefined
  /**
   * What stands before the source: the name of one of `cache.guard`, the guard itself, or its options. Default:
   * nothing.
   */
  readonly guard?: string | SourceGuard | GuardOptions | undefined
  /** Shown in lists: `collection user`. Default: the prefix. */
  readonly name?: string | undefined
}

/** A family of keys and its loader, as registered. */
export interface Source extends Omit<SourceOptions, 'guard'> {
  readonly namespace: string
  /** A text that keys begin with, or the first parts of tuples. */
  readonly prefix: Key
  readonly name: string
  readonly load: SourceLoad
  readonly guard?: SourceGuard
}

/** A source as operators see it. */
export interface SourceView {
  readonly namespace: string
  readonly prefix: Key
  readonly name: string
  readonly loads_many: boolean
}
