// The state of the tail: the newest rows, the size of their sample, and gaps.
import type { Known, TailRound, TailRow } from '../../api/types.ts'
import type { Heard, StreamState } from '../../live/follow.ts'

export interface Line extends TailRow {
  readonly id: number
}

export interface Tail {
  readonly state: StreamState
  /** Newest first. */
  readonly lines: readonly Line[]
  /** Events per second, and the share that is shown, over the last rounds. */
  readonly seenPerSecond: Known
  readonly shownPerSecond: number
  /** Messages dropped in total; undefined: an unknown number. */
  readonly dropped: number
  readonly gaps: number
  readonly silent: readonly string[]
  readonly rounds: readonly { readonly at: number; readonly seen: Known; readonly rows: number }[]
}

/** The most lines that are kept. */
const MOST_LINES = 500
const RATE_MS = 5000
export const EMPTY: Tail = {
  state: 'off',
  lines: [],
  seenPerSecond: null,
  shownPerSecond: 0,
  dropped: 0,
  gaps: 0,
  silent: [],
  rounds: [],
}

export type Step =
  | { readonly is: 'state'; readonly state: StreamState }
  | { readonly is: 'heard'; readonly message: Heard; readonly cache: string | undefined }

let lineIds = 0

/** Processes answer one after another; rows of the same time stay in order of arrival. */
const newestFirst = (rows: readonly TailRow[]): readonly TailRow[] => rows.toReversed().sort((a, b) => b.at - a.at)

export function next(tail: Tail, step: Step): Tail {
  if (step.is === 'state') return { ...tail, state: step.state, rounds: [], seenPerSecond: null, shownPerSecond: 0 }
  const { event, data } = step.message
  if (event === 'gap') {
    const { dropped } = data as { readonly dropped: number | null } // as the server writes it
    return { ...tail, gaps: tail.gaps + 1, dropped: tail.dropped + (dropped ?? 0) }
  }
  if (event !== 'event') return tail
  const round = data as TailRound // as the server writes it
  if (step.cache !== undefined && round.cache_name !== step.cache) return tail
  const now = Date.now()
  const rounds = [
    ...tail.rounds.filter(({ at }) => now - at < RATE_MS),
    { at: now, seen: round.seen, rows: round.rows.length },
  ]
  const seconds = Math.max(0.5, (now - (rounds[0]?.at ?? now)) / 1000 + 0.5)
  const sum = (of: (one: (typeof rounds)[number]) => number): number => rounds.reduce((all, one) => all + of(one), 0)
  return {
    ...tail,
    lines: [...newestFirst(round.rows).map((row) => ({ ...row, id: ++lineIds })), ...tail.lines].slice(0, MOST_LINES),
    rounds,
    seenPerSecond: round.seen === null ? null : sum(({ seen }) => seen ?? 0) / seconds,
    shownPerSecond: sum(({ rows }) => rows) / seconds,
    silent: round.silent,
  }
}
