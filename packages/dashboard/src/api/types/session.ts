// Who is signed in, and how lists are paged.

export interface Session {
  readonly name: string
  readonly role: string
  readonly scopes: readonly string[]
  readonly namespaces: readonly string[] | null
  readonly max_keys: number | null
  /** Caches that the caller may see; absent from servers before 0.2. */
  readonly caches?: readonly string[]
  /** The server's clock. */
  readonly now?: string
}

export interface Page<Row> {
  readonly data: readonly Row[]
  readonly has_more: boolean
  readonly next_cursor?: string | null
}
