// How far a region has applied another one's ledger: a record beside its own ledger, written after what it tells of.
//
// Each pair says: when our ledger was at the first number, it held all that the other one had said up to the second. So
// an entry of ours that was made as of a number is one that the other region may hold as of that second number:
// whatever it has heard of later is judged there.
import type { Stored, TierItem } from '../../core/contracts.ts'
import type { Position } from '../../core/ledger.ts'

export interface Cursor {
  /** Of the other region's ledger: all up to it is applied in ours. */
  readonly at: Position
  /** Our number, and theirs: rising. */
  readonly pairs: readonly (readonly [ours: number, theirs: number])[]
}

/** Where a region keeps it: no storage key of a namespace begins so. */
export const cursorKey = (namespace: string, other: string): string => `~region:${other}:${namespace}`

const MAX_PAIRS = 128

/** Goes on to another position, which our ledger held when it was at `ours`. */
export function moveCursor(cursor: Cursor | undefined, at: Position, ours: number): Cursor {
  const before = cursor?.at.epoch === at.epoch ? cursor.pairs : []
  const pairs = [...before.filter(([own, theirs]) => own < ours && theirs < at.seq), [ours, at.seq] as const]
  return { at, pairs: pairs.length <= MAX_PAIRS ? pairs : thinned(pairs) }
}

/** Of the older half every second one: an old entry is then taken for a little older than it is. */
function thinned<P>(pairs: readonly P[]): P[] {
  const half = pairs.length >> 1
  return pairs.filter((_, index) => index >= half || index % 2 === 0)
}

/**
 * What of the other region's ledger is behind an entry of ours as of a number; undefined where nobody knows any more.
 */
export const pairFor = ({ pairs }: Cursor, ours: number): number | undefined =>
  pairs.findLast(([own]) => own <= ours)?.[1]

export function cursorItem(key: string, cursor: Cursor, asOf: Position): TierItem {
  return { key, asOf, expiresAt: Number.POSITIVE_INFINITY, body: Buffer.from(JSON.stringify(cursor)) }
}

/** Undefined for what is no cursor: then nothing is known of the other region. */
export function readCursor(stored: Stored | undefined): Cursor | undefined {
  if (stored === undefined) return undefined
  try {
    const { at, pairs }: Cursor = JSON.parse(Buffer.from(stored.body).toString())
    if (
      typeof at.epoch === 'string' &&
      isNumber(at.seq) &&
      pairs.every(([ours, theirs]) => isNumber(ours) && isNumber(theirs))
    )
      return { at, pairs }
  } catch {
    // as below
  }
  return undefined
}

const isNumber = (given: unknown): boolean => typeof given === 'number' && Number.isSafeInteger(given) && given >= 0
