// The read-your-writes token of both layers together, as requests and answers carry it.
import { decodeToken, encodeToken, mergePositions, type Positions } from 'millpond/invalidate'
import type { Layer } from './layer.ts'

/** The header of answers to writes, and of reads that must not be older. */
export const TOKEN_HEADER = 'Cache-Token'

/** How far both layers have come; empty where the cache is off. */
export function tokenOf(layers: readonly Layer[]): string {
  let positions: Positions = new Map()
  for (const { cache } of layers) positions = mergePositions(positions, decodeToken(cache?.token()) ?? new Map())
  return positions.size === 0 ? '' : encodeToken(positions)
}
