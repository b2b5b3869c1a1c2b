// Where assets are put: the port, which a bucket and a folder implement.

/** An object as a store lists it. */
export interface ListedObject {
  readonly key: string
  readonly bytes: number
  /** Changes whenever the object is written: an ETag. Undefined where the store has none. */
  readonly version: string | undefined
}

/** What is known of one object. */
export interface ObjectFacts {
  readonly bytes: number
  /** Hex, of the bytes as stored; undefined where nobody has noted it. */
  readonly sha256: string | undefined
  /** Undefined where the store keeps no headers. */
  readonly contentType: string | undefined
  readonly cacheControl: string | undefined
}

/** Bytes at hand, or a file that is read as it is sent. */
export type AssetBody = Uint8Array | { readonly path: string }

export interface AssetObject {
  readonly key: string
  readonly body: AssetBody
  readonly bytes: number
  /** Hex. What is sent must have it. */
  readonly sha256: string
  readonly contentType: string
  readonly cacheControl: string
  readonly contentEncoding?: string | undefined
}

/** Keys are relative to the store's own prefix. Everything rejects with a `CdnError`. */
export interface AssetStore {
  /** As shown to people: `s3://site/static/`, `/srv/site`. Never holds credentials. */
  readonly name: string
  /** Whole objects only: what is half written is not among them. */
  list(): AsyncIterable<ListedObject>
  facts(key: string): Promise<ObjectFacts | undefined>
  read(key: string): Promise<{ readonly body: Uint8Array; readonly version: string | undefined } | undefined>
  /**
   * Makes the object visible whole, or not at all: also where the bytes turn out to be others (`CHANGED`) or the call
   * is cut. Resolves with its version.
   * @param ifVersion write only over this version, `null`: only where nothing is; else `CHANGED`. A store that cannot
   * compare in one step compares just before.
   */
  put(
    object: AssetObject,
    options?: { readonly signal?: AbortSignal | undefined; readonly ifVersion?: string | null },
  ): Promise<string | undefined>
  /** Those that are not there count as dropped. */
  drop(keys: readonly string[]): Promise<void>
}
