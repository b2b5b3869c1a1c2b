// The contract of the place where tenants' keys are kept: one small text for each tenant, and never beside the entries.

/**
 * Keeps one record for each tenant, as text that shows no key (keys in it are wrapped). What `shred` of a tenant's
 * keyring promises is as final as this store and its backups. Every call settles; a failure rejects.
 */
export interface KeyStore {
  /**
   * The record of a tenant, by its `tenantId`; undefined where there is none. What has been put before the call must be
   * seen, by every process that uses the store.
   */
  get(tenant: string): Promise<string | undefined>
  /**
   * Puts a record in the place of `before` (undefined: of none), in one step. `false`: something else is there, and
   * stays. What was there before is gone for good as far as the store can do that: overwritten, not only unlinked.
   */
  put(tenant: string, record: string, before: string | undefined): Promise<boolean>
  /** The tenants that have a record, in steps. */
  list(): AsyncIterable<readonly string[]>
  close(): Promise<void>
}
