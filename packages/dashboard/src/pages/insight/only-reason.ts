// A reason that the page shows once instead of in each row.

interface Foreseen {
  readonly per_day: unknown
  readonly forecast: unknown
  readonly why: readonly string[]
}

/** The reason, if no metric can be compared and all have the same one. */
export function onlyReason(rows: readonly Foreseen[]): string | undefined {
  const reasons = new Set(
    rows.map(({ forecast, per_day: perDay, why }) => (forecast === null && perDay === null ? why.join('; ') : '')),
  )
  const [reason] = reasons
  return reasons.size === 1 && reason !== '' ? reason : undefined
}
