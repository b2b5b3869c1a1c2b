// What is read from a cache, as TypeScript may know it: frozen all through.

/**
 * A value that nothing can be written to, at any depth: `cache.getOrSet<Frozen<User>>(key, load)`. What a cache answers
 * is frozen; the verbs say plain `T`, because a value of `Frozen<T>` fits no function that takes a `T`, and most only
 * read. Map, Set, Date and bytes are copies of the reader's own.
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
