// Counts by day: a query over some days covers the spans that overlap them.
import { type Counted, nothingCounted } from './recorder.ts'
import { addTally, emptyTally, type Tally } from './tally.ts'

export const DAY_MS = 86_400_000
const MOST_DAYS = 30

/** A span of time, finished or current. */
export interface Span {
  readonly from: number
  to: number
  readonly curve: Tally
  readonly shadows: Tally
  readonly counted: Counted
  lostNotes: number
}

export class Spans {
  /** The start of the current day. */
  #from: number
  readonly #spans: Span[] = []

  constructor(now: number) {
    this.#from = now
  }

  isDayOver(now: number): boolean {
    return now - this.#from >= DAY_MS
  }

  /** Adds what was counted since the last call; it belongs to the current day until that is over. */
  add(counts: Omit<Span, 'from' | 'to'>, now: number): void {
    const last = this.#spans.at(-1)
    if (last === undefined || last.from !== this.#from) {
      this.#spans.push({ ...counts, from: this.#from, to: now })
      return
    }
    addSpan(last, counts)
    // Time without any reads belongs to no day.
    if (counts.curve.reads > 0) last.to = now
  }

  endDay(now: number): void {
    this.#from = now
    if (this.#spans.length > MOST_DAYS) this.#spans.shift()
  }

  /** The sum of all spans that end after `since`. */
  sum(since: number, now: number, sizes: { readonly curve: number; readonly shadows: number }): Span {
    const spans = this.#spans.filter(({ to }) => to > since)
    const all: Span = {
      from: spans[0]?.from ?? this.#from,
      to: now,
      curve: emptyTally(sizes.curve),
      shadows: emptyTally(sizes.shadows),
      counted: nothingCounted(),
      lostNotes: 0,
    }
    for (const span of spans) addSpan(all, span)
    return all
  }
}

function addSpan(into: Span, more: Omit<Span, 'from' | 'to'>): void {
  addTally(into.curve, more.curve)
  addTally(into.shadows, more.shadows)
  addCounted(into.counted, more.counted)
  into.lostNotes += more.lostNotes
}

function addCounted(into: Counted, more: Counted): void {
  into.hits += more.hits
  into.misses += more.misses
  into.loads += more.loads
  into.loadMs += more.loadMs
  into.expired += more.expired
  into.evicted += more.evicted
  into.lost += more.lost
  for (const [tier, hits] of more.below) into.below.set(tier, (into.below.get(tier) ?? 0) + hits)
}
