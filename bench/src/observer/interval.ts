// The middle of paired differences and its 95 % interval, whatever their distribution (Hodges and Lehmann 1963;
// Wilcoxon's signed ranks): a second in which the machine did something else, or a large collection of garbage fell,
// does not decide.

export interface Interval {
  readonly middle: number
  readonly from: number
  readonly to: number
}

/** Give it 10 differences or more. */
export function intervalOf(differences: readonly number[]): Interval {
  const n = differences.length
  const means: number[] = []
  for (const [at, one] of differences.entries())
    for (const other of differences.slice(at)) means.push((one + other) / 2)
  means.sort((a, b) => a - b)
  // The signed ranks' normal approximation.
  const low = Math.max(0, Math.floor(means.length / 2 - 1.96 * Math.sqrt((n * (n + 1) * (2 * n + 1)) / 24)))
  const at = (index: number): number => means[Math.min(means.length - 1, Math.max(0, index))] ?? Number.NaN
  const middle = (at(Math.floor((means.length - 1) / 2)) + at(Math.ceil((means.length - 1) / 2))) / 2
  return { middle, from: at(low), to: at(means.length - 1 - low) }
}
