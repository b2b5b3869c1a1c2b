// Confidence sequences: intervals that hold at all times together, so that whoever looks every second and stops when he likes is wrong no more often than
// was said.
//
// The mixture sequential probability ratio test (Robbins, 1970; Johari, Pekelis, Walsh, "Always Valid Inference", Operations Research 2022) with a normal
// mixture, turned into an interval. An estimate over more and more of the same buckets has the increments that it needs: what is drawn once (which keys an arm
// has) stays in all later estimates, and what is noise is averaged out, so that the covariance of two estimates is the variance of the later one.

/**
 * Half of the interval around an estimate, at any time of the experiment.
 * @param variance of the estimate now
 * @param scale how large an effect is looked for, in the estimate's unit: the interval is narrowest where its standard error is somewhat below it. It must not be chosen by what was seen.
 * @param alpha how often the interval may miss the truth at any time at all
 */
export function halfWidth(variance: number, scale: number, alpha: number): number {
  if (!(variance > 0)) return variance === 0 ? 0 : Number.POSITIVE_INFINITY
  const mixture = scale * scale
  return Math.sqrt(((variance * (variance + mixture)) / mixture) * Math.log((variance + mixture) / (variance * alpha * alpha)))
}
