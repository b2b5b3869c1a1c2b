// Whether the arms got their intended shares of the keys: if not, the assignment was not random, and the results are
// invalid.
//
// Lindon, Malek, "Anytime-Valid Inference for Multinomial Count Data" (NeurIPS 2022): the odds of any other shares
// against the intended ones, given the counts; valid at any time. Keys are counted rather than reads: a key that is
// read a million times is one draw.

/** The concentration of the alternative around the intended shares. */
const PRIOR = 100
/** One in this many experiments with correct shares is reported as uneven. */
const ODDS = 1000

/** `shares` must sum to 1. */
export function areUneven(keys: ArrayLike<number>, shares: readonly number[]): boolean {
  return logOdds(keys, shares) > Math.log(ODDS)
}

function logOdds(keys: ArrayLike<number>, shares: readonly number[]): number {
  let all = 0
  let odds = 0
  shares.forEach((share, arm) => {
    const count = keys[arm] ?? 0
    all += count
    odds += logGamma(PRIOR * share + count) - logGamma(PRIOR * share) - count * Math.log(share)
  })
  return odds + logGamma(PRIOR) - logGamma(PRIOR + all)
}

/** Stirling's series from 8 on; below by recurrence. Within 1e-9. */
function logGamma(x: number): number {
  let shift = 0
  let at = x
  for (; at < 8; at++) shift += Math.log(at)
  const square = 1 / (at * at)
  return (
    (at - 0.5) * Math.log(at) -
    at +
    0.5 * Math.log(2 * Math.PI) +
    (1 / 12 - (1 / 360 - square / 1260) * square) / at -
    shift
  )
}
