// A cache's sources: loaders registered for families of keys.
import type { Duration } from './duration.ts'
import type { GuardOptions, SourceGuard } from './guard.ts'
import type { Key } from './key.ts'
import type { LoadOptions } from './options.ts'

/** The context of a registered loader. */
export interface SourceContext {
  /** The encoded key. */
  readonly key: string
  /** Aborted when no caller waits any more, or at the hard timeout. */
  readonly signal: AbortSignal
  /** Adds tags to the entry. */
  addTags(...tags: string[]): void
  /** Another TTL for this value: see `LoadContext`. */
  setTtl(ttl: Duration): void
}

/** Loads the value of one key, in its original form. `undefined`: do not store. */
export type SourceLoad = (key: Key, context: SourceContext) => unknown

/** Options of a registered source. */
export interface SourceOptions {
  /**
   * Loads several keys of the family at once; values in the order of the keys. Used by warming and refreshing, if
   * present.
   */
  readonly loadMany?:
    | ((keys: readonly Key[], context: { readonly signal: AbortSignal }) => Promise<readonly unknown[]>)
    | undefined
  /** How entries of the family are stored: TTL, tags and the rest, unless the caller says otherwise. */
  readonly defaults?: LoadOptions | undefined
  /** The guard of the source: the name of one of `cache.guard`, the guard itself, or its options. Default: none. */
  readonly guard?: string | SourceGuard | GuardOptions | undefined
  /** Shown in lists: `collection user`. Default: the prefix. */
  readonly name?: string | undefined
}

/** A family of keys and its loader, as registered. */
export interface Source extends Omit<SourceOptions, 'guard'> {
  /** The namespace in which it is registered: `cache.name`. */
  readonly namespace: string
  /** A beginning of string keys, or the first parts of tuples. */
  readonly prefix: Key
  /** As shown to operators. */
  readonly name: string
  /** Loads one value. */
  readonly load: SourceLoad
  /** Protects the source, if one was given. */
  readonly guard?: SourceGuard
}

/** A source as operators see it. */
export interface SourceView {
  /** The namespace in which it is registered: `cache.name`. */
  readonly namespace: string
  /** A beginning of string keys, or the first parts of tuples. */
  readonly prefix: Key
  /** As registered. */
  readonly name: string
  /** Whether it can load several keys in one call. */
  readonly loads_many: boolean
}
