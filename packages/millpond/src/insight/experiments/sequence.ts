// Confidence sequences: intervals that hold at all times together, so that whoever looks every second and stops when he
// likes is wrong no more often than was said.
//
// The mixture sequential probability ratio test (Robbins, 1970; Johari, Pekelis, Walsh, "Always Valid Inference",
// Operations Research 2022) with a mixture of normal distributions, turned into an interval. An estimate over more and
// more of the same buckets has the increments that it needs: what is drawn once (which keys an arm has) stays in all
// later estimates, and what is noise is averaged out, so that the covariance of two estimates is the variance of the
// later one. One normal alone would be blind to effects far beyond its scale: half of the mixture is of the scale that
// is asked for, the rest of larger ones.

/** Of the scale, and how much of the mixture is there. */
const SCALES: readonly (readonly [times: number, weight: number])[] = [
  [1, 1 / 2],
  [4, 1 / 6],
  [16, 1 / 6],
  [64, 1 / 6],
]
const STEPS = 60

/**
 * Half of the interval around an estimate, at any time of the experiment.
 * @param variance of the estimate now
 * @param scale how large an effect is looked for, in the estimate's unit: the interval is narrowest where its standard
 * error is somewhat below it. It must not be chosen by what was seen.
 * @param alpha how often the interval may miss the truth at any time at all
 */
export function halfWidth(variance: number, scale: number, alpha: number): number {
  if (!(variance > 0)) return variance === 0 ? 0 : Number.POSITIVE_INFINITY
  const wanted = -Math.log(alpha)
  // The widest that a single part would need: the mixture needs no more.
  let [low, high] = [0, Math.min(...SCALES.map(([times, weight]) => widthOf(variance, times * scale, alpha * weight)))]
  for (let step = 0; step < STEPS; step++) {
    const middle = (low + high) / 2
    if (logOdds(middle, variance, scale) < wanted) low = middle
    else high = middle
  }
  return high
}

function widthOf(variance: number, scale: number, alpha: number): number {
  const mixture = scale * scale
  return Math.sqrt(
    ((variance * (variance + mixture)) / mixture) * Math.log((variance + mixture) / (variance * alpha * alpha)),
  )
}

/** How much likelier the estimate is under the mixture than under no effect, as a logarithm. */
function logOdds(estimate: number, variance: number, scale: number): number {
  const parts = SCALES.map(([times, weight]) => {
    const mixture = (times * scale) ** 2
    const spread = variance + mixture
    return (
      Math.log(weight) + Math.log(variance / spread) / 2 + (mixture * estimate * estimate) / (2 * variance * spread)
    )
  })
  const most = Math.max(...parts)
  return most + Math.log(parts.reduce((sum, part) => sum + Math.exp(part - most), 0))
}
