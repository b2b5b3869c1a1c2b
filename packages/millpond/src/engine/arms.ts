// Which policy applies to an entry while shares of the keys have their own settings.
import type { Ahead, Arms, LoadPolicy } from '../core/options.ts'
import type { Space } from './space.ts'

/** For storing an entry. */
export function policyOfKey(space: Space, policy: LoadPolicy, key: string): LoadPolicy {
  const { ttlArms } = policy
  const ttlMs = ttlArms === undefined ? undefined : ttlArms.ttls[armOf(ttlArms, space, key)]
  return ttlMs === undefined ? policy : { ...policy, ttlMs, isTtlSaid: true }
}

/** For deciding whether to refresh it: on hits, so nothing is allocated. */
export function aheadOfKey(space: Space, policy: LoadPolicy, key: string): Ahead {
  const { aheadArms } = policy
  return aheadArms === undefined ? policy : (aheadArms.aheads[armOf(aheadArms, space, key)] ?? aheadArms.rest)
}

const armOf = ({ armOf: of }: Arms, { watch, id }: Space, key: string): number => of(watch.hash(key), key, id.name)
