// A tier that is part of another one, for the guard around it.
import type { Tier } from '../core/contracts.ts'

/** Large bodies come in pieces already: they are not cut, or put together, once more. */
export function whole(tier: Tier): Tier {
  const { itemBytes: _, entryBytes: __, ...limits } = tier.limits ?? {}
  return {
    name: tier.name,
    scope: tier.scope,
    durable: tier.durable,
    limits,
    read: (keys, call) => tier.read(keys, call),
    write: (items, call) => tier.write(items, call),
    drop: (keys, call) => tier.drop(keys, call),
    clear: (prefix, call) => tier.clear(prefix, call),
    close: () => tier.close(),
  }
}
