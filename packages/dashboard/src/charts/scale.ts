// The position of values in a plot of 1,000 by 100, and the round numbers of its axes.

export const WIDTH = 1000
export const HEIGHT = 100

/** The next of 1, 2, 2.5, 5, 10 times a power of ten at or above the value. */
export function roundUp(value: number): number {
  if (!(value > 0)) return 1
  const power = 10 ** Math.floor(Math.log10(value))
  const step = [1, 2, 2.5, 5, 10].find((each) => each * power >= value * 0.999) ?? 10
  return step * power
}

/** Finite numbers only: the result of a division by zero, or of an empty sum, is unknown. */
export const known = (values: readonly (number | null)[]): readonly (number | null)[] =>
  values.map((value) => (Number.isFinite(value) ? value : null))

/** Where an axis has labels, from the top: no middle label that would read like one of the ends. */
export function axisValues(max: number, format: (value: number) => string): readonly number[] {
  const middle = format(max / 2)
  return middle === format(max) || middle === format(0) ? [max, 0] : [max, max / 2, 0]
}

export interface Axis {
  readonly max: number
  readonly y: (value: number) => number
}

export function linear(max: number): Axis {
  return { max, y: (value) => HEIGHT - (HEIGHT * Math.min(Math.max(value, 0), max)) / max }
}

/** Round times of a zone, four or five of them. @param offset how far its clocks are ahead of UTC at a time */
export function timeTicks(from: number, to: number, offset: (at: number) => number = () => 0): readonly number[] {
  const steps = [10, 30, 60, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400, 172_800].map(
    (seconds) => seconds * 1000,
  )
  const step = steps.find((each) => (to - from) / each <= 5) ?? 604_800_000
  const ticks: number[] = []
  if (!(from <= to)) return ticks // no data: an axis of no span
  // In local time; in the night of a clock change a day has an hour more or less.
  for (let local = Math.ceil((from + offset(from)) / step) * step; ; local += step) {
    const guess = local - offset(from)
    const at = local - offset(guess)
    if (at > to) return ticks
    if (at >= from && at > (ticks.at(-1) ?? Number.NEGATIVE_INFINITY)) ticks.push(at)
  }
}

/** The width of a value without neighbours. */
const ALONE = 4

/** A path through the known points: unknown ones are gaps. A value between two gaps is a dot. */
export function linePath(xs: readonly number[], ys: readonly (number | null)[]): string {
  let path = ''
  let isDrawing = false
  for (const [at, y] of ys.entries()) {
    const x = xs[at]
    if (y === null || x === undefined) {
      isDrawing = false
      continue
    }
    const isAlone = !isDrawing && (ys[at + 1] ?? null) === null
    path += `${isDrawing ? 'L' : 'M'}${(isAlone ? x - ALONE / 2 : x).toFixed(1)} ${y.toFixed(2)}${isAlone ? `h${ALONE}` : ''}`
    isDrawing = true
  }
  return path
}

/** The area between two lines, gap by gap. */
export function areaPath(
  xs: readonly number[],
  tops: readonly (number | null)[],
  bottoms: readonly (number | null)[],
): string {
  let path = ''
  let from: number | undefined
  for (let at = 0; at <= tops.length; at++) {
    const isKnown = at < tops.length && tops[at] !== null && bottoms[at] !== null
    if (isKnown && from === undefined) from = at
    if (isKnown || from === undefined) continue
    const over = range(from, at).map((each) => `${(xs[each] ?? 0).toFixed(1)} ${(tops[each] ?? 0).toFixed(2)}`)
    const under = range(from, at)
      .reverse()
      .map((each) => `${(xs[each] ?? 0).toFixed(1)} ${(bottoms[each] ?? 0).toFixed(2)}`)
    if (over.length > 1) path += `M${[...over, ...under].join('L')}Z`
    from = undefined
  }
  return path
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, at) => from + at)

/** Moves overlapping labels apart, in their order. */
export function apart(ys: readonly number[], least: number): readonly number[] {
  const order = ys.map((y, at) => ({ y, at })).sort((a, b) => a.y - b.y)
  let below = Number.NEGATIVE_INFINITY
  for (const each of order) {
    each.y = Math.max(each.y, below + least)
    below = each.y
  }
  const over = Math.max(0, below - HEIGHT)
  const placed: number[] = []
  for (const { y, at } of order) placed[at] = y - over
  return placed
}

export interface Hole {
  readonly from: number
  readonly to: number
}

/** Where more than one step is missing: the values in between are unknown, and no line is drawn. */
export function holes(t: readonly number[], step: number): readonly Hole[] {
  return t.flatMap((to, at) => {
    const from = t[at - 1]
    return from !== undefined && to - from > step * 2.5 ? [{ from, to: to - step }] : []
  })
}
