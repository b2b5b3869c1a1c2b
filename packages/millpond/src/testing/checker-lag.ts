// Where a process was too starved of CPU for its times to be judged.
import { groupBy } from './group.ts'
import type { Freeze, Lag } from './history.ts'

export interface LagJudge {
  /** Some window between the two instants was starved or is not covered by the record. */
  starved(process: string, from: number, to: number): boolean
  /** How much of the span the process was starved. */
  starvedMs(process: string, from: number, to: number): number
  /** Starved time over all time recorded, 0 to 1. */
  readonly starvedShare: number
  /** How much of the span the process was stopped from outside. */
  frozenMs(process: string, from: number, to: number): number
}

/** A history without any lag line is judged throughout: pure tests have no event loop to starve. */
export function judgeLag(lags: readonly Lag[], freezes: readonly Freeze[], limitMs: number): LagJudge {
  const frozen = groupBy(freezes, (freeze) => freeze.process)
  const windows = groupBy(lags, (lag) => lag.process)
  for (const list of windows.values()) list.sort((a, b) => a.start - b.start)

  function frozenMs(process: string, from: number, to: number): number {
    return (frozen.get(process) ?? []).reduce(
      (sum, span) => sum + Math.max(0, Math.min(to, span.end) - Math.max(from, span.start)),
      0,
    )
  }

  const isStarved = (lag: Lag) => lag.lagMs - frozenMs(lag.process, lag.start, lag.end) >= limitMs

  let starvedInAll = 0
  let totalMs = 0
  for (const lag of lags) {
    const length = lag.end - lag.start - frozenMs(lag.process, lag.start, lag.end)
    totalMs += length
    if (isStarved(lag)) starvedInAll += length
  }

  function starved(process: string, from: number, to: number): boolean {
    if (lags.length === 0) return false
    const list = windows.get(process)
    const first = list?.[0]
    const last = list?.at(-1)
    if (list === undefined || first === undefined || last === undefined || to > last.end) return true
    // Before the record began the process was starting, and held nothing.
    let covered = Math.max(from, first.start)
    for (let at = lastBefore(list, covered); at < list.length; at++) {
      const window = list[at]
      if (window === undefined || window.start > to) break
      if (window.end < covered) continue
      if (window.start > covered + limitMs || isStarved(window)) return true
      covered = window.end
    }
    return covered < to
  }

  function starvedMs(process: string, from: number, to: number): number {
    return (windows.get(process) ?? []).filter(isStarved).reduce((sum, window) => {
      const [start, end] = [Math.max(from, window.start), Math.min(to, window.end)]
      return end > start ? sum + end - start - frozenMs(process, start, end) : sum
    }, 0)
  }

  return { starved, starvedMs, starvedShare: totalMs > 0 ? starvedInAll / totalMs : 0, frozenMs }
}

/** Index of the last window that starts at or before the instant; 0 if there is none. */
function lastBefore(list: readonly Lag[], at: number): number {
  let low = 0
  let high = list.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((list[middle]?.start ?? Number.POSITIVE_INFINITY) <= at) low = middle + 1
    else high = middle
  }
  return Math.max(0, low - 1)
}
