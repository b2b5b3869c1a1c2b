// Why figures have no trend or no forecast, each reason once instead of in each row.

interface Foreseen {
  readonly name: string
  readonly why: readonly string[]
}

export interface Reason {
  readonly why: string
  /** The figures that it is the reason of; empty: all of them. */
  readonly names: readonly string[]
}

/** In the order in which they come. */
export function reasonsOf(rows: readonly Foreseen[]): readonly Reason[] {
  const figures = new Map<string, string[]>()
  for (const { name, why } of rows)
    for (const one of new Set(why)) figures.set(one, [...(figures.get(one) ?? []), name])
  return [...figures].map(([why, names]) => ({ why, names: names.length === rows.length ? [] : names }))
}
