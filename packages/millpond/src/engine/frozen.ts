// The TypeScript type of values read from a cache: deeply frozen.

/**
 * A deeply read-only value: `cache.getOrSet<Frozen<User>>(key, load)`. Returned values are frozen; the verbs are typed
 * as plain `T`, because a `Frozen<T>` cannot be passed to a function that takes a `T`, and most only read. Map, Set,
 * Date and bytes are the reader's own copies.
 */
export type Frozen<T> = T extends
  | Map<unknown, unknown>
  | Set<unknown>
  | Date
  | ArrayBuffer
  | ArrayBufferView
  | ((...args: never) => unknown)
  ? T
  : T extends object
    ? { readonly [K in keyof T]: Frozen<T[K]> }
    : T
