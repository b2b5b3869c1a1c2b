// A tier that is part of another one, as passed to its guard.
import type { Tier } from '../core/contracts.ts'

/** Large bodies are already split: they are not split or joined again. */
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
