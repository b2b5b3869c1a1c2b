// Splits a line into segments at gaps.

/** Segments without a gap; a single value is drawn as one step wide. */
export function runsOf(
  v: readonly (number | null)[],
): readonly { readonly from: number; readonly values: readonly number[] }[] {
  const runs: { from: number; values: number[] }[] = []
  let last: { from: number; values: number[] } | undefined
  for (const [at, value] of v.entries()) {
    if (value === null) last = undefined
    else if (last === undefined) {
      last = { from: at, values: [value] }
      runs.push(last)
    } else last.values.push(value)
  }
  return runs.map(({ from, values }) => {
    const [only] = values
    if (only === undefined || values.length > 1) return { from, values }
    return from > 0 ? { from: from - 1, values: [only, only] } : { from, values: [only, only] }
  })
}
