// The read-your-writes token of all caches together, as requests and answers carry it.
import type { Cache } from 'millpond'
import { decodeToken, encodeToken, mergePositions, type Positions } from 'millpond/invalidate'

/** The header of answers to writes, and of reads that must not be older. */
export const TOKEN_HEADER = 'Cache-Token'

/** How far they have come; empty where the cache is off. */
export function tokenOf(caches: readonly (Cache | undefined)[]): string {
  let positions: Positions = new Map()
  for (const cache of caches) positions = mergePositions(positions, decodeToken(cache?.token()) ?? new Map())
  return positions.size === 0 ? '' : encodeToken(positions)
}
