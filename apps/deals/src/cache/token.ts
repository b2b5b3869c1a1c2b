// One read-your-writes token for all caches, as carried by requests and answers.
import type { Cache } from 'millpond'
import { decodeToken, encodeToken, mergePositions, type Positions } from 'millpond/invalidate'

/** The header of answers to writes, and of reads that must not be older. */
export const TOKEN_HEADER = 'Cache-Token'

/** The caches' positions; empty if the cache is off. */
export function tokenOf(caches: readonly (Cache | undefined)[]): string {
  let positions: Positions = new Map()
  for (const cache of caches) positions = mergePositions(positions, decodeToken(cache?.token()) ?? new Map())
  return positions.size === 0 ? '' : encodeToken(positions)
}
