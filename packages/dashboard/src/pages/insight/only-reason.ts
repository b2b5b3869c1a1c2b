// What the page says once instead of in each row.

interface Foreseen {
  readonly per_day: unknown
  readonly forecast: unknown
  readonly why: readonly string[]
}

/** Where nothing can be said of before and after of any figure, and for one reason: that reason. */
export function onlyReason(rows: readonly Foreseen[]): string | undefined {
  const reasons = new Set(
    rows.map(({ forecast, per_day: perDay, why }) => (forecast === null && perDay === null ? why.join('; ') : '')),
  )
  const [reason] = reasons
  return reasons.size === 1 && reason !== '' ? reason : undefined
}
