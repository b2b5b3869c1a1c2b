// Where assets are stored: the interface that a bucket and a folder implement.

/** An object as a store lists it. */
export interface ListedObject {
  /** Relative to the store's prefix. */
  readonly key: string
  /** Its size as stored. */
  readonly bytes: number
  /** Changes whenever the object is written: an ETag. Undefined if the store has none. */
  readonly version: string | undefined
}

/** The metadata of one object. */
export interface ObjectFacts {
  /** Its size as stored. */
  readonly bytes: number
  /** Hex, of the bytes as stored; undefined if it was not recorded. */
  readonly sha256: string | undefined
  /** Undefined if the store keeps no headers. */
  readonly contentType: string | undefined
  /** Undefined if it has none, or if the store keeps no headers. */
  readonly cacheControl: string | undefined
}

/** Bytes in memory, or a file that is read while it is sent. */
export type AssetBody = Uint8Array | { readonly path: string }

export interface AssetObject {
  /** Relative to the store's prefix. */
  readonly key: string
  /** What is sent. */
  readonly body: AssetBody
  /** The size of the body. */
  readonly bytes: number
  /** Hex. The sent bytes must have this hash. */
  readonly sha256: string
  /** The `Content-Type` that it is served with. */
  readonly contentType: string
  /** The `Cache-Control` that it is served with. */
  readonly cacheControl: string
  /** The coding of the body, such as `br`; absent: it is not compressed. */
  readonly contentEncoding?: string | undefined
}

/** Keys are relative to the store's own prefix. Everything rejects with a `CdnError`. */
export interface AssetStore {
  /** For display: `s3://site/static/`, `/srv/site`. Never contains credentials. */
  readonly name: string
  /** Complete objects only. */
  list(): AsyncIterable<ListedObject>
  /** The metadata of an object; undefined if there is none. */
  facts(key: string): Promise<ObjectFacts | undefined>
  /** An object's bytes and version; undefined if there is none. */
  read(key: string): Promise<{ readonly body: Uint8Array; readonly version: string | undefined } | undefined>
  /**
   * Makes the object visible completely or not at all, also if the bytes differ (`CHANGED`) or the call is interrupted.
   * Resolves with its version.
   * @param ifVersion overwrite only this version; `null`: only if there is none; else `CHANGED`. A store without an
   * atomic compare compares just before.
   */
  put(
    object: AssetObject,
    options?: { readonly signal?: AbortSignal | undefined; readonly ifVersion?: string | null },
  ): Promise<string | undefined>
  /** Missing ones count as dropped. */
  drop(keys: readonly string[]): Promise<void>
}
