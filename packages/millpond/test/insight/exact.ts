// The yardstick: a cache that evicts the least recently used, read by read.

interface Lru {
  readonly ttlMs?: number
  readonly weight?: (key: number) => number
}

/** A read each millisecond; what has expired takes no room, and what is larger than the cache is refused. */
export function lruMisses(
  keys: readonly number[],
  size: number,
  { ttlMs = Number.POSITIVE_INFINITY, weight = () => 1 }: Lru = {},
): number {
  const held = new Map<number, number>()
  let room = size
  let misses = 0
  keys.forEach((key, now) => {
    if (ttlMs !== Number.POSITIVE_INFINITY)
      for (const [other, loadedAt] of held)
        if (now - loadedAt >= ttlMs) {
          held.delete(other)
          room += weight(other)
        }
    if (weight(key) > size) {
      misses++
      return
    }
    const loadedAt = held.get(key)
    if (loadedAt === undefined) misses++
    else {
      held.delete(key)
      room += weight(key)
    }
    held.set(key, loadedAt ?? now)
    room -= weight(key)
    for (const [other] of held) {
      if (room >= 0) break
      held.delete(other)
      room += weight(other)
    }
  })
  return misses
}

/** Keys drawn with a chance in proportion to 1 / rank ** exponent, the same for the same seed. */
export function zipfKeys(keys: number, count: number, seed: number, exponent = 1): number[] {
  const sums: number[] = []
  let total = 0
  for (let rank = 1; rank <= keys; rank++) {
    total += 1 / rank ** exponent
    sums.push(total)
  }
  let state = seed | 0 || 1
  return Array.from({ length: count }, () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    const drawn = ((state >>> 0) / 2 ** 32) * total
    let low = 0
    let high = keys - 1
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((sums[middle] ?? 0) < drawn) low = middle + 1
      else high = middle
    }
    return low
  })
}
