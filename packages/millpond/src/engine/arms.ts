// Which policy an entry goes by while shares of the keys have settings of their own.
import type { Ahead, Arms, LoadPolicy } from '../core/options.ts'
import type { Space } from './space.ts'

/** For whoever stores an entry. */
export function policyOfKey(space: Space, policy: LoadPolicy, key: string): LoadPolicy {
  const { ttlArms } = policy
  const ttlMs = ttlArms === undefined ? undefined : ttlArms.ttls[armOf(ttlArms, space, key)]
  return ttlMs === undefined ? policy : { ...policy, ttlMs, isTtlSaid: true }
}

/** For whoever asks whether it is to be refreshed: on hits, so that nothing is made anew. */
export function aheadOfKey(space: Space, policy: LoadPolicy, key: string): Ahead {
  const { aheadArms } = policy
  return aheadArms === undefined ? policy : (aheadArms.aheads[armOf(aheadArms, space, key)] ?? policy)
}

const armOf = ({ armOf: of }: Arms, { watch }: Space, key: string): number => of(watch.hash(key))
