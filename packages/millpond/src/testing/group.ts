// Map.groupBy, which Node 20 does not have.

export function groupBy<K, T>(items: Iterable<T>, keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>()
  for (const item of items) {
    const key = keyOf(item)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [item])
    else group.push(item)
  }
  return groups
}

/** How many of the sorted numbers are below the limit (or at it, when `inclusive`). */
export function countBelow(sorted: readonly number[], limit: number, inclusive = false): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >> 1
    const item = sorted[middle] ?? Number.POSITIVE_INFINITY
    if (item < limit || (inclusive && item === limit)) low = middle + 1
    else high = middle
  }
  return low
}
