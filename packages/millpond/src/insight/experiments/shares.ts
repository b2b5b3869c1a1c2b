// Whether the arms have got the share of the keys that they were to get: if not, something other than chance has
// chosen, and nothing that they say counts.
//
// Lindon, Malek, "Anytime-Valid Inference for Multinomial Count Data" (NeurIPS 2022): the odds that any other shares
// make the counts likelier, against the shares that were said. Over them may be looked at any time. Keys are counted,
// not reads: one key that is read a million times is one draw.

/** How firmly the rival expects about the same shares. */
const PRIOR = 100
/** Once in so many experiments whose shares are right, they are called wrong. */
const ODDS = 1000

/** `shares` sum up to 1. */
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

/** Stirling's series, from 8 on; below by the recurrence. Within 1e-9. */
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
