// Lets one of several processes do something: the holder of a lease that has not expired.
import type { Store } from './store.ts'

const LEASE_MS = 15_000

/** Acquires or renews it. */
export async function holdsLease(store: Store, name: string, holder: string): Promise<boolean> {
  return store.write(async (tx) => {
    const now = await store.now(tx)
    const held = await tx.selectFrom('leases').selectAll().where('name', '=', name).executeTakeFirst()
    if (held !== undefined && held.holder !== holder && Number(held.until) > now) return false
    const next = { holder, until: now + LEASE_MS }
    await tx
      .insertInto('leases')
      .values({ name, ...next })
      .onConflict((conflict) => conflict.column('name').doUpdateSet(next))
      .execute()
    return true
  })
}
