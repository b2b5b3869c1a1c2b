// The eviction policies by the names that options use.
import type { EvictionFactory } from '../../core/contracts.ts'
import { MillpondError, show } from '../../core/errors.ts'
import { lru } from './lru.ts'

const policies: ReadonlyMap<string, EvictionFactory> = new Map<string, EvictionFactory>([
  ['lru', lru],
])

/** The policy of that name; throws `OPTION_INVALID` for a name that does not exist. */
export function policyByName(name: string): EvictionFactory {
  const factory = policies.get(name)
  if (factory !== undefined) return factory
  throw new MillpondError('OPTION_INVALID', `policy is ${show(name)}; use one of ${[...policies.keys()].join(', ')}`)
}

export { lru }
