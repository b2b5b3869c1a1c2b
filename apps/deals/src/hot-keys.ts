// The keys asked for most, in bounded space: after Space-Saving (Metwally, Agrawal, El Abbadi 2005), but who leaves is the
// least of the sixteen oldest instead of the least of all, which keeps counting cheap and the error of each count known.

export interface HotKey {
  readonly key: string
  /** At most `over` too many. */
  readonly count: number
  readonly over: number
}

export interface HotKeys {
  count(key: string, organizationId: number | null): void
  /** Of one organisation, or of all (null). */
  top(organizationId: number | null, limit: number): HotKey[]
  /** The organisations asked about most. */
  organizations(limit: number): number[]
}

const CAPACITY = 1_000

export function createHotKeys(capacity = CAPACITY): HotKeys {
  const held = new Map<string, { count: number; over: number; organizationId: number | null }>()
  const evict = () => {
    let least: { key: string; count: number } | undefined
    let looked = 0
    for (const [key, { count }] of held) {
      if (!least || count < least.count) least = { key, count }
      if (++looked === 16) break
    }
    if (least) held.delete(least.key)
    return least?.count ?? 0
  }
  return {
    count: (key, organizationId) => {
      const known = held.get(key)
      if (known) {
        known.count++
        return
      }
      const over = held.size >= capacity ? evict() : 0
      held.set(key, { count: over + 1, over, organizationId })
    },
    top: (organizationId, limit) =>
      [...held]
        .filter(([, entry]) => organizationId === null || entry.organizationId === organizationId)
        .map(([key, { count, over }]) => ({ key, count, over }))
        .sort((a, b) => b.count - a.count || (a.key < b.key ? -1 : 1))
        .slice(0, limit),
    organizations: (limit) => {
      const counts = new Map<number, number>()
      for (const { count, organizationId } of held.values()) if (organizationId !== null) counts.set(organizationId, (counts.get(organizationId) ?? 0) + count)
      return [...counts]
        .sort((a, b) => b[1] - a[1])
        .slice(0, limit)
        .map(([id]) => id)
    },
  }
}
