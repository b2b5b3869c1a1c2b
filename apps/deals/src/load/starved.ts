// When the machine gave this process no time: requests at such moments say something about the machine, not about the
// service.

export interface Starved {
  /** The share of the time in which it was not, 0 to 1. */
  readonly quiet: number
  /** Whether any of this time was one of them. */
  touches(from: number, to: number): boolean
}

/**
 * How often it is checked, by how much a check may be late, and what before and after a late one is excluded, too:
 * requests waited then.
 */
const EVERY_MS = 20
const LATE_MS = 40
const AROUND_MS = 250

/** Checks from now on, until the returned function is called. */
export function watchMachine(now: () => number = () => performance.now()): () => Starved {
  const began = now()
  const spans: { readonly from: number; readonly to: number }[] = []
  let before = began
  const look = () => {
    const at = now()
    if (at - before > EVERY_MS + LATE_MS) spans.push({ from: before, to: at })
    before = at
  }
  const timer = setInterval(look, EVERY_MS)
  return () => {
    clearInterval(timer)
    look()
    return starvedIn(spans, began, now())
  }
}

export function starvedIn(
  late: readonly { readonly from: number; readonly to: number }[],
  began: number,
  ended: number,
): Starved {
  const spans = late.map(({ from, to }) => ({
    from: Math.max(began, from - AROUND_MS),
    to: Math.min(ended, to + AROUND_MS),
  }))
  let lost = 0
  let until = began
  for (const { from, to } of spans) {
    lost += Math.max(0, to - Math.max(from, until))
    until = Math.max(until, to)
  }
  return {
    quiet: ended > began ? 1 - lost / (ended - began) : 1,
    touches: (from, to) => spans.some((span) => from < span.to && to > span.from),
  }
}
