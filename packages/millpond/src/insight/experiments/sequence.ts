// Confidence sequences: intervals that hold at all times simultaneously, so that checking every second and stopping at
// any time does not increase the error rate.
//
// The mixture sequential probability ratio test (Robbins, 1970; Johari, Pekelis, Walsh, "Always Valid Inference",
// Operations Research 2022) with a mixture of normal distributions, turned into an interval. An estimate over growing
// counts of the same buckets has the increments that it requires: what is assigned once (which keys an arm has) stays
// in all later estimates, and noise is averaged out, so that the covariance of two estimates is the variance of the
// later one. A single normal would be blind to effects far beyond its scale: half of the mixture has the requested
// scale, the rest larger ones.

/** Multiples of the scale, and their weights in the mixture. */
const SCALES: readonly (readonly [times: number, weight: number])[] = [
  [1, 1 / 2],
  [4, 1 / 6],
  [16, 1 / 6],
  [64, 1 / 6],
]
const STEPS = 60

/**
 * Half the width of the interval around an estimate, valid at any time of the experiment.
 * @param variance the current variance of the estimate
 * @param scale the expected size of an effect, in the estimate's unit: the interval is narrowest if its standard error
 * is somewhat below it. It must not be chosen from the data.
 * @param alpha the probability that the interval ever excludes the true value
 */
export function halfWidth(variance: number, scale: number, alpha: number): number {
  if (!(variance > 0)) return variance === 0 ? 0 : Number.POSITIVE_INFINITY
  const wanted = -Math.log(alpha)
  // The widest that any single component would need: the mixture needs no more.
  let [low, high] = [
    0,
    Math.min(...SCALES.map(([times, weight]) => widthOf(variance, times * scale, Math.log(alpha) + Math.log(weight)))),
  ]
  for (let step = 0; step < STEPS; step++) {
    const middle = (low + high) / 2
    if (logOdds(middle, variance, scale) < wanted) low = middle
    else high = middle
  }
  return high
}

function widthOf(variance: number, scale: number, logAlpha: number): number {
  const mixture = scale * scale
  return Math.sqrt(
    // Logarithms, not alpha itself: the square of a small one is 0.
    ((variance * (variance + mixture)) / mixture) * (Math.log((variance + mixture) / variance) - 2 * logAlpha),
  )
}

/** The log-likelihood ratio of the estimate: the mixture against no effect. */
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
