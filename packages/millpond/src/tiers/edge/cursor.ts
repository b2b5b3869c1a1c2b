// How far a region has applied another region's ledger: a record beside its own ledger, written after the steps that it
// covers.
//
// Each pair means: when our ledger was at the first number, it contained everything of the other one up to the second.
// So an entry of ours that was made as of our number may be kept by the other region as of their number: anything that
// it learns later is judged there.
import type { Stored, TierItem } from '../../core/contracts.ts'
import type { Position } from '../../core/ledger.ts'

export interface Cursor {
  /** Position in the other region's ledger up to which everything is applied in ours. */
  readonly at: Position
  /** Our number and theirs, ascending. */
  readonly pairs: readonly (readonly [ours: number, theirs: number])[]
}

/** The key of the record: no storage key of a namespace begins like this. */
export const cursorKey = (namespace: string, other: string): string => `~region:${other}:${namespace}`

const MAX_PAIRS = 128

/** Advances to another position, which our ledger contained when it was at `ours`. */
export function moveCursor(cursor: Cursor | undefined, at: Position, ours: number): Cursor {
  const before = cursor?.at.epoch === at.epoch ? cursor.pairs : []
  const pairs = [...before.filter(([own, theirs]) => own < ours && theirs < at.seq), [ours, at.seq] as const]
  return { at, pairs: pairs.length <= MAX_PAIRS ? pairs : thinned(pairs) }
}

/** Drops every second pair of the older half: an old entry then counts as slightly older than it is. */
function thinned<P>(pairs: readonly P[]): P[] {
  const half = pairs.length >> 1
  return pairs.filter((_, index) => index >= half || index % 2 === 0)
}

/**
 * The number of the other region's ledger that an entry of ours as of `ours` includes; undefined if no longer known.
 */
export const pairFor = ({ pairs }: Cursor, ours: number): number | undefined =>
  pairs.findLast(([own]) => own <= ours)?.[1]

export function cursorItem(key: string, cursor: Cursor, asOf: Position): TierItem {
  return { key, asOf, expiresAt: Number.POSITIVE_INFINITY, body: Buffer.from(JSON.stringify(cursor)) }
}

/** Undefined for anything that is not a cursor: then nothing is known of the other region. */
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
