// The contract of a store for tenants' encryption keys: one small text per tenant, and never beside the entries.

/**
 * Stores one record per tenant, as text that reveals no key (keys in it are wrapped). What `shred` of a tenant's
 * keyring promises is as final as this store and its backups. Every call settles; a failure rejects.
 */
export interface KeyStore {
  /**
   * The record of a tenant, by its `tenantId`; undefined if there is none. Earlier writes must be visible, in every
   * process that uses the store.
   */
  get(tenant: string): Promise<string | undefined>
  /**
   * Replaces `before` (undefined: no record) atomically. `false`: another record is there, and stays. The previous
   * record is destroyed as far as the store can: overwritten, not only unlinked.
   */
  put(tenant: string, record: string, before: string | undefined): Promise<boolean>
  /** The tenants that have a record, in steps. */
  list(): AsyncIterable<readonly string[]>
  /** Closes what it has opened itself. */
  close(): Promise<void>
}
