// Seeded random numbers, Zipf draws, medians.

/** Numbers in [0, 1), the same for the same seed (xorshift32). */
export function randomFrom(seed: number): () => number {
  let state = seed | 0 || 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}

/** `count` indices in 0 .. n-1, each drawn with a probability proportional to 1 / rank^exponent. */
export function zipfDraws(n: number, count: number, exponent: number, random: () => number): Uint32Array {
  const sums = new Float64Array(n)
  let sum = 0
  for (let rank = 0; rank < n; rank++) {
    sum += 1 / (rank + 1) ** exponent
    sums[rank] = sum
  }
  const draws = new Uint32Array(count)
  for (let i = 0; i < count; i++) draws[i] = firstAbove(sums, random() * sum)
  return draws
}

function firstAbove(sums: Float64Array, at: number): number {
  let low = 0
  let high = sums.length - 1
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((sums[middle] as number) < at) low = middle + 1
    else high = middle
  }
  return low
}

/** The indices 0 .. n-1 in random order, over and over, `count` of them. */
export function shuffledDraws(n: number, count: number, random: () => number): Uint32Array {
  const order = Uint32Array.from({ length: n }, (_, i) => i)
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    const held = order[i] as number
    order[i] = order[j] as number
    order[j] = held
  }
  return Uint32Array.from({ length: count }, (_, i) => order[i % n] as number)
}

export interface Spread {
  readonly median: number
  /** The first and third quarter. */
  readonly low: number
  readonly high: number
}

export function spread(samples: readonly number[]): Spread {
  const sorted = [...samples].sort((a, b) => a - b)
  const at = (share: number): number => {
    const place = (sorted.length - 1) * share
    const below = sorted[Math.floor(place)] ?? Number.NaN
    const above = sorted[Math.ceil(place)] ?? Number.NaN
    return below + (above - below) * (place - Math.floor(place))
  }
  return { median: at(0.5), low: at(0.25), high: at(0.75) }
}

/** An interval that contains the true median in at least nine of ten cases. */
export interface Interval {
  readonly median: number
  readonly least: number
  readonly most: number
}

/**
 * By order statistics, whatever the distribution (Hahn and Meeker, *Statistical Intervals*, 5.2): the k-th smallest and
 * the k-th largest sample, with the largest k that still contains the median with probability 0.9. Below five samples
 * no pair does, and nothing is excluded.
 */
export function medianInterval(samples: readonly number[]): Interval {
  const sorted = [...samples].sort((a, b) => a - b)
  const count = sorted.length
  let outside = 0
  let k = 0
  for (let chance = 0.5 ** count; outside + 2 * chance <= 0.1; chance = (chance * (count - k + 1)) / k) {
    outside += 2 * chance
    k += 1
  }
  const { median } = spread(samples)
  if (k === 0) return { median, least: 0, most: Number.POSITIVE_INFINITY }
  return { median, least: sorted[k - 1] ?? 0, most: sorted[count - k] ?? Number.POSITIVE_INFINITY }
}
