// The eviction policies by the names that options use.
import type { EvictionFactory } from '../../core/contracts.ts'
import { MillpondError, show } from '../../core/errors.ts'
import { adaptive } from './adaptive.ts'
import { lru } from './lru.ts'
import { s3Fifo } from './s3-fifo.ts'
import { sieve } from './sieve.ts'
import { wTinyLfu } from './w-tinylfu.ts'

const policies: ReadonlyMap<string, EvictionFactory> = new Map<string, EvictionFactory>([
  ['adaptive', adaptive],
  ['lru', lru],
  ['sieve', sieve],
  ['s3-fifo', s3Fifo],
  ['w-tinylfu', wTinyLfu],
])

/** The policy of that name; throws `OPTION_INVALID` for a name that does not exist. */
export function policyByName(name: string): EvictionFactory {
  const factory = policies.get(name)
  if (factory !== undefined) return factory
  throw new MillpondError('OPTION_INVALID', `policy is ${show(name)}; use one of ${[...policies.keys()].join(', ')}`)
}

export { adaptive, lru, s3Fifo, sieve, wTinyLfu }
